package main

import (
	"bufio"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// results are what benchmarks have measured, by name and unit, a value a run. The
// name is without "Benchmark" and ends with "-N" if it ran with GOMAXPROCS N.
type results map[string]map[string][]float64

// read adds the lines of r that are results in the format of go test -bench, which
// the models write too. Other lines are passed over.
func (rs results) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name, values, ok := parseLine(lines.Text()); ok {
			if rs[name] == nil {
				rs[name] = make(map[string][]float64)
			}
			for unit, v := range values {
				rs[name][unit] = append(rs[name][unit], v)
			}
		}
	}
	return lines.Err()
}

// parseLine takes a line such as
//
//	BenchmarkPost/vs=channel-2   1000   34.5 ns/op   0.81 x-yardstick
//
// apart.
func parseLine(line string) (name string, values map[string]float64, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || len(fields)%2 != 0 {
		return "", nil, false
	}
	name, ok = strings.CutPrefix(fields[0], "Benchmark")
	if !ok || name == "" {
		return "", nil, false
	}
	if _, err := strconv.Atoi(fields[1]); err != nil {
		return "", nil, false
	}
	values = make(map[string]float64)
	for i := 2; i < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return "", nil, false
		}
		values[fields[i+1]] = v
	}
	return name, values, true
}

var procs = regexp.MustCompile(`-\d+$`)

// bare returns name without the number of processors.
func bare(name string) string { return procs.ReplaceAllString(name, "") }

// withoutProcs returns the results with bare names; those of several numbers of
// processors must not be among them.
func (rs results) withoutProcs() results {
	out := make(results, len(rs))
	for name, units := range rs {
		out[bare(name)] = units
	}
	return out
}

// median returns the median of what was measured in unit.
func (rs results) median(name, unit string) (float64, bool) {
	values := slices.Sorted(slices.Values(rs[name][unit]))
	n := len(values)
	if n == 0 {
		return 0, false
	}
	return (values[(n-1)/2] + values[n/2]) / 2, true
}
