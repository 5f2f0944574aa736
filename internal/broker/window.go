package broker

import (
	"sync"
	"time"
)

// window lets through at most a number of events in any span of time: exactly
// that, where a bucket of tokens would let through nearly twice as many at first.
type window struct {
	span time.Duration

	mu     sync.Mutex
	events []time.Time // a ring
	next   int
}

func newWindow(most int, span time.Duration) *window {
	return &window{span: span, events: make([]time.Time, most)}
}

// take counts an event, or says how long it is until the next one may be.
func (w *window) take(now time.Time) (wait time.Duration, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	oldest := w.events[w.next]
	if wait := oldest.Add(w.span).Sub(now); !oldest.IsZero() && wait > 0 {
		return wait, false
	}
	w.events[w.next] = now
	w.next = (w.next + 1) % len(w.events)
	return 0, true
}
