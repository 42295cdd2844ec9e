package coiterate_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/internal/logtest"
)

func TestCoiterate_SlowStepIsReportedWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logtest.Log)
		_, c := onLoop(t, coiterate.Config{Name: "index", SlowStep: 100 * time.Millisecond, Logger: log.Logger()})
		run := func(step time.Duration, n int) {
			res := coiterate.Run(context.Background(), c.With(coiterate.TaskConfig{Name: "words"}), func(y *coiterate.Yielder) (int, error) {
				for range n {
					hesitate(step)
					if err := y.Yield(); err != nil {
						return 0, err
					}
				}
				return 0, nil
			})
			time.Sleep(250 * time.Millisecond)
			if _, err := res.Wait(time.Hour); err != nil {
				t.Error(err)
			}
		}
		run(90*time.Millisecond, 10)
		if log.String() != "" {
			t.Errorf("steps that are fast enough: %s", log)
		}
		run(time.Second, 2)
		if n := strings.Count(log.String(), "runs long"); n != 2 || c.Stats().Slow != 2 {
			t.Errorf("%d reports of 2, %d counted", n, c.Stats().Slow)
		}
		for _, want := range []string{"cooperator=index", "task=words", "hesitate"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %q in %s", want, log)
			}
		}
	})
}

// TestCoiterate_SlowStepIsReportedWhileItLasts: before it has ended, if it ever
// does.
func TestCoiterate_SlowStepIsReportedWhileItLasts(t *testing.T) {
	log := new(logtest.Log)
	_, c := onLoop(t, coiterate.Config{SlowStep: time.Millisecond, Logger: log.Logger()})
	release := make(chan struct{})
	res := coiterate.Run(context.Background(), c, func(*coiterate.Yielder) (int, error) { <-release; return 0, nil })
	for end := time.Now().Add(soon); !strings.Contains(log.String(), "WhileItLasts"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Error("not reported")
			break
		}
	}
	close(release)
	if _, err := res.Wait(soon); err != nil {
		t.Error(err)
	}
}

//go:noinline
func hesitate(d time.Duration) { time.Sleep(d) }
