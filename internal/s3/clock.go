package s3

import (
	"net/http"
	"sync/atomic"
	"time"
)

// clock is the store's time, learned from the Date of its answers: requests
// that are signed by a wrong clock are refused (RequestTimeTooSkewed, 15 min), and
// expiry is judged by the store's clock.
type clock struct {
	next   http.RoundTripper
	offset atomic.Int64 // time.Duration to add to the local time
}

// tolerated is how far apart the clocks may be before the offset is used: Date has whole
// seconds, and answers take time.
const tolerated = 5 * time.Second

func (c *clock) RoundTrip(req *http.Request) (*http.Response, error) {
	if n, ok := req.Context().Value(attemptsKey{}).(*atomic.Int32); ok {
		n.Add(1)
	}
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		offset := time.Until(date)
		if offset.Abs() < tolerated {
			offset = 0
		}
		c.offset.Store(int64(offset))
	}
	return resp, nil
}

// CloseIdleConnections lets http.Client reach the transport below.
func (c *clock) CloseIdleConnections() {
	if t, ok := c.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// attemptsKey is the context's key of a counter of the attempts of one call.
type attemptsKey struct{}
