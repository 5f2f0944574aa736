package recipe

import (
	"context"
	"sync"
	"time"
)

// windowMargin is what the stretches of time are longer than asked for, since
// requests do not all take as long to arrive.
const windowMargin = 50 // a fiftieth

// window lets at most a number of requests begin in any stretch of time.
type window struct {
	per time.Duration

	mu    sync.Mutex
	begun []time.Time // of the last requests, in a ring
	next  int
}

func newWindow(requests int, per time.Duration) *window {
	return &window{per: per + per/windowMargin, begun: make([]time.Time, requests)}
}

// wait returns when one more request may begin. A nil window lets all pass.
func (w *window) wait(ctx context.Context) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	now := time.Now()
	at := w.begun[w.next].Add(w.per)
	if w.begun[w.next].IsZero() || at.Before(now) {
		at = now
	}
	w.begun[w.next] = at
	w.next = (w.next + 1) % len(w.begun)
	w.mu.Unlock()
	return pause(ctx, at.Sub(now))
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
