package reactor

import (
	"fmt"
	"path/filepath"
	"strings"
)

// submittedIn finds, in the stack of a goroutine, the function that was submitted to
// the reactor, with the place where it stands. It costs the loop nothing, which would
// have to publish each callback otherwise. The functions nearest to the goroutine's
// start are those of the loop or the coroutine; the first other one was handed over.
func submittedIn(stack string) string {
	lines := strings.Split(strings.TrimSpace(stack), "\n")
	for i := len(lines) - 2; i > 0; i -= 2 { // a function and its place, the outermost last
		name, place := lines[i], strings.TrimSpace(lines[i+1])
		if strings.HasPrefix(name, "created by ") {
			continue
		}
		if at := strings.LastIndexByte(name, '('); at > 0 {
			name = name[:at]
		}
		if machinery(name) {
			continue
		}
		place, _, _ = strings.Cut(place, " ") // "file:line +0x1f"
		return fmt.Sprintf("%s (%s)", name, filepath.Base(place))
	}
	return ""
}

// machinery reports whether the function called name stands between a goroutine's
// start and what was submitted.
func machinery(name string) bool {
	for _, pkg := range []string{"github.com/trestle-go/trestle/reactor", "github.com/trestle-go/trestle/eventual", "iter", "runtime"} {
		if strings.HasPrefix(name, pkg+".") {
			return true
		}
	}
	return false
}
