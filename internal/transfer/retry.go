package transfer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/hoist-cli/hoist/internal/fault"
)

// maxWait bounds what a Retry-After is obeyed to: beyond it a person is better
// served by an error that says so.
const maxWait = 5 * time.Minute

// retry calls try until it succeeds, fails for good, or has failed
// options.Retries times more than once.
func (e *Engine) retry(ctx context.Context, part int, try func() error) error {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval = e.firstWait
	waits.MaxInterval = 20 * time.Second
	for n := 1; ; n++ {
		err := try()
		if err == nil || ctx.Err() != nil || n > e.options.Retries || !retryable(err) {
			return err
		}
		wait := waits.NextBackOff()
		if r, ok := errors.AsType[*refusal](err); ok {
			wait += r.after // no sooner than asked, and not all requests at once
			if r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable {
				e.slots.throttled()
			}
		}
		if wait > maxWait {
			hint := fmt.Sprintf("the server asks to wait %s: run the same command again then", wait.Round(time.Second))
			return &fault.Error{Hint: hint, Err: err}
		}
		e.options.OnRetry(Retry{Part: part, Try: n, Wait: wait, Err: err})
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// retryable says whether the same part may fare better: after a passing
// failure, after bytes that were damaged on their way, and after a signature
// that has ended, if it can be made anew.
func retryable(err error) bool {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.retry
	}
	if errors.Is(err, errDamaged) {
		return true
	}
	return fault.KindOf(err) == fault.Temporary
}
