package transfer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// drive has a climber's requests done one after another, at a total rate of so
// many bytes a second as rate says for a number of slots.
func drive(c *climber, now time.Time, seconds float64, size int64, rate func(limit int) float64) time.Time {
	for end := now.Add(time.Duration(seconds * float64(time.Second))); now.Before(end); {
		now = now.Add(time.Duration(float64(size) / rate(c.limit) * float64(time.Second)))
		c.wanted = true
		c.done(now, size)
	}
	return now
}

func TestClimberFindsWhereMoreBringsNoMore(t *testing.T) {
	const part = 16 << 20
	// far is a link where every request has 18 MB/s, up to what all have together.
	far := func(total float64) func(int) float64 {
		return func(limit int) float64 { return min(float64(limit)*18e6, total) }
	}
	for _, c := range []struct {
		name        string
		rate        func(int) float64
		size        int64
		seconds     float64
		least, most int
	}{
		{"far away", far(10e9), part, 6, mostSlots, mostSlots},
		{"a full link", far(300e6), part, 60, 16, 32},
		{"a machine that is busy", func(int) float64 { return 2e9 }, part, 60, firstSlots, firstSlots + 4},
		{"too many are worse", func(l int) float64 { return 1e9 / float64(l) }, part, 120, firstSlots, firstSlots + 4},
		{"small files far away", func(l int) float64 { return float64(l) * 4096 / 0.1 }, 4096, 5, mostSlots, mostSlots},
	} {
		now := time.Now()
		climb := newClimber(now)
		drive(&climb, now, c.seconds, c.size, c.rate)
		if climb.limit < c.least || climb.limit > c.most {
			t.Errorf("%s: %d slots, want %d to %d", c.name, climb.limit, c.least, c.most)
		}
	}
}

func TestClimberGivesWayAndComesBack(t *testing.T) {
	now := time.Now()
	c := newClimber(now)
	grow := func(l int) float64 { return float64(l) * 18e6 }
	now = drive(&c, now, 6, 16<<20, grow)
	for range 10 { // refusals of one moment
		c.throttled(now)
		now = now.Add(time.Millisecond)
	}
	if c.limit != mostSlots/2 {
		t.Fatalf("%d slots after a SlowDown, want %d", c.limit, mostSlots/2)
	}
	for range 20 {
		now = now.Add(time.Second)
		c.throttled(now)
	}
	if c.limit != 1 {
		t.Fatalf("%d slots after many, want 1", c.limit)
	}
	drive(&c, now, 3600, 16<<20, grow)
	if c.limit < 2*firstSlots {
		t.Errorf("%d slots an hour later", c.limit)
	}
}

func TestClimberLearnsNothingWhileSlotsAreLeft(t *testing.T) {
	now := time.Now()
	c := newClimber(now)
	for range 1000 {
		now = now.Add(100 * time.Millisecond)
		c.done(now, 16<<20)
	}
	if c.limit != firstSlots {
		t.Errorf("%d slots", c.limit)
	}
}

// A disk that takes one write at a time keeps three requests busy at the most.
func TestClimberTakesAwayThoseThatWaitHere(t *testing.T) {
	now := time.Now()
	c := newClimber(now)
	least, most := c.limit, 0
	for i := range 1000 {
		now = now.Add(100 * time.Millisecond)
		c.wanted = true
		c.idle += time.Duration(max(0, c.limit-3)) * 100 * time.Millisecond
		c.done(now, 16<<20)
		least = min(least, c.limit)
		if i > 100 {
			most = max(most, c.limit)
		}
	}
	if least != 3 || most > 4 {
		t.Errorf("between %d and %d slots, want 3 and one more now and then", least, most)
	}
}

// Writes meet each other now and then at any rate: that says nothing.
func TestClimberGrowsAlthoughWritesMeet(t *testing.T) {
	now := time.Now()
	c := newClimber(now)
	for range 1000 {
		now = now.Add(time.Second / time.Duration(c.limit))
		c.wanted = true
		c.idle += time.Second / time.Duration(2*c.limit)
		c.done(now, 16<<20)
	}
	if c.limit != mostSlots {
		t.Errorf("%d slots, want %d", c.limit, mostSlots)
	}
}

func TestSlotsBoundAndGiveTurns(t *testing.T) {
	s := newSlots(2)
	for range 2 {
		if err := s.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stopped, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	if err := s.acquire(stopped); !errors.Is(err, why) {
		t.Errorf("a third: %v", err)
	}
	var waiting sync.WaitGroup
	for range 5 {
		waiting.Go(func() {
			if err := s.acquire(t.Context()); err != nil {
				t.Error(err)
			}
			s.mu.Lock()
			used := s.used
			s.mu.Unlock()
			if used > 2 {
				t.Errorf("%d slots are used", used)
			}
			s.release(1, nil)
		})
	}
	s.release(1, nil)
	s.release(1, nil)
	waiting.Wait()
	if s.used != 0 || len(s.queue) != 0 {
		t.Errorf("%d are used, %d wait", s.used, len(s.queue))
	}
}
