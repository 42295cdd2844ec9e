package docs_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
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

// readPackage reads the package as go doc does: methods that a type has from an
// unexported one are its own.
func readPackage(t *testing.T, dir string) *api {
	t.Helper()
	entries, err := os.ReadDir(filepath.FromSlash(dir))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, filepath.Join(filepath.FromSlash(dir), e.Name()), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	pkg, err := doc.NewFromFiles(fset, files, dir)
	if err != nil {
		t.Fatal(err)
	}
	a := &api{names: map[string]bool{}}
	a.addValues(pkg.Vars)
	a.addValues(pkg.Consts)
	a.addFuncs("", pkg.Funcs)
	for _, typ := range pkg.Types {
		a.names[typ.Name] = true
		a.addValues(typ.Vars)
		a.addValues(typ.Consts)
		a.addFuncs("", typ.Funcs)
		a.addFuncs(typ.Name+".", typ.Methods)
		for _, s := range typ.Decl.Specs {
			a.addMembers(s.(*ast.TypeSpec))
		}
	}
	slices.Sort(a.calls)
	return a
}

func (a *api) addValues(values []*doc.Value) {
	for _, v := range values {
		for _, name := range v.Names {
			a.names[name] = true
			if strings.HasPrefix(name, "Err") {
				a.errors = append(a.errors, name)
			}
		}
	}
}

// addFuncs adds functions, or the methods of the type that owner names.
func (a *api) addFuncs(owner string, funcs []*doc.Func) {
	for _, f := range funcs {
		a.names[owner+f.Name] = true
		a.calls = append(a.calls, owner+f.Name)
		if owner != "" && f.Name == "Error" {
			a.errors = append(a.errors, strings.TrimSuffix(owner, "."))
		}
	}
}

// addMembers adds the fields of a struct, or the methods of an interface.
func (a *api) addMembers(s *ast.TypeSpec) {
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
	listed := map[string]int{}
	for line := range strings.Lines(readFile(t, "docs/blocking.md")) {
		if cells := strings.Split(line, " | "); len(cells) >= 3 {
			for _, call := range codeSpan.FindAllString(cells[0], -1) {
				listed[strings.Trim(call, "`")]++
			}
		}
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
