package procpool

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// usageOf is what a process has of memory, and has used of the processors.
type usageOf struct {
	rss int64
	cpu time.Duration
}

// ticks is USER_HZ, in which the kernel counts for user space on every Linux.
const ticks = 100

// usage returns zeros for a process that is gone.
func usage(pid int) (u usageOf) {
	if pid <= 0 {
		return u
	}
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return u
	}
	// The second field is the name in parentheses, and may hold anything.
	at := bytes.LastIndexByte(data, ')')
	fields := bytes.Fields(data[at+1:])
	const utime, stime, rss = 11, 12, 21 // counted from the third field
	if at < 0 || len(fields) <= rss {
		return u
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(string(fields[i]), 10, 64)
		return n
	}
	u.cpu = time.Duration(number(utime)+number(stime)) * (time.Second / ticks)
	u.rss = number(rss) * int64(os.Getpagesize())
	return u
}
