package eventual

import "log/slog"

// contain calls a user's function that has nobody to return an error to. Its
// panic is reported and goes no further.
func contain(f func()) {
	defer func() {
		if v := recover(); v != nil {
			slog.Error("eventual: callback panicked", "panic", Recovered(v))
		}
	}()
	f()
}
