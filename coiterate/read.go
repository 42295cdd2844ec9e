package coiterate

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"iter"

	"github.com/trestle-go/trestle/eventual"
)

// MaxLine is how long a line may be that Lines yields.
const MaxLine = 1 << 20

const defaultChunk = 64 << 10

// Chunks yields what r has, in pieces of at most size bytes, 64 KiB if size is 0
// or less; a piece is valid until the next. The loop goes on while a Read blocks:
// it runs on a goroutine of its own and the task, which y belongs to, sleeps. The
// sequence ends at io.EOF; any other error is its last element, and so is the
// reason if the task is to end.
//
// A task that is ended while it sleeps leaves that Read behind. It ends when r
// has something, or is closed.
func Chunks(y *Yielder, r io.Reader, size int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if y == nil || r == nil {
			yield(nil, errNilReader)
			return
		}
		if size <= 0 {
			size = defaultChunk
		}
		buf := make([]byte, size)
		for idle := 0; idle < maxIdleReads; {
			n, err := read(y, r, buf)
			idle++
			if n > 0 {
				idle = 0
				if !yield(buf[:n], nil) {
					return
				}
			}
			if err == io.EOF { //nolint:errorlint // as io.Reader says
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
		yield(nil, io.ErrNoProgress)
	}
}

// maxIdleReads is how often in a row a Read may return nothing at all.
const maxIdleReads = 100

// read is one Read of r while the task sleeps.
func read(y *Yielder, r io.Reader, buf []byte) (n int, err error) {
	type got struct {
		n   int
		err error
	}
	res := eventual.Go(context.Background(), func(context.Context) (got, error) {
		n, err := r.Read(buf)
		if n < 0 || n > len(buf) {
			return got{}, errBadRead
		}
		return got{n, err}, nil
	})
	res.OnDone(func() { res.Peek() }) // nobody is left to look if the task ends now
	if err := y.Await(res); err != nil {
		return 0, err
	}
	o, _ := res.Peek()
	if o.Err != nil {
		return 0, o.Err
	}
	return o.Value.n, o.Value.err
}

// Lines yields the lines that r has, without their ends, of "\n" or "\r\n"; the
// task may lose its turn after each. Reading is as in [Chunks]. A line of more than
// [MaxLine] bytes is bufio.ErrTooLong.
func Lines(y *Yielder, r io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var rest []byte // of a line that has no end yet
		for chunk, err := range Chunks(y, r, 0) {
			if err != nil {
				yield("", err)
				return
			}
			for {
				line, after, ended := bytes.Cut(chunk, []byte{'\n'})
				if len(rest)+len(line) > MaxLine {
					yield("", bufio.ErrTooLong)
					return
				}
				if !ended {
					rest = append(rest, line...)
					break
				}
				if len(rest) > 0 {
					line = append(rest, line...)
				}
				rest = rest[:0]
				if !yield(string(bytes.TrimSuffix(line, []byte{'\r'})), nil) {
					return
				}
				if err := y.Yield(); err != nil {
					yield("", err)
					return
				}
				chunk = after
			}
		}
		if len(rest) > 0 {
			yield(string(bytes.TrimSuffix(rest, []byte{'\r'})), nil)
		}
	}
}
