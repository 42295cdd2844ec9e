//go:build unix

package docs_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const guideSteps = 6

var goModInit = regexp.MustCompile(`(?m)^go mod init `)

// TestGuide follows the guide to the letter, from an empty folder: it writes the
// files that the pages show, runs the commands that they show, and compares what
// is printed. Only the port differs, and Trestle is this repository. After each
// step the folder holds just what docs/guide/stepN does.
func TestGuide(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	t.Parallel()
	s := newSession(t, t.TempDir())
	s.env = append(s.env, "GOFLAGS=-mod=mod")
	for n := 1; n <= guideSteps; n++ {
		p := readPage(t, fmt.Sprintf("docs/guide/step%d.md", n))
		for _, b := range p.blocks(t) {
			if m := fileNote.FindStringSubmatch(b.note); m != nil && m[2] == "" {
				s.write(b, path.Base(m[1]))
				continue
			}
			if !b.isCommand(t) {
				continue
			}
			s.do(b)
			if goModInit.MatchString(b.text) {
				s.run(p.name, "go mod edit -replace github.com/trestle-go/trestle="+modulePath(t))
			}
		}
		s.stopServer()
		s.sameAs(t, fmt.Sprintf("docs/guide/step%d", n))
	}
}

// write puts the file that b shows into the folder. The reader must have been
// told its name.
func (s *session) write(b block, name string) {
	s.t.Helper()
	told := false
	for i := b.start - 2; i >= 0 && i > b.start-6; i-- {
		told = told || strings.Contains(b.page.lines[i], "`"+name+"`")
	}
	if !told {
		s.t.Errorf("%s:%d: the text above does not say that this is `%s`", b.page.name, b.start+1, name)
	}
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(s.here(b.text)), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// sameAs compares the Go files of the folder with those of a step.
func (s *session) sameAs(t *testing.T, step string) {
	t.Helper()
	read := func(dir string) map[string]string {
		files := map[string]string{}
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(name)] = s.here(string(data))
		}
		return files
	}
	got, want := read(s.dir), read(filepath.Join(root, step))
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s: following the guide gives another %s, or none", step, name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s has no %s", step, name)
		}
	}
}
