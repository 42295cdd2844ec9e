package docs_test

import (
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the snippets into the pages")

// fileNote is the note above a snippet: the file it is from, as seen from the
// page, the region of it, if it is not the whole, and a file that it needs.
var fileNote = regexp.MustCompile(`^([\w./-]+\.go)(?:#([\w-]+))?(?: with ([\w./-]+\.go))?$`)

// textNote is the note above Go code that nothing compiles, with the reason.
var textNote = regexp.MustCompile(`^text: .+`)

// TestSnippetsAreCompiledCode: each Go block of a page is, to the letter, a
// region of a file that the compiler has seen, or the whole of one. Run with
// -update it makes them so.
func TestSnippetsAreCompiledCode(t *testing.T) {
	snippets := 0
	for _, p := range pages(t) {
		blocks := p.blocks(t)
		changed := false
		for _, b := range slices.Backward(blocks) { // from the end, so that line numbers hold
			m := fileNote.FindStringSubmatch(b.note)
			switch {
			case m != nil && (b.lang == "go" || b.lang == ""):
			case b.lang == "go" && textNote.MatchString(b.note):
				continue
			case b.lang == "go":
				t.Errorf("%s:%d: Go code without a note that says which file it is from", p.name, b.start+1)
				continue
			default:
				continue
			}
			snippets++
			want, err := snippet(t, path.Join(p.dir(), m[1]), m[2])
			if err != nil {
				t.Errorf("%s:%d: %v", p.name, b.start+1, err)
				continue
			}
			if b.lang == "go" && b.text == want {
				continue
			}
			if !*update {
				t.Errorf("%s:%d: not what %s has now; go test ./internal/docs -update sets it right", p.name, b.start+1, b.note)
				continue
			}
			fenced := append([]string{"```go"}, strings.Split(strings.TrimSuffix(want, "\n"), "\n")...)
			fenced = append(fenced, "```")
			p.lines = append(p.lines[:b.start:b.start], append(fenced, p.lines[b.end:]...)...)
			changed = true
		}
		if changed {
			p.save(t)
		}
	}
	if snippets < 20 {
		t.Errorf("only %d snippets were found", snippets)
	}
}

// snippet returns a region of the file, or all of it, as a page shows it.
func snippet(t *testing.T, file, region string) (string, error) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return "", err
	}
	if region == "" {
		return program(string(data)), nil
	}
	var out []string
	found, depth := false, 0
	for line := range strings.Lines(string(data)) {
		mark := strings.TrimSpace(line)
		switch name, begins := strings.CutPrefix(mark, "// region "); {
		case begins && depth > 0:
			depth++
		case begins && name == region:
			if found {
				return "", fmt.Errorf("%s has region %s twice", file, region)
			}
			found, depth = true, 1
		case mark == "// endregion" && depth > 0:
			depth--
		case depth > 0:
			out = append(out, strings.TrimSuffix(line, "\n"))
		}
	}
	switch {
	case !found:
		return "", fmt.Errorf("%s has no region %s", file, region)
	case depth > 0:
		return "", fmt.Errorf("%s: region %s does not end", file, region)
	}
	return dedent(out), nil
}

// dedent takes away the tabs that all lines begin with, and empty lines at the ends.
func dedent(lines []string) string {
	least := -1
	for _, line := range lines {
		if tabs := len(line) - len(strings.TrimLeft(line, "\t")); line != "" && (least < 0 || tabs < least) {
			least = tabs
		}
	}
	for i, line := range lines {
		if line != "" {
			lines[i] = line[least:]
		}
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n") + "\n"
}

var (
	testPackage  = regexp.MustCompile(`(?m)^package \w+_test$`)
	exampleFunc  = regexp.MustCompile(`(?m)^func Example\w*\(\) \{$`)
	regionMarker = regexp.MustCompile(`(?m)^[ \t]*// (?:region [\w-]+|endregion)\n`)
)

// program shows a file that is one testable example as the program it is, which
// is what go doc does: its example is the program's main. Other files stay as they
// are, and marks of regions are left out.
func program(src string) string {
	src = regionMarker.ReplaceAllString(src, "")
	if !testPackage.MatchString(src) || len(exampleFunc.FindAllString(src, -1)) != 1 {
		return src
	}
	src = testPackage.ReplaceAllString(src, "package main")
	return exampleFunc.ReplaceAllString(src, "func main() {")
}
