//go:build linux || windows

package procpool_test

import (
	"testing"

	"github.com/trestle-go/trestle/procpool"
)

func TestProcpool_P06_MaxRSS(t *testing.T) {
	free := newPool(t, procpool.Config{Max: 1})
	if _, err := procpool.DeferToProcess(bg, free, hoard, 1<<20).Wait(soon); err != nil {
		t.Fatal(err)
	}
	p := newPool(t, procpool.Config{Max: 1, MaxRSS: free.Stats().Workers[0].RSS + 32<<20})
	small, err := procpool.DeferToProcess(bg, p, hoard, 1<<20).Wait(soon)
	if err != nil {
		t.Fatal(err)
	}
	large, err := procpool.DeferToProcess(bg, p, hoard, 64<<20).Wait(soon)
	if err != nil || large != small {
		t.Errorf("%d, then %d: %v", small, large, err)
	}
	fresh, err := procpool.DeferToProcess(bg, p, pid, struct{}{}).Wait(soon)
	if err != nil || fresh == large {
		t.Errorf("it was not recycled: %v", err)
	}
}
