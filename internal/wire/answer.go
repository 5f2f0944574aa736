package wire

import (
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
)

// drainLimit is how much of an unwanted body is read to keep its connection:
// about what a new TLS handshake costs.
const drainLimit = 64 << 10

// ReadBody reads the whole body of at most limit bytes and closes it. A longer
// one is an error: what is beyond the limit is not read, or only a little of
// it so that the connection can be used again.
func ReadBody(resp *http.Response, limit int64) ([]byte, error) {
	defer resp.Body.Close()
	from := "the answer"
	if resp.Request != nil {
		from = "the answer of " + resp.Request.URL.Host
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, Fault(err, from)
	}
	if int64(len(body)) > limit {
		_, _ = io.CopyN(io.Discard, resp.Body, drainLimit)
		return nil, fault.New(fault.Failed, "%s is longer than the %d bytes that are read", from, limit)
	}
	return body, nil
}

// RetryAfter returns how long the answer asks to wait (RFC 9110, 10.2.3), by
// the server's own clock where it names a date. It is never negative.
func RetryAfter(resp *http.Response, now time.Time) (time.Duration, bool) {
	v := resp.Header.Get("Retry-After")
	if v == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseUint(v, 10, 64); err == nil {
		return time.Duration(min(seconds, math.MaxInt64/uint64(time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	if server, ok := ServerTime(resp); ok {
		now = server
	}
	return max(0, at.Sub(now)), true
}

// ServerTime returns the Date of the answer (RFC 9110, 6.6.1), to the second.
func ServerTime(resp *http.Response) (time.Time, bool) {
	t, err := http.ParseTime(resp.Header.Get("Date"))
	return t, err == nil
}

// KindOf returns the kind of an HTTP status of 400 and above, as far as the
// status alone tells; the server's own code may say it better.
//
// 412 is Exists since If-None-Match is the one condition that uploads send.
// 409 is Failed: to S3 it is a conflict that may pass, to an API often one that will not.
func KindOf(status int) fault.Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return fault.Denied
	case http.StatusNotFound, http.StatusGone:
		return fault.NotFound
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return fault.Temporary
	case http.StatusPreconditionFailed:
		return fault.Exists
	case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return fault.Usage // what the other side cannot do or would not take
	}
	if status >= 500 {
		return fault.Temporary
	}
	return fault.Failed
}
