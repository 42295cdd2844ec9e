package httpbridge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/trestle-go/trestle/httpbridge"
)

const halfABody = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello"

// A handler may begin its response before the body is there, and the client sees it.
func TestMiddleware_H08_AResponseBeforeTheBodyIsThere(t *testing.T) {
	for name, readAhead := range map[string]int{"default": 0, "none": -1, "all that is there": 5} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			url := serve(t, pooled(t, 1, httpbridge.PoolConfig{Timeout: patience, ReadAhead: readAhead, Logger: quiet}, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadFull(r.Body, make([]byte, 5))
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, "this will ")
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(20 * time.Millisecond): // nothing tells that it goes on
				}
				ended <- context.Cause(r.Context())
				fmt.Fprint(w, "not do")
			}))
			conn := dial(t, url, halfABody)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if text := body(t, resp); resp.StatusCode != 400 || text != "this will not do" || !resp.Close {
				t.Errorf("%d %q, closed after it: %v", resp.StatusCode, text, resp.Close)
			}
			if err := <-ended; err != nil {
				t.Errorf("the handler's ctx: %v", err)
			}
		})
	}
}

// A handler that is stuck in a read of the body does not hold the end of its request
// up, whether it has begun to write or not.
func TestMiddleware_H02_DeadlineOfOneWhoReads(t *testing.T) {
	for name, readAhead := range map[string]int{"default": 0, "none": -1, "all that is there": 5} {
		for _, begun := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, begun %v", name, begun), func(t *testing.T) {
				read := make(chan error, 1)
				url := serve(t, pooled(t, 1, httpbridge.PoolConfig{Timeout: 200 * time.Millisecond, ReadAhead: readAhead, Logger: quiet}, func(w http.ResponseWriter, r *http.Request) {
					if begun {
						_ = http.NewResponseController(w).EnableFullDuplex()
						fmt.Fprint(w, "x")
					}
					_, err := io.ReadAll(r.Body)
					read <- err
				}))
				conn := dial(t, url, halfABody)
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err == nil && resp.StatusCode == http.StatusServiceUnavailable {
					return // it did not have its turn in time
				}
				if begun {
					if err == nil {
						_, err = io.Copy(io.Discard, resp.Body)
					}
					if err == nil {
						t.Error("a good end")
					}
				} else if err != nil || resp.StatusCode != http.StatusGatewayTimeout {
					t.Fatalf("%v, %v", resp, err)
				}
				if err := <-read; !errors.Is(err, http.ErrBodyReadAfterClose) {
					t.Errorf("the read: %v", err)
				}
			})
		}
	}
}

// What is left of a body is not taken for a request.
func TestMiddleware_H10_WhatFollowsAnUnreadBody(t *testing.T) {
	for _, duplex := range []bool{false, true} {
		paths := make(chan string, 2)
		url := serve(t, pooled(t, 1, httpbridge.PoolConfig{Timeout: patience, Logger: quiet}, func(w http.ResponseWriter, r *http.Request) {
			paths <- r.URL.Path
			if duplex {
				_ = http.NewResponseController(w).EnableFullDuplex()
			}
			fmt.Fprint(w, "done")
			_ = http.NewResponseController(w).Flush()
		}))
		conn := dial(t, url, halfABody)
		in := bufio.NewReader(conn)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text := body(t, resp); text != "done" || !resp.Close {
			t.Errorf("duplex %v: %q, closed after it: %v", duplex, text, resp.Close)
		}
		fmt.Fprint(conn, "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n") // the rest, or so it seems
		if resp, err := http.ReadResponse(in, nil); err == nil {
			t.Errorf("duplex %v: another response: %d", duplex, resp.StatusCode)
		}
		if close(paths); len(paths) != 1 {
			t.Errorf("duplex %v: %d requests", duplex, len(paths))
		}
	}
}

// A body that nobody reads and that is there does not cost the connection.
func TestMiddleware_H10_TheConnectionServesOn(t *testing.T) {
	url := serve(t, pooled(t, 1, httpbridge.PoolConfig{Logger: quiet}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	conn := dial(t, url, "")
	in := bufio.NewReader(conn)
	for i := range 5 {
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhell%d", i)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if text := body(t, resp); resp.StatusCode != 200 || text != fmt.Sprintf("hell%d", i) || resp.Close {
			t.Errorf("%d: %d %q, close %v", i, resp.StatusCode, text, resp.Close)
		}
	}
}
