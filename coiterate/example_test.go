package coiterate_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trestle-go/trestle/coiterate"
	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

func ExampleCoiterate() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())
	c := coiterate.New(r, coiterate.Config{})
	defer c.Stop()

	sum := 0
	res := coiterate.Coiterate(context.Background(), c, func(yield func(int) bool) {
		for i := range 1000 {
			sum += i // on the reactor: no lock
			if !yield(i) {
				return
			}
		}
	})
	_, err := res.Wait(time.Second)
	fmt.Println(sum, err)
	// Output: 499500 <nil>
}

// Hashing a large file on a reactor, in slices, while a ticker on the same reactor
// keeps ticking. Nothing here needs a lock: all of it runs on the reactor.
func Example_hashFile() {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("coiterate-example-%d", os.Getpid()))
	if err := os.WriteFile(name, bytes.Repeat([]byte("0123456789abcdef"), 4<<20), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(name)

	r := reactor.New(reactor.Config{Name: "main"})
	r.Start()
	defer r.Stop(context.Background())
	c := coiterate.New(r, coiterate.Config{})
	defer c.Stop()

	ticks := 0
	ticker := reactor.NewLoopingCall(r, func(*reactor.Tick) error { ticks++; return nil }, reactor.LoopOptions{})
	ticker.Start(context.Background(), time.Millisecond, false)
	defer ticker.Stop()

	sum, err := coiterate.Run(context.Background(), c, func(y *coiterate.Yielder) (string, error) {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		hash, done := sha256.New(), int64(0)
		for chunk, err := range coiterate.Chunks(y, f, 0) {
			if err != nil {
				return "", err
			}
			hash.Write(chunk)
			done += int64(len(chunk))
			y.Progress(done, 64<<20)
		}
		return fmt.Sprintf("%d bytes, %x..., ticked meanwhile: %v", done, hash.Sum(nil)[:4], ticks > 2), nil
	}).Wait(time.Minute)
	fmt.Println(sum, err)
	// Output: 67108864 bytes, 42ef3a50..., ticked meanwhile: true <nil>
}

func ExampleLines() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())
	c := coiterate.New(r, coiterate.Config{})
	defer c.Stop()

	words := coiterate.Run(context.Background(), c, func(y *coiterate.Yielder) (n int, err error) {
		for line, err := range coiterate.Lines(y, strings.NewReader("to be or not\nto be\n")) {
			if err != nil {
				return n, err
			}
			n += len(strings.Fields(line))
		}
		return n, nil
	})
	fmt.Println(words.Wait(time.Second))
	// Output: 6 <nil>
}

func ExampleEach() {
	r := reactor.New(reactor.Config{Name: "example"})
	r.Start()
	defer r.Stop(context.Background())
	c := coiterate.New(r, coiterate.Config{})
	defer c.Stop()

	check := func(n int) error {
		if n > 2 {
			return errors.New("too much")
		}
		return nil
	}
	task := coiterate.Cooperate(context.Background(), c, coiterate.Each(slices.Values([]int{1, 2, 3}), check))
	_, err := task.WhenDone().Wait(time.Second)
	fmt.Println(err, errors.Is(task.Stop(), coiterate.ErrTaskFailed))
	// Output: too much true
}

func ExampleCooperator_With() {
	r := reactor.New(reactor.Config{Name: "example"}) // not yet started: all tasks begin together
	c := coiterate.New(r, coiterate.Config{StepsPerTurn: 1})
	task := func(name string, weight int) *eventual.Result[struct{}] {
		steps := coiterate.Each(slices.Values([]int{1, 2, 3, 4}), func(int) error { fmt.Print(name, " "); return nil })
		return coiterate.Cooperate(context.Background(), c.With(coiterate.TaskConfig{Weight: weight}), steps).WhenDone()
	}
	both := eventual.All(task("a", 1), task("B", 3))
	r.Start()
	defer r.Stop(context.Background())
	_, err := both.Wait(time.Second)
	fmt.Println(err)
	// Output: a B B B a B a a <nil>
}
