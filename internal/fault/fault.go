// Package fault says what went wrong in the terms that a script can act on.
//
// A package that knows why something failed returns an *Error with a Kind and,
// where it can, a Hint; the caller that knows which step it was doing adds the
// Stage with At. Nothing below the command line prints an error.
package fault

import (
	"errors"
	"fmt"
)

// Stage is the step in which an error happened, as the error line names it.
type Stage string

// The stages, in the order in which an upload goes through them.
const (
	Config Stage = "config"
	Plan   Stage = "plan"
	Start  Stage = "start"
	Sign   Stage = "sign"
	Send   Stage = "send"
	Finish Stage = "finish"
	List   Stage = "list"
	Stat   Stage = "stat"
	Get    Stage = "get"
	Remove Stage = "remove"
)

// Kind decides the exit code. The zero Kind is an ordinary failure.
type Kind int

// The kinds; the command line maps each to the exit code given here.
const (
	Failed     Kind = iota // 1
	Usage                  // 2: usage or configuration; nothing was sent
	Incomplete             // 3: the same command goes on where this one stopped
	Denied                 // 4
	NotFound               // 5
	Integrity              // 6: a checksum, a size, or the source changed
	Temporary              // 7: throttled, unreachable or timed out, after all retries
	Mixed                  // 8: some of several files failed, each in its own way
	Exists                 // 9: refused because the object exists already
)

// Error is a failure with what a person and a script need to know of it.
// Every field may be empty; what is not said here is taken from Err.
type Error struct {
	Stage   Stage
	Kind    Kind
	Message string // one line that names the file or location; never a secret or a signed query
	Hint    string // what to type or do next
	Err     error
}

func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Message
	case e.Message == "":
		return e.Err.Error()
	default:
		return e.Message + ": " + e.Err.Error()
	}
}

func (e *Error) Unwrap() error { return e.Err }

// New returns an error of the given kind. The format takes %w as fmt.Errorf does.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// At names the stage in which err happened, unless err already names one.
// At of nil is nil.
func At(stage Stage, err error) error {
	if err == nil || StageOf(err) != "" {
		return err
	}
	return &Error{Stage: stage, Err: err}
}

// WithHint adds what to do next, unless err already says it. WithHint of nil is nil.
func WithHint(err error, format string, args ...any) error {
	if err == nil || HintOf(err) != "" {
		return err
	}
	return &Error{Hint: fmt.Sprintf(format, args...), Err: err}
}

// StageOf returns the stage that err names, or "".
func StageOf(err error) Stage {
	return first(err, func(e *Error) Stage { return e.Stage })
}

// KindOf returns the kind that err names, or Failed.
func KindOf(err error) Kind {
	return first(err, func(e *Error) Kind { return e.Kind })
}

// HintOf returns the hint that err gives, or "".
func HintOf(err error) string {
	return first(err, func(e *Error) string { return e.Hint })
}

// first walks the chain from the outside in and returns the first value that is not zero.
func first[T comparable](err error, get func(*Error) T) T {
	var zero T
	for e := (*Error)(nil); errors.As(err, &e); err = e.Err {
		if v := get(e); v != zero {
			return v
		}
	}
	return zero
}
