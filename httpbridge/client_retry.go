package httpbridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// do tries until there is something to return.
func (c *clientConfig) do(ctx context.Context, req *http.Request) (*Response, error) {
	if req.Method == "" {
		req.Method = http.MethodGet
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errClientTimeout)
	defer cancel()
	for n := 1; ; n++ {
		resp, err := c.try(ctx, req, n)
		if ctx.Err() == nil && n <= c.retries && mayRepeat(req, err) && shouldRepeat(resp, err) {
			if delay, ok := c.delay(ctx, n, resp); ok && sleep(ctx, delay) {
				continue
			}
		}
		switch {
		case err == nil:
			return resp, nil
		case ctx.Err() == nil:
			return nil, &UpstreamError{Method: req.Method, URL: shownURL(req.URL), Tries: n, Err: err}
		case context.Cause(ctx) == errClientTimeout: //nolint:errorlint // our own and no other's
			if !errors.Is(err, errClientTimeout) {
				err = fmt.Errorf("%w; the last try: %w", errClientTimeout, err)
			}
			return nil, &UpstreamError{Method: req.Method, URL: shownURL(req.URL), Tries: n, Err: err}
		}
		return nil, fmt.Errorf("httpbridge client: %s %s: %w", req.Method, shownURL(req.URL), context.Cause(ctx))
	}
}

// mayRepeat reports whether req may be made again although the server may have
// acted on it, or certainly has not.
func mayRepeat(req *http.Request, err error) bool {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false
	}
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	if _, ok := req.Header["Idempotency-Key"]; ok {
		return true
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// shouldRepeat reports whether another try may go better.
func shouldRepeat(resp *Response, err error) bool {
	if err == nil {
		switch resp.StatusCode {
		case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	for _, final := range []error{ErrClientBusy, ErrBodyTooLarge, errRedirects} {
		if errors.Is(err, final) {
			return false
		}
	}
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	case errors.As(err, &certificate):
		return false
	case errors.As(err, &name):
		return !name.IsNotFound
	}
	return true
}

// delay is how long to wait before the next try, after n. It reports false if that
// would be too late.
func (c *clientConfig) delay(ctx context.Context, n int, resp *Response) (d time.Duration, ok bool) {
	d = maxRetryDelay
	if n < 16 {
		d = min(c.retryDelay<<(n-1), maxRetryDelay)
	}
	d -= rand.N(d/2 + 1)
	if resp != nil {
		d = max(d, parseRetryAfter(resp.Header.Get("Retry-After"), time.Now()))
	}
	deadline, _ := ctx.Deadline() // it has one: the Timeout
	return d, time.Until(deadline) > d
}

// parseRetryAfter reads seconds or a date. What is neither is 0.
func parseRetryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// sleep reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
