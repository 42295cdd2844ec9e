package procpool_test

import (
	"testing"
	"time"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/procpool"
)

func warmPool(b *testing.B, cfg procpool.Config) *procpool.Pool {
	b.Helper()
	p := newPool(b, cfg)
	for range 200 {
		if _, err := procpool.DeferToProcess(bg, p, square, 3).Wait(soon); err != nil {
			b.Fatal(err)
		}
	}
	return p
}

func BenchmarkRoundTrip(b *testing.B) {
	p := warmPool(b, procpool.Config{Min: 1, Max: 1})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := procpool.DeferToProcess(bg, p, square, 3).Wait(time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPipelined(b *testing.B) {
	p := warmPool(b, procpool.Config{Min: 1, Max: 1})
	b.ReportAllocs()
	results := make([]*eventual.Result[int], 1000)
	n := 0
	for b.Loop() {
		results[n] = procpool.DeferToProcess(bg, p, square, 3)
		if n++; n == len(results) {
			for _, r := range results {
				if _, err := r.Wait(time.Minute); err != nil {
					b.Fatal(err)
				}
			}
			n = 0
		}
	}
}

func BenchmarkBytes16MiB(b *testing.B) {
	p := warmPool(b, procpool.Config{Min: 1, Max: 1})
	data := make([]byte, 16<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if n, err := procpool.DeferToProcess(bg, p, size, data).Wait(time.Minute); err != nil || n != len(data) {
			b.Fatal(n, err)
		}
	}
}

// The yardstick.
func BenchmarkBytes16MiBMemcpy(b *testing.B) {
	data, to := make([]byte, 16<<20), make([]byte, 16<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		copy(to, data)
	}
}
