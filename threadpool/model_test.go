package threadpool_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

// modelJob is a job and what the model knows of it.
type modelJob struct {
	res     *eventual.Result[int]
	release chan struct{}
	began   bool
	ended   bool // it was released, or cancelled or refused in the queue
	want    error
}

// model is a pool as its documentation has it: so many run, the others wait.
type model struct {
	t    *rapid.T
	p    *threadpool.Pool
	max  int
	room int // QueueLimit; 0: any number
	jobs []*modelJob
	over bool // stopped

	running, queued int
}

func (m *model) submit(rt *rapid.T) {
	how := rapid.IntRange(0, 3).Draw(rt, "how it ends")
	j := &modelJob{release: make(chan struct{}), want: []error{nil, errBoom, eventual.ErrGoexit, errBoom}[how]}
	j.res = threadpool.DeferToThread(context.Background(), m.p, func(context.Context) (int, error) {
		j.began = true
		<-j.release
		switch how {
		case 1:
			panic(errBoom)
		case 2:
			runtime.Goexit()
		}
		return 1, j.want
	})
	switch full := m.room > 0 && m.queued >= m.room; {
	case m.over:
		m.expectRefused(j, eventual.ErrStopped)
	case m.running < m.max:
		m.running++
		m.jobs = append(m.jobs, j)
	case full:
		m.expectRefused(j, threadpool.ErrQueueFull)
	default:
		m.queued++
		m.jobs = append(m.jobs, j)
	}
}

func (m *model) expectRefused(j *modelJob, want error) {
	if _, err := j.res.Wait(0); !errors.Is(err, want) {
		m.t.Fatalf("refused with %v, want %v", err, want)
	}
}

// pick draws one of the jobs for which ok holds.
func (m *model) pick(rt *rapid.T, ok func(*modelJob) bool) *modelJob {
	var some []*modelJob
	for _, j := range m.jobs {
		if !j.ended && ok(j) {
			some = append(some, j)
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some[rapid.IntRange(0, len(some)-1).Draw(rt, "which")]
}

func (m *model) release(rt *rapid.T) {
	if j := m.pick(rt, func(j *modelJob) bool { return j.began }); j != nil {
		close(j.release)
		j.ended = true
		m.running--
		m.begin()
	}
}

// begin: what waits has the slots that are free.
func (m *model) begin() {
	for m.running < m.max && m.queued > 0 {
		m.running++
		m.queued--
	}
}

func (m *model) cancel(rt *rapid.T) {
	j := m.pick(rt, func(*modelJob) bool { return true })
	if j == nil {
		return
	}
	j.res.Cancel()
	if !j.began {
		j.ended, j.want = true, eventual.ErrCanceled
		m.queued--
	}
}

func (m *model) resize(rt *rapid.T) {
	m.max = rapid.IntRange(1, 4).Draw(rt, "max")
	err := m.p.AdjustPoolSize(rapid.IntRange(0, m.max).Draw(rt, "min"), m.max)
	if m.over != errors.Is(err, eventual.ErrStopped) {
		rt.Fatalf("AdjustPoolSize: %v", err)
	}
	if !m.over {
		m.begin()
	}
}

func (m *model) stop(*rapid.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := m.p.Stop(ctx)
	var still *eventual.StopError
	if m.running == 0 && err != nil || m.running > 0 && (!errors.As(err, &still) || len(still.Running) != m.running) {
		m.t.Fatalf("Stop with %d running: %v", m.running, err)
	}
	for _, j := range m.jobs {
		if !j.began && !j.ended {
			j.ended, j.want = true, eventual.ErrStopped
		}
	}
	m.over, m.queued = true, 0
}

// check compares the pool with the model, at rest.
func (m *model) check(*rapid.T) {
	synctest.Wait()
	running := 0
	for _, j := range m.jobs {
		o, done := j.res.Peek()
		if done != j.ended || done && !errors.Is(o.Err, j.want) {
			m.t.Fatalf("began %v, ended %v: done %v with %v, want %v", j.began, j.ended, done, o.Err, j.want)
		}
		if j.began && !j.ended {
			running++
		}
	}
	s := m.p.Stats()
	if running != m.running || s.Busy != m.running || s.Queued < m.queued || s.Workers < m.running {
		m.t.Fatalf("%d run of %d at Max %d, %d wait: %+v", running, m.running, m.max, m.queued, s)
	}
}

// TestPool_StateMachine runs random submissions, cancels, resizings and stops
// against the model: never more than Max run, never fewer than could, and every
// job ends as it is to, once.
func TestPool_StateMachine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &model{t: rt, max: rapid.IntRange(1, 4).Draw(rt, "max"), room: rapid.IntRange(0, 3).Draw(rt, "limit")}
			p, err := threadpool.New(threadpool.Config{Max: m.max, QueueLimit: m.room, IdleTimeout: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			m.p = p
			rt.Repeat(map[string]func(*rapid.T){
				"submit": m.submit, "release": m.release, "cancel": m.cancel, "resize": m.resize,
				"burst": func(rt *rapid.T) { // faster than workers wake up
					for range rapid.IntRange(2, 6).Draw(rt, "jobs") {
						m.submit(rt)
					}
				},
				"pass time": func(*rapid.T) { time.Sleep(3 * time.Second) },
				"stop": func(rt *rapid.T) {
					if rapid.IntRange(0, 9).Draw(rt, "really") == 0 {
						m.stop(rt)
					}
				},
				"": m.check,
			})
			for _, j := range m.jobs {
				if !j.ended {
					close(j.release)
					j.ended = true
				}
			}
			if err := p.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			m.running, m.queued = 0, 0
			m.check(rt)
			if s := p.Stats(); s.Workers != 0 || s.Queued != 0 {
				rt.Fatalf("after Stop: %+v", s)
			}
		})
	})
}
