// Package logtest has a log that tests read.
package logtest

import (
	"log/slog"
	"strings"
	"sync"
)

// Log is a log in memory. Its zero value is ready.
type Log struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

// Write appends p.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns what was logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Logger returns a logger that writes to l.
func (l *Log) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
