package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/reactor"
)

// A feed that is down for ten minutes, in no time.
func TestPollSurvivesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reactor.New(reactor.Config{})
		r.Start()
		book := NewBook(r)

		began, fetches := time.Now(), 0
		Poll(t.Context(), book, 30*time.Second, func(context.Context) (map[string]float64, error) {
			fetches++
			if down := time.Since(began); down > time.Minute && down < 11*time.Minute {
				return nil, errors.New("feed is down")
			}
			return map[string]float64{"USD": 1 + float64(fetches)/100}, nil
		})

		time.Sleep(10 * time.Minute)
		if rate, err := book.Rate(t.Context(), "USD").Wait(time.Second); err != nil || rate == 0 {
			t.Errorf("during the outage: %v, %v; want the last good rate", rate, err)
		}
		if fetches > 40 { // it would be 540 at the first try's pace
			t.Errorf("%d fetches: the poller did not back off", fetches)
		}

		_, before, _ := book.Table.Load()
		time.Sleep(10 * time.Minute)
		if _, after, _ := book.Table.Load(); after.Sub(before) < 10*time.Minute {
			t.Errorf("no new rates after the outage: %v, %v", before, after)
		}
		if err := r.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
