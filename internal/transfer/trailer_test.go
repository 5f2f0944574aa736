package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
)

// credentials are in the header of every request with a trailer, and must be in no error.
const credentials = "AWS4-HMAC-SHA256 Credential=ME/us-east-1, SignedHeaders=host, Signature=" + signature

// signTrailing signs the parts for a trailer.
func (d *desk) signTrailing(_ context.Context, part ticket.Part) (*ticket.Request, error) {
	return &ticket.Request{
		Method: "PUT", URL: strings.Split(d.url(part.Number), "?")[0], Header: map[string]string{"X-Amz-Trailer": "x-amz-checksum-crc64nvme"},
		Credentials: map[string]string{"Authorization": credentials}, Trailer: checksum.CRC64NVME,
	}, nil
}

// lazy is a ticket whose parts are signed just in time.
func (d *desk) lazy(t *testing.T, size int64) *ticket.Ticket {
	t.Helper()
	tk := d.ticket(t, size)
	for i := range tk.Parts {
		tk.Parts[i].Request = nil
	}
	return tk
}

// unframed takes the frame of a trailing checksum from around what arrived.
func unframed(framed, content []byte) error {
	sum, _, err := checksum.Of(bytes.NewReader(content), checksum.CRC64NVME)
	if err != nil {
		return err
	}
	want := fmt.Sprintf("%x\r\n%s\r\n0\r\nx-amz-checksum-crc64nvme:%s\r\n\r\n", len(content), content, sum.Value)
	if string(framed) != want {
		return fmt.Errorf("%d bytes have arrived, and not the %d that frame the section", len(framed), len(want))
	}
	return nil
}

// The real stores' word on the frame is in the conformance suite of internal/provider.
func TestTrailer(t *testing.T) {
	d, data := newDesk(t), content(3*partSize-1)
	d.answer = func(w http.ResponseWriter, r *http.Request, try int) bool {
		if try == 1 && strings.HasSuffix(r.URL.Path, "/2") {
			status(503, xmlError("SlowDown", "later", ""))(w, r)
			return true
		}
		var number int
		_, _ = fmt.Sscanf(r.URL.Path, "/part/%d", &number)
		part := data[(number-1)*partSize : min(number*partSize, len(data))]
		framed, err := io.ReadAll(r.Body)
		if err == nil {
			err = unframed(framed, part)
		}
		if err != nil || r.Header.Get("Authorization") != credentials || r.TransferEncoding != nil || r.ContentLength != int64(len(framed)) {
			t.Errorf("part %d: %v; it has Content-Length %d and the header %v", number, err, r.ContentLength, r.Header)
		}
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("x-amz-checksum-crc64nvme", sumOf(t, checksum.CRC64NVME, part).Value)
		return true
	}
	client := d.open(t, true)
	tk, moved := d.lazy(t, int64(len(data))), progress()
	u := &transfer.Upload{Ticket: tk, Sign: d.sign, SignTrailing: d.signTrailing}
	if err := transfer.NewQuick(client, transfer.Options{Retries: 1, Moved: moved}).Send(t.Context(), u, newFile(t, data)); err != nil {
		t.Fatal(err)
	}
	if moved.Load() != int64(len(data)) || d.tried() != 4 {
		t.Errorf("%d bytes are counted in %d tries, want %d in 4", moved.Load(), d.tried(), len(data))
	}
	for _, part := range tk.Parts {
		receipt, _ := tk.Receipt(part.Number)
		want := sumOf(t, checksum.CRC64NVME, data[part.Offset:part.Offset+part.Size])
		if receipt.Checksum == nil || *receipt.Checksum != *want {
			t.Errorf("part %d has the receipt %+v, want the checksum %v", part.Number, receipt, want)
		}
	}
}

// A store that does not take the trailer gets each part with its checksum before it.
func TestTrailerDeclined(t *testing.T) {
	say := func(name, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("ETag", `"e"`)
			w.Header().Set(name, value)
		}
	}
	for name, answer := range map[string]http.HandlerFunc{
		"not implemented":                 status(501, xmlError("NotImplemented", "A header you provided implies functionality that is not implemented", "")),
		"signed otherwise":                status(403, xmlError("SignatureDoesNotMatch", "no", "")),
		"taken for content":               say("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="),
		"taken for content, and not said": say("x-test", ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, data := newDesk(t), content(4*partSize)
			var trailers atomic.Int64
			d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.Header.Get("X-Amz-Trailer") == "" {
					return false
				}
				trailers.Add(1)
				answer(w, r)
				return true
			}
			client := d.open(t, true)
			tk, moved := d.lazy(t, int64(len(data))), progress()
			engine := transfer.NewQuick(client, transfer.Options{Concurrency: 1, Retries: 2, Moved: moved})
			if err := engine.Send(t.Context(), &transfer.Upload{Ticket: tk, Sign: d.sign, SignTrailing: d.signTrailing}, newFile(t, data)); err != nil {
				t.Fatal(err)
			}
			d.wantParts(t, tk, data)
			if moved.Load() != int64(len(data)) {
				t.Errorf("%d bytes are counted, want %d", moved.Load(), len(data))
			}
			if n := trailers.Load(); n > 3 {
				t.Errorf("%d trailers after the first part was refused", n)
			}
		})
	}
}

// What signs a request is repeated by some servers, and never by us.
func TestTrailerSecrets(t *testing.T) {
	d, data := newDesk(t), content(partSize)
	d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		status(403, xmlError("AccessDenied", "no to "+credentials+" or "+signature, ""))(w, r)
		return true
	}
	client := d.open(t, true)
	tk := d.lazy(t, 2*int64(len(data)))
	u := &transfer.Upload{Ticket: tk, SignTrailing: d.signTrailing, Sign: func(ctx context.Context, part ticket.Part, _ *ticket.Checksum) (*ticket.Request, error) {
		return d.signTrailing(ctx, part)
	}}
	err := transfer.NewQuick(client, transfer.Options{}).Send(t.Context(), u, newFile(t, append(data, data...)))
	wantFault(t, err, fault.Denied, "policy: ")
	if said := err.Error() + fault.HintOf(err); strings.Contains(said, signature) {
		t.Errorf("%q is in %q", signature, said)
	}
}
