package eventual_test

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/trestle-go/trestle/eventual"
)

// A behaviour is what one callback does, in the Deferred and in the model alike.
type behaviour struct {
	on   string // value, error, both, or chain: which outcomes it is called for
	does string // add, fail, panic, pass
	n    int
}

func (b behaviour) String() string { return fmt.Sprintf("%s:%s%d", b.on, b.does, b.n) }

func (b behaviour) apply(v int, err error) (int, error) {
	switch b.does {
	case "add":
		return v + b.n, nil
	case "fail":
		return 0, fmt.Errorf("failure %d", b.n)
	case "panic":
		panic(fmt.Errorf("failure %d", b.n))
	}
	return v, err
}

// model is a Deferred without any machinery: an outcome and a list.
type model struct {
	fired, late bool
	paused      int
	value       int
	err         string // "" is none
	links       []behaviour
}

func (m *model) run() {
	for m.fired && m.paused == 0 && len(m.links) > 0 {
		b := m.links[0]
		m.links = m.links[1:]
		if b.on == "value" && m.err != "" || b.on == "error" && m.err == "" {
			continue
		}
		switch b.does {
		case "pause":
			m.paused++
		case "add":
			if m.err != "" {
				m.value = 0
			}
			m.value, m.err = m.value+b.n, ""
		case "fail", "panic":
			m.value, m.err = 0, fmt.Sprintf("failure %d", b.n)
		}
	}
}

func (m *model) fire(v int, err string) (ok bool) {
	if m.fired {
		ok, m.late = m.late, false
		return ok
	}
	m.fired, m.value, m.err = true, v, err
	m.run()
	return true
}

func text(err error) string {
	var p *eventual.PanicError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &p):
		return p.Unwrap().Error()
	}
	return err.Error()
}

func add(d *eventual.Deferred[int], b behaviour) {
	switch b.on {
	case "value":
		d.AddCallback(func(v int) (int, error) { return b.apply(v, nil) })
	case "error":
		d.AddErrback(func(err error) (int, error) { return b.apply(0, err) })
	default:
		d.AddBoth(func(v int, err error) (int, error) {
			if err != nil {
				v = 0
			}
			return b.apply(v, err)
		})
	}
}

// TestDeferred_AgainstAModel runs random programs of everything that one Deferred
// can be told, and compares after each step.
func TestDeferred_AgainstAModel(t *testing.T) {
	defer eventual.OnUnhandled(func(error) {})()
	rapid.Check(t, func(t *rapid.T) {
		d, m := eventual.NewDeferred[int](nil), new(model)
		same := func(what string, err error, ok bool) {
			if (err == nil) != ok || err != nil && !errors.Is(err, eventual.ErrAlreadyCalled) {
				t.Fatalf("%s: %v, the model says %v", what, err, ok)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				b := behaviour{
					rapid.SampledFrom([]string{"value", "error", "both"}).Draw(t, "on"),
					rapid.SampledFrom([]string{"add", "fail", "panic", "pass"}).Draw(t, "does"),
					rapid.IntRange(0, 9).Draw(t, "n"),
				}
				add(d, b)
				m.links = append(m.links, b)
				m.run()
			},
			"add many": func(t *rapid.T) { // a chain longer than what is kept in one piece
				b := behaviour{"value", "add", 1}
				for range rapid.IntRange(1, 100).Draw(t, "links") {
					add(d, b)
					m.links = append(m.links, b)
				}
				m.run()
			},
			"pause inside": func(*rapid.T) {
				inner := d
				d.AddBoth(func(v int, err error) (int, error) { inner.Pause(); return v, err })
				m.links = append(m.links, behaviour{"both", "pause", 0})
				m.run()
			},
			"callback": func(t *rapid.T) {
				v := rapid.IntRange(0, 9).Draw(t, "v")
				same("Callback", d.Callback(v), m.fire(v, ""))
			},
			"errback": func(t *rapid.T) { same("Errback", d.Errback(errBoom), m.fire(0, errBoom.Error())) },
			"pause":   func(*rapid.T) { d.Pause(); m.paused++ },
			"unpause": func(*rapid.T) { d.Unpause(); m.paused = max(m.paused-1, 0); m.run() },
			"cancel": func(*rapid.T) {
				d.Cancel()
				if !m.fired {
					m.late = true
					m.fired, m.err = true, eventual.ErrCanceled.Error()
					m.run()
				}
			},
			"nest": func(t *rapid.T) { // what was so far becomes the inner one of a new outer one
				inner := d
				d = eventual.Chain(eventual.Succeed(0), func(int) *eventual.Deferred[int] { return inner })
				if m.paused > 0 || !m.fired {
					// The outer one can be told things while the inner one is not done;
					// keep to one of the two by finishing the inner one first.
					_ = inner.Callback(1)
					if !m.fired {
						m.fired, m.value = true, 1
					}
					for m.run(); m.paused > 0; m.run() { // links may pause it again
						inner.Unpause()
						m.paused--
					}
				}
				m.late = false
			},
			"": func(t *rapid.T) {
				o, done := d.Peek()
				if want := m.fired && m.paused == 0; done != want {
					t.Fatalf("done %v, the model says %v", done, want)
				}
				if done && (text(o.Err) != m.err || o.Err == nil && o.Value != m.value) {
					t.Fatalf("%v, %v; the model says %d, %q", o.Value, o.Err, m.value, m.err)
				}
			},
		})
	})
}
