package httpbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

// Client makes HTTP requests in the background and returns eventual results.
// Everything about them has a bound: the time, the size of responses, how many go
// to one host at once, how often one is tried. Requests that may be repeated are,
// when the network or the server fails them.
//
// The zero value is ready. The fields are set before first use and not changed
// after. A Client must not be copied; its methods may be called by any goroutine.
type Client struct {
	// Timeout is how long a request may take, with all of its tries and the waits
	// for its turn and in between. Zero: 30 s.
	Timeout time.Duration
	// TryTimeout is how long one try may take, from its turn to the end of the body.
	// Zero: 10 s.
	TryTimeout time.Duration
	// MaxPerHost is how many requests to one host are made at once; others wait for
	// their turn. Redirects count for the host that they lead to. Zero: 16.
	MaxPerHost int
	// MaxWaiting is how many requests to one host wait for their turn; more fail
	// with ErrClientBusy. Zero: 1,000.
	MaxWaiting int
	// MaxBody is how many bytes the body of a response may have, unpacked. Zero:
	// 10 MiB.
	MaxBody int64
	// Retries is how often a request is tried again that may be: GET, HEAD, OPTIONS,
	// PUT, DELETE and those with a header Idempotency-Key, if the body, when there
	// is one, can be had again (http.NewRequest sees to that for what is in memory);
	// any other only if no connection could be made. Zero: 2. Negative: never.
	Retries int
	// RetryDelay is the time before the first retry. It doubles with each, up to
	// 10 s, and up to a half of it is left out at random. A server that asks for more,
	// by Retry-After, gets it, or no retry if the time is not enough. Zero: 250 ms.
	RetryDelay time.Duration
	// Transport makes the requests; a test's may be a function. Zero: one of its
	// own that is like http.DefaultTransport.
	Transport http.RoundTripper

	once sync.Once
	cfg  clientConfig // made once
}

// clientConfig is a Client with its defaults. It is immutable.
type clientConfig struct {
	timeout, tryTimeout, retryDelay time.Duration
	maxBody                         int64
	retries                         int
	http                            *http.Client
}

const (
	defaultClientTimeout = 30 * time.Second
	defaultTryTimeout    = 10 * time.Second
	defaultMaxPerHost    = 16
	defaultMaxPerHostGo  = 1_000
	defaultMaxBody       = 10 << 20
	defaultRetries       = 2
	defaultRetryDelay    = 250 * time.Millisecond
	maxRetryDelay        = 10 * time.Second
	maxRedirects         = 10
	maxResponseHeader    = 256 << 10
)

var (
	// ErrClientBusy says that as many requests wait for their turn at one host as a
	// [Client] allows.
	ErrClientBusy = errors.New("too many requests to this host wait for their turn")
	// ErrBodyTooLarge says that a response has more than Client.MaxBody bytes.
	ErrBodyTooLarge = errors.New("the body of the response is too large")

	errTryTimeout    = fmt.Errorf("no response in time: %w", context.DeadlineExceeded)
	errClientTimeout = fmt.Errorf("no success in time: %w", context.DeadlineExceeded)
	errRedirects     = fmt.Errorf("more than %d redirects", maxRedirects)
)

// Response is a response with its body, which was read to the end.
type Response struct {
	StatusCode int
	Header     http.Header
	Body       []byte
	URL        *url.URL // that answered, after redirects
	Tries      int      // how often the request was made

	method, address string // of the request; for errors
}

// Do makes the request req and returns at once. The result is the response,
// whatever its status; what goes wrong is an [*UpstreamError], unless ctx ended or
// the result was cancelled, which end the request. The ctx of req is not used.
// Nothing else may use req's body until the result is there.
func (c *Client) Do(ctx context.Context, req *http.Request) *eventual.Result[*Response] {
	switch {
	case c == nil:
		return eventual.Failed[*Response](configError("client: nil *Client"))
	case ctx == nil:
		return eventual.Failed[*Response](configError("client: nil ctx"))
	case req == nil || req.URL == nil:
		return eventual.Failed[*Response](configError("client: nil request"))
	case req.URL.Scheme != "http" && req.URL.Scheme != "https" || req.URL.Host == "":
		return eventual.Failed[*Response](configError("client: address %q is not an http:// or https:// one", shownURL(req.URL)))
	case req.RequestURI != "":
		return eventual.Failed[*Response](configError("client: the request is one that a server got: make a new one"))
	}
	c.once.Do(c.init)
	req = req.Clone(ctx) // the caller's may change from now on
	return eventual.Go(ctx, func(ctx context.Context) (*Response, error) { return c.cfg.do(ctx, req) })
}

// GetJSON gets url with c and decodes the body of the response. A status that is
// not 2xx, and a body that is not one JSON value that fits T, are an
// [*UpstreamError].
func GetJSON[T any](ctx context.Context, c *Client, url string) *eventual.Result[T] {
	req, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return eventual.Failed[T](configError("client: %w", withoutURL(err)))
	}
	req.Header.Set("Accept", "application/json")
	return eventual.Then(c.Do(ctx, req), DecodeJSON[T])
}

// DecodeJSON decodes the body of a response as [GetJSON] does. It is made for
// eventual.Then:
//
//	res := eventual.Then(client.Do(ctx, req), httpbridge.DecodeJSON[Order])
func DecodeJSON[T any](resp *Response) (v T, err error) {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return v, resp.fail(nil)
	}
	if err := json.Unmarshal(resp.Body, &v); err != nil {
		var zero T
		return zero, resp.fail(fmt.Errorf("decoding the body as a %T: %w", v, err))
	}
	return v, nil
}

// CloseIdleConnections closes connections that are kept for requests to come.
func (c *Client) CloseIdleConnections() {
	c.once.Do(c.init)
	c.cfg.http.CloseIdleConnections()
}

func (c *Client) init() {
	perHost := orDefault(c.MaxPerHost, defaultMaxPerHost)
	transport := c.Transport
	if transport == nil {
		transport = newTransport(perHost)
	}
	c.cfg = clientConfig{
		timeout:    orDefault(c.Timeout, defaultClientTimeout),
		tryTimeout: orDefault(c.TryTimeout, defaultTryTimeout),
		retryDelay: orDefault(c.RetryDelay, defaultRetryDelay),
		maxBody:    orDefault(c.MaxBody, defaultMaxBody),
		retries:    c.Retries,
		http: &http.Client{
			Transport: &turnstile{next: transport, perHost: perHost, maxWaiting: orDefault(c.MaxWaiting, defaultMaxPerHostGo)},
			CheckRedirect: func(_ *http.Request, via []*http.Request) error {
				if len(via) > maxRedirects {
					return errRedirects
				}
				return nil
			},
		},
	}
	if c.Retries == 0 {
		c.cfg.retries = defaultRetries
	}
}

func orDefault[N int | int64 | time.Duration](n, zero N) N {
	if n <= 0 {
		return zero
	}
	return n
}

func newTransport(perHost int) *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if ok {
		t = t.Clone()
	} else {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: 90 * time.Second}
	}
	t.MaxIdleConnsPerHost = perHost
	t.MaxResponseHeaderBytes = maxResponseHeader
	return t
}

// try makes one try.
func (c *clientConfig) try(ctx context.Context, req *http.Request, n int) (*Response, error) {
	ctx, t := newTry(ctx, c.tryTimeout)
	defer t.end()
	req = req.WithContext(ctx)
	if n > 1 && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("getting the body of the request again: %w", err)
		}
		req.Body = body
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, t.why(ctx, withoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }() // what it says was said by Read
	body, err := c.readBody(resp)
	if err != nil {
		return nil, t.why(ctx, err)
	}
	return &Response{
		StatusCode: resp.StatusCode, Header: resp.Header, Body: body,
		URL: resp.Request.URL, Tries: n, method: req.Method, address: shownURL(req.URL),
	}, nil
}

func (c *clientConfig) readBody(resp *http.Response) ([]byte, error) {
	tooLarge := fmt.Errorf("%w: more than %d bytes", ErrBodyTooLarge, c.maxBody)
	if resp.ContentLength > c.maxBody && resp.Request.Method != http.MethodHead {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the body of the response: %w", err)
	case int64(len(body)) > c.maxBody:
		return nil, tooLarge
	}
	return body, nil
}
