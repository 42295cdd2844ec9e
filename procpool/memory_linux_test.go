package procpool

import (
	"bytes"
	"math"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// addresses maps size bytes that nobody may touch, and so takes no memory.
func addresses(t *testing.T, size int) []byte {
	t.Helper()
	b, err := unix.Mmap(-1, 0, size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMappings_OldOnesMakeRoom: blocks that the pool has not got any more do not
// keep a worker from mapping those that it has, and none is unmapped while
// somebody reads it.
func TestMappings_OldOnesMakeRoom(t *testing.T) {
	const third = keptBytes / 3 &^ 4095
	s := mappings{byInode: map[uint64]*mapping{}}
	for ino := uint64(1); ino <= 3; ino++ {
		s.byInode[ino] = &mapping{at: addresses(t, third), lastUse: 10 - ino} // 3 is the oldest
		s.bytes += third
	}
	has := func(want ...uint64) {
		t.Helper()
		for _, ino := range want {
			if s.byInode[ino] == nil {
				t.Errorf("block %d is gone", ino)
			}
		}
		if len(s.byInode) != len(want) || s.bytes != len(want)*third {
			t.Errorf("%d blocks of %d bytes, want %d", len(s.byInode), s.bytes, len(want))
		}
	}
	s.byInode[3].readers.Add(1)
	if !s.makeRoomLocked(third) {
		t.Error("no room although two are not read")
	}
	has(1, 3)
	s.byInode[1].readers.Add(1)
	if s.makeRoomLocked(2 * third) {
		t.Error("room although all are read")
	}
	has(1, 3)
	for _, m := range s.byInode {
		m.readers.Add(-1)
	}
	if !s.makeRoomLocked(keptBytes) {
		t.Error("no room although none is read")
	}
	has()
}

// TestMappings_ReadersAreCounted: a block that came in is a reader until it is
// released, and is mapped once.
func TestMappings_ReadersAreCounted(t *testing.T) {
	data := bytes.Repeat([]byte("block "), 100_000)
	out, err := newMemory(nil, data)
	if err != nil {
		t.Fatal(err)
	}
	defer out.close()
	var s mappings
	var in []*memory
	for range 2 {
		fd, err := unix.Dup(out.fd())
		if err != nil {
			t.Fatal(err)
		}
		m, err := adoptMemory(&s, fd, uint64(len(data)), len(data))
		if err != nil || m.seen == nil {
			t.Fatal("not mapped", err)
		}
		if got, err := m.bytes(); err != nil || !bytes.Equal(got, data) {
			t.Fatal("not what was put into it", err)
		}
		in = append(in, m)
	}
	m := in[0].seen
	if in[1].seen != m || m.readers.Load() != 2 {
		t.Errorf("%d readers of one mapping, want 2", m.readers.Load())
	}
	for _, r := range in {
		r.close()
	}
	if n := m.readers.Load(); n != 0 {
		t.Errorf("%d readers after all have gone", n)
	}
	if !s.makeRoomLocked(keptBytes) || len(s.byInode) != 0 {
		t.Error("it stays mapped")
	}
}

func TestReserve_HeldWhileLargeArgumentsCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reserve{limit: 1 << 20}
		held := func() int {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.block)
		}
		for _, step := range []struct{ size, want int }{{1 << 10, 4 << 10}, {1 << 9, 4 << 10}, {1 << 17, 1 << 19}, {1 << 30, 1 << 20}} {
			if r.hold(step.size); held() != step.want {
				t.Errorf("with an argument of %d bytes: %d, want %d", step.size, held(), step.want)
			}
		}
		for range 5 {
			time.Sleep(unusedFor - time.Second)
			if r.hold(1 << 10); held() == 0 {
				t.Error("given up although it is used")
			}
		}
		time.Sleep(2*unusedFor + time.Second)
		if held() != 0 {
			t.Error("held although nothing came")
		}
		if r.hold(1 << 10); held() != 4<<10 {
			t.Error("not held again")
		}
		time.Sleep(2*unusedFor + time.Second) // the timer ends
	})
}

func TestReserve_NoneWhereMemoryIsBounded(t *testing.T) {
	for name, c := range map[string]Config{
		"MaxRSS": {MaxRSS: 1}, "AddressSpace": {Limits: Limits{AddressSpace: 1}}, "Cgroup": {Limits: Limits{Cgroup: "x"}},
	} {
		if c.reserve() != 0 {
			t.Errorf("with %s: %d", name, c.reserve())
		}
	}
	if new(Config).reserve() == 0 {
		t.Error("none without a bound")
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64 - 1))
	r := reserve{limit: 1 << 20}
	if r.hold(1 << 10); r.block != nil {
		t.Error("held although the program has set a limit")
	}
	new(reserve).hold(1 << 10) // a pool that says nothing
}

// TestMemories_GivenUpWhenUnused: what is kept for the next large values is kept
// while there are some.
func TestMemories_GivenUpWhenUnused(t *testing.T) {
	data := make([]byte, shareFrom)
	synctest.Test(t, func(t *testing.T) {
		s := new(memories)
		kept := func() int {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.free)
		}
		pass := func() {
			m, err := newMemory(s, data)
			if err != nil {
				t.Fatal(err)
			}
			m.close()
		}
		for range 5 {
			pass()
			time.Sleep(unusedFor - time.Second)
			if kept() != 1 {
				t.Errorf("%d blocks while they are used", kept())
			}
		}
		time.Sleep(2*unusedFor + time.Second)
		if kept() != 0 || s.bytes != 0 {
			t.Errorf("%d blocks of %d bytes although nothing came", kept(), s.bytes)
		}
		if pass(); kept() != 1 {
			t.Error("none is kept after that")
		}
		s.close()
		if pass(); kept() != 0 {
			t.Error("one is kept after the end")
		}
	})
}

// TestMappings_GivenUpWhenUnused: a worker does not keep the memory of blocks that
// its pool may have given up.
func TestMappings_GivenUpWhenUnused(t *testing.T) {
	out, err := newMemory(nil, make([]byte, shareFrom))
	if err != nil {
		t.Fatal(err)
	}
	defer out.close()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(&memoryConn{in: newPipe(), out: newPipe()}, nil, nil)
		fd, err := unix.Dup(out.fd())
		if err != nil {
			t.Fatal(err)
		}
		m, err := adoptMemory(&s.seen, fd, uint64(out.size), out.size)
		if err != nil || m.seen == nil {
			t.Fatal("not mapped", err)
		}
		s.reserve.hold(m.size)
		mapped := func() int {
			time.Sleep(2*unusedFor + time.Second)
			s.seen.mu.Lock()
			defer s.seen.mu.Unlock()
			return s.seen.bytes
		}
		if mapped() == 0 {
			t.Error("unmapped while it is read")
		}
		m.close()
		s.reserve.hold(1)
		if n := mapped(); n != 0 {
			t.Errorf("%d bytes stay mapped", n)
		}
	})
}
