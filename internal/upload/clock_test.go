package upload

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/s3"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
	"github.com/hoist-cli/hoist/internal/wire"
)

// A machine whose clock is an hour slow is told so by the store's Date, and
// signs by the store's clock from then on. No real store can be given another
// clock than its client's here, so this one is a stand-in.
func TestClockIsLearnedFromTheStore(t *testing.T) {
	const slow = time.Hour
	var refused int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().Add(slow)
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		_, _ = io.Copy(io.Discard, r.Body)
		at, err := time.Parse("20060102T150405Z", r.URL.Query().Get("X-Amz-Date"))
		if r.Method == http.MethodPut && (err != nil || now.Sub(at).Abs() > 15*time.Minute) {
			refused++
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large</Message></Error>")
			return
		}
		w.Header().Set("ETag", `"900150983cd24fb0d6963f7d28e17f72"`) // of "abc"
		w.Header().Set("x-amz-checksum-crc64nvme", r.Header.Get("x-amz-checksum-crc64nvme"))
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Length", "3")
		}
	}))
	defer server.Close()

	client, err := wire.New(wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := s3.New(t.Context(), s3.Config{
		Bucket: "b", Region: "us-east-1", Endpoint: server.URL, AccessKeyID: "k", SecretAccessKey: "s", HTTP: client,
	})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "abc")
	if err := os.WriteFile(name, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := transfer.NewFile(name)
	if err != nil {
		t.Fatal(err)
	}
	u := &Uploader{Provider: store, Engine: transfer.New(store.Client(), transfer.Options{Retries: 1})}
	send := func(ctx context.Context) error {
		_, err := u.File(ctx, file, object.Spec{Path: "k", File: ticket.File{Name: "abc", Size: 3, Type: "text/plain"}})
		return err
	}
	if err := send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if refused != 1 {
		t.Errorf("%d requests were signed by the wrong clock, want the first only", refused)
	}
}
