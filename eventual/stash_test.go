package eventual_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/logtest"
)

// TestEventual_E15_IDsAreRandomBits: no two are the same, and each of the 128 bits is
// on in about half of them, so that none is a counter's or a clock's.
func TestEventual_E15_IDsAreRandomBits(t *testing.T) {
	const n = 8000
	s := eventual.Stash[int]{Max: n}
	ids := make(map[string]bool, n)
	var on [128]int
	for range n {
		id, err := s.Put(eventual.Of(1))
		if err != nil {
			t.Fatal(err)
		}
		ids[id] = true
		raw, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil || len(raw) != 16 {
			t.Fatalf("%q: %d bytes, %v", id, len(raw), err)
		}
		for i := range on {
			on[i] += int(raw[i/8] >> (i % 8) & 1)
		}
	}
	if len(ids) != n {
		t.Errorf("%d ids of %d results", len(ids), n)
	}
	for i, k := range on {
		if k < n*4/10 || k > n*6/10 { // 18 standard deviations
			t.Errorf("bit %d is on in %d of %d", i, k, n)
		}
	}
}

// TestEventual_E15_EachResultIsRetrievedOnce, whoever comes at the same time.
func TestEventual_E15_EachResultIsRetrievedOnce(t *testing.T) {
	var s eventual.Stash[int]
	for range 200 {
		id, err := s.Put(eventual.Of(1))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		got := make(chan *eventual.Result[int], 8)
		for range cap(got) {
			wg.Go(func() {
				if r, err := s.Retrieve(id); err == nil {
					got <- r
				} else if !errors.Is(err, eventual.ErrUnknownID) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(got) != 1 {
			t.Fatalf("retrieved %d times", len(got))
		}
	}
	if n := s.Len(); n != 0 {
		t.Errorf("%d held", n)
	}
}

// TestEventual_E15_TheCapSaysSo, and what it dropped is reported if it is a failure
// that nobody has seen.
func TestEventual_E15_TheCapSaysSo(t *testing.T) {
	seen := watchReports(t)
	log := new(logtest.Log)
	old := slog.Default()
	slog.SetDefault(log.Logger())
	defer slog.SetDefault(old)
	s := eventual.Stash[int]{Max: 1, TTL: time.Hour}
	func() {
		if _, err := s.Put(eventual.Failed[int](errors.New("dropped by the cap"))); err != nil {
			t.Fatal(err)
		}
	}()
	if strings.Contains(log.String(), "stash") {
		t.Errorf("nothing was dropped: %s", log)
	}
	id, err := s.Put(eventual.Of(2))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count([]byte(log.String()), []byte("stash dropped its oldest finished result")); n != 1 || !strings.Contains(log.String(), "max=1") {
		t.Errorf("%d times: %s", n, log)
	}
	collect(t, func() bool { return seen.count("dropped by the cap") == 1 })
	if _, err := s.Retrieve(id); err != nil {
		t.Error(err)
	}
}
