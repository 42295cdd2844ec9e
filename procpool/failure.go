package procpool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/trestle-go/trestle/eventual"
	"github.com/trestle-go/trestle/internal/funcname"
)

// The codes of a failure on the wire.
const (
	codeError    = "error"    // the function returned an error
	codePanic    = "panic"    // it panicked, or what its language has for that
	codeGoexit   = "goexit"   // it ended its goroutine
	codeCanceled = "canceled" // it stopped because it was asked to
	codeDeadline = "deadline" // it stopped because its time was up
	codeUnknown  = "unknown"  // there is no such function
	codeDecode   = "decode"   // its argument was not understood
	codeEncode   = "encode"   // its result could not be encoded
)

// failure is the body of a Failure and of a Refusal frame, in JSON with every
// codec.
type failure struct {
	Code    string `json:"code"`
	Type    string `json:"type,omitempty"`
	Message string `json:"message"`
	Stack   string `json:"stack,omitempty"`
}

// edgeError is an error of the encoding around a function, not of the function.
type edgeError struct {
	code string
	err  error
}

func (e *edgeError) Error() string { return e.err.Error() }
func (e *edgeError) Unwrap() error { return e.err }

// newFailure describes err, which f, if there is one, ended with.
func newFailure(err error, f *function) failure {
	out := failure{Code: codeError, Type: fmt.Sprintf("%T", err), Message: message(err)}
	var edge *edgeError
	switch {
	case errors.As(err, &edge):
		out.Code = edge.code
		out.Type = fmt.Sprintf("%T", edge.err)
	case errors.Is(err, eventual.ErrGoexit):
		out.Code = codeGoexit
	case errors.Is(err, context.DeadlineExceeded):
		out.Code = codeDeadline
	case errors.Is(err, context.Canceled):
		out.Code = codeCanceled
	}
	if panicked, ok := errors.AsType[*eventual.PanicError](err); ok {
		out.Stack = string(panicked.Stack)
		if panic, ok := err.(*eventual.PanicError); ok { //nolint:errorlint // one that is wrapped was returned, not thrown
			out.Code, out.Type, out.Message = codePanic, fmt.Sprintf("%T", panic.Value), fmt.Sprint(panic.Value)
		}
	}
	if out.Stack == "" {
		out.Stack = stackOf(err, f)
	}
	out.Message, out.Stack = shortened(out.Message), shortened(out.Stack)
	return out
}

// longest is how much of a text a failure has, so that its frame is never too
// long: in JSON a byte can become six.
const longest = 64 << 10

func shortened(s string) string {
	if len(s) <= longest {
		return s
	}
	return s[:longest] + "..."
}

// message is err's own, whatever it does.
func message(err error) (s string) {
	defer func() {
		if v := recover(); v != nil {
			s = fmt.Sprintf("%T, whose Error method panicked: %v", err, v)
		}
	}()
	return err.Error()
}

// stackOf is what an error itself knows of where it came from, or else the
// function that returned it.
func stackOf(err error, f *function) string {
	if _, ok := err.(fmt.Formatter); ok {
		return fmt.Sprintf("%+v", err) // fmt contains panics
	}
	if f == nil || f.pc == 0 {
		return ""
	}
	return "returned by " + funcname.Describe(f.pc)
}

func (f failure) encode() []byte {
	b, err := json.Marshal(f)
	if err != nil { // strings always can be
		panic(err)
	}
	return b
}

func parseFailure(body []byte) (f failure, err error) {
	if err := json.Unmarshal(body, &f); err != nil {
		return f, fmt.Errorf("failure: %w", err)
	}
	if f.Code == "" {
		return f, errors.New("failure without a code")
	}
	return f, nil
}

// err is the failure on the other side.
func (f failure) err() *RemoteError {
	e := &RemoteError{Type: f.Type, Message: f.Message, Stack: f.Stack}
	switch f.Code {
	case codePanic:
		e.Message = "panic: " + f.Message
		e.cause = &eventual.PanicError{Value: f.Message, Stack: []byte(f.Stack)}
	case codeGoexit:
		e.cause = eventual.ErrGoexit
	case codeCanceled:
		e.cause = context.Canceled
	case codeDeadline:
		e.cause = context.DeadlineExceeded
	case codeUnknown:
		e.cause = ErrUnknownFunction
	}
	return e
}
