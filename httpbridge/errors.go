package httpbridge

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/trestle-go/trestle/eventual"
)

var (
	// ErrClientLimit says that a client has as many requests going as a
	// [ClientLimit] allows. It is sent as 429.
	ErrClientLimit = errors.New("httpbridge: too many requests of one client")
	// ErrNotAcceptable says that the client accepts nothing that can be sent. It
	// is sent as 406.
	ErrNotAcceptable = errors.New("httpbridge: nothing acceptable to send")
	// ErrResourcesFull says that as many result resources are kept as may be, and
	// no more are made. It is sent as 503, or as 429 when it is the owner who has
	// too many.
	ErrResourcesFull = errors.New("httpbridge: as many results are kept as may be")
	// ErrResourcesClosed says that [Resources] has been closed. It matches
	// [eventual.ErrStopped].
	ErrResourcesClosed error = closedError{}

	errOwnerFull = ownerFullError{}
)

type closedError struct{}

func (closedError) Error() string        { return "httpbridge: resources are closed" }
func (closedError) Is(target error) bool { return target == eventual.ErrStopped }

type ownerFullError struct{}

func (ownerFullError) Error() string {
	return "httpbridge: as many results of one owner are kept as may be"
}
func (ownerFullError) Is(target error) bool { return target == ErrResourcesFull }

// ErrorRule turns an error into the problem it is sent as, or returns nil for an
// error that it is not about. Most are made by [OnError] and [OnErrorAs].
type ErrorRule func(error) *Problem

// OnError sends errors that match target, by errors.Is, with status. The text of
// the error is not shown. Panics are not matched, whatever their value.
func OnError(target error, status int) ErrorRule {
	return func(err error) *Problem {
		if isPanic(err) || !errors.Is(err, target) {
			return nil
		}
		return &Problem{Status: status}
	}
}

// OnErrorAs sends errors of the type E, found by errors.As, as the problem that f
// makes of them; f may return nil to pass. A panic is matched only if E is
// *eventual.PanicError.
func OnErrorAs[E error](f func(E) *Problem) ErrorRule {
	return func(err error) *Problem {
		e, ok := errors.AsType[E](err)
		if !ok {
			return nil
		}
		if _, wanted := any(e).(*eventual.PanicError); !wanted && isPanic(err) {
			return nil
		}
		return f(e)
	}
}

func isPanic(err error) bool {
	_, ok := errors.AsType[*eventual.PanicError](err)
	return ok
}

// ProblemFor returns the problem that err is sent as when the rules say nothing
// of it. The first that fits of this list decides:
//
//	a panic                                  500
//	a *Problem                               that
//	an error with HTTPStatus() int           that status
//	ErrClientLimit                           429, Retry-After
//	ErrNotAcceptable                         406
//	ErrResourcesFull                         503, or 429 for one owner; Retry-After
//	eventual.ErrQueueFull                    503, Retry-After
//	eventual.ErrStopped, ErrNotStarted       503, Retry-After
//	eventual.ErrTimeout                      504: the wait was up
//	context.DeadlineExceeded                 504: something further away was too slow
//	eventual.ErrCanceled, context.Canceled   503: the work was ended by somebody else
//	*http.MaxBytesError                      413
//	an error whose Timeout() is true         504
//	anything else                            500
//
// An error with a method RetryAfter() time.Duration sets the Retry-After of its
// response. The text of an error is never shown, except that of a Problem.
func ProblemFor(err error, rules ...ErrorRule) *Problem {
	for _, rule := range rules {
		if rule == nil {
			continue
		}
		if p := rule(err); p != nil {
			return p
		}
	}
	p := defaultProblem(err)
	var hint interface{ RetryAfter() time.Duration }
	if errors.As(err, &hint) && !isPanic(err) {
		shown := *p
		shown.RetryAfter = hint.RetryAfter()
		p = &shown
	}
	return p
}

func defaultProblem(err error) *Problem {
	if isPanic(err) {
		return &Problem{Status: http.StatusInternalServerError}
	}
	if problem, ok := errors.AsType[*Problem](err); ok {
		return problem
	}
	var status interface{ HTTPStatus() int }
	if errors.As(err, &status) {
		return &Problem{Status: status.HTTPStatus()}
	}
	for _, c := range defaultCases {
		if errors.Is(err, c.err) {
			return &Problem{Status: c.status, Detail: c.detail, RetryAfter: c.retryAfter}
		}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Problem{Status: http.StatusRequestEntityTooLarge, Detail: "The body of the request is too long."}
	}
	var late interface{ Timeout() bool }
	if errors.As(err, &late) && late.Timeout() {
		return &Problem{Status: http.StatusGatewayTimeout, Detail: "There was no result in time."}
	}
	return &Problem{Status: http.StatusInternalServerError}
}

// defaultCases is looked through from the top, so that what matches two errors
// stands at the more telling one first.
var defaultCases = []struct {
	err        error
	status     int
	detail     string
	retryAfter time.Duration
}{
	{ErrClientLimit, http.StatusTooManyRequests, "You have too many requests in progress.", time.Second},
	{ErrNotAcceptable, http.StatusNotAcceptable, "", 0},
	{errOwnerFull, http.StatusTooManyRequests, "You have too many results here: fetch or delete some.", 5 * time.Second},
	{ErrResourcesFull, http.StatusServiceUnavailable, "Too many results are kept at the moment.", 5 * time.Second},
	{eventual.ErrQueueFull, http.StatusServiceUnavailable, "Too much is waiting at the moment.", time.Second},
	{eventual.ErrNotStarted, http.StatusServiceUnavailable, "The service is starting.", time.Second},
	{eventual.ErrStopped, http.StatusServiceUnavailable, "The service is stopping.", time.Second},
	{eventual.ErrTimeout, http.StatusGatewayTimeout, "There was no result in time.", 0},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "There was no result in time.", 0},
	{context.Canceled, http.StatusServiceUnavailable, "The work was cancelled.", 0},
}
