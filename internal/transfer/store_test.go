package transfer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/local/localtest"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/s3"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
	"github.com/hoist-cli/hoist/internal/wire"
)

// What a real store says of each request, signed by the real provider.
func TestRealStore(t *testing.T) {
	served := localtest.Open(t)
	client, err := wire.New(wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	store, err := s3.New(t.Context(), s3.Config{
		Base: "local:", Bucket: served.Bucket, Region: served.Region, Endpoint: served.Endpoint,
		AccessKeyID: served.AccessKeyID, SecretAccessKey: served.SecretAccessKey, HTTP: client,
	})
	if err != nil {
		t.Fatal(err)
	}
	data := content(100_000)
	for i, test := range []struct {
		name   string
		spec   object.Spec
		change func(*ticket.Request)
		await  bool // the end of the signature
		kind   fault.Kind
		text   string
	}{
		{name: "put"},
		{name: "form", spec: object.Spec{Method: ticket.Post}},
		{name: "multipart", spec: object.Spec{Method: ticket.Multipart}},
		{
			name: "another header", change: func(r *ticket.Request) { r.Header["Content-Type"] = "text/other" },
			kind: fault.Denied, text: "signature: ",
		},
		{
			name: "another key", change: func(r *ticket.Request) { r.URL = strings.Replace(r.URL, "/key-", "/kez-", 1) },
			kind: fault.Denied, text: "signature: ",
		},
		{
			name: "expired", spec: object.Spec{Expires: time.Second}, await: true,
			kind: fault.Incomplete, text: "expired: ",
		},
		{
			name: "form with another key", spec: object.Spec{Method: ticket.Post},
			change: func(r *ticket.Request) { r.Fields["key"] = "other" },
			kind:   fault.Denied, text: "policy: ",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			spec := test.spec
			spec.Path = fmt.Sprintf("key-%d", i)
			spec.File = ticket.File{Name: `a "name"`, Size: int64(len(data)), Type: "text/x-test"}
			tk, err := store.Start(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			if err := store.SignAll(t.Context(), tk); err != nil {
				t.Fatal(err)
			}
			if err := tk.Validate(); err != nil {
				t.Fatal(err)
			}
			if test.change != nil {
				test.change(tk.Parts[0].Request)
			}
			if test.await {
				eventually(t, "the signature has ended", func() bool { return time.Until(*tk.Expires) < -time.Second })
			}
			moved := progress()
			err = transfer.NewQuick(client, transfer.Options{Moved: moved, Retries: 2}).Send(t.Context(), &transfer.Upload{Ticket: tk}, newFile(t, data))
			if test.text != "" {
				wantFault(t, err, test.kind, test.text)
				for _, secret := range tk.Parts[0].Request.Fields {
					if len(secret) > 40 && strings.Contains(err.Error()+fault.HintOf(err), secret) {
						t.Errorf("%q is in %q", secret, err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			stored, err := store.Finish(t.Context(), tk)
			if err != nil {
				t.Fatal(err)
			}
			if stored.Size != int64(len(data)) || moved.Load() != stored.Size {
				t.Errorf("%d bytes are stored, %d counted", stored.Size, moved.Load())
			}
		})
	}
	t.Run("other bytes than signed", func(t *testing.T) {
		tk, err := store.Start(t.Context(), object.Spec{Path: "other", File: ticket.File{Name: "f", Size: int64(len(data))}})
		if err != nil {
			t.Fatal(err)
		}
		other := sumOf(t, checksum.CRC64NVME, data[1:])
		u := &transfer.Upload{Ticket: tk, Algorithm: checksum.CRC64NVME, Sign: func(ctx context.Context, part ticket.Part, _ *ticket.Checksum) (*ticket.Request, error) {
			return store.Sign(ctx, tk, part, other)
		}}
		err = transfer.NewQuick(client, transfer.Options{}).Send(t.Context(), u, newFile(t, data))
		wantFault(t, err, fault.Integrity, "BadDigest")
	})
}
