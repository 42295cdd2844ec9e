//go:build !linux

package procpool

import "errors"

// memory is what Linux has for large payloads; elsewhere they go through the
// socket.
type memory struct{ size int }

type (
	memories struct{}
	mappings struct{}
)

var errNoMemory = errors.New("no shared memory on this system")

func newMemory(*memories, []byte) (*memory, error)             { return nil, errNoMemory }
func adoptMemory(*mappings, int, uint64, int) (*memory, error) { return nil, errNoMemory }
func (*memory) bytes() ([]byte, error)                         { return nil, errNoMemory }
func (*memory) fd() int                                        { return -1 }
func (m *memory) share() *memory                               { return m }
func (*memory) close()                                         {}
func (*memories) close()                                       {}
func (*mappings) giveUp()                                      {}
func closeFD(int)                                              {}
