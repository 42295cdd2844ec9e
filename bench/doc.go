// Package bench measures Trestle beside its peers and beside plain Go.
//
// Each benchmark is a row of the report. Its sub-benchmarks, vs=..., run ours and
// one yardstick in alternating rounds of one process, so that the machine's moods
// hit both, and give the median over the rounds of how long ours took compared to
// the yardstick as the metric x-yardstick: below 1, ours is faster.
//
//	go test -bench RoundTrip          # some rows
//	go run ./cmd/report -quick        # all of them, as a table
//
// It is a module of its own, so that the peers never enter the main one.
package bench
