package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// render writes the report in Markdown.
func render(a about, m measured) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores, %s, %s; %s.\nPeers: %s.\n", a.cpu, a.cores, a.system, a.golang, a.how, strings.Join(a.versions, ", "))
	renderRows(&b, m.main)
	renderWeights(&b, m.main)
	renderScaling(&b, m.scaling)
	renderCurves(&b, m.main)
	renderModels(&b, m)
	return b.String()
}

func renderRows(b *strings.Builder, rs results) {
	head := "\n| work | ours | allocs | yardstick | theirs | ours / theirs | target | |\n|---|--:|--:|---|--:|--:|---|---|\n"
	for _, r := range rows {
		ours, ok := rs.median(r.name, "ns/op")
		if !ok {
			continue
		}
		theirs, _ := rs.median(r.name, "yardstick-ns/op")
		x, _ := rs.median(r.name, "x-yardstick")
		objects, _ := rs.median(r.name, "allocs/op")
		target, verdict := judge(r.limit, func(unit string) (float64, bool) { return rs.median(r.name, unit) })
		fmt.Fprintf(b, "%s| %s | %s | %.0f | %s | %s | %s | %s | %s |\n",
			head, r.title, duration(ours), objects, yardstick(r.name), duration(theirs), number(x), target, verdict)
		head = ""
	}
}

// judge writes a target and whether the medians reach it.
func judge(limits []limit, median func(unit string) (float64, bool)) (target, verdict string) {
	if len(limits) == 0 {
		return "", ""
	}
	verdict = "met"
	var texts []string
	for _, l := range limits {
		switch l.unit {
		case "x-yardstick":
			texts = append(texts, number(l.max)+"x")
		case "ns/op":
			texts = append(texts, duration(l.max))
		case "allocs/op":
			texts = append(texts, fmt.Sprintf("%.0f allocs", l.max))
		}
		if got, ok := median(l.unit); !ok || got > l.max {
			verdict = "missed"
		}
	}
	return "≤ " + strings.Join(texts, ", "), verdict
}

func renderWeights(b *strings.Builder, rs results) {
	head := "\n| memory of | bytes each | left when gone | target |\n|---|--:|--:|---|\n"
	for _, w := range weights {
		name := "Memory/thing=" + w.name
		each, ok := rs.median(name, "B/each")
		if !ok {
			continue
		}
		left, _ := rs.median(name, "B-left/each")
		target := ""
		if w.most > 0 {
			if target = fmt.Sprintf("≤ %.0f: met", w.most); each > w.most {
				target = fmt.Sprintf("≤ %.0f: missed", w.most)
			}
		}
		fmt.Fprintf(b, "%s| %s | %.0f | %.0f | %s |\n", head, w.title, each, left, target)
		head = ""
	}
}

func renderScaling(b *strings.Builder, rs results) {
	procs := strings.Split(scalingProcs, ",")
	head := "\n| GOMAXPROCS | " + strings.Join(procs, " | ") + " |\n|---" + strings.Repeat("|---", len(procs)) + "|\n"
	for _, s := range scaled {
		var cells []string
		found := false
		for _, n := range procs {
			name := s.name + "-" + n
			if n == "1" { // go test leaves it out
				name = s.name
			}
			ours, ok := rs.median(name, "ns/op")
			found = found || ok
			x, _ := rs.median(name, "x-yardstick")
			cells = append(cells, fmt.Sprintf("%s (%sx)", duration(ours), number(x)))
		}
		if found {
			fmt.Fprintf(b, "%s| %s | %s |\n", head, s.title, strings.Join(cells, " | "))
			head = ""
		}
	}
}

func renderCurves(b *strings.Builder, rs results) {
	head := "\n| cost against size | | | |\n|---|--:|--:|--:|\n"
	for _, c := range curves {
		var cells []string
		for _, n := range c.sizes {
			if v, ok := rs.median(c.at(n), "ns/op"); ok {
				cells = append(cells, fmt.Sprintf("%s: %s", thousands(n), duration(v)))
			}
		}
		if len(cells) == len(c.sizes) {
			fmt.Fprintf(b, "%s| %s | %s |\n", head, c.title, strings.Join(cells, " | "))
			head = ""
		}
	}
}

func renderModels(b *strings.Builder, m measured) {
	head := "\n| model, in Python | theirs | ours | times faster |\n|---|--:|--:|--:|\n"
	for _, c := range compared {
		theirs, ok := m.models.median(c.model, "ns/op")
		ours, both := m.main.median(c.ours, "ns/op")
		if !ok || !both {
			continue
		}
		fmt.Fprintf(b, "%s| %s | %s | %s | %.0f |\n", head, c.title, duration(theirs), duration(ours), theirs/ours)
		head = ""
	}
	for _, missing := range m.missing {
		fmt.Fprintf(b, "\nNot measured: %s\n", missing)
	}
}

// yardstick returns the name of whom a benchmark compares with.
func yardstick(name string) string {
	_, y, _ := strings.Cut(name, "vs=")
	return y
}

// duration writes nanoseconds with three digits at most.
func duration(ns float64) string {
	switch d := time.Duration(ns); {
	case d < 10*time.Nanosecond:
		return number(ns) + " ns"
	case d < time.Microsecond:
		return fmt.Sprintf("%.0f ns", ns)
	case d < time.Millisecond:
		return number(ns/1e3) + " µs"
	case d < time.Second:
		return number(ns/1e6) + " ms"
	}
	return number(ns/1e9) + " s"
}

// number writes a positive number with two or three digits.
func number(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 0.1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

const (
	beginMark = "<!-- The report begins here. -->\n"
	endMark   = "<!-- The report ends here. -->\n"
)

// replaceReport puts text between the marks in the file.
func replaceReport(file, text string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(data), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s: the marks of the report are missing", file)
	}
	return os.WriteFile(file, []byte(before+beginMark+"\n"+text+"\n"+endMark+after), 0o644)
}
