package procpool

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// What is kept of workers' output: lines of it that wait for a log that is slow,
// the longest line, and the last of standard error for the error of a death.
const (
	maxLines  = 1024
	maxLine   = 8 << 10
	tailBytes = 8 << 10
)

// logQueue hands what a pool has to log to its logger, on a goroutine of its own:
// a handler that blocks must hold up neither the pool nor the worker that writes.
// What it cannot keep up with is dropped and counted.
type logQueue struct {
	logger *slog.Logger
	wake   chan struct{} // one slot
	ended  chan struct{}

	mu      sync.Mutex // guards what follows; nothing is logged under it
	entries []logEntry
	dropped int
	closed  bool
}

type logEntry struct {
	level slog.Level
	text  string
	args  []any
}

func newLogQueue(l *slog.Logger) *logQueue {
	q := &logQueue{logger: l, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go q.run() // ends after close, when everything was logged
	return q
}

func (q *logQueue) add(level slog.Level, text string, args ...any) {
	q.mu.Lock()
	if len(q.entries) < maxLines {
		q.entries = append(q.entries, logEntry{level, text, args})
	} else {
		q.dropped++
	}
	q.mu.Unlock()
	q.poke()
}

func (q *logQueue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *logQueue) warn(text string, args ...any) { q.add(slog.LevelWarn, text, args...) }

func (q *logQueue) run() {
	defer close(q.ended)
	for range q.wake {
		q.mu.Lock()
		entries, dropped, closed := q.entries, q.dropped, q.closed
		q.entries, q.dropped = nil, 0
		q.mu.Unlock()
		for _, e := range entries {
			q.write(e)
		}
		if dropped > 0 {
			q.write(logEntry{slog.LevelWarn, "procpool: lines of workers dropped, because the log is slower than they are", []any{"lines", dropped}})
		}
		if closed {
			return
		}
	}
}

// write calls the user's handler, which may panic.
func (q *logQueue) write(e logEntry) {
	defer func() { _ = recover() }() // there is nowhere to report it to
	q.logger.Log(context.Background(), e.level, e.text, e.args...)
}

// close has the queue emptied, and waits for that as long as a log may take.
func (q *logQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.poke()
	late := time.NewTimer(lastWords)
	defer late.Stop()
	select {
	case <-q.ended:
	case <-late.C: // the handler hangs
	}
}

// output is what one worker writes to its standard output and standard error.
type output struct {
	files []*os.File
	ended sync.WaitGroup

	mu    sync.Mutex // guards what follows; held to copy it only
	tail  []byte
	cause string // the last line by which Go's runtime says why it ends; what follows can be long
}

// follow reads what a worker writes until it ends.
func (q *logQueue) follow(id int, c child) *output {
	o := new(output)
	for _, s := range [...]struct {
		f     *os.File
		name  string
		level slog.Level
	}{{c.stdout, "stdout", slog.LevelInfo}, {c.stderr, "stderr", slog.LevelWarn}} {
		if s.f == nil {
			continue
		}
		o.files = append(o.files, s.f)
		o.ended.Go(func() { // ends with the pipe, or by finish
			keep := s.name == "stderr"
			o.drain(s.f, keep, func(line string) {
				if keep && saysWhy(line) {
					o.setCause(line)
				}
				q.add(s.level, "procpool: worker wrote", "worker", id, "pid", c.process.pid(), "stream", s.name, "line", line)
			})
		})
	}
	return o
}

// drain reads lines, however they come. It never waits for anything but the worker.
func (o *output) drain(r io.Reader, keep bool, line func(string)) {
	var rest []byte
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		if keep {
			o.keep(buf[:n])
		}
		rest = append(rest, buf[:n]...)
		left := rest
		for {
			at := bytes.IndexByte(left, '\n')
			if at < 0 && len(left) < maxLine {
				break
			}
			cut := at + 1
			if at < 0 || at > maxLine {
				at, cut = maxLine, maxLine
			}
			line(string(bytes.TrimSuffix(left[:at], []byte("\r"))))
			left = left[cut:]
		}
		rest = append(rest[:0], left...)
		if err != nil {
			if len(rest) > 0 {
				line(string(rest))
			}
			return
		}
	}
}

func (o *output) keep(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = append(o.tail, b...)
	if over := len(o.tail) - tailBytes; over > 0 {
		o.tail = append(o.tail[:0], o.tail[over:]...)
	}
}

func (o *output) setCause(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cause = line
}

// finish waits until everything was read that the worker wrote, but no longer than
// within for others that may hold its pipes, and returns the last of its standard
// error.
func (o *output) finish(within time.Duration) string {
	for _, f := range o.files {
		_ = f.SetReadDeadline(time.Now().Add(within))
	}
	o.ended.Wait()
	for _, f := range o.files {
		_ = f.Close()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if tail := string(o.tail); o.cause == "" || strings.Contains(tail, o.cause) {
		return tail
	}
	return o.cause + "\n...\n" + string(o.tail)
}
