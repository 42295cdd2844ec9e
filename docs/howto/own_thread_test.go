package howto_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/threadpool"
)

// engine stands for a C library that must be opened, used and closed on one and
// the same thread, such as one for graphics or a scanner. Its functions would be
// calls of cgo.
type engine struct{ open bool }

func (e *engine) init() error { e.open = true; return nil }
func (e *engine) quit()       { e.open = false }
func (e *engine) render(scene string) (string, error) {
	if !e.open {
		return "", errors.New("engine is not open")
	}
	return "picture of " + scene, nil
}

func Example_ownThread() {
	ctx := context.Background()
	e := new(engine)
	thread, err := threadpool.New(threadpool.Config{
		Name: "engine",
		Min:  1, Max: 1, // one thread, for as long as the pool lives
		LockOSThread:  true,
		OnThreadStart: e.init, // on the thread, before its first job
		OnThreadStop:  e.quit, // on the thread, after its last
		QueueLimit:    100,
	})
	if err != nil {
		panic(err)
	}
	var pictures []*eventual.Result[string]
	for _, scene := range []string{"the sea", "a forest"} {
		pictures = append(pictures, threadpool.DeferToThread(ctx, thread, func(context.Context) (string, error) {
			return e.render(scene)
		}))
	}
	fmt.Println(eventual.All(pictures...).Wait(time.Second))
	fmt.Println(thread.Stop(ctx), e.open)
	// Output:
	// [picture of the sea picture of a forest] <nil>
	// <nil> false
}
