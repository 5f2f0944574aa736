package wire

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hoist-cli/hoist/internal/fault"
)

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

func TestFault(t *testing.T) {
	plain := newServer(t, func(http.ResponseWriter, *http.Request) {})
	broken := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = c.Close()
		}
	})
	silent := newServer(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	secure, _ := tlsServer(t)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	stalled, stop := context.WithCancelCause(t.Context())
	stop(fault.New(fault.Temporary, "nothing moved for 30s"))
	late, done := context.WithTimeout(t.Context(), 1)
	defer done()

	tests := []struct {
		name string
		ctx  context.Context //nolint:containedctx // the state of the context is what is tested
		url  string
		body io.Reader
		kind fault.Kind
		is   error
		says string
	}{
		{name: "refused", url: "http://" + closed, kind: fault.Temporary, says: "cannot connect to " + closed},
		{name: "no such host", url: "https://nowhere.invalid", kind: fault.Temporary, says: "cannot find the host nowhere.invalid"},
		{name: "unknown authority", url: secure.URL, kind: fault.Usage, says: "cannot trust " + secure.Listener.Addr().String()},
		{name: "https to http", url: strings.Replace(plain.URL, "http", "https", 1), kind: fault.Usage, says: "speaks plain http"},
		{name: "cut off", url: broken.URL, kind: fault.Temporary, says: "lost the connection to " + broken.Listener.Addr().String()},
		{name: "canceled", ctx: canceled, url: silent.URL, kind: fault.Failed, is: context.Canceled},
		{name: "too late", ctx: late, url: silent.URL, kind: fault.Temporary, is: context.DeadlineExceeded, says: "timed out waiting for "},
		{name: "stalled", ctx: stalled, url: silent.URL, kind: fault.Temporary, says: "s3://b/k: nothing moved for 30s"},
		{name: "unreadable source", url: plain.URL, body: failingFile(t), kind: fault.Failed, is: fs.ErrClosed, says: "data: file already closed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			req, err := http.NewRequestWithContext(ctx, "PUT", tt.url+"/b/k?X-Amz-Signature=s3cret", tt.body)
			if err != nil {
				t.Fatal(err)
			}
			err = Fault(failure(t, newClient(t, Options{}), req), "s3://b/k")
			t.Log(err, "/", fault.HintOf(err))
			if got := fault.KindOf(err); got != tt.kind {
				t.Errorf("kind %d, want %d: %v", got, tt.kind, err)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
			if !strings.HasPrefix(err.Error(), "s3://b/k: ") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%q does not say %q", err, tt.says)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(e.Error(), "s3cret") {
					t.Errorf("%T in the chain shows the signature: %v", e, e)
				}
			}
		})
	}
	if Fault(nil, "x") != nil {
		t.Error("Fault(nil) is an error")
	}
}

// failingFile is a source that can no longer be read.
func failingFile(t *testing.T) io.Reader {
	t.Helper()
	name := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	return f
}
