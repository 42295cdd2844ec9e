package main

import (
	"context"
	"math"

	"github.com/trestle-go/trestle/procpool"
)

// segment is how many numbers are sieved at once: as many as fit into a
// processor's cache.
const segment = 1 << 18

// count returns how many primes there are in s, with the sieve of Eratosthenes,
// segment by segment. It says how far it has come after each.
func count(ctx context.Context, s span) (n uint64, err error) {
	small := smallPrimes(uint64(math.Sqrt(float64(s.To))) + 1)
	sieve := make([]bool, segment) // true: not a prime
	for from := s.From; from < s.To; from += segment {
		if err := ctx.Err(); err != nil {
			return 0, context.Cause(ctx)
		}
		to := min(from+segment, s.To)
		n += countSegment(small, sieve[:to-from], from)
		if err := procpool.Progress(ctx, to-s.From); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// countSegment counts the primes from from on, as many numbers as sieve is long.
func countSegment(small []uint64, sieve []bool, from uint64) (n uint64) {
	clear(sieve)
	to := from + uint64(len(sieve))
	for _, p := range small {
		if p*p >= to {
			break
		}
		first := max(p*p, (from+p-1)/p*p)
		for m := first; m < to; m += p {
			sieve[m-from] = true
		}
	}
	for i, composite := range sieve {
		if !composite && from+uint64(i) >= 2 {
			n++
		}
	}
	return n
}

// smallPrimes returns the primes up to limit.
func smallPrimes(limit uint64) (primes []uint64) {
	composite := make([]bool, limit+1)
	for i := uint64(2); i <= limit; i++ {
		if composite[i] {
			continue
		}
		primes = append(primes, i)
		for m := i * i; m <= limit; m += i {
			composite[m] = true
		}
	}
	return primes
}
