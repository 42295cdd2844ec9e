// Package futex has a thread sleep in the kernel until a word in memory changes, which
// one system call does, without the runtime's part in waking a goroutine. The thread
// counts as one in a system call: the runtime goes on without it, after a while. It is
// there on Linux.
package futex
