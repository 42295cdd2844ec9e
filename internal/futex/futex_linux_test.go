package futex

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const soon = 20 * time.Second // longer than any machine needs

func TestSleep_EndsWithItsTime(t *testing.T) {
	var word atomic.Uint32
	begun := time.Now()
	for Sleep(&word, 0, time.Millisecond, Private) { // for no reason
		if time.Since(begun) > soon {
			t.Fatal("the time is never over")
		}
	}
	if took := time.Since(begun); took < time.Millisecond {
		t.Errorf("over after %v", took)
	}
}

func TestSleep_NotOnAWordThatHasChanged(t *testing.T) {
	var word atomic.Uint32
	word.Store(1)
	if !Sleep(&word, 0, time.Hour, Shared) {
		t.Error("its time was over")
	}
}

// Whoever sleeps is woken by who changes the word, whichever is first.
func TestWake_NothingIsLost(t *testing.T) {
	for _, scope := range []Scope{Shared, Private} {
		var ping, pong atomic.Uint32
		const rounds = 2000
		await := func(word *atomic.Uint32, before uint32) bool {
			for word.Load() == before {
				if !Sleep(word, before, soon, scope) {
					return false
				}
			}
			return true
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range uint32(rounds) {
				if !await(&ping, i) {
					t.Error("not woken")
					return
				}
				pong.Add(1)
				Wake(&pong, 1, scope)
			}
		})
		for i := range uint32(rounds) {
			ping.Add(1)
			Wake(&ping, 1, scope)
			if !await(&pong, i) {
				t.Error("not woken")
				break
			}
		}
		wg.Wait()
	}
}
