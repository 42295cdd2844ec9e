// Package attention is a question that a loop answers without being called: does
// anything wait for its turn? It is asked at each step of a cooperative task, where a
// call by way of an interface would be a third of the cost.
package attention

import "sync/atomic"

// Payer is a loop that has such an answer. of is the loop itself: what embeds it may
// have a mind of its own.
type Payer interface{ Attention() (of any, w Word) }

// Word is a loop's answer, to be read by any goroutine.
type Word struct {
	word *atomic.Uint32
	bits uint32
}

// Of returns the answer of a loop that sets any of bits in word, which it alone
// writes, while something waits.
func Of(word *atomic.Uint32, bits uint32) Word { return Word{word, bits} }

// Unknown is the answer of a loop that has to be called.
func Unknown() Word { return Of(&unknown, 1) }

var unknown atomic.Uint32

func init() { unknown.Store(1) }

// Clear reports that nothing waits. It is one atomic load.
func (w Word) Clear() bool { return w.word.Load()&w.bits == 0 }
