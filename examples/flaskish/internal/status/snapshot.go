package status

import (
	"context"
	"os"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
	"github.com/trestle-go/trestle/reactor"
)

// Snapshot is how everything is at one time. Durations are in milliseconds, as
// floating point; memory is in bytes.
type Snapshot struct {
	At        time.Time `json:"at"`
	Uptime    float64   `json:"uptime"` // in seconds
	PID       int       `json:"pid"`
	Reactor   Reactor   `json:"reactor"`
	Threads   []Threads `json:"threads"`
	Processes Processes `json:"processes"`
	Tasks     Tasks     `json:"tasks"`
	Results   Results   `json:"results"`
	Runtime   Runtime   `json:"runtime"`
	Past      []Sample  `json:"past"` // the last two minutes, oldest first
}

// Sample is what is drawn of a second.
type Sample struct {
	Time   int64   `json:"t"`      // Unix seconds
	Lag    float64 `json:"lag"`    // the worst of the second
	Queued int     `json:"queued"` // jobs that wait for a thread or a process, and calls for the reactor
}

// Reactor is the event loop.
type Reactor struct {
	State      string  `json:"state"`
	Busy       float64 `json:"busy"` // share of the last second, 0 to 1
	Lag        float64 `json:"lag"`  // the worst of the last second
	LagP50     float64 `json:"lag_p50"`
	LagP99     float64 `json:"lag_p99"`
	LagMax     float64 `json:"lag_max"`
	Queued     int     `json:"queued"`
	QueuedMax  int     `json:"queued_max"`
	Callbacks  uint64  `json:"callbacks"`
	Timers     int     `json:"timers"`
	Coroutines int     `json:"coroutines"`
	Stalls     uint64  `json:"stalls"`
	Panics     uint64  `json:"panics"`
}

// Threads is a thread pool.
type Threads struct {
	Name      string  `json:"name"`
	Max       int     `json:"max"`
	Workers   int     `json:"workers"`
	Busy      int     `json:"busy"`
	Waiting   int     `json:"waiting"`
	Queued    int     `json:"queued"`
	Succeeded uint64  `json:"succeeded"`
	Failed    uint64  `json:"failed"`
	WaitP99   float64 `json:"wait_p99"`
	RunP99    float64 `json:"run_p99"`
}

// Processes is the pool of worker processes.
type Processes struct {
	Max       int      `json:"max"`
	Queued    int      `json:"queued"`
	Succeeded uint64   `json:"succeeded"`
	Failed    uint64   `json:"failed"`
	Started   uint64   `json:"started"`
	Died      uint64   `json:"died"`
	Failing   bool     `json:"failing"`
	RunP99    float64  `json:"run_p99"`
	Workers   []Worker `json:"workers"`
}

// Worker is one worker process.
type Worker struct {
	ID    int     `json:"id"`
	PID   int     `json:"pid"`
	State string  `json:"state"`
	Job   string  `json:"job"`
	Age   float64 `json:"age"` // of the job or the state, in seconds
	Jobs  uint64  `json:"jobs"`
	RSS   int64   `json:"rss"`
	CPU   float64 `json:"cpu"` // used, in seconds
}

// Tasks is the cooperative tasks.
type Tasks struct {
	Live  int    `json:"live"`
	Ready int    `json:"ready"`
	Ended uint64 `json:"ended"`
	Turns uint64 `json:"turns"`
}

// Results is what is kept for clients that did not wait.
type Results struct {
	Pending  int `json:"pending"`
	Finished int `json:"finished"`
	Owners   int `json:"owners"`
}

// Runtime is Go's.
type Runtime struct {
	Version    string `json:"version"`
	Goroutines int    `json:"goroutines"`
	Heap       uint64 `json:"heap"`
}

// sample takes a snapshot, on the reactor. What asks the system about processes is
// awaited: it would hold the reactor up.
func (s *Status) sample(t *reactor.Tick) error {
	processes, err := reactor.Await(t.Co, eventual.Go(t.Context(), func(context.Context) (Processes, error) { return s.processes(), nil }))
	if err != nil {
		return err // the reactor stops
	}
	now := s.from.Reactor.Now()
	rs := s.from.Reactor.Stats()
	busy := time.Duration(rs.Busy * float64(rs.Uptime)) // since Start
	snap := Snapshot{
		At: now.UTC(), Uptime: rs.Uptime.Seconds(), PID: os.Getpid(),
		Reactor: Reactor{
			State: rs.State, Lag: ms(s.worst), LagP50: ms(rs.Lag.P50), LagP99: ms(rs.Lag.P99), LagMax: ms(rs.Lag.Max),
			Queued: rs.Queued, QueuedMax: rs.QueuedMax, Callbacks: rs.Callbacks, Timers: rs.Timers, Coroutines: rs.Coroutines,
			Stalls: rs.Stalls, Panics: rs.Panics,
		},
		Threads: s.threads(), Processes: processes, Tasks: s.tasks(), Runtime: goRuntime(),
	}
	res := s.from.Resources()
	snap.Results = Results{res.Pending, res.Finished, res.Owners}
	latest := Sample{Time: now.Unix(), Lag: ms(s.worst), Queued: rs.Queued + snap.Processes.Queued}
	for _, t := range snap.Threads {
		latest.Queued += t.Queued
	}
	if passed := rs.Uptime - s.uptime; passed > 0 {
		snap.Reactor.Busy = min(max(float64(busy-s.busy)/float64(passed), 0), 1)
	}
	s.uptime, s.busy, s.worst = rs.Uptime, busy, 0
	// A snapshot is read by others later: it has a copy of its own.
	s.past = append(append([]Sample(nil), s.past[max(len(s.past)-kept+1, 0):]...), latest)
	snap.Past = s.past
	s.latest.Set(snap)
	return nil
}

func (s *Status) threads() (all []Threads) {
	for _, p := range s.from.Threads {
		st := p.Stats()
		all = append(all, Threads{
			Name: st.Name, Max: st.Max, Workers: st.Workers, Busy: st.Busy, Waiting: st.Waiting, Queued: st.Queued,
			Succeeded: st.Succeeded, Failed: st.Failed, WaitP99: ms(st.Wait.P99), RunP99: ms(st.Run.P99),
		})
	}
	return all
}

func (s *Status) processes() Processes {
	st := s.from.Processes.Stats()
	p := Processes{
		Max: st.Max, Queued: st.Queued, Succeeded: st.Succeeded, Failed: st.Failed, Started: st.Started, Died: st.Died,
		Failing: st.Failing, RunP99: ms(st.Run.P99), Workers: make([]Worker, 0, len(st.Workers)),
	}
	for _, w := range st.Workers {
		p.Workers = append(p.Workers, worker(w))
	}
	return p
}

func worker(w procpool.WorkerStats) Worker {
	return Worker{w.ID, w.PID, w.State.String(), w.Job, w.Age.Seconds(), w.Jobs, w.RSS, w.CPU.Seconds()}
}

func (s *Status) tasks() Tasks {
	st := s.from.Cooperator.Stats()
	return Tasks{st.Live, st.Ready, st.Ended, st.Turns}
}

// goRuntime reads what costs nothing: runtime.ReadMemStats stops the world.
func goRuntime() Runtime {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	r := Runtime{Version: runtime.Version(), Goroutines: runtime.NumGoroutine()}
	if heap[0].Value.Kind() == metrics.KindUint64 {
		r.Heap = heap[0].Value.Uint64()
	}
	return r
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
