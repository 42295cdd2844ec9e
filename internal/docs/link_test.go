package docs_test

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	link       = regexp.MustCompile(`\[([^\[\]]*)\]\(([^()\s]+)\)`)
	testInLink = regexp.MustCompile("^`((?:Test|Fuzz|Benchmark|Example)\\w*)`$")
)

// TestLinks: what a page links to inside the repository is there, with the
// heading that is named. A link whose text is the name of a test leads to the
// file that has it; run with -update it is led there when the test has moved to
// another file of its package.
func TestLinks(t *testing.T) {
	anchors := map[string]map[string]bool{}
	anchorsOf := func(name string) map[string]bool {
		if anchors[name] == nil {
			anchors[name] = readPage(t, name).anchors()
		}
		return anchors[name]
	}
	links := 0
	for _, p := range pages(t) {
		for i, line := range p.prose() {
			for _, at := range link.FindAllStringSubmatchIndex(line, -1) {
				if strings.Count(line[:at[0]], "`")%2 == 1 {
					continue // within code
				}
				m := []string{line[at[0]:at[1]], line[at[2]:at[3]], line[at[4]:at[5]]}
				u, err := url.Parse(m[2])
				if err != nil {
					t.Errorf("%s:%d: %v", p.name, i+1, err)
					continue
				}
				if u.Scheme != "" {
					if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
						t.Errorf("%s:%d: %s is no link", p.name, i+1, m[2])
					}
					continue
				}
				links++
				target := p.name
				if u.Path != "" {
					target = path.Join(p.dir(), u.Path)
				}
				if name := testInLink.FindStringSubmatch(m[1]); name != nil && *update {
					p.relink(t, i, m[2], target, name[1])
					continue
				}
				if err := checkTarget(target, u.Fragment, m[1], anchorsOf); err != nil {
					t.Errorf("%s:%d: link to %s: %v", p.name, i+1, m[2], err)
				}
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links were found", links)
	}
}

func checkTarget(target, fragment, text string, anchorsOf func(string) map[string]bool) error {
	file := filepath.Join(root, filepath.FromSlash(target))
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if m := testInLink.FindStringSubmatch(text); m != nil {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if !strings.Contains(string(data), "\nfunc "+m[1]+"(") {
			return fmt.Errorf("no %s there", m[1])
		}
	}
	if fragment == "" {
		return nil
	}
	if info.IsDir() {
		target = path.Join(target, "README.md")
	}
	if !strings.HasSuffix(target, ".md") {
		return fmt.Errorf("headings are for Markdown")
	}
	if !anchorsOf(target)[fragment] {
		return fmt.Errorf("no such heading")
	}
	return nil
}

// relink has the link of a line lead to the file that has the test, and writes the
// page if that is another.
func (p *page) relink(t *testing.T, line int, link, target, test string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(path.Dir(target)), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), "\nfunc "+test+"(") {
			continue
		}
		if now := path.Join(path.Dir(link), filepath.Base(file)); now != link {
			p.lines[line] = strings.ReplaceAll(p.lines[line], "[`"+test+"`]("+link+")", "[`"+test+"`]("+now+")")
			p.save(t)
		}
		return
	}
	t.Errorf("%s:%d: there is no %s in %s", p.name, line+1, test, path.Dir(target))
}

// anchors returns the names that forges give to the headings of p.
func (p *page) anchors() map[string]bool {
	all := map[string]bool{}
	for _, line := range p.prose() {
		text := strings.TrimLeft(line, "#")
		if text == line || !strings.HasPrefix(text, " ") {
			continue
		}
		text = link.ReplaceAllString(text, "$1")
		var b strings.Builder
		for _, r := range strings.ToLower(strings.TrimSpace(text)) {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				b.WriteRune(r)
			case r == ' ':
				b.WriteByte('-')
			}
		}
		name := b.String()
		for n := 1; all[name]; n++ {
			name = fmt.Sprintf("%s-%d", b.String(), n)
		}
		all[name] = true
	}
	return all
}
