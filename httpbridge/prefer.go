package httpbridge

import (
	"strings"
	"time"
)

// preferences are those of RFC 7240 that matter here.
type preferences struct {
	respondAsync bool
	wait         time.Duration // how long the client wants to wait
	hasWait      bool
}

// maxPreferWait is what a wait that is too long to be a Duration becomes.
const maxPreferWait = 1_000_000

// parsePrefer reads Prefer headers. Several lines are the same as one list; the
// first of a name counts; what is unknown or makes no sense is as if it were not
// there, for a preference is never an error.
func parsePrefer(lines []string) (p preferences) {
	seenAsync, seenWait := false, false
	for item := range items(lines) {
		preference, _ := cutItem(item, ';') // no parameters are known
		switch name, value := cutParam(preference); {
		case strings.EqualFold(name, "respond-async") && !seenAsync:
			seenAsync, p.respondAsync = true, value == ""
		case strings.EqualFold(name, "wait") && !seenWait:
			seenWait = true
			if n, ok := parseSeconds(value); ok {
				p.wait, p.hasWait = time.Duration(n)*time.Second, true
			}
		}
	}
	return p
}

func parseSeconds(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = min(n*10+int(s[i]-'0'), maxPreferWait)
	}
	return n, s != ""
}
