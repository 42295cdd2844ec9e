package reactor_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon = 20 * time.Second // longer than any machine needs

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// on runs f on r and waits for it.
func on(t *testing.T, r *reactor.Reactor, f func()) {
	t.Helper()
	_, err := reactor.RunInReactor(context.Background(), r, func(context.Context) (struct{}, error) {
		f()
		return struct{}{}, nil
	}).Wait(soon)
	if err != nil {
		t.Fatalf("on the reactor: %v", err)
	}
}

func wait[T any](t *testing.T, res *eventual.Result[T]) T {
	t.Helper()
	v, err := res.Wait(soon)
	if err != nil {
		t.Fatalf("Wait: %v", err)
	}
	return v
}
