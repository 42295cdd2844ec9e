package compute

import (
	"bytes"
	"image/png"
	"os"
	"strings"
	"testing"
)

var market = Market{Currency: "USD", Rate: 1.17, Volatility: 0.004}

func run(t *testing.T, s Spec) (Outcome, int) {
	t.Helper()
	r, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	steps, last := 0, 0.0
	for done := range r.Steps() {
		if done <= last || done > 1 {
			t.Fatalf("step %d: %v done after %v", steps, done, last)
		}
		last = done
		steps++
	}
	if last != 1 {
		t.Errorf("%v done at the end", last)
	}
	o, err := r.Outcome()
	if err != nil {
		t.Fatal(err)
	}
	return o, steps
}

func TestOutcomes(t *testing.T) {
	for _, kind := range Kinds {
		s := Spec{Kind: kind, Effort: 1, Seed: 1, Market: market}
		o, steps := run(t, s)
		if steps < 10_000 {
			t.Errorf("%s: only %d steps: each holds a reactor for long", kind, steps)
		}
		img, err := png.Decode(bytes.NewReader(o.Picture))
		if err != nil || img.Bounds().Dx() != width || img.Bounds().Dy() != height {
			t.Fatalf("%s: picture: %v", kind, err)
		}
		seen := map[any]bool{}
		for x := range width {
			seen[img.At(x, height/3)] = true
		}
		if len(seen) < 3 || len(o.Facts) < 3 {
			t.Errorf("%s: %d colours, facts %v", kind, len(seen), o.Facts)
		}
		if again, _ := run(t, s); !bytes.Equal(again.Picture, o.Picture) {
			t.Errorf("%s: the same seed gives another picture", kind)
		}
		if dir := os.Getenv("PICTURES"); dir != "" {
			_ = os.WriteFile(dir+"/"+kind+".png", o.Picture, 0o600)
		}
	}
}

// TestSimulationKnowsItsDistribution compares with what is known of it exactly: the
// logarithm ends normally distributed, with a deviation of sigma times sqrt(250).
func TestSimulationKnowsItsDistribution(t *testing.T) {
	o, _ := run(t, Spec{Kind: MonteCarlo, Effort: 1, Seed: 7, Market: market})
	facts := map[string]string{}
	for _, f := range o.Facts {
		facts[f.Name] = f.Value
	}
	// 1.17·exp(-0.002 ± 1.6449·0.06325) and ± 0.6745·0.06325, to three digits.
	for name, want := range map[string][2]string{
		"Nine in ten end in": {"1.05", "1.29"},
		"Half end in":        {"1.11", "1.21"},
	} {
		words := strings.Fields(facts[name])
		if len(words) != 3 || words[0][:4] != want[0] || words[2][:4] != want[1] {
			t.Errorf("%s %s, want %v", name, facts[name], want)
		}
	}
}

// TestFactsAreWrittenAsInPrint: they are shown as they are.
func TestFactsAreWrittenAsInPrint(t *testing.T) {
	for got, want := range map[string]string{
		rate(1.28): "1.2800", rate(79.463): "79.463", rate(12481.56): "12482",
		grouped(20_000): "20,000", grouped(2_000_000): "2,000,000", grouped(999): "999",
		views[0].middle(): "−0.6 + 0i", view{re: 0.25, im: -0.5}.middle(): "0.25 − 0.5i",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestBadSpecs(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Kind: "nothing", Effort: 1}, "nothing"},
		{Spec{Kind: Mandelbrot, Effort: 0}, "effort 0"},
		{Spec{Kind: Mandelbrot, Effort: MaxEffort + 1}, "effort 101"},
		{Spec{Kind: MonteCarlo, Effort: 1}, "market"},
		{Spec{Kind: MonteCarlo, Effort: 1, Market: Market{Rate: 1, Volatility: 2}}, "market"},
	} {
		if _, err := c.spec.Begin(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want it to name %q", c.spec, err, c.want)
		}
	}
}

func TestLeavingEarly(t *testing.T) {
	for _, kind := range Kinds {
		r, err := Spec{Kind: kind, Effort: MaxEffort, Market: market}.Begin()
		if err != nil {
			t.Fatal(err)
		}
		steps := 0
		for range r.Steps() {
			if steps++; steps == 10 {
				break
			}
		}
		if steps != 10 {
			t.Errorf("%s: %d steps", kind, steps)
		}
	}
}

func BenchmarkCompute(b *testing.B) {
	for _, kind := range Kinds {
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				r, err := Spec{Kind: kind, Effort: 50, Seed: 1, Market: market}.Begin()
				if err != nil {
					b.Fatal(err)
				}
				for range r.Steps() { //nolint:revive // the work is in the steps
				}
			}
		})
	}
}
