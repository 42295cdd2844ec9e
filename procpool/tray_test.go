//go:build unix || windows

package procpool_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

// leaveMark makes a file, which must not be there; so it cannot run twice.
var leaveMark = procpool.Register("leaveMark", func(_ context.Context, path string) (struct{}, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, f.Close()
})

// TestProcpool_P04_OneOfManySentAhead: a worker that dies amid short jobs, whose
// results are written several at a time, fails the one that it ran and no other;
// and none runs twice.
func TestProcpool_P04_OneOfManySentAhead(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1})
	dir, file := t.TempDir(), 0
	for range 8 {
		var all []*eventual.Result[int]
		for i := range 100 { // until jobs are sent ahead
			all = append(all, procpool.DeferToProcess(bg, p, square, i))
		}
		var marks []*eventual.Result[struct{}]
		mark := func() {
			for range 10 {
				file++
				path := filepath.Join(dir, strconv.Itoa(file))
				marks = append(marks, procpool.DeferToProcess(bg, p, leaveMark, path))
			}
		}
		mark()
		dead := procpool.DeferToProcess(bg, p, exit, 3)
		mark()
		for i := range 100 {
			all = append(all, procpool.DeferToProcess(bg, p, square, i))
		}
		for i, r := range all {
			if v, err := r.Wait(soon); v != i%100*(i%100) || err != nil {
				t.Fatalf("job %d: %d, %v", i, v, err)
			}
		}
		for i, r := range marks {
			if _, err := r.Wait(soon); err != nil {
				t.Fatalf("mark %d: %v", i, err)
			}
		}
		var died *procpool.WorkerExitError
		if _, err := dead.Wait(soon); !errors.As(err, &died) || died.Code != 3 {
			t.Fatalf("the job that exits: %v", err)
		}
	}
}

// TestProcpool_ResultsDoNotWaitForALongJob: what is held back to be written with
// others is written while a long job runs.
func TestProcpool_ResultsDoNotWaitForALongJob(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1})
	for range 5 {
		var all []*eventual.Result[int]
		for i := range 200 {
			all = append(all, procpool.DeferToProcess(bg, p, square, i))
		}
		ctx, cancel := context.WithCancel(bg)
		long := procpool.DeferToProcess(ctx, p, sleep, soon)
		for i, r := range all {
			if _, err := r.Wait(soon / 2); err != nil {
				t.Fatalf("job %d: %v", i, err)
			}
		}
		cancel()
		if _, err := long.Wait(soon); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

// TestProcpool_P04_InOrderAfterADeath: what was sent ahead to a worker that dies comes
// before what was not.
func TestProcpool_P04_InOrderAfterADeath(t *testing.T) {
	p := newPool(t, procpool.Config{Max: 1})
	path := filepath.Join(t.TempDir(), "order")
	var all []*eventual.Result[int]
	for i := range 200 { // until jobs are sent ahead
		all = append(all, procpool.DeferToProcess(bg, p, square, i))
	}
	dead := procpool.DeferToProcess(bg, p, exit, 3)
	var want []byte
	var notes []*eventual.Result[struct{}]
	for i := range 200 {
		want = append(want, byte(i))
		notes = append(notes, procpool.DeferToProcess(bg, p, note, noted{path, byte(i)}))
	}
	for _, r := range all {
		if _, err := r.Wait(soon); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dead.Wait(soon); err == nil {
		t.Error("it has not died")
	}
	for i, r := range notes {
		if _, err := r.Wait(soon); err != nil {
			t.Fatalf("note %d: %v", i, err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, in the order %d", err, got)
	}
}

type noted struct {
	Path string
	What byte
}

// note adds a byte to a file.
var note = procpool.Register("note", func(_ context.Context, n noted) (struct{}, error) {
	f, err := os.OpenFile(n.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return struct{}{}, err
	}
	_, err = f.Write([]byte{n.What})
	return struct{}{}, errors.Join(err, f.Close())
})
