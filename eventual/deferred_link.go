package eventual

// chainLink is one step of a Deferred's chain: what AddCallback and its siblings
// were given, or a forward of our own. A step is applied by whoever drains the
// chain, who alone uses the outcome then. One without its function passes every
// outcome by.
type chainLink[T any] interface {
	step(d *Deferred[T], w *worklist)
}

type (
	callback[T any] func(T) (T, error)
	errback[T any]  func(error) (T, error)
	both[T any]     func(T, error) (T, error)

	pair[T any] struct {
		cb callback[T]
		eb errback[T]
	}

	// forward hands the outcome on, and what it fires to w; it reports whether a
	// failure is handled by that.
	forward[T any] func(v T, err error, w *worklist) (handled bool)
)

func (f callback[T]) step(d *Deferred[T], _ *worklist) {
	if d.err == nil && f != nil {
		d.value, d.err = f(d.value)
	}
}

func (f errback[T]) step(d *Deferred[T], _ *worklist) {
	if d.err != nil && f != nil {
		d.handled()
		d.value, d.err = f(d.err)
	}
}

func (f both[T]) step(d *Deferred[T], _ *worklist) {
	if f != nil {
		d.handled()
		d.value, d.err = f(d.value, d.err)
	}
}

func (p pair[T]) step(d *Deferred[T], w *worklist) {
	if d.err == nil {
		p.cb.step(d, w)
	} else {
		p.eb.step(d, w)
	}
}

func (f forward[T]) step(d *Deferred[T], w *worklist) {
	if f(d.value, d.err, w) && d.err != nil {
		d.handled()
		var zero T
		d.value, d.err = zero, nil
	}
}
