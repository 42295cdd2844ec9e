package main

import (
	"strconv"
	"strings"
)

// row is one benchmark beside one yardstick, and what it should reach.
type row struct {
	title string // of the work; empty: as the row above
	name  string // of the benchmark
	limit []limit
}

// limit is a target: the median in unit is to be max at most.
type limit struct {
	unit string
	max  float64
}

func ratio(most float64) limit  { return limit{"x-yardstick", most} }
func nanos(most float64) limit  { return limit{"ns/op", most} }
func allocs(most float64) limit { return limit{"allocs/op", most} }

// rows is the table, in its order.
var rows = []row{
	{"call to a reactor and back", "ReactorRoundTrip/vs=channel-ping-pong", []limit{ratio(1), allocs(3)}},
	{"", "ReactorRoundTrip/vs=actor-with-timer", []limit{ratio(0.35)}},
	{"", "ReactorRoundTrip/vs=swapped-slice", nil},
	{"", "ReactorRoundTrip/vs=goja", nil},
	{"the same pipelined, results kept", "ReactorPipelined/vs=actor", []limit{nanos(120), allocs(2)}},
	{"", "ReactorPipelined/vs=swapped-slice", nil},
	{"", "ReactorPipelined/vs=goja", nil},
	{"call posted and run, 1 producer", "ReactorPost/producers=1/vs=channel", []limit{nanos(20), allocs(0)}},
	{"", "ReactorPost/producers=1/vs=swapped-slice", nil},
	{"", "ReactorPost/producers=1/vs=goja", nil},
	{"call posted and run, 8 producers", "ReactorPost/producers=8/vs=channel", []limit{nanos(40), allocs(0)}},
	{"", "ReactorPost/producers=8/vs=swapped-slice", nil},
	{"", "ReactorPost/producers=8/vs=goja", nil},
	{"Wait on a finished result", "WaitFinished/vs=closed-channel", []limit{nanos(3), allocs(0)}},
	{"CallLater, scheduled and fired, a million pending", "TimerFired/pending=1000000/vs=AfterFunc", []limit{nanos(150)}},
	{"", "TimerFired/pending=1000000/vs=container-heap", nil},
	{"CallLater, scheduled and cancelled, a million pending", "TimerCanceled/pending=1000000/vs=AfterFunc", nil},
	{"", "TimerCanceled/pending=1000000/vs=container-heap", nil},
	{"the cancel alone", "TimerCancelAlone/vs=AfterFunc", []limit{nanos(60)}},
	{"Deferred link, added and run", "DeferredLink/vs=slice-of-functions", []limit{nanos(15)}},
	{"", "DeferredLink/vs=locked-slice", nil},
	{"Await of a fired Deferred", "AwaitFired/vs=iter.Pull-step", []limit{nanos(10)}},
	{"Await of one that fires in the next turn", "AwaitUnfired/vs=iter.Pull-step", []limit{ratio(1.25)}},
	{"", "AwaitUnfired/vs=bare-step", nil},
	{"what Await adds to that step", "AwaitUnfiredItself/vs=iter.Pull-step", nil},
	{"coroutine from start to value", "Inline/vs=iter.Pull", nil},
	{"eventual.Go and back", "GoRoundTrip/vs=go-chan", nil},
	{"", "GoRoundTrip/vs=go-chan-timer", nil},
	{"", "GoRoundTrip/vs=go-chan-context", nil},
	{"DeferToThread and back", "PoolRoundTrip/vs=go-chan", []limit{ratio(1)}},
	{"", "PoolRoundTrip/vs=ants-chan", nil},
	{"", "PoolRoundTrip/vs=pond-result", nil},
	{"", "PoolRoundTrip/vs=workerpool", nil},
	{"eventual.Go and back, all processors busy", "BusyRoundTrip/by=Go/vs=go-chan", nil},
	{"the same with a reactor", "BusyRoundTrip/by=reactor/vs=go-chan", nil},
	{"the same with DeferToThread", "BusyRoundTrip/by=pool/vs=go-chan", nil},
	{"DeferToThread pipelined, results kept", "PoolPipelined/vs=go-chan", []limit{nanos(150), allocs(2)}},
	{"", "PoolPipelined/vs=pond-result", nil},
	{"DeferToThread to a locked thread and back", "LockedRoundTrip/vs=locked-channels", []limit{ratio(0.5)}},
	{"CallInThread, empty task", "Pool/task=empty/vs=channel-workers", []limit{ratio(1)}},
	{"", "Pool/task=empty/vs=errgroup", nil},
	{"", "Pool/task=empty/vs=semaphore", nil},
	{"", "Pool/task=empty/vs=conc", nil},
	{"", "Pool/task=empty/vs=ants", nil},
	{"", "Pool/task=empty/vs=pond", nil},
	{"", "Pool/task=empty/vs=workerpool", nil},
	{"the same, room for 1,024 in the queue", "PoolBounded/vs=channel-workers", []limit{ratio(1)}},
	{"CallInThread, task of 1 µs", "Pool/task=1us/vs=bare-loops", []limit{ratio(1 / 0.95)}},
	{"", "Pool/task=1us/vs=telling-loops", nil},
	{"", "Pool/task=1us/vs=channel-workers", nil},
	{"", "Pool/task=1us/vs=errgroup", nil},
	{"", "Pool/task=1us/vs=conc", nil},
	{"", "Pool/task=1us/vs=ants", nil},
	{"", "Pool/task=1us/vs=pond", nil},
	{"CallInThread, task of 10 µs", "Pool/task=10us/vs=bare-loops", []limit{ratio(1 / 0.95)}},
	{"", "Pool/task=10us/vs=telling-loops", nil},
	{"", "Pool/task=10us/vs=channel-workers", nil},
	{"", "Pool/task=10us/vs=conc", nil},
	{"", "Pool/task=10us/vs=ants", nil},
	{"", "Pool/task=10us/vs=pond", nil},
	{"CallInThread, task that sleeps 1 ms, 1,000 workers", "Pool/task=1ms-sleep/vs=channel-workers", nil},
	{"", "Pool/task=1ms-sleep/vs=errgroup", nil},
	{"", "Pool/task=1ms-sleep/vs=ants", nil},
	{"", "Pool/task=1ms-sleep/vs=pond", nil},
	{"coiterate yield, 1 task", "Yield/tasks=1/vs=iter.Pull", []limit{nanos(3)}},
	{"", "Yield/tasks=1/vs=Gosched", nil},
	{"coiterate yield, 1,000 tasks", "Yield/tasks=1000/vs=iter.Pull", []limit{nanos(5)}},
	{"", "Yield/tasks=1000/vs=Gosched", nil},
	{"coiterate yield, 100,000 tasks", "Yield/tasks=100000/vs=iter.Pull", []limit{nanos(10)}},
	{"small job in a process and back", "ProcRoundTrip/vs=raw-echo", []limit{ratio(1.5)}},
	{"small jobs pipelined, 1 process", "ProcPipelined/vs=raw-echo", []limit{nanos(5000)}},
	{"16 MiB to a process", "ProcBytes/vs=memcpy", []limit{ratio(2.5)}},
	{"", "ProcBytes/vs=two-cold-copies", nil},
	{"worker process from nothing to its first value", "ProcStart/vs=bare-child", []limit{ratio(1.3)}},
	{"HTTP, a finished value", "HTTP/value=finished/vs=net-http", []limit{ratio(1 / 0.95)}},
	{"HTTP, a value from a reactor", "HTTP/value=reactor/vs=net-http", []limit{ratio(1 / 0.95)}},
}

// weights is the table of memory: what, its benchmark, and the target in bytes, 0
// for none.
var weights = []struct {
	title, name string
	most        float64
}{
	{"pending result of a reactor, its value, its place in the queue and the pointer to it", "pending-result", 128 + 8},
	{"by hand: closure, reply channel and the pointers to them", "channel-and-closure", 0},
	{"CallLater", "timer", 0},
	{"time.AfterFunc", "runtime-timer", 0},
	{"suspended coroutine", "coroutine", 0},
	{"suspended iter.Pull", "iter.Pull", 0},
	{"sleeping cooperative task", "cooperative-task", 5 << 10},
	{"idle worker", "idle-worker", 0},
	{"idle goroutine", "idle-goroutine", 0},
}

// compared is the table of models: what they measure and ours beside it.
var compared = []struct{ title, model, ours string }{
	{"crochet run_in_reactor, wait", "Model/crochet/round-trip", "ReactorRoundTrip/vs=actor-with-timer"},
	{"crochet run_in_reactor, pipelined", "Model/crochet/pipelined", "ReactorPipelined/vs=actor"},
	{"crochet wait on a finished result", "Model/crochet/wait-finished", "WaitFinished/vs=closed-channel"},
	{"asyncio run_coroutine_threadsafe", "Model/asyncio/round-trip", "ReactorRoundTrip/vs=actor-with-timer"},
	{"the same on uvloop", "Model/uvloop/round-trip", "ReactorRoundTrip/vs=actor-with-timer"},
	{"anyio BlockingPortal.call", "Model/anyio/round-trip", "ReactorRoundTrip/vs=actor-with-timer"},
	{"Twisted callFromThread", "Model/twisted/post", "ReactorPost/producers=1/vs=channel"},
	{"asyncio call_soon_threadsafe", "Model/asyncio/post", "ReactorPost/producers=1/vs=channel"},
	{"Twisted callLater, fired", "Model/twisted/call-later", "TimerFired/pending=1/vs=AfterFunc"},
	{"asyncio call_later, fired", "Model/asyncio/call-later", "TimerFired/pending=1/vs=AfterFunc"},
	{"Twisted Deferred link", "Model/twisted/deferred-link", "DeferredLink/vs=slice-of-functions"},
	{"Twisted inlineCallbacks, yield of a fired Deferred", "Model/twisted/await-fired", "AwaitFired/vs=iter.Pull-step"},
	{"asyncio sleep(0)", "Model/asyncio/yield", "AwaitUnfired/vs=iter.Pull-step"},
	{"Twisted deferToThread", "Model/twisted/defer-to-thread", "PoolRoundTrip/vs=go-chan"},
	{"asyncio to_thread", "Model/asyncio/to-thread", "PoolRoundTrip/vs=go-chan"},
	{"Twisted coiterate step, 1 task", "Model/twisted/coiterate-1", "Yield/tasks=1/vs=iter.Pull"},
	{"Twisted coiterate step, 1,000 tasks", "Model/twisted/coiterate-1000", "Yield/tasks=1000/vs=iter.Pull"},
	{"ProcessPoolExecutor", "Model/python/process-round-trip", "ProcRoundTrip/vs=raw-echo"},
	{"ProcessPoolExecutor, pipelined", "Model/python/process-pipelined", "ProcPipelined/vs=raw-echo"},
}

// scaled is the table of scaling.
var scaled = []struct{ title, name string }{
	{"posts by twice as many goroutines as processors, beside a channel", "ScalingPost/vs=channel"},
	{"round trips through one reactor, beside an actor", "ScalingRoundTrip/vs=actor"},
	{"round trips through one pool, beside go and a channel", "ScalingPool/vs=go-chan"},
}

// curves is the chart of cost against size: "N" stands for the size.
var curves = []curve{
	{"CallLater fired, N pending", "TimerFired/pending=N/vs=AfterFunc", []int{1, 1000, 1_000_000}},
	{"CallLater cancelled, N pending", "TimerCanceled/pending=N/vs=AfterFunc", []int{1, 1000, 1_000_000}},
	{"round trip, N results pending", "RoundTripAgainstPending/pending=N/vs=channel-ping-pong", []int{1, 1000, 1_000_000}},
	{"coiterate yield, N tasks", "Yield/tasks=N/vs=iter.Pull", []int{1, 1000, 100_000}},
}

type curve struct {
	title, name string
	sizes       []int
}

// at returns the name of the benchmark at size n.
func (c curve) at(n int) string { return strings.Replace(c.name, "=N/", "="+strconv.Itoa(n)+"/", 1) }
