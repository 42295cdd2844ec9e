package main

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseLineTakesWhatGoTestWrites(t *testing.T) {
	name, values, ok := parseLine("BenchmarkPost/producers=1/vs=channel-2 \t 2050760\t        34.42 ns/op\t         0.8054 x-yardstick\t       0 allocs/op")
	want := map[string]float64{"ns/op": 34.42, "x-yardstick": 0.8054, "allocs/op": 0}
	if !ok || name != "Post/producers=1/vs=channel-2" || !maps.Equal(values, want) {
		t.Errorf("%q, %v, %v", name, values, ok)
	}
}

func TestParseLinePassesEverythingElseBy(t *testing.T) {
	for _, line := range []string{
		"", "PASS", "goos: linux", "cpu: A Processor 9000 ns/op",
		"BenchmarkPost", "BenchmarkPost 100", "BenchmarkPost many 34 ns/op",
		"BenchmarkPost 100 fast ns/op", "BenchmarkPost 100 34 ns/op 0.8",
		"Benchmark 100 34 ns/op", "SomeBenchmarkPost 100 34 ns/op",
		"2026/01/02 03:04:05 WARN reactor: callback holds the reactor",
	} {
		if name, _, ok := parseLine(line); ok {
			t.Errorf("%q is taken for the result %q", line, name)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add("BenchmarkPost/vs=channel-2 100 34.42 ns/op 0.8 x-yardstick")
	f.Add("Benchmark\t1\tNaN ns/op")
	f.Fuzz(func(t *testing.T, line string) {
		name, values, ok := parseLine(line)
		if ok && (name == "" || len(values) == 0) {
			t.Errorf("%q: name %q, values %v", line, name, values)
		}
	})
}

func TestMedianOfRuns(t *testing.T) {
	rs := results{}
	for _, text := range []string{"BenchmarkA-2 1 30 ns/op\n", "BenchmarkA-2 1 10 ns/op\nBenchmarkB 1 7 ns/op\n", "BenchmarkA-2 1 20 ns/op\n"} {
		if err := rs.read(strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	rs = rs.withoutProcs()
	if got, ok := rs.median("A", "ns/op"); got != 20 || !ok {
		t.Errorf("odd: %v, %v", got, ok)
	}
	rs["A"]["ns/op"] = rs["A"]["ns/op"][:2]
	if got, _ := rs.median("A", "ns/op"); got != 20 {
		t.Errorf("even: %v, want the mean of 30 and 10", got)
	}
	if got, ok := rs.median("B", "B/op"); ok {
		t.Errorf("a unit that was not measured: %v", got)
	}
}

// filled has a result for all that a report asks for; ours takes as long as theirs.
func filled() measured {
	m := measured{main: results{}, scaling: results{}, models: results{}}
	one := func(rs results, name string) {
		rs[name] = map[string][]float64{"ns/op": {50}, "yardstick-ns/op": {50}, "x-yardstick": {1}, "allocs/op": {2}, "B/each": {100}, "B-left/each": {0}}
	}
	for _, r := range rows {
		one(m.main, r.name)
	}
	for _, w := range weights {
		one(m.main, "Memory/thing="+w.name)
	}
	for _, c := range curves {
		for _, n := range c.sizes {
			one(m.main, c.at(n))
		}
	}
	for _, s := range scaled {
		for _, procs := range []string{"", "-2", "-4", "-8"} {
			one(m.scaling, s.name+procs)
		}
	}
	for _, c := range compared {
		one(m.models, c.model)
	}
	return m
}

var here = about{cpu: "A Processor", cores: 2, golang: "go1.26", system: "linux/amd64", versions: []string{"example.com/peer v1.2.3"}, how: "medians of 3 interleaved runs"}

func TestRenderShowsEveryRowWithItsVerdict(t *testing.T) {
	text := render(here, filled())
	for _, want := range []string{
		"A Processor, 2 cores, linux/amd64, go1.26; medians of 3 interleaved runs.",
		"Peers: example.com/peer v1.2.3.",
		"| call to a reactor and back | 50 ns | 2 | channel-ping-pong | 50 ns | 1.00 | ≤ 1.00x, 3 allocs | met |",
		"|  | 50 ns | 2 | actor-with-timer | 50 ns | 1.00 | ≤ 0.35x | missed |",
		"| Wait on a finished result | 50 ns | 2 | closed-channel | 50 ns | 1.00 | ≤ 3.00 ns, 0 allocs | missed |",
		"| GOMAXPROCS | 1 | 2 | 4 | 8 |",
		"100,000: 50 ns",
		"| crochet run_in_reactor, wait | 50 ns | 50 ns | 1 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if got := strings.Count(text, "≤"); got < 25 {
		t.Errorf("only %d targets are shown", got)
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestRenderLeavesOutWhatWasNotMeasured(t *testing.T) {
	text := render(here, measured{missing: []string{"x.py: no module"}})
	if strings.Contains(text, "|") {
		t.Errorf("a table of nothing:\n%s", text)
	}
	if !strings.Contains(text, "Not measured: x.py: no module") {
		t.Errorf("it does not say what is missing:\n%s", text)
	}
}

func TestJudgeMissesWhatWasNotMeasured(t *testing.T) {
	_, verdict := judge([]limit{nanos(10)}, func(string) (float64, bool) { return 0, false })
	if verdict != "missed" {
		t.Error(verdict)
	}
}

func TestChartsAreXML(t *testing.T) {
	for name, chart := range map[string][]byte{
		"ratios": ratioChart(filled()), "curves": curveChart(filled()),
		"ratios of nothing": ratioChart(measured{}), "curves of nothing": curveChart(measured{}),
	} {
		circles := 0
		for d := xml.NewDecoder(strings.NewReader(string(chart))); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
			if start, ok := token.(xml.StartElement); ok && start.Name.Local == "circle" {
				circles++
			}
		}
		if name == "ratios" && circles != len(rows) {
			t.Errorf("%d dots for %d rows", circles, len(rows))
		}
	}
}

func TestNumbersAreShort(t *testing.T) {
	for ns, want := range map[float64]string{
		2.7: "2.70 ns", 34.4: "34 ns", 999.4: "999 ns", 1234: "1.23 µs", 18_000: "18.0 µs", 2_300_000: "2.30 ms", 1.5e9: "1.50 s",
	} {
		if got := duration(ns); got != want {
			t.Errorf("%v: %s, want %s", ns, got, want)
		}
	}
}

func TestReplaceReportKeepsTheRest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "README.md")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n" + beginMark + "old\n" + endMark + "after\n")
	for range 2 { // also over its own work
		if err := replaceReport(file, "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if want := "before\n" + beginMark + "\nnew\n\n" + endMark + "after\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	write("no marks\n")
	if err := replaceReport(file, "new\n"); err == nil {
		t.Error("a file without marks was changed")
	}
}

func TestDirectVersions(t *testing.T) {
	got := directVersions("module x\n\nrequire example.com/one v1.0.0\n\nrequire (\n\tgithub.com/trestle-go/trestle v0.0.0\n\texample.com/two/v2 v2.1.0\n\texample.com/three v0.1.0 // indirect\n)\n")
	if want := []string{"example.com/one v1.0.0", "example.com/two/v2 v2.1.0"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
