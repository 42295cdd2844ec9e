package procpool

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/frame"
	"github.com/trestle-go/trestle/internal/funcname"
)

// Func is a function that workers have, under a name. Make one with [Register] or
// [Declare], in a package variable, so that this program and its workers have the
// same.
type Func[In, Out any] struct{ f *function }

// Idempotent says that a job of f may be run again, once, when its worker died.
// It returns f.
func (f *Func[In, Out]) Idempotent() *Func[In, Out] {
	f.f.idempotent.Store(true)
	return f
}

// Name returns the name under which f was registered.
func (f *Func[In, Out]) Name() string { return f.f.name }

// function is a Func without its types.
type function struct {
	name       string
	where      string // the call of Register
	pc         uintptr
	idempotent atomic.Bool
	err        error // of the registration; jobs fail with it
	prepare    prepareFunc
}

// prepareFunc decodes the argument of a function; run calls the function.
type prepareFunc func(*codecs, received) (run runFunc, err error)

type runFunc func(context.Context) (payload, error)

// Register has workers run fn under name, and returns what this program hands to
// [DeferToProcess]. It is called before [ServeIfWorker] and the first [New]: in a
// package variable or an init function.
//
// A name that is taken, a registration that comes too late or a type that cannot
// be encoded is an error of New, and of every job of the function.
func Register[In, Out any](name string, fn func(context.Context, In) (Out, error)) *Func[In, Out] {
	f := &function{name: name, where: caller(), pc: funcname.PC(fn), prepare: untyped(fn, encodeSame[Out])}
	if fn == nil {
		f.err = errors.New("nil function; Declare is for functions of other programs")
	} else {
		f.err = crosses[In, Out](name)
	}
	registry.add(f)
	return &Func[In, Out]{f}
}

// Declare returns a function that only workers of another program have, those of a
// pool with Config.Command.
func Declare[In, Out any](name string) *Func[In, Out] {
	f := &function{name: name, where: caller()}
	if err := crosses[In, Out](name); err != nil {
		f.err = fmt.Errorf("procpool: Declare(%.100q) at %s: %w", name, f.where, err)
	}
	return &Func[In, Out]{f}
}

// crosses says what of a function cannot be sent to a worker, if so.
func crosses[In, Out any](name string) error {
	switch {
	case name == "":
		return errors.New("no name")
	case len(name) > frame.MaxName:
		return fmt.Errorf("a name of %d bytes, at most %d can be sent", len(name), frame.MaxName)
	}
	return errors.Join(encodable(reflect.TypeFor[In]()), encodable(reflect.TypeFor[Out]()))
}

// caller is where the function that calls it was called.
func caller() string {
	_, file, line, ok := runtime.Caller(2)
	if !ok {
		return "?"
	}
	return fmt.Sprintf("%s:%d", filepath.Base(file), line)
}

// untyped hides the types of fn, whose result encode makes bytes of.
func untyped[In, Out any](fn func(context.Context, In) (Out, error), encode func(encoder, Out) (payload, error)) prepareFunc {
	return func(c *codecs, r received) (runFunc, error) {
		in, err := contained(func() (In, error) { return decodeSame[In](c.codec, &c.types, r) })
		r.release()
		if err != nil {
			return nil, &edgeError{codeDecode, fmt.Errorf("decoding the argument: %w", err)}
		}
		return func(ctx context.Context) (payload, error) {
			out, err := fn(ctx, in)
			if err != nil {
				return payload{}, err
			}
			p, err := encode(c.encoder, out)
			if err != nil {
				return payload{}, &edgeError{codeEncode, fmt.Errorf("encoding the result: %w", err)}
			}
			return p, nil
		}, nil
	}
}

// codecs is how one end of a connection encodes and decodes.
type codecs struct {
	encoder
	types receivedTypes
}

// registry is the functions of this program.
var registry functions

type functions struct {
	mu     sync.Mutex // guards what follows; held for a look or a change only
	byName map[string]*function
	sealed string // by what; nothing is registered any more
	errs   []error
}

func (r *functions) add(f *function) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := f.err
	if other := r.byName[f.name]; err == nil && other != nil {
		err = fmt.Errorf("the name was taken at %s", other.where)
	}
	if err == nil && r.sealed != "" {
		err = fmt.Errorf("too late: after the first %s; register in a package variable or an init function", r.sealed)
	}
	if err != nil {
		f.err = fmt.Errorf("procpool: Register(%.100q) at %s: %w", f.name, f.where, err)
		r.errs = append(r.errs, f.err)
		return
	}
	if r.byName == nil {
		r.byName = make(map[string]*function)
	}
	r.byName[f.name] = f
}

// seal ends registration, and returns what was wrong with it.
func (r *functions) seal(by string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sealed == "" {
		r.sealed = by
	}
	return errors.Join(r.errs...)
}

func (r *functions) find(name []byte) *function {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byName[string(name)]
}

// protect runs fn as a job, on the calling goroutine, and reports how it ended.
// done is called once; after a Goexit the goroutine ends.
func protect(fn func() (payload, error), done func(payload, error)) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			done(payload{}, eventual.Recovered(v))
			return
		}
		done(payload{}, eventual.ErrGoexit)
	}()
	p, err := fn()
	returned = true
	done(p, err)
}
