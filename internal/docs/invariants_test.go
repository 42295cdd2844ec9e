package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const invariants = "docs/invariants.md"

// TestEveryLockAndGoroutineIsListed: docs/invariants.md lists each mutex with what
// it guards and each start of a goroutine with who ends it, as the comments in the
// code say it. A change that adds one adds a line; run with -update it does so.
func TestEveryLockAndGoroutineIsListed(t *testing.T) {
	locks, starts := concurrency(t)
	text := readFile(t, invariants)
	for _, list := range []struct {
		name, head string
		rows       []string
	}{
		{"locks", "| mutex | guards |", locks},
		{"goroutines", "| started in | ends |", starts},
	} {
		begin, end := "<!-- "+list.name+" -->\n", "<!-- end of "+list.name+" -->"
		before, rest, ok := strings.Cut(text, begin)
		got, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no place for %s", invariants, list.name)
		}
		want := list.head + "\n|---|---|\n" + strings.Join(list.rows, "")
		if got == want {
			continue
		}
		if *update {
			text = before + begin + want + end + after
			continue
		}
		for _, row := range list.rows {
			if !strings.Contains(got, row) {
				t.Errorf("%s lacks\n%s", invariants, row)
			}
		}
		for row := range strings.Lines(got) {
			if !strings.Contains(want, row) {
				t.Errorf("%s has, and the code has not\n%s", invariants, row)
			}
		}
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(invariants)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// concurrency finds the mutexes and the go statements of the library.
func concurrency(t *testing.T) (locks, starts []string) {
	t.Helper()
	library := []string{"internal"}
	for _, dir := range public {
		library = append(library, dir)
	}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			top, _, _ := strings.Cut(rel, "/")
			if d.Name() == "testdata" || rel != "." && !slices.Contains(library, top) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") || !strings.Contains(rel, "/") {
			return nil
		}
		l, s := concurrencyOf(t, p, rel)
		locks, starts = append(locks, l...), append(starts, s...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(locks) < 10 || len(starts) < 5 {
		t.Fatalf("only %d locks and %d goroutines were found", len(locks), len(starts))
	}
	return locks, starts
}

func concurrencyOf(t *testing.T, file, rel string) (locks, starts []string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	row := func(name, says string) string {
		return fmt.Sprintf("| [`%s`](../%s) | %s |\n", name, rel, strings.ReplaceAll(says, "|", `\|`))
	}
	for _, decl := range f.Decls {
		owner := declared(decl)
		ast.Inspect(decl, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				owner = n.Name.Name
			case *ast.Field:
				if isMutex(n.Type) && len(n.Names) > 0 {
					locks = append(locks, row(owner+"."+n.Names[0].Name, commentAt(t, fset, f, n, nil)))
				}
			case *ast.ValueSpec:
				if isMutex(n.Type) {
					locks = append(locks, row(owner+", "+n.Names[0].Name, commentAt(t, fset, f, n, nil)))
				}
			case *ast.GoStmt:
				starts = append(starts, row(owner, commentAt(t, fset, f, n, docOf(decl))))
			}
			return true
		})
	}
	return locks, starts
}

// declared names a declaration: a function, Type.Method, or a variable.
func declared(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil {
			return receiver(d.Recv.List[0].Type) + "." + d.Name.Name
		}
		return d.Name.Name
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if v, ok := s.(*ast.ValueSpec); ok {
				return v.Names[0].Name
			}
		}
	}
	return ""
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

func docOf(d ast.Decl) *ast.CommentGroup {
	if f, ok := d.(*ast.FuncDecl); ok {
		return f.Doc
	}
	return nil
}

func isMutex(e ast.Expr) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := s.X.(*ast.Ident)
	return ok && pkg.Name == "sync" && (s.Sel.Name == "Mutex" || s.Sel.Name == "RWMutex")
}

// commentAt returns what the code says of n: the comment on one of its lines, or
// on the line before, or in doc the sentence that says when it ends.
func commentAt(t *testing.T, fset *token.FileSet, f *ast.File, n ast.Node, doc *ast.CommentGroup) string {
	t.Helper()
	first, last := fset.Position(n.Pos()).Line, fset.Position(n.End()).Line
	for _, from := range []int{first, first - 1} {
		for _, c := range f.Comments {
			begin, end := fset.Position(c.Pos()).Line, fset.Position(c.End()).Line
			if begin >= from && begin <= last && (from == first || end == from) {
				return oneLine(c)
			}
		}
	}
	if doc != nil {
		for sentence := range strings.SplitSeq(oneLine(doc), ". ") {
			if strings.Contains(sentence, " ends ") {
				return strings.TrimSuffix(sentence, ".")
			}
		}
	}
	what := "what it guards"
	if _, ok := n.(*ast.GoStmt); ok {
		what = "who ends it"
	}
	t.Errorf("%v: say %s, in a comment beside it", fset.Position(n.Pos()), what)
	return ""
}

func oneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }
