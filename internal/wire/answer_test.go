package wire

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
)

func TestReadBody(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/short":
			_, _ = io.WriteString(w, "12345")
		case "/long":
			_, _ = io.WriteString(w, strings.Repeat("x", 1000))
		case "/endless":
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, strings.Repeat("x", 1<<16))
			}
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "12345")
		}
	})
	host := s.Listener.Addr().String()
	for _, tt := range []struct {
		path   string
		want   string
		kind   fault.Kind
		says   string
		reused bool
	}{
		{path: "/short", want: "12345", reused: true},
		{path: "/long", says: "the answer of " + host + " is longer than the 5 bytes", reused: true},
		{path: "/endless", says: "longer than"},
		{path: "/cut", kind: fault.Temporary, says: "the answer of " + host},
	} {
		t.Run(tt.path, func(t *testing.T) {
			c := newClient(t, Options{})
			resp, err := c.Get(s.URL + tt.path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := ReadBody(resp, 5)
			if string(body) != tt.want {
				t.Errorf("read %q", body)
			}
			if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %q", err, tt.says)
			}
			if fault.KindOf(err) != tt.kind {
				t.Errorf("kind %d of %v", fault.KindOf(err), err)
			}

			var reused bool
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused },
			})
			req, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/short", nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp, err = c.Do(req); err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if reused != tt.reused {
				t.Errorf("connection reused: %v, want %v", reused, tt.reused)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		after, date string
		want        time.Duration
		ok          bool
	}{
		{after: "", ok: false},
		{after: "soon", ok: false},
		{after: "-1", ok: false},
		{after: "0", ok: true},
		{after: "120", want: 2 * time.Minute, ok: true},
		{after: "18446744073709551615", want: 9223372036 * time.Second, ok: true},
		{after: "Sun, 01 Nov 2026 12:00:30 GMT", want: 30 * time.Second, ok: true},
		{after: "Sun, 01 Nov 2026 11:00:00 GMT", want: 0, ok: true},
		{after: "Sun, 01 Nov 2026 13:00:30 GMT", date: "Sun, 01 Nov 2026 13:00:00 GMT", want: 30 * time.Second, ok: true},
	} {
		resp := &http.Response{Header: http.Header{}}
		resp.Header.Set("Retry-After", tt.after)
		resp.Header.Set("Date", tt.date)
		if got, ok := RetryAfter(resp, now); got != tt.want || ok != tt.ok {
			t.Errorf("%q at %q: %v, %v; want %v, %v", tt.after, tt.date, got, ok, tt.want, tt.ok)
		}
	}
}

func TestServerTime(t *testing.T) {
	resp := &http.Response{Header: http.Header{"Date": {"Sun, 01 Nov 2026 12:00:30 GMT"}}}
	if got, ok := ServerTime(resp); !ok || !got.Equal(time.Date(2026, 11, 1, 12, 0, 30, 0, time.UTC)) {
		t.Errorf("%v, %v", got, ok)
	}
	if _, ok := ServerTime(&http.Response{}); ok {
		t.Error("a time without a Date")
	}
}

func TestKindOf(t *testing.T) {
	for status, want := range map[int]fault.Kind{
		400: fault.Failed, 401: fault.Denied, 403: fault.Denied, 404: fault.NotFound, 407: fault.Denied,
		408: fault.Temporary, 409: fault.Failed, 410: fault.NotFound, 412: fault.Exists, 413: fault.Usage,
		425: fault.Temporary, 429: fault.Temporary, 500: fault.Temporary, 501: fault.Usage, 503: fault.Temporary,
	} {
		if got := KindOf(status); got != want {
			t.Errorf("KindOf(%d) = %d, want %d", status, got, want)
		}
	}
}
