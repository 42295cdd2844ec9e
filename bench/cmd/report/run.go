package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// measured is everything that a report is made of.
type measured struct {
	main    results // at the machine's own GOMAXPROCS, bare names
	scaling results // Scaling benchmarks, names with GOMAXPROCS
	models  results
	missing []string // models that are not installed
}

const scalingProcs = "1,2,4,8"

// run makes the passes of p: each runs everything once, so that what the machine does
// meanwhile hits all alike. It returns how many it made.
func run(ctx context.Context, p plan) (m measured, made int, err error) {
	m = measured{main: results{}, scaling: results{}, models: results{}}
	dir, err := os.MkdirTemp("", "trestle-report")
	if err != nil {
		return m, 0, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "bench.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, ".").CombinedOutput(); err != nil {
		return m, 0, fmt.Errorf("compiling the benchmarks: %w\n%s", err, out)
	}
	everything := results{}
	begun := time.Now()
	for made < p.passes && (made == 0 || time.Since(begun)*time.Duration(made+1)/time.Duration(made) < p.budget) {
		fmt.Fprintf(os.Stderr, "run %d of at most %d\n", made+1, p.passes)
		if err := pass(ctx, p, binary, everything, &m); err != nil {
			return m, made, err
		}
		made++
	}
	m.main = everything.withoutProcs()
	return m, made, nil
}

func pass(ctx context.Context, p plan, binary string, everything results, m *measured) error {
	pattern := "."
	if p.only != "" {
		pattern = p.only
	}
	if err := bench(ctx, everything, binary, "-test.bench", pattern, "-test.skip", "^BenchmarkScaling", "-test.benchtime", p.benchtime.String()); err != nil {
		return err
	}
	if p.only != "" {
		return nil
	}
	if err := bench(ctx, m.scaling, binary, "-test.bench", "^BenchmarkScaling", "-test.cpu", scalingProcs, "-test.benchtime", p.benchtime.String()); err != nil {
		return err
	}
	m.missing = nil
	for _, script := range modelScripts {
		if missing := script.run(ctx, m.models); missing != "" {
			m.missing = append(m.missing, missing)
		}
	}
	return nil
}

// bench runs the compiled benchmarks once.
func bench(ctx context.Context, into results, binary string, args ...string) error {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, append([]string{"-test.run", "^$", "-test.timeout", "10m"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("benchmarks: %w\n%s", err, out.Bytes())
	}
	return into.read(&out)
}

// modelScript is a program in Python, with the arguments that choose among its
// loops.
type modelScript struct {
	file string
	args []string
}

var modelScripts = []modelScript{
	{"twisted_crochet.py", nil},
	{"asyncio_anyio.py", []string{"asyncio"}},
	{"asyncio_anyio.py", []string{"uvloop"}},
}

// modelTimeout bounds each; they take a few seconds.
const modelTimeout = 2 * time.Minute

// run adds what the script measures, or says what is missing.
func (s modelScript) run(ctx context.Context, into results) (missing string) {
	ctx, cancel := context.WithTimeout(ctx, modelTimeout)
	defer cancel()
	name := strings.Join(append([]string{s.file}, s.args...), " ")
	// The system's own interpreter has the modules of the system's packages.
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", append([]string{"-B", filepath.Join("models", s.file)}, s.args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
		return fmt.Sprintf("%s: %v %s", name, err, lines[len(lines)-1])
	}
	if err := into.read(&out); err != nil {
		return name + ": " + err.Error()
	}
	return ""
}
