//go:build !linux

package procpool

import (
	"errors"
	"time"
)

const (
	hasTray  = false
	trayRoom = 0
)

// tray is there on Linux only. Elsewhere each result is written by itself.
type tray struct{}

func newTray() (*tray, *memory, error) { return nil, nil, errors.ErrUnsupported }
func adoptTray(int) (*tray, error)     { return nil, errors.ErrUnsupported }
func (*tray) put([]byte) bool          { return false }
func (*tray) written(uint64)           {}
func (*tray) rest(uint64, []byte) int  { return 0 }
func (*tray) use()                     {}
func (*tray) close()                   {}

func (*tray) watch() bool                            { return false }
func (*tray) unwatch() bool                          { return false }
func (*tray) sleep(time.Duration)                    {}
func (*tray) lend([]byte) bool                       { return false }
func (*tray) endLoan() bool                          { return false }
func (*tray) take(_ uint64, b []byte) []byte         { return b }
func (*tray) hand([]byte, uint64) bool               { return false }
func (*tray) sentUpTo(uint64)                        {}
func (*tray) look([]byte, uint64, time.Duration) int { return 0 }
