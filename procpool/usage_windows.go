package procpool

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// usageOf is what a process has of memory, and has used of the processors.
type usageOf struct {
	rss int64
	cpu time.Duration
}

// memoryCounters is PROCESS_MEMORY_COUNTERS.
type memoryCounters struct {
	size, pageFaults                   uint32
	peakWorkingSet, workingSet         uintptr
	_, _, _, _, pageFile, peakPageFile uintptr
}

var getProcessMemoryInfo = windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetProcessMemoryInfo")

// usage returns zeros for a process that is gone.
func usage(pid int) (u usageOf) {
	if pid <= 0 {
		return u
	}
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return u
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var begun, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &begun, &ended, &kernel, &user); err == nil {
		u.cpu = ticks(kernel) + ticks(user)
	}
	m := memoryCounters{}
	m.size = uint32(unsafe.Sizeof(m))
	if ok, _, _ := getProcessMemoryInfo.Call(uintptr(h), uintptr(unsafe.Pointer(&m)), uintptr(m.size)); ok != 0 {
		u.rss = int64(m.workingSet)
	}
	return u
}

// ticks are of 100 ns. Filetime.Nanoseconds would take them for a date.
func ticks(f windows.Filetime) time.Duration {
	return time.Duration(int64(f.HighDateTime)<<32|int64(f.LowDateTime)) * 100
}
