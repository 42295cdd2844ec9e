// Package docs_test keeps the documentation true: what its pages show is
// compiled, what they tell to run is run, and what they link to is there.
package docs_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// A page is a Markdown file, cut into lines.
type page struct {
	name  string // from the root, with slashes
	lines []string
}

// A block is a fenced block of a page, or the place for one.
type block struct {
	page  *page
	start int    // the line of the opening fence, or the one after the note if there is none
	end   int    // the line after the closing fence
	lang  string // what follows the opening fence; "" if there is no fence
	text  string // with a newline at the end of each line
	note  string // the text of the HTML comment on the line before; may be empty
}

var noteLine = regexp.MustCompile(`^<!-- (.*) -->$`)

// pages returns every page of the repository, in the order of their names.
func pages(t *testing.T) (all []*page) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != root && (name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, ".md") {
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			all = append(all, readPage(t, filepath.ToSlash(rel)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(p *page) bool { return p.name == "docs/guide/README.md" }) {
		t.Fatal("the guide is not there: not the repository")
	}
	return all
}

func readPage(t *testing.T, name string) *page {
	t.Helper()
	return &page{name, strings.Split(readFile(t, name), "\n")}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (p *page) save(t *testing.T) {
	t.Helper()
	err := os.WriteFile(filepath.Join(root, filepath.FromSlash(p.name)), []byte(strings.Join(p.lines, "\n")), 0o644)
	if err != nil {
		t.Fatal(err)
	}
}

func (p *page) dir() string { return path.Dir(p.name) }

// blocks returns the fenced blocks of p, and a block without a fence for each note
// that has none and names a file.
func (p *page) blocks(t *testing.T) (all []block) {
	t.Helper()
	for i := 0; i < len(p.lines); i++ {
		note := ""
		if i > 0 {
			if m := noteLine.FindStringSubmatch(p.lines[i-1]); m != nil {
				note = m[1]
			}
		}
		lang, fenced := strings.CutPrefix(p.lines[i], "```")
		if !fenced {
			if fileNote.MatchString(note) {
				all = append(all, block{page: p, start: i, end: i, note: note})
			}
			continue
		}
		end := slices.Index(p.lines[i+1:], "```")
		if end < 0 {
			t.Fatalf("%s:%d: this fence is not closed", p.name, i+1)
		}
		end += i + 1
		b := block{page: p, start: i, end: end + 1, lang: lang, note: note}
		if body := p.lines[i+1 : end]; len(body) > 0 {
			b.text = strings.Join(body, "\n") + "\n"
		}
		all = append(all, b)
		i = end
	}
	return all
}

// prose returns the lines of p with those in fences made empty.
func (p *page) prose() []string {
	lines := slices.Clone(p.lines)
	fenced := false
	for i, line := range lines {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			lines[i] = ""
		} else if fenced {
			lines[i] = ""
		}
	}
	return lines
}

var listItem = regexp.MustCompile(`^(?:[-*]|\d+\.) `)

// TestCodeIsFenced: code that is only indented would escape the other tests. The
// benchmarks' page is left alone: its module is another, and a run takes minutes.
func TestCodeIsFenced(t *testing.T) {
	for _, p := range pages(t) {
		if strings.HasPrefix(p.name, "bench/") {
			continue
		}
		list := false
		for i, line := range p.prose() {
			switch {
			case listItem.MatchString(line):
				list = true
			case line != "" && !strings.HasPrefix(line, " "):
				list = false
			case strings.HasPrefix(line, "    ") && !list:
				t.Errorf("%s:%d: indented code; put it into a fence", p.name, i+1)
			}
		}
	}
}
