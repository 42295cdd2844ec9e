package site

import (
	"net/http"

	"github.com/trestle-go/trestle/httpbridge"
)

// Policy is the Content-Security-Policy of every response: pages get nothing but
// what this program serves, and no script or style within a page counts.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// WithPolicy sets the headers that protect the pages, and refuses what other sites
// make a visitor's browser send.
func WithPolicy(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(&httpbridge.Problem{Status: http.StatusForbidden, Detail: "The request comes from another site."})
	guarded := protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", Policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		guarded.ServeHTTP(w, r)
	})
}
