package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/term"
)

// exitCode is what a script sees of err: the one place that decides it.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if s, ok := errors.AsType[interrupted](err); ok {
		return 128 + int(s.signal)
	}
	if errors.Is(err, term.ErrUnread) {
		return 128 + int(syscall.SIGPIPE)
	}
	switch fault.KindOf(err) {
	case fault.Usage:
		return 2
	case fault.Incomplete:
		return 3
	case fault.Denied:
		return 4
	case fault.NotFound:
		return 5
	case fault.Integrity:
		return 6
	case fault.Temporary:
		return 7
	case fault.Mixed:
		return 8
	case fault.Exists:
		return 9
	default:
		return 1
	}
}

// exitHelp are the lines of a command's help that say which codes it returns.
var exitHelp = map[int]string{
	0: "done",
	1: "failed",
	2: "usage or configuration: nothing was sent",
	3: "incomplete: the same command goes on",
	4: "denied",
	5: "not found",
	6: "integrity: a checksum or size differs, or the file changed",
	7: "temporary: throttled, unreachable or timed out",
	8: "some of several files failed",
	9: "exists already (--no-clobber)",
}

// interrupted is why the context of a command ended when a signal came.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string {
	if i.signal == syscall.SIGINT {
		return "interrupted"
	}
	return "terminated"
}

// sameSignal is how long a signal that comes again is the same one: what runs
// hoist (GNU timeout, npm) hands on a signal that hoist's process group got by
// itself. A person who insists takes longer.
const sameSignal = 100 * time.Millisecond

// withSignals returns a context that the first SIGINT or SIGTERM ends, so that
// the command stops cleanly; the second one kills the process as if nobody
// listened. A signal that the process was started to ignore stays ignored, as
// shells want it of what they start with &.
//
// SIGPIPE kills nobody: that the reader of the results has gone must not end an
// upload. Writing to standard output fails with term.ErrUnread instead.
func withSignals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ended, end := context.WithCancel(parent)
	signals, pipe := make(chan os.Signal, 1), make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	signal.Notify(pipe, syscall.SIGPIPE) // not Ignore, which the programs that hoist starts would inherit
	go func() {
		defer signal.Stop(pipe)
		defer signal.Stop(signals)
		select {
		case s := <-signals:
			number, _ := s.(syscall.Signal)
			cancel(interrupted{number})
		case <-ended.Done():
			return
		}
		select {
		case <-time.After(sameSignal):
			signal.Stop(signals)
			<-ended.Done()
		case <-ended.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		end()
	}
}
