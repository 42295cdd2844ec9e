package coiterate

import "errors"

var (
	// ErrTaskDone says that a task cannot be changed because it has ended well.
	ErrTaskDone = errors.New("coiterate: task is done")
	// ErrTaskFailed says that a task cannot be changed because it has failed.
	ErrTaskFailed = errors.New("coiterate: task has failed")
	// ErrTaskStopped is how a task ends that was stopped, and says that a task
	// cannot be changed because it was.
	ErrTaskStopped = errors.New("coiterate: task was stopped")
	// ErrNotPaused says that a task was resumed more often than paused.
	ErrNotPaused = errors.New("coiterate: task is not paused")
	// ErrSchedulerStopped is how tasks end whose Cooperator or loop has stopped.
	ErrSchedulerStopped = errors.New("coiterate: scheduler has stopped")
)

var (
	errNilReader = errors.New("coiterate: nil Yielder or reader")
	errBadRead   = errors.New("coiterate: reader returned an impossible count")
)
