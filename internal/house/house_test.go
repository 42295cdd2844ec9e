// Package house holds the rules of this repository that are tests.
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/trestle-go/trestle"
)

// mayImport is the star: the packages of this module that each public package may
// import, besides internal ones. A package that is not here may not be.
var mayImport = map[string][]string{
	"eventual":            {},
	"reactor":             {"eventual"},
	"reactor/reactortest": {"eventual", "reactor"},
	"threadpool":          {"eventual"},
	"procpool":            {"eventual"},
	"coiterate":           {"eventual"},
	"httpbridge":          {"eventual"},
	"dashboard":           {"reactor", "threadpool", "procpool", "coiterate"},
}

// outside are the directories that may import every public package.
var outside = []string{"examples", "bench", "docs"}

type source struct {
	dir  string // from the root, with slashes
	name string
	file *ast.File
}

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

func parse(t *testing.T) (all []source) {
	t.Helper()
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); rel != "." && (name == "testdata" || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		file, err := parser.ParseFile(fset, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, source{path.Dir(filepath.ToSlash(rel)), d.Name(), file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d files found: not the repository", len(all))
	}
	return all
}

func TestImportsFormAStar(t *testing.T) {
	for _, s := range parse(t) {
		if s.isTest() || slices.ContainsFunc(outside, func(o string) bool { return s.dir == o || strings.HasPrefix(s.dir, o+"/") }) {
			continue
		}
		internal := strings.HasPrefix(s.dir, "internal/")
		allowed, known := mayImport[s.dir]
		if !known && !internal {
			t.Errorf("%s/%s: package is not part of the design", s.dir, s.name)
			continue
		}
		for _, imp := range s.file.Imports {
			p := strings.Trim(imp.Path.Value, `"`)
			rel, ours := strings.CutPrefix(p, module+"/")
			if !ours || strings.HasPrefix(rel, "internal/") || slices.Contains(allowed, rel) {
				continue
			}
			t.Errorf("%s/%s imports %s", s.dir, s.name, rel)
		}
	}
}

func TestOnePackageCommentAPackage(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range parse(t) {
		if s.isTest() && s.dir != "internal/house" {
			continue
		}
		if _, ok := comments[s.dir]; !ok {
			comments[s.dir] = nil
		}
		if s.file.Doc != nil {
			comments[s.dir] = append(comments[s.dir], s.name)
		}
	}
	for dir, files := range comments {
		if len(files) != 1 {
			t.Errorf("%s: package comments in %v, want exactly one", dir, files)
		}
	}
}

// TestMainModuleStaysSmall: what a user's build fetches is decided here, with
// reasons, and not in passing. What only tests and examples need is marked.
func TestMainModuleStaysSmall(t *testing.T) {
	allowed := map[string]string{
		"github.com/petermattis/goid":   "goroutine identity in nanoseconds",
		"golang.org/x/sys":              "what the kernel offers and syscall does not",
		"github.com/coder/websocket":    "examples: a chat by WebSocket; it requires nothing itself",
		"github.com/shopspring/decimal": "examples: money",
		"go.uber.org/goleak":            "tests",
		"pgregory.net/rapid":            "tests",
	}
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 0 && fields[0] == "replace" {
			t.Errorf("go.mod: %s", line)
		}
		if len(fields) >= 2 && strings.HasPrefix(fields[1], "v") && allowed[fields[0]] == "" {
			t.Errorf("go.mod requires %s, which has no reason here", fields[0])
		}
	}
}
