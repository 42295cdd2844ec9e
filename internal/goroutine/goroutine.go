// Package goroutine finds the stack of a goroutine, for reports.
package goroutine

import (
	"bytes"
	"fmt"
	"runtime"
)

// Stack returns the stack of the goroutine id, or "" if there is none. It stops
// the world for a moment.
func Stack(id int64) string {
	all := make([]byte, 1<<16)
	for {
		n := runtime.Stack(all, true)
		if n < len(all) {
			all = all[:n]
			break
		}
		all = make([]byte, 2*len(all))
	}
	head := fmt.Appendf(nil, "goroutine %d ", id)
	for block := range bytes.SplitSeq(all, []byte("\n\n")) {
		if bytes.HasPrefix(block, head) {
			return string(block)
		}
	}
	return ""
}
