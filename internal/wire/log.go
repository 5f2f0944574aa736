package wire

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// logger writes a line for every request. It shows no header of the request:
// which of them are secret is for each API to say.
type logger struct {
	next http.RoundTripper
	log  func(line string)
}

func (l *logger) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	resp, err := l.next.RoundTrip(req)
	took := time.Since(start).Round(time.Millisecond)

	var line strings.Builder
	fmt.Fprintf(&line, "%s %s", req.Method, Redact(req.URL.String()))
	if req.ContentLength > 0 {
		fmt.Fprintf(&line, " (%d bytes)", req.ContentLength)
	}
	if err != nil {
		fmt.Fprintf(&line, ": failed after %v: %v", took, cause(err))
		l.log(line.String())
		return nil, err
	}
	fmt.Fprintf(&line, ": %d in %v", resp.StatusCode, took)
	if resp.ContentLength > 0 {
		fmt.Fprintf(&line, ", %d bytes back", resp.ContentLength)
	}
	if id := resp.Header.Get("X-Amz-Request-Id"); id != "" {
		fmt.Fprintf(&line, ", request id %q", id)
	}
	l.log(line.String())
	return resp, nil
}

func (l *logger) CloseIdleConnections() {
	if c, ok := l.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
