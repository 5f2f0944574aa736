package upload

import (
	"time"

	"github.com/hoist-cli/hoist/internal/ticket"
)

// paceAfter is how long is measured before anything is said of it.
const paceAfter = 10 * time.Second

// pace compares how fast an upload is with how fast it has to be: requests that
// were signed beforehand end, and the last has to begin before that.
type pace struct {
	say         func(format string, args ...any)
	path        string
	began, ends time.Time
	total, done int64 // bytes
}

// newPace says how fast the file has to be sent, if its many requests end. A
// nil pace has nothing to compare.
func (s *session) newPace(t *ticket.Ticket) *pace {
	if t.Expires == nil || len(t.Parts) < 2 || !isSigned(t) {
		return nil
	}
	p := &pace{say: s.Warn, path: s.file.Path, began: time.Now(), ends: *t.Expires}
	for _, part := range t.Parts {
		if _, sent := t.Receipt(part.Number); !sent {
			p.total += part.Size
		}
	}
	left := p.ends.Sub(p.began)
	if left > 0 {
		s.inform("%s: its %d URLs end in %s: %.1f MiB/s are needed to send it in time",
			p.path, len(t.Parts), left.Round(time.Second), mebibytes(p.total, left))
	}
	return p
}

// sent notes that a part has arrived. It is called by one goroutine at a time.
func (p *pace) sent(bytes int64) {
	if p == nil || p.say == nil {
		return
	}
	p.done += bytes
	took := time.Since(p.began)
	if took < paceAfter {
		return
	}
	needed := time.Duration(float64(took) / float64(p.done) * float64(p.total))
	if p.began.Add(needed).After(p.ends) {
		p.say("%s: at %.1f MiB/s it is not sent before its URLs end at %s: it will have to start over",
			p.path, mebibytes(p.done, took), p.ends.Local().Format(time.TimeOnly))
		p.say = nil // once is enough
	}
}

// mebibytes is a rate in 2^20 bytes a second, as progress shows it.
func mebibytes(bytes int64, took time.Duration) float64 {
	return float64(bytes) / (1 << 20) / took.Seconds()
}
