package eventual

import (
	"context"
	"errors"

	"github.com/trestle-go/trestle/internal/funcname"
)

// Go runs fn on a new goroutine, which ends when fn does. The ctx of fn derives
// from ctx and is cancelled by the result's Cancel.
func Go[T any](ctx context.Context, fn func(context.Context) (T, error)) *Result[T] {
	if ctx == nil || fn == nil {
		return Failed[T](errGoNil)
	}
	if Plain(ctx) {
		g := &plainGoWork[T]{goWork: goWork[T]{fn: fn}}
		g.InitIn(&g.room, nil, nil, g)
		go g.RunIn(&g.room, &g.fn) // ends when fn does
		return g.Result()
	}
	g := &goWork[T]{fn: fn}
	g.Init(ctx, g)
	go g.run() // ends when fn does
	return g.Result()
}

var errGoNil = errors.New("eventual: Go: nil ctx or function")

type goWork[T any] struct {
	Promise[T]
	fn func(context.Context) (T, error)
}

func (g *goWork[T]) run() {
	defer func() { g.fn = nil }() // also when fn ends the goroutine
	g.Run(g.fn)
}

func (g *goWork[T]) Lifetime() *Lifetime { return nil }
func (g *goWork[T]) Func() uintptr       { return funcname.PC(g.fn) }

// plainGoWork is goWork with its ctx in the same allocation, where that keeps nothing
// of the caller's alive.
type plainGoWork[T any] struct {
	goWork[T]
	room Room
}
