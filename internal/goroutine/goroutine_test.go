package goroutine

import (
	"strings"
	"testing"

	"github.com/trestle-go/trestle/internal/park"
)

func TestStack(t *testing.T) {
	id, release := make(chan int64), make(chan struct{})
	go waitHere(id, release)
	if s := Stack(<-id); !strings.Contains(s, "waitHere") || strings.Contains(s, "TestStack(") {
		t.Errorf("stack of another goroutine:\n%s", s)
	}
	close(release)
	if s := Stack(-1); s != "" {
		t.Errorf("stack of no goroutine: %s", s)
	}
}

//go:noinline
func waitHere(id chan<- int64, release <-chan struct{}) {
	id <- park.ID()
	<-release
}
