package examples_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

// waitForFile looks for a file now and then, and gives its size once it is there.
func waitForFile(ctx context.Context, r *reactor.Reactor, name string) *eventual.Result[int64] {
	return reactor.Inline(ctx, r, func(co *reactor.Co) (int64, error) {
		for {
			info, err := os.Stat(name)
			if !errors.Is(err, fs.ErrNotExist) {
				if err != nil {
					return 0, err
				}
				return info.Size(), nil
			}
			if err := co.Sleep(5 * time.Millisecond); err != nil {
				return 0, err
			}
		}
	})
}

func Example_waitForFile() {
	ctx := context.Background()
	r := reactor.New(reactor.Config{Name: "files"})
	r.Start()
	defer r.Stop(ctx)
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "report")

	size := waitForFile(ctx, r, name)
	_, err = size.Wait(20 * time.Millisecond)
	fmt.Println("not yet:", errors.Is(err, eventual.ErrTimeout)) // and it goes on looking

	// A rename makes the file appear with all that is in it.
	if err := os.WriteFile(name+".new", []byte("hello"), 0o600); err != nil {
		panic(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		panic(err)
	}
	fmt.Println(size.Wait(time.Second))

	// To look for no longer than that is a matter of the ctx.
	bounded, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	_, err = waitForFile(bounded, r, name+".never").Wait(time.Second)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// not yet: true
	// 5 <nil>
	// true
}
