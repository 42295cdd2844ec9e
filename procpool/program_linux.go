package procpool

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ownProgram names the file that this process was started from, also when another
// one has taken its place or its name is gone.
func ownProgram() (string, error) { return "/proc/self/exe", nil }

func fileIdentity(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return ""
	}
	return fmt.Sprintf("%d:%d:%d:%d.%09d", st.Dev, st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec)
}
