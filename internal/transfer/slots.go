package transfer

import (
	"context"
	"slices"
	"sync"
	"time"
)

// The bounds of a concurrency that adapts.
const (
	firstSlots  = DefaultConcurrency
	mostSlots   = 64
	fewestSlots = 2 // while nobody refuses: one works as another waits
)

// slots bounds the requests at a time. Unless it is fixed, the bound follows
// what the requests achieve together.
type slots struct {
	mu    sync.Mutex
	fixed bool
	climb climber
	used  int
	queue []chan struct{} // of those that wait, first come first served
}

// newSlots returns a fixed number of slots, or for 0 one that adapts.
func newSlots(fixed int) *slots {
	s := &slots{fixed: fixed > 0, climb: climber{limit: fixed}}
	if !s.fixed {
		s.climb = newClimber(time.Now())
	}
	return s
}

// limit returns how many requests there may be now.
func (s *slots) limit() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.climb.limit
}

func (s *slots) acquire(ctx context.Context) error {
	s.mu.Lock()
	if s.used < s.climb.limit && len(s.queue) == 0 {
		s.used++
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	s.queue = append(s.queue, turn)
	s.climb.wanted = true
	s.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.queue, turn); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
	} else { // its turn came at the same time
		s.used--
		s.grant()
	}
	return context.Cause(ctx)
}

// release ends a request for size bytes, which failed with err if that is not nil.
func (s *slots) release(size int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	if !s.fixed && err == nil {
		s.climb.done(time.Now(), size)
	}
	s.grant()
}

// throttled is told that the store asked for fewer requests.
func (s *slots) throttled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.fixed {
		s.climb.throttled(time.Now())
	}
}

// idled is told how long a request waited for others on this machine, and
// not for the network.
func (s *slots) idled(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.climb.idle += d
}

func (s *slots) grant() {
	for s.used < s.climb.limit && len(s.queue) > 0 {
		close(s.queue[0])
		s.queue = slices.Delete(s.queue, 0, 1)
		s.used++
	}
}

// climber looks for the number of requests beyond which more of them achieve
// nothing. It compares the rate at one number with that at a larger one, goes
// on while it grows, and goes back when it does not. Those requests that do
// nothing but wait for others on this machine it takes away.
type climber struct {
	limit int

	before   int     // the number that this one is compared with; 0 is none
	rate     float64 // work a second at that number
	hold     int     // windows until the next try
	patience int     // windows to hold after the next failed try

	began    time.Time // of this window
	work     int64
	requests int
	wanted   bool          // somebody had to wait for a slot
	idle     time.Duration // of all requests together
}

const (
	// window is how long the rate is measured at the least; every slot has
	// its turn in it besides.
	window = 300 * time.Millisecond
	// requestWork is how many bytes a request counts for besides its own:
	// of small files it is their number that makes the rate.
	requestWork = 64 << 10
	// A doubling that brings two fifths goes on to the next, and what brings
	// less than a tenth is noise.
	doubles, grows           = 1.4, 1.1
	firstPatience, mostHolds = 4, 64
)

func newClimber(now time.Time) climber {
	return climber{limit: firstSlots, patience: firstPatience, began: now}
}

func (c *climber) begin(now time.Time) {
	c.began, c.work, c.requests, c.wanted, c.idle = now, 0, 0, false, 0
}

// done counts a request, and judges when a window is over.
func (c *climber) done(now time.Time, size int64) {
	c.work += size + requestWork
	c.requests++
	elapsed := now.Sub(c.began)
	if c.requests < c.limit || elapsed < window {
		return
	}
	rate, wanted, idle := float64(c.work)/elapsed.Seconds(), c.wanted, int(c.idle/elapsed)
	c.begin(now)
	switch {
	case idle > 0: // so many at any time
		c.limit = max(fewestSlots, c.limit-idle)
		c.wait()
	case !wanted: // there were slots left: nothing is learned from their number
	case c.hold > 0:
		c.hold--
	case c.before == 0 && c.patience == firstPatience, c.before > 0 && rate > c.rate*doubles:
		c.grow(rate, c.limit)
	case c.before == 0, rate > c.rate*grows:
		c.grow(rate, max(1, c.limit/4))
	default:
		c.limit = c.before
		c.wait()
	}
}

func (c *climber) grow(rate float64, by int) {
	c.rate, c.before = rate, c.limit
	if c.limit = min(c.limit+by, mostSlots); c.limit == c.before {
		c.wait()
	}
}

// wait holds the number for a while, each time a longer one.
func (c *climber) wait() {
	c.before, c.hold = 0, c.patience
	c.patience = min(2*c.patience, mostHolds)
}

// throttled halves the number, once for all refusals of one window.
func (c *climber) throttled(now time.Time) {
	if c.before == 0 && c.hold > 0 && now.Sub(c.began) < window {
		return
	}
	c.limit = max(1, c.limit/2)
	c.wait()
	c.begin(now)
}
