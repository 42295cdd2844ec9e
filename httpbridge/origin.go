package httpbridge

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// allowOrigin reports whether the page that makes the browser send r, if it is
// one, may read the response. A browser sends cookies with an EventSource of any
// page, and http.CrossOriginProtection lets every GET through.
func allowOrigin(w http.ResponseWriter, r *http.Request, others []string) bool {
	w.Header().Add("Vary", "Origin")
	w.Header().Add("Vary", "Sec-Fetch-Site")
	origin := r.Header.Get("Origin")
	if origin != "" && slices.Contains(others, origin) {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none": // none: the visitor typed the address
		return true
	case "":
		// An old browser, or none.
	default:
		return false
	}
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}
