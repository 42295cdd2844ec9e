package threadpool_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trestle-go/trestle/threadpool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon = 20 * time.Second // longer than any machine needs

var errBoom = errors.New("boom")

func newPool(t testing.TB, cfg threadpool.Config) *threadpool.Pool {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p, err := threadpool.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return p
}

func one(context.Context) (int, error) { return 1, nil }

func explode(context.Context) (int, error) { panic(errBoom) }

// hold submits n jobs that run until release is called, and waits until running
// of them do.
func hold(t *testing.T, p *threadpool.Pool, n, running int) (release func()) {
	t.Helper()
	c, begun := make(chan struct{}), make(chan struct{}, n)
	for range n {
		if err := p.CallInThread(context.Background(), func(context.Context) {
			begun <- struct{}{}
			<-c
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range running {
		<-begun
	}
	return sync.OnceFunc(func() { close(c) })
}

type key struct{}
