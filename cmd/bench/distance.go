package main

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// distance is a proxy to a far away server: every answer comes later by delay,
// and no connection carries more than rate in either direction.
//
// Connecting takes no longer than before, which favours who connects often.
type distance struct {
	to    string
	delay time.Duration
	rate  int64 // bytes a second
	curve *curve
}

// window is how many bytes a connection's buffers in the kernel hold: little,
// so that a client feels the rate at once.
const window = 256 << 10

func (d *distance) serve(ctx context.Context, l net.Listener) error {
	context.AfterFunc(ctx, func() { _ = l.Close() })
	go d.curve.record(ctx)
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was told to end
		case err != nil:
			return err
		}
		go d.carry(ctx, c)
	}
}

func (d *distance) carry(ctx context.Context, near net.Conn) {
	defer near.Close()
	var dialer net.Dialer
	far, err := dialer.DialContext(ctx, "tcp", d.to)
	if err != nil {
		return
	}
	defer far.Close()
	if tcp, ok := near.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(window) // without it the curve is less smooth, and as true
	}
	d.curve.open.Add(1)
	defer d.curve.open.Add(-1)
	var both sync.WaitGroup
	both.Go(func() {
		d.forth(far, near)
		if tcp, ok := far.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	})
	both.Go(func() {
		d.back(near, far)
		_ = near.Close()
	})
	both.Wait()
}

// forth carries what the client sends, no faster than the rate.
func (d *distance) forth(far io.Writer, near io.Reader) {
	b := make([]byte, 64<<10)
	var pace pace
	for {
		n, err := near.Read(b)
		if n > 0 {
			if _, err := far.Write(b[:n]); err != nil {
				return
			}
			d.curve.bytes.Add(int64(n))
			pace.wait(n, d.rate)
		}
		if err != nil {
			return
		}
	}
}

// late is a piece of an answer on its way.
type late struct {
	b   []byte
	due time.Time
}

// back carries what the server sends, delayed and no faster than the rate.
func (d *distance) back(near io.Writer, far io.Reader) {
	// As much as the rate lets through during the delay is under way at a time.
	way := make(chan late, max(1, int(d.delay.Seconds()*float64(d.rate))/(64<<10)))
	go func() {
		defer close(way)
		for {
			b := make([]byte, 64<<10)
			n, err := far.Read(b)
			if n > 0 {
				way <- late{b[:n], time.Now().Add(d.delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	var pace pace
	var failed error
	for p := range way {
		if failed != nil {
			continue // the other end of the channel must not wait for ever
		}
		time.Sleep(time.Until(p.due))
		_, failed = near.Write(p.b)
		d.curve.bytes.Add(int64(len(p.b)))
		pace.wait(len(p.b), d.rate)
	}
}

// pace keeps to a rate; what was not used while nothing came is lost.
type pace struct{ free time.Time }

func (p *pace) wait(n int, rate int64) {
	now := time.Now()
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	time.Sleep(time.Until(p.free))
}

// curve is how many connections there were over time, and what they carried.
type curve struct {
	open, bytes atomic.Int64

	mu    sync.Mutex
	began time.Time
	all   []sample
}

// sample is what was seen in the time since the one before.
type sample struct {
	Seconds     float64 `json:"s"` // since the reset
	Connections int64   `json:"connections"`
	Rate        float64 `json:"rate"` // bytes a second
}

const samplePeriod = 200 * time.Millisecond

func (c *curve) record(ctx context.Context) {
	tick := time.NewTicker(samplePeriod)
	defer tick.Stop()
	last, before := time.Now(), int64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, bytes := time.Now(), c.bytes.Load()
		c.mu.Lock()
		c.all = append(c.all, sample{
			Seconds: now.Sub(c.began).Seconds(), Connections: c.open.Load(),
			Rate: float64(bytes-before) / now.Sub(last).Seconds(),
		})
		c.mu.Unlock()
		last, before = now, bytes
	}
}

func (c *curve) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began, c.all = time.Now(), nil
}

func (c *curve) samples() []sample {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]sample{}, c.all...)
}
