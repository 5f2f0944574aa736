package term

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

const (
	barInterval   = 100 * time.Millisecond
	eventInterval = time.Second
	lineInterval  = 5 * time.Second

	// rateWindow is how far back the rate looks: long enough to be calm,
	// short enough to show a stall.
	rateWindow = 10 * time.Second
	// longestLeft is a time left that is worth telling.
	longestLeft = 100 * time.Hour
)

// Progress shows m, under a label such as "upload", until stop is called or
// ctx ends: as a bar where standard error is a terminal, as JSON events, or as
// plain lines, the first of which comes only after an interval, so that short
// work prints none. With Quiet or NoProgress nothing is shown.
//
// stop takes the bar off the line before it returns, and writes a last event
// with JSON. It may be called more than once. One Progress at a time.
func (p *Printer) Progress(ctx context.Context, m *Meter, label string) (stop func()) {
	if p.opts.Quiet || p.opts.NoProgress {
		return func() {}
	}
	var show func(status)
	interval := lineInterval
	last := func() {}
	var t track
	switch {
	case p.opts.JSON:
		interval = eventInterval
		show = func(s status) { p.event(s.event(label)) }
		last = func() { show(t.status(m, time.Now())) }
	case p.streams.ErrTTY && !p.streams.Dumb:
		interval = barInterval
		frame := 0
		show = func(s status) {
			p.setBar(s.bar(Escape(label), p.streams.columns(), frame))
			frame++
		}
		last = func() { p.setBar("") }
	default:
		show = func(s status) { p.lines(Escape(label) + ": " + s.String()) }
	}
	if p.opts.Interval > 0 {
		interval = p.opts.Interval
	}

	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	t.status(m, time.Now())
	go func() {
		defer close(done)
		defer last()
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				show(t.status(m, now))
			}
		}
	}()
	return sync.OnceFunc(func() {
		cancel()
		<-done
	})
}

// track remembers what a meter showed within the last rateWindow.
type track struct{ samples []sample }

type sample struct {
	at   time.Time
	sent int64
}

// status reads m once.
func (t *track) status(m *Meter, now time.Time) status {
	s := status{
		bytes:   max(0, m.Bytes.Load()),
		total:   m.Total.Load(),
		resumed: m.Resumed.Load(),
		files:   m.Files.Load(),
		filesOf: m.FilesTotal.Load(),
	}
	for len(t.samples) > 1 && now.Sub(t.samples[0].at) > rateWindow {
		t.samples = t.samples[1:]
	}
	newest := sample{now, s.bytes - s.resumed}
	t.samples = append(t.samples, newest)
	oldest := t.samples[0]
	if elapsed := newest.at.Sub(oldest.at); elapsed > 0 && newest.sent > oldest.sent {
		s.rate = int64(float64(newest.sent-oldest.sent) / elapsed.Seconds())
	}
	return s
}

// status is a meter at one moment. Rate is in bytes a second; 0 is not known.
type status struct {
	bytes, total, resumed int64
	files, filesOf        int64
	rate                  int64
}

// percent is -1 where there is nothing to be a part of.
func (s status) percent() int {
	if s.total <= 0 {
		return -1
	}
	return int(float64(min(s.bytes, s.total)) / float64(s.total) * 100)
}

// counts is what a bar and a plain line have in common:
// "7.2 MiB of 16 MiB, 3.1 MiB/s, 2.8s left, 2 of 10 files". The bytes may be
// there long before the other side has made an object of them.
func (s status) counts() string {
	text := Size(s.bytes)
	if s.total > 0 {
		text += " of " + Size(s.total)
	}
	if s.total > 0 && s.bytes >= s.total && s.files < s.filesOf {
		return text + ", finishing"
	}
	if s.rate > 0 {
		text += ", " + Size(s.rate) + "/s"
		if rest := s.total - s.bytes; rest > 0 {
			// Seconds as a float: bytes times time.Second overflows from 9 GB on.
			if seconds := float64(rest) / float64(s.rate); seconds < longestLeft.Seconds() {
				text += ", " + Duration(time.Duration(seconds*float64(time.Second))) + " left"
			}
		}
	}
	if s.filesOf > 1 {
		text += fmt.Sprintf(", %d of %d files", s.files, s.filesOf)
	}
	return text
}

func (s status) String() string {
	if p := s.percent(); p >= 0 {
		return fmt.Sprintf("%d%%, %s", p, s.counts())
	}
	return s.counts()
}

// bar draws one line of at most width columns. Every frame is a new
// progressbar that draws into memory: a bar that has once been full never
// comes back, and here the bytes of a part that failed do.
func (s status) bar(label string, width, frame int) string {
	const (
		// The bar keeps its width while the counts change theirs.
		countsReserve = len("1023 MiB of 1023 MiB, 1023 KiB/s, 59m59s left ")
		around        = len(" 100% [] ")
		widest        = 30
		narrowest     = 10
	)
	counts := s.counts()
	size := max(narrowest, min(widest, width-columns(label)-around-countsReserve))
	if s.percent() < 0 || columns(label)+around+size+columns(counts) > width {
		const spinner = `|/-\`
		return clip(fmt.Sprintf("%s %c %s", label, spinner[frame%len(spinner)], s), width)
	}
	bar := progressbar.NewOptions64(s.total,
		progressbar.OptionSetWriter(io.Discard),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
		progressbar.OptionSetWidth(size),
		progressbar.OptionSetPredictTime(false),
	)
	// The errors are of a maximum of 0 and of a number beyond it.
	_ = bar.Set64(min(s.bytes, s.total))
	bar.Describe(label)
	return strings.TrimSpace(bar.String()) + " " + counts
}

// progressEvent is a status with --json. What is not known is null.
type progressEvent struct {
	V          int    `json:"v"`
	Event      string `json:"event"`
	Label      string `json:"label"`
	Bytes      int64  `json:"bytes"`
	Total      *int64 `json:"total"`
	Resumed    int64  `json:"resumed"` // of bytes, done by an earlier run
	Rate       *int64 `json:"rate"`    // bytes a second
	Files      int64  `json:"files"`
	FilesTotal int64  `json:"files_total"`
}

func (s status) event(label string) progressEvent {
	e := progressEvent{
		V: 1, Event: "progress", Label: label,
		Bytes: s.bytes, Resumed: s.resumed, Files: s.files, FilesTotal: s.filesOf,
	}
	if s.total >= 0 {
		e.Total = &s.total
	}
	if s.rate > 0 {
		e.Rate = &s.rate
	}
	return e
}
