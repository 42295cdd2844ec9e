package eventual

// What a step of a chain can be: what AddCallback and its siblings were given, or
// a forward of our own. One without its function passes every outcome by.
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

// step applies l to the outcome. It is called by whoever drains the chain, who
// alone uses the outcome then.
func (d *Deferred[T]) step(l any, w *worklist) {
	switch f := l.(type) {
	case callback[T]:
		d.call(f)
	case errback[T]:
		d.callErr(f)
	case both[T]:
		if f != nil {
			d.handled()
			d.value, d.err = f(d.value, d.err)
		}
	case pair[T]:
		if d.err == nil {
			d.call(f.cb)
		} else {
			d.callErr(f.eb)
		}
	case forward[T]:
		if f(d.value, d.err, w) && d.err != nil {
			d.handled()
			var zero T
			d.value, d.err = zero, nil
		}
	}
}

func (d *Deferred[T]) call(f callback[T]) {
	if d.err == nil && f != nil {
		d.value, d.err = f(d.value)
	}
}

func (d *Deferred[T]) callErr(f errback[T]) {
	if d.err != nil && f != nil {
		d.handled()
		d.value, d.err = f(d.err)
	}
}
