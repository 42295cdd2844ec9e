package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// public are the packages that users import, and where each is.
var public = map[string]string{
	"eventual":    "eventual",
	"reactor":     "reactor",
	"reactortest": "reactor/reactortest",
	"threadpool":  "threadpool",
	"procpool":    "procpool",
	"coiterate":   "coiterate",
	"httpbridge":  "httpbridge",
	"dashboard":   "dashboard",
}

// api is what a package exports, on all operating systems.
type api struct {
	names  map[string]bool // Name, Type.Method, Type.Field
	calls  []string        // functions and methods of exported types: Func, Type.Method
	errors []string        // variables that are errors, and types that have an Error method
}

// exported reads what the public packages export. Those that are not in the
// repository are not in the result.
func exported(t *testing.T) map[string]*api {
	t.Helper()
	all := map[string]*api{}
	for name, dir := range public {
		if a := readPackage(t, path.Join(root, dir)); a != nil {
			all[name] = a
		}
	}
	if len(all) < 5 {
		t.Fatal("the packages are not there: not the repository")
	}
	return all
}

func readPackage(t *testing.T, dir string) *api {
	t.Helper()
	entries, err := os.ReadDir(filepath.FromSlash(dir))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	a := &api{names: map[string]bool{}}
	fset := token.NewFileSet()
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, filepath.Join(filepath.FromSlash(dir), e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			a.add(d)
		}
	}
	slices.Sort(a.calls)
	a.calls = slices.Compact(a.calls)
	return a
}

func (a *api) add(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if !d.Name.IsExported() {
			return
		}
		if d.Recv == nil {
			a.names[name] = true
			a.calls = append(a.calls, name)
			return
		}
		owner := receiver(d.Recv.List[0].Type)
		if !ast.IsExported(owner) {
			return
		}
		a.names[owner+"."+name] = true
		a.calls = append(a.calls, owner+"."+name)
		if name == "Error" {
			a.errors = append(a.errors, owner)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() {
						a.names[n.Name] = true
						if strings.HasPrefix(n.Name, "Err") {
							a.errors = append(a.errors, n.Name)
						}
					}
				}
			case *ast.TypeSpec:
				a.addType(s)
			}
		}
	}
}

func (a *api) addType(s *ast.TypeSpec) {
	if !s.Name.IsExported() {
		return
	}
	a.names[s.Name.Name] = true
	var fields *ast.FieldList
	switch t := s.Type.(type) {
	case *ast.StructType:
		fields = t.Fields
	case *ast.InterfaceType:
		fields = t.Methods
	}
	if fields == nil {
		return
	}
	for _, f := range fields.List {
		for _, n := range f.Names {
			a.names[s.Name.Name+"."+n.Name] = true
		}
	}
}

// receiver returns the name of the type that a method belongs to.
func receiver(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

var (
	codeSpan = regexp.MustCompile("`[^`]+`")
	apiName  = regexp.MustCompile(`\b(eventual|reactor|reactortest|threadpool|procpool|coiterate|httpbridge|dashboard)\.([A-Z]\w*)((?:\.[A-Z]\w*)?)`)
)

// TestNamesExist: a name of ours in the text of a page is one that we export.
func TestNamesExist(t *testing.T) {
	all := exported(t)
	names := 0
	for _, p := range pages(t) {
		for i, line := range p.prose() {
			for _, span := range codeSpan.FindAllString(line, -1) {
				for _, m := range apiName.FindAllStringSubmatch(span, -1) {
					names++
					if a := all[m[1]]; a == nil || !a.names[m[2]+m[3]] && !a.names[m[2]] {
						t.Errorf("%s:%d: there is no %s", p.name, i+1, m[0])
					} else if m[3] != "" && !a.names[m[2]+m[3]] {
						t.Errorf("%s:%d: %s.%s has no %s", p.name, i+1, m[1], m[2], m[3][1:])
					}
				}
			}
		}
	}
	if names < 50 {
		t.Errorf("only %d names were found", names)
	}
}

// TestEveryErrorIsDocumented: docs/errors.md has each exported error.
func TestEveryErrorIsDocumented(t *testing.T) {
	text := readFile(t, "docs/errors.md")
	for name, a := range exported(t) {
		for _, e := range a.errors {
			if !regexp.MustCompile("`\\*?" + name + `\.` + e + "`").MatchString(text) {
				t.Errorf("docs/errors.md does not have %s.%s: who returns it, and what to do", name, e)
			}
		}
	}
}

// TestEveryCallIsInBlocking: docs/blocking.md has each exported function and
// method, once, and nothing else.
func TestEveryCallIsInBlocking(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([a-z]+\\.[\\w.]+)` \\|")
	listed := map[string]int{}
	for _, m := range row.FindAllStringSubmatch(readFile(t, "docs/blocking.md"), -1) {
		listed[m[1]]++
	}
	for name, a := range exported(t) {
		for _, c := range a.calls {
			call := name + "." + c
			if listed[call] != 1 {
				t.Errorf("docs/blocking.md has %d rows for %s, want one: whether it may block, and what wakes it", listed[call], call)
			}
			delete(listed, call)
		}
	}
	for call := range listed {
		t.Errorf("docs/blocking.md has a row for %s, which we do not export", call)
	}
}

// testsOf returns the names of the tests in the Go files of the repository.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	name := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example|Benchmark)\w*)\(`)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, "_test.go") {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for _, m := range name.FindAllStringSubmatch(string(data), -1) {
			all[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
