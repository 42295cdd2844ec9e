package httpbridge

import (
	"iter"
	"strings"
)

// maxItems is how many items of a list header are looked at. A header that
// repeats itself a hundred thousand times costs no more than that.
const maxItems = 64

const blanks = " \t"

// items yields the items of a list header (RFC 9110, 5.6.1), which may be spread
// over several lines. Empty items are none.
func items(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		left := maxItems
		for _, rest := range lines {
			for rest != "" {
				if left--; left < 0 {
					return
				}
				var item string
				item, rest = cutItem(rest, ',')
				if item = strings.Trim(item, blanks); item != "" && !yield(item) {
					return
				}
			}
		}
	}
}

// cutItem cuts s at the first sep that does not stand in a quoted string.
func cutItem(s string, sep byte) (item, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// cutParam cuts "name = value" into its parts; a quoted value loses its quotes.
func cutParam(s string) (name, value string) {
	name, value, _ = strings.Cut(s, "=")
	name, value = strings.Trim(name, blanks), strings.Trim(value, blanks)
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	return name, value
}
