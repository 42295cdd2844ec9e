package site

import (
	"context"
	"crypto/rand"
	"net/http"
	"regexp"
)

const cookieName = "flaskish"

// tokenForm is the form of rand.Text, with room for a longer one.
var tokenForm = regexp.MustCompile(`^[A-Z2-7]{26,64}$`)

type sessionKey struct{}

// Owner returns who sent r, by an unguessable cookie that says nothing about them:
// what they started is theirs. It is "" for a client without one, such as curl.
func Owner(r *http.Request) string {
	if v, ok := r.Context().Value(sessionKey{}).(string); ok {
		return v
	}
	if c, err := r.Cookie(cookieName); err == nil && tokenForm.MatchString(c.Value) {
		return c.Value
	}
	return ""
}

// WithSession gives a visitor of the page behind next a cookie if they have none.
func WithSession(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if Owner(r) == "" {
			token := rand.Text()
			http.SetCookie(w, &http.Cookie{
				Name: cookieName, Value: token, Path: "/", HttpOnly: true,
				SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
			})
			r = r.WithContext(context.WithValue(r.Context(), sessionKey{}, token))
		}
		next.ServeHTTP(w, r)
	})
}
