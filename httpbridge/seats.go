package httpbridge

import (
	"net/http"
	"sync"
	"time"
)

// seats counts who is there, in all and of each owner.
type seats struct {
	most         int // 0: any number
	mostPerOwner int // 0: any number

	mu     sync.Mutex // guards what follows; nothing blocks under it
	taken  int
	owners map[string]int // only those who have a seat; nil unless mostPerOwner is set
}

// take takes a seat, which leave gives back, or returns the answer to one who gets
// none.
func (s *seats) take(owner string) (leave func(), full *Problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 0 && s.taken >= s.most {
		return nil, &Problem{Status: http.StatusServiceUnavailable, Detail: "Too many clients are served at the moment.", RetryAfter: defaultRetryAfter}
	}
	if s.mostPerOwner > 0 {
		if s.owners[owner] >= s.mostPerOwner {
			return nil, &Problem{Status: http.StatusTooManyRequests, Detail: "You have too many of these open.", RetryAfter: time.Second}
		}
		if s.owners == nil {
			s.owners = make(map[string]int)
		}
		s.owners[owner]++
	}
	s.taken++
	return sync.OnceFunc(func() { s.leave(owner) }), nil
}

func (s *seats) leave(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.mostPerOwner > 0 {
		if s.owners[owner]--; s.owners[owner] == 0 {
			delete(s.owners, owner)
		}
	}
}

// ownerOf asks owner, or takes the address for it.
func ownerOf(owner func(*http.Request) string, r *http.Request) string {
	if owner != nil {
		return owner(r)
	}
	return clientAddress(r)
}
