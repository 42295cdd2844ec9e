package procpool_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trestle-go/trestle/procpool"
)

// With InProcess, time is that of a test's bubble.
func TestProcpool_P13_InABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, procpool.Config{Max: 1, InProcess: true, JobTimeout: time.Hour, IdleTimeout: time.Minute})
		start := time.Now()
		_, err := procpool.DeferToProcess(bg, p, sleep, 2*time.Hour).Wait(24 * time.Hour)
		var up *procpool.TimeoutError
		if !errors.As(err, &up) || up.Killed || up.After < time.Hour || time.Since(start) > time.Hour+time.Second {
			t.Errorf("%#v after %v", err, time.Since(start))
		}
		if v, err := procpool.DeferToProcess(bg, p, sleep, time.Minute).Wait(time.Hour); v != "slept" || err != nil {
			t.Errorf("%q, %v", v, err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if s := p.Stats(); len(s.Workers) != 0 || s.Started != 1 {
			t.Errorf("after the idle timeout: %+v", s)
		}
	})
}
