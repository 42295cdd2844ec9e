package eventual

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// PanicError is the error that a panic in a user's function becomes, in every
// package of Trestle alike.
type PanicError struct {
	Value any    // what was given to panic
	Stack []byte // of the goroutine that panicked, the panicking function first
}

// Error returns the panic's value without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the panic's value when it is an error, so that errors.Is and
// errors.As reach it.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// LogValue makes slog print the value and the stack.
func (e *PanicError) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("value", e.Value), slog.String("stack", string(e.Stack)))
}

// Recovered turns what recover returned into a [PanicError] and tells the hooks
// of [OnPanic]. It is for packages that run other people's functions: call it in
// the deferred function that recovered, where the panicking frames are still on
// the stack.
func Recovered(value any) *PanicError {
	e := &PanicError{Value: value, Stack: panicStack(debug.Stack())}
	if hook := onPanic.current(); hook != nil {
		callPanicHook(hook, e)
	}
	return e
}

// OnPanic has f called with every panic that Trestle contains, on the goroutine
// that panicked and before the result completes, until restore is called. It is
// for programs that would rather crash than collect panics: when f panics, the
// program ends with that panic. It must return or panic, not end its goroutine.
// The newest hook is the one called.
func OnPanic(f func(*PanicError)) (restore func()) { return onPanic.set(f) }

var onPanic hooks[*PanicError]

// callPanicHook lets a panic of the hook end the program, whatever recovers
// stand between here and the goroutine's start: it goes up on a goroutine that
// has none. That goroutine ends with the process.
func callPanicHook(hook func(*PanicError), e *PanicError) {
	defer func() {
		if v := recover(); v != nil {
			go func() { panic(v) }()
			select {}
		}
	}()
	hook(e)
}

// panicStack drops the frames above the one that panicked: the deferred
// functions and the runtime's own. The first line, naming the goroutine, stays.
func panicStack(stack []byte) []byte {
	head, rest, ok := bytes.Cut(stack, []byte("\n"))
	if !ok {
		return stack
	}
	at := bytes.Index(rest, []byte("\npanic("))
	if at < 0 {
		return stack
	}
	frames := rest[at+1:]
	for range 2 { // "panic({...})" and the line that says where it stands
		_, tail, ok := bytes.Cut(frames, []byte("\n"))
		if !ok {
			return stack
		}
		frames = tail
	}
	return bytes.Join([][]byte{head, frames}, []byte("\n"))
}

// hooks is a stack of process-wide hooks of which the newest is in force.
type hooks[T any] struct {
	top atomic.Pointer[hook[T]]
	mu  sync.Mutex // guards all; nothing is called under it
	all []*hook[T]
}

type hook[T any] struct{ f func(T) }

func (h *hooks[T]) current() func(T) {
	if top := h.top.Load(); top != nil {
		return top.f
	}
	return nil
}

func (h *hooks[T]) set(f func(T)) (restore func()) {
	entry := &hook[T]{f}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, entry)
	h.top.Store(entry)
	return func() { h.remove(entry) }
}

func (h *hooks[T]) remove(entry *hook[T]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, e := range h.all {
		if e == entry {
			h.all = append(h.all[:i], h.all[i+1:]...)
			break
		}
	}
	var top *hook[T]
	if n := len(h.all); n > 0 {
		top = h.all[n-1]
	}
	h.top.Store(top)
}
