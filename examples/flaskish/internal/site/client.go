package site

import (
	"net"
	"net/http"
)

// Client tells clients apart to limit what each of them may do: by their session,
// or their address if they have none.
func Client(r *http.Request) string {
	if owner := Owner(r); owner != "" {
		return owner
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
