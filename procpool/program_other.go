//go:build !linux

package procpool

import (
	"fmt"
	"os"
)

func ownProgram() (string, error) { return os.Executable() }

func fileIdentity(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", path, info.Size(), info.ModTime().UnixNano())
}
