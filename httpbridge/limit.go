package httpbridge

import (
	"net/http"
	"net/netip"
	"sync"
)

// ClientLimit bounds how much a single client may have going at once. Handlers
// share the limit by sharing a pointer to it. The zero value is ready; it must not
// be copied after first use.
//
// A request counts until the work it started has really ended, also when the
// client stopped waiting for it long before.
type ClientLimit struct {
	// Max is how many requests of one client may be in progress. Zero: 16.
	Max int
	// Key tells clients apart, for instance by their session. A client whose key
	// is empty is not limited. Zero: by the address of the connection, an IPv6
	// network of 64 bits being one client. Behind a proxy that is the proxy's.
	Key func(*http.Request) string

	once  sync.Once
	seats seats
}

const defaultClientMax = 16

// enter counts r; leave, which may be nil, is to be called once r is over.
func (l *ClientLimit) enter(r *http.Request) (leave func(), err error) {
	if l == nil {
		return nil, nil
	}
	key := l.key(r)
	if key == "" {
		return nil, nil
	}
	l.once.Do(func() {
		if l.seats.mostPerOwner = l.Max; l.Max <= 0 {
			l.seats.mostPerOwner = defaultClientMax
		}
	})
	leave, full := l.seats.take(key)
	if full != nil {
		return nil, ErrClientLimit
	}
	return leave, nil
}

func (l *ClientLimit) key(r *http.Request) string {
	if l.Key != nil {
		return l.Key(r)
	}
	return clientAddress(r)
}

// clientAddress is the address that r comes from. All of an IPv6 network of 64
// bits counts as one, because a client has one to itself.
func clientAddress(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.String()
		}
	}
	return addr.String()
}
