package httpbridge

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// try is one try of a request. Its time begins with its turn.
type try struct {
	timeout time.Duration
	cancel  context.CancelCauseFunc

	mu    sync.Mutex  // guards timer; nothing is called under it
	timer *time.Timer // nil before its turn
}

type tryKey struct{}

func newTry(ctx context.Context, timeout time.Duration) (context.Context, *try) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := &try{timeout: timeout, cancel: cancel}
	return context.WithValue(ctx, tryKey{}, t), t
}

// begin starts the clock, once: a redirect is part of the same try.
func (t *try) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timer == nil {
		t.timer = time.AfterFunc(t.timeout, func() { t.cancel(errTryTimeout) })
	}
}

func (t *try) end() {
	t.mu.Lock()
	if t.timer != nil {
		t.timer.Stop()
	}
	t.mu.Unlock()
	t.cancel(context.Canceled)
}

// why is the reason for err: that the ctx of the try ended, if it did.
func (t *try) why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// turnstile lets so many requests through to one host at once. A turn lasts until
// the body of the response was closed.
type turnstile struct {
	next       http.RoundTripper
	perHost    int
	maxWaiting int

	mu    sync.Mutex // guards hosts and the counts in it; nothing blocks under it
	hosts map[string]*hostTurns
}

// hostTurns is there as long as somebody has a turn or waits for one.
type hostTurns struct {
	turns chan struct{} // holds one for each who has a turn; who waits for room in it is served in order
	users int           // who have one or wait
}

// RoundTrip waits for a turn and makes the request.
func (t *turnstile) RoundTrip(req *http.Request) (*http.Response, error) {
	leave, err := t.enter(req.Context(), req.URL.Scheme+"://"+req.URL.Host)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper must
		}
		return nil, err
	}
	if try, ok := req.Context().Value(tryKey{}).(*try); ok {
		try.begin()
	}
	var resp *http.Response
	defer func() { // also if the transport panics
		if resp == nil || resp.Body == nil {
			leave()
			return
		}
		resp.Body = &turnBody{ReadCloser: resp.Body, leave: leave}
	}()
	resp, err = t.next.RoundTrip(req)
	return resp, err
}

// CloseIdleConnections is for http.Client.
func (t *turnstile) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *turnstile) enter(ctx context.Context, host string) (leave func(), err error) {
	t.mu.Lock()
	h := t.hosts[host]
	if h == nil {
		h = &hostTurns{turns: make(chan struct{}, t.perHost)}
		if t.hosts == nil {
			t.hosts = make(map[string]*hostTurns)
		}
		t.hosts[host] = h
	}
	if h.users >= t.perHost+t.maxWaiting {
		t.mu.Unlock()
		return nil, fmt.Errorf("%w: %d", ErrClientBusy, t.maxWaiting)
	}
	h.users++
	t.mu.Unlock()
	select {
	case h.turns <- struct{}{}:
		return sync.OnceFunc(func() {
			<-h.turns
			t.exit(host, h)
		}), nil
	case <-ctx.Done():
		t.exit(host, h)
		return nil, context.Cause(ctx)
	}
}

func (t *turnstile) exit(host string, h *hostTurns) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(t.hosts, host)
	}
}

// turnBody gives the turn back when it is closed.
type turnBody struct {
	io.ReadCloser
	leave func()
}

// Close closes the body and gives the turn back.
func (b *turnBody) Close() error {
	defer b.leave()
	return b.ReadCloser.Close()
}
