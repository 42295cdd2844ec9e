package procpool

import "time"

// lending is how a result gets to a goroutine that waits for just that one, without a
// write, a read, the poller and a goroutine that reads in between. The pool says that
// somebody looks out for the result of the job that runs. The worker, which would write
// it to the connection, then leaves it in the tray, and the pool takes it from there.
//
// The worker keeps what it has lent until it writes something else. What the pool has not
// taken by then it takes back, and writes that first: so all comes in order.
type lending struct{ lent word }

// The states of lent, and who brings it from one to the next:
//
//	unwatched -> watched          pool: somebody looks out for the result
//	watched   -> asleep           pool: and sleeps meanwhile
//	watched, asleep -> unwatched  pool: nobody does any more
//	watched, asleep -> there      worker: it is in the tray, and not in the connection
//	there     -> unwatched        pool: it was taken; or worker: it was taken back
const (
	unwatched uint32 = iota
	watched
	asleep
	there
)

// watch has the next result lent, if it comes before unwatch.
func (t *tray) watch() bool { return t != nil && t.lent.CompareAndSwap(unwatched, watched) }

// unwatch reports whether something is lent. If not nobody watches any more, and who
// sleeps is woken: the result has come otherwise. So none sleeps long for what is over
// who has begun to watch too late to hear of it.
func (t *tray) unwatch() (lent bool) {
	if t == nil {
		return false
	}
	switch is := t.lent.Load(); {
	case is == unwatched || is == watched && t.lent.CompareAndSwap(watched, unwatched):
		return false
	case t.lent.CompareAndSwap(asleep, unwatched): // perhaps only since
		t.lent.wake()
		return false
	}
	return t.lent.Load() == there
}

// sleep waits until something is lent, or there is nothing to wait for, but no longer
// than d.
func (t *tray) sleep(d time.Duration) {
	if t.lent.CompareAndSwap(watched, asleep) {
		t.lent.sleep(asleep, d)
	}
}

// lend puts b into the tray, if somebody looks out for it. If it reports false b is
// there all the same, perhaps, until it was written.
func (t *tray) lend(b []byte) bool {
	if t == nil || t.lent.Load() == unwatched || !t.put(b) {
		return false
	}
	for {
		switch is := t.lent.Load(); {
		case is != watched && is != asleep:
			return false
		case !t.lent.CompareAndSwap(is, there):
			continue // it went to sleep, or away, this very moment
		case is == asleep:
			t.lent.wake()
		}
		return true
	}
}

// endLoan reports whether what was lent is still there, and is so no more.
func (t *tray) endLoan() bool { return t.lent.CompareAndSwap(there, unwatched) }

// take appends what was lent to b, if it is what comes after the byte of the number
// from. What the worker says is not believed: it may change it meanwhile.
func (t *tray) take(from uint64, b []byte) []byte {
	if t == nil || t.lent.Load() != there {
		return b
	}
	base, end := t.base.Load(), t.end.Load()
	if base != from || end-base > trayRoom {
		return b
	}
	n := len(b)
	if b = append(b, t.data[:end-base]...); !t.endLoan() {
		return b[:n]
	}
	return b
}
