package howto_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/trestle-go/trestle/reactor"
	"github.com/trestle-go/trestle/threadpool"
)

// lookItUp blocks, and was called on the reactor by mistake.
func lookItUp() { time.Sleep(500 * time.Millisecond) }

// logLines is where the log goes, a line at a time.
type logLines chan string

func (l logLines) Write(p []byte) (int, error) { l <- string(p); return len(p), nil }

func Example_stalls() {
	ctx := context.Background()
	logged := make(logLines, 10)
	logger := slog.New(slog.NewTextHandler(logged, nil))

	// A reactor names the callback that holds it, while it still does.
	r := reactor.New(reactor.Config{Name: "main", StallThreshold: 20 * time.Millisecond, Logger: logger})
	r.Start()
	_, err := reactor.BlockingCallFromThread(ctx, r, func(context.Context) (struct{}, error) {
		lookItUp()
		return struct{}{}, nil
	})
	if err != nil {
		fmt.Println(err)
	}
	stats := r.Stats()
	fmt.Println("stalls:", stats.Stalls > 0)
	_ = r.Stop(ctx)

	// A pool names a job that runs longer than it should.
	pool, err := threadpool.New(threadpool.Config{Name: "db", SlowJob: 20 * time.Millisecond, Logger: logger})
	if err != nil {
		panic(err)
	}
	if err := pool.CallInThread(ctx, func(context.Context) { lookItUp() }); err != nil {
		fmt.Println(err)
	}
	_ = pool.Stop(ctx)
	fmt.Println("slow jobs:", pool.Stats().Slow)

	// Each warning has the stack, so it says who it was.
	for range 2 {
		fmt.Println("named:", strings.Contains(<-logged, ".lookItUp("))
	}
	// Output:
	// stalls: true
	// slow jobs: 1
	// named: true
	// named: true
}
