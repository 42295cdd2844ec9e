package reactor

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// TestReactor_R03_WhoIsRefusedKnowsThatNothingBegins: work cannot begin any more before
// the first submission is refused.
func TestReactor_R03_WhoIsRefusedKnowsThatNothingBegins(t *testing.T) {
	r := New(Config{})
	defer r.Stop(context.Background())
	r.inbox.mu.Lock() // to refuse takes that
	refused := make(chan struct{})
	go func() { // ends when the lock is free
		defer close(refused)
		r.refuse()
	}()
	select {
	case <-r.life.Context().Done():
	case <-time.After(20 * time.Second): // longer than any machine needs
		t.Error("work may begin, and waits for submissions to be refused")
	}
	if r.inbox.closed {
		t.Error("who submits is refused already")
	}
	r.inbox.mu.Unlock()
	<-refused
}

// TestReactor_E11_CancelledByTheStop: the stop cancels the ctx of all work before the
// loop ends, and work that notices ends as stopped all the same, not as cancelled.
func TestReactor_E11_CancelledByTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{})
		r.Start()
		canceled := 0
		res := RunDeferred(context.Background(), r, func(context.Context) *eventual.Deferred[int] {
			return eventual.NewDeferred(func(*eventual.Deferred[int]) { canceled++ })
		})
		synctest.Wait()          // it is pending
		r.life.End(r.errStopped) // as refuse does first
		synctest.Wait()          // the cancel has come to the loop, which goes on
		if _, ended := res.Peek(); ended || canceled != 0 {
			t.Errorf("it has ended before the loop has: %v, cancelled %d times", ended, canceled)
		}
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if _, err := res.Wait(0); !errors.Is(err, eventual.ErrStopped) || errors.Is(err, eventual.ErrCanceled) || canceled != 1 {
			t.Errorf("%v, cancelled %d times", err, canceled)
		}
	})
}

// TestReactor_E11_StopBehindAPanic of a timer: those that were due with it are no longer
// among those to come, and end with the stop none the less.
func TestReactor_E11_StopBehindAPanic(t *testing.T) {
	for name, end := range map[string]func(){
		"panic":  func() { panic("in the middle") },
		"goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			r := New(Config{Logger: slog.New(slog.DiscardHandler)})
			r.CallLater(0, func() {
				_ = r.Stop(context.Background()) // on the reactor: it begins, and returns
				for r.attn.Load()&attnStop == 0 {
					runtime.Gosched()
				}
				end()
			})
			due := DeferLater(context.Background(), r, 0, func(context.Context) (int, error) { return 1, nil })
			called := r.CallLater(0, func() { t.Error("called after the stop") })
			r.Start()
			if _, err := due.Wait(20 * time.Second); !errors.Is(err, eventual.ErrStopped) { // longer than any machine needs
				t.Errorf("%v", err)
			}
			<-r.Done()
			if called.Active() {
				t.Error("a call that never comes is said to be still to come")
			}
		})
	}
}
