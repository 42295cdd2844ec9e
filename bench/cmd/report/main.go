// Command report runs every benchmark of this module several times over, and the
// models in Python if they are installed, and writes the medians: a table into
// README.md, and charts beside it. Run it in the directory bench, on a machine that
// does nothing else:
//
//	go run ./cmd/report           # about ten minutes
//	go run ./cmd/report -quick    # about two
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	quick := flag.Bool("quick", false, "take about two minutes and less precision")
	only := flag.String("only", "", "run benchmarks that match `regexp`, print the table and write nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := plan{budget: 11 * time.Minute, passes: 5, benchtime: 150 * time.Millisecond}
	if *quick {
		p = plan{budget: 110 * time.Second, passes: 3, benchtime: 15 * time.Millisecond}
	}
	p.only = *only
	if err := report(ctx, p); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// plan is how a report is made. Passes after the first are left out when they would
// not fit into the budget.
type plan struct {
	budget    time.Duration
	passes    int
	benchtime time.Duration
	only      string
}

func report(ctx context.Context, p plan) error {
	about, err := inspect()
	if err != nil {
		return err
	}
	results, made, err := run(ctx, p)
	if err != nil {
		return err
	}
	about.how = fmt.Sprintf("medians of interleaved runs, %d in number, %v a benchmark", made, p.benchtime)
	text := render(about, results)
	if p.only != "" {
		_, err := fmt.Print(text)
		return err
	}
	if err := replaceReport("README.md", text); err != nil {
		return err
	}
	if err := os.WriteFile("ratios.svg", ratioChart(results), 0o644); err != nil {
		return err
	}
	return os.WriteFile("curves.svg", curveChart(results), 0o644)
}
