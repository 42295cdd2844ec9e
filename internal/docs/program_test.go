package docs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgramsStandAlone: what a page shows as a program is one, without the rest
// of the package that it is tested in.
func TestProgramsStandAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	t.Parallel()
	dir := t.TempDir()
	programs := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks(t) {
			m := fileNote.FindStringSubmatch(b.note)
			if m == nil || !strings.HasPrefix(b.text, "package main\n") || strings.HasPrefix(m[1], "step") || strings.HasPrefix(m[1], "peers/") {
				continue // the guide's files belong together, and peers need their own module
			}
			programs++
			into := filepath.Join(dir, fmt.Sprintf("program%d", programs))
			writeFile(t, filepath.Join(into, "main.go"), b.text)
			if m[3] != "" {
				helper := readFile(t, path.Join(p.dir(), m[3]))
				writeFile(t, filepath.Join(into, "helper.go"), testPackage.ReplaceAllString(helper, "package main"))
			}
		}
	}
	if programs < 10 {
		t.Fatalf("only %d programs were found", programs)
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "go.mod"), "module programs\n\ngo 1.26.0\n\nreplace github.com/trestle-go/trestle => "+abs+"\n")
	for _, args := range [][]string{{"mod", "tidy"}, {"vet", "./..."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOSUMDB=off", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPythonParses: the Python that pages show is not run, but it is Python.
func TestPythonParses(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	var all strings.Builder
	for _, p := range pages(t) {
		for _, b := range p.blocks(t) {
			if b.lang == "python" {
				fmt.Fprintf(&all, "%s:%d\x00%s\x00", p.name, b.start+1, b.text)
			}
		}
	}
	const check = `
import ast, sys
parts = sys.stdin.read().split("\0")
for where, text in zip(parts[::2], parts[1::2]):
    try:
        ast.parse(text)
    except SyntaxError as e:
        print(where, e)
`
	cmd := exec.CommandContext(t.Context(), python, "-c", check)
	cmd.Stdin = strings.NewReader(all.String())
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
