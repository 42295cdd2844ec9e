package reactor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/reactor/reactortest"
)

// ticks runs a looping call by hand and notes when it ran.
type ticks struct {
	*reactortest.Reactor
	l     *reactor.LoopingCall
	begun time.Time
	at    []int // seconds
	count []int
	body  func(t *reactor.Tick) error
}

func newTicks(t *testing.T, o reactor.LoopOptions, body func(t *reactor.Tick) error) *ticks {
	k := &ticks{Reactor: reactortest.New(t), body: body}
	k.begun = k.Now()
	k.l = reactor.NewLoopingCall(k.Reactor.Reactor, func(t *reactor.Tick) error {
		k.at = append(k.at, int(k.Now().Sub(k.begun)/time.Second))
		k.count = append(k.count, t.Count)
		if k.body == nil {
			return nil
		}
		return k.body(t)
	}, o)
	return k
}

func (k *ticks) want(t *testing.T, at, count []int) {
	t.Helper()
	if !slices.Equal(k.at, at) || count != nil && !slices.Equal(k.count, count) {
		t.Errorf("ran at %v with counts %v, want %v with %v", k.at, k.count, at, count)
	}
}

func TestLoopingCall_R08_NowOrAfterTheFirstInterval(t *testing.T) {
	k := newTicks(t, reactor.LoopOptions{}, nil)
	k.l.Start(t.Context(), 10*time.Second, true)
	k.Advance(35 * time.Second)
	k.want(t, []int{0, 10, 20, 30}, []int{1, 1, 1, 1})
	k = newTicks(t, reactor.LoopOptions{}, nil)
	k.l.Start(t.Context(), 10*time.Second, false)
	k.Advance(35 * time.Second)
	k.want(t, []int{10, 20, 30}, []int{1, 1, 1})
}

func TestLoopingCall_R08_SkipsAndKeepsThePhase(t *testing.T) {
	k := newTicks(t, reactor.LoopOptions{}, nil)
	slow := true
	k.body = func(t *reactor.Tick) error {
		if slow && len(k.at) == 2 {
			slow = false
			return t.Sleep(34 * time.Second) // from 10 to 44
		}
		return nil
	}
	k.l.Start(t.Context(), 10*time.Second, true)
	k.Advance(75 * time.Second)
	k.want(t, []int{0, 10, 50, 60, 70}, []int{1, 1, 4, 1, 1})
}

func TestLoopingCall_R08_NeverOverlapsItself(t *testing.T) {
	pending := eventual.NewDeferred[int](nil)
	k := newTicks(t, reactor.LoopOptions{}, func(t *reactor.Tick) error {
		_, err := reactor.Await(t.Co, pending)
		return err
	})
	k.l.Start(t.Context(), time.Second, true)
	k.Advance(10 * time.Second)
	k.want(t, []int{0}, nil)
	_ = pending.Callback(1)
	k.Advance(2 * time.Second)
	k.want(t, []int{0, 11, 12}, []int{1, 11, 1})
}

func TestLoopingCall_R08_IntervalZero(t *testing.T) {
	k := newTicks(t, reactor.LoopOptions{}, nil)
	k.body = func(*reactor.Tick) error {
		if len(k.at) == 5 {
			k.l.Stop()
		}
		return nil
	}
	res := k.l.Start(t.Context(), 0, true)
	k.Pump()
	k.want(t, []int{0, 0, 0, 0, 0}, []int{1, 1, 1, 1, 1})
	if _, err := res.Wait(0); err != nil {
		t.Errorf("stopped inside the call: %v", err)
	}
}

func TestLoopingCall_R08_Ends(t *testing.T) {
	t.Run("Stop", func(t *testing.T) {
		k := newTicks(t, reactor.LoopOptions{}, nil)
		res := k.l.Start(t.Context(), time.Second, true)
		k.Advance(2 * time.Second)
		if !k.l.Running() {
			t.Error("not running")
		}
		k.l.Stop()
		k.l.Stop()
		k.Pump()
		if _, err := res.Wait(0); err != nil || k.l.Running() || k.Pending() != 0 {
			t.Errorf("%v, running %v, %d calls pending", err, k.l.Running(), k.Pending())
		}
		k.l.Start(t.Context(), time.Second, true) // may be started again
		k.Advance(time.Second)
		k.want(t, []int{0, 1, 2, 2, 3}, nil)
	})
	for name, c := range map[string]struct {
		body func(*reactor.Tick) error
		want error
	}{
		"error":  {func(*reactor.Tick) error { return errBoom }, errBoom},
		"panic":  {func(*reactor.Tick) error { panic(errBoom) }, errBoom},
		"goexit": {func(*reactor.Tick) error { runtime.Goexit(); return nil }, eventual.ErrGoexit},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTicks(t, reactor.LoopOptions{}, c.body)
			res := k.l.Start(t.Context(), time.Second, true)
			k.Advance(5 * time.Second)
			if _, err := res.Wait(0); !errors.Is(err, c.want) || k.l.Running() || len(k.at) != 1 {
				t.Errorf("%v, running %v, ran %v", err, k.l.Running(), k.at)
			}
		})
	}
	t.Run("ctx", func(t *testing.T) {
		r := startReactor(t, reactor.Config{})
		ctx, cancel := context.WithCancelCause(context.Background())
		res := reactor.NewLoopingCall(r, func(*reactor.Tick) error { return nil }, reactor.LoopOptions{}).Start(ctx, time.Hour, true)
		on(t, r, func() {})
		cancel(errBoom)
		if _, err := res.Wait(soon); !errors.Is(err, errBoom) {
			t.Errorf("%v", err)
		}
	})
	t.Run("cancelled before it began", func(t *testing.T) {
		k := newTicks(t, reactor.LoopOptions{}, nil)
		res := k.l.Start(t.Context(), time.Second, true)
		res.Cancel()
		k.Advance(time.Minute)
		if k.l.Running() || len(k.at) != 0 {
			t.Errorf("running %v, ran %v", k.l.Running(), k.at)
		}
	})
}

func TestLoopingCall_R08_Reset(t *testing.T) {
	k := newTicks(t, reactor.LoopOptions{}, nil)
	k.l.Start(t.Context(), 10*time.Second, true)
	k.Advance(14 * time.Second)
	k.l.Reset()
	k.Advance(22 * time.Second)
	k.want(t, []int{0, 10, 24, 34}, []int{1, 1, 1, 1})
}

func TestLoopingCall_R08_ResetInsideTheCall(t *testing.T) {
	for name, c := range map[string]struct {
		before, after time.Duration // the reset
		want          []int
	}{
		"at once":             {0, 0, []int{0, 10, 20, 30}},
		"and it goes on":      {0, 3 * time.Second, []int{0, 10, 20, 30}},
		"late":                {4 * time.Second, 3 * time.Second, []int{0, 14, 24, 34}},
		"over the next run":   {0, 13 * time.Second, []int{0, 20, 30}},
		"a whole run too far": {5 * time.Second, 13 * time.Second, []int{0, 25, 35}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTicks(t, reactor.LoopOptions{}, nil)
			k.body = func(tick *reactor.Tick) error {
				if len(k.at) > 1 {
					return nil
				}
				if err := tick.Sleep(c.before); err != nil {
					return err
				}
				k.l.Reset()
				return tick.Sleep(c.after)
			}
			k.l.Start(t.Context(), 10*time.Second, true)
			k.Advance(35 * time.Second)
			k.want(t, c.want, nil)
		})
	}
}

func TestLoopingCall_UnhandledFailureNamesTheFunction(t *testing.T) {
	said := make(chan string, 16)
	mine := errors.New("of this test")
	defer eventual.OnUnhandled(func(err error) {
		if errors.Is(err, mine) {
			said <- err.Error()
		}
	})()
	k := newTicks(t, reactor.LoopOptions{}, nil)
	reactor.NewLoopingCall(k.Reactor.Reactor, func(*reactor.Tick) error { return mine }, reactor.LoopOptions{}).Start(t.Context(), time.Hour, true)
	k.Pump()
	for end := time.Now().Add(soon); time.Now().Before(end); {
		runtime.GC()
		select {
		case s := <-said:
			if !strings.Contains(s, "TestLoopingCall_UnhandledFailureNamesTheFunction.func") {
				t.Error(s)
			}
			return
		case <-time.After(time.Millisecond):
		}
	}
	t.Error("not reported")
}

func TestLoopingCall_BackOff(t *testing.T) {
	var told []string
	fail := true
	o := reactor.LoopOptions{
		BackOff: reactor.BackOff{Initial: 4 * time.Second, Max: 16 * time.Second, Factor: 2},
		OnError: func(err error, next time.Duration) {
			if next < 2*time.Second || next > 16*time.Second {
				t.Errorf("next try in %v", next)
			}
			told = append(told, err.Error())
		},
	}
	k := newTicks(t, o, nil)
	k.body = func(*reactor.Tick) error {
		if fail && len(k.at) > 1 {
			if len(k.at)%2 == 0 {
				panic(errBoom)
			}
			return fmt.Errorf("failure")
		}
		return nil
	}
	res := k.l.Start(t.Context(), time.Minute, true)
	k.Advance(2 * time.Minute)
	if n := len(k.at); n < 5 || n > 20 { // after a minute of failing, tries 8 to 16 s apart
		t.Errorf("ran at %v", k.at)
	}
	if len(told) != len(k.at)-1 {
		t.Errorf("told of %d errors", len(told))
	}
	fail = false
	k.Advance(20 * time.Second)
	tries := len(k.at)
	recovered := k.at[tries-1]
	k.Advance(2 * time.Minute)
	if next := k.at[tries:]; len(next) < 1 || next[0]%60 != 0 || next[0] <= recovered {
		t.Errorf("after recovery at %d it ran at %v, not in phase", recovered, next)
	}
	if _, done := res.Peek(); done {
		t.Error("the loop ended")
	}
}

func TestLoopingCall_Jitter(t *testing.T) {
	k := newTicks(t, reactor.LoopOptions{Jitter: 0.5}, nil)
	k.l.Start(t.Context(), 100*time.Second, true)
	k.Advance(1000 * time.Second)
	exact := 0
	for i, at := range k.at {
		if late := at - 100*i; late < 0 || late > 50 {
			t.Errorf("run %d at %d", i, at)
		} else if late == 0 {
			exact++
		}
	}
	if len(k.at) < 10 || exact > 5 {
		t.Errorf("ran at %v", k.at)
	}
}

func TestLoopingCall_BadArguments(t *testing.T) {
	r := reactortest.New(t)
	body := func(*reactor.Tick) error { return nil }
	for want, start := range map[string]func() *eventual.Result[struct{}]{
		"interval": func() *eventual.Result[struct{}] {
			return reactor.NewLoopingCall(r.Reactor, body, reactor.LoopOptions{}).Start(t.Context(), -1, true)
		},
		"Jitter": func() *eventual.Result[struct{}] {
			return reactor.NewLoopingCall(r.Reactor, body, reactor.LoopOptions{Jitter: 2}).Start(t.Context(), 1, true)
		},
		"BackOff.Max": func() *eventual.Result[struct{}] {
			return reactor.NewLoopingCall(r.Reactor, body, reactor.LoopOptions{BackOff: reactor.BackOff{Initial: 2, Max: 1}}).Start(t.Context(), 1, true)
		},
		"nil function": func() *eventual.Result[struct{}] {
			return reactor.NewLoopingCall(r.Reactor, nil, reactor.LoopOptions{}).Start(t.Context(), 1, true)
		},
		"running already": func() *eventual.Result[struct{}] {
			l := reactor.NewLoopingCall(r.Reactor, body, reactor.LoopOptions{})
			l.Start(t.Context(), 1, true)
			return l.Start(t.Context(), 1, true)
		},
	} {
		if _, err := start().Wait(0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
