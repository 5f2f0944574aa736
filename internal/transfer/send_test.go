package transfer_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
)

func TestSendSizes(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, size := range []int{0, 1, partSize, partSize + 1, 3 * partSize} {
			t.Run(fmt.Sprintf("secure=%t/%d", secure, size), func(t *testing.T) {
				t.Parallel()
				d, data, moved := newDesk(t), content(size), progress()
				client := d.open(t, secure)
				tk := d.ticket(t, int64(size))
				var kept []int
				u := &transfer.Upload{Ticket: tk, Keep: func(r ticket.Receipt) error {
					kept = append(kept, r.Number) // the race detector sees two at a time
					return nil
				}}
				if err := transfer.NewQuick(client, transfer.Options{Moved: moved}).Send(t.Context(), u, newFile(t, data)); err != nil {
					t.Fatal(err)
				}
				d.wantParts(t, tk, data)
				if moved.Load() != int64(size) {
					t.Errorf("the progress ends at %d of %d bytes", moved.Load(), size)
				}
				if len(kept) != len(tk.Parts) {
					t.Errorf("receipts of %v were kept, of %d parts", kept, len(tk.Parts))
				}
				if got := d.header("/part/1").Get("Content-Type"); got != "text/x-test" {
					t.Errorf("the signed Content-Type arrived as %q", got)
				}
			})
		}
	}
}

func TestSendWhatIsMissing(t *testing.T) {
	d, data, moved := newDesk(t), content(5*partSize), progress()
	client := d.open(t, false)
	tk := d.ticket(t, int64(len(data)))
	for _, n := range []int{1, 3, 4} {
		tk.AddReceipt(ticket.Receipt{Number: n, Size: partSize, ETag: "there"})
	}
	engine := transfer.NewQuick(client, transfer.Options{Moved: moved})
	for range 2 { // the second time nothing is missing
		if err := engine.Send(t.Context(), &transfer.Upload{Ticket: tk}, newFile(t, data)); err != nil {
			t.Fatal(err)
		}
		if got := d.arrived(); !cmp.Equal(got, []string{"/part/2", "/part/5"}) {
			t.Errorf("sent: %q", got)
		}
	}
	if d.tried() != 2 || len(tk.Receipts) != 5 || moved.Load() != 2*partSize {
		t.Errorf("%d requests, %d receipts, %d bytes moved", d.tried(), len(tk.Receipts), moved.Load())
	}
}

// The store is told the checksum that it signed for, of each part.
func TestSendSigns(t *testing.T) {
	for _, algorithm := range append(checksum.Algorithms(), checksum.MD5, "") {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			d, data := newDesk(t), content(2*partSize+5)
			client := d.open(t, false)
			tk := d.ticket(t, int64(len(data)))
			for i := range tk.Parts {
				tk.Parts[i].Request = nil
			}
			u := &transfer.Upload{Ticket: tk, Algorithm: algorithm, Sign: func(ctx context.Context, part ticket.Part, sum *ticket.Checksum) (*ticket.Request, error) {
				request, err := d.sign(ctx, part, sum)
				if (sum == nil) != (algorithm == "") {
					t.Errorf("part %d: signed with %v", part.Number, sum)
				}
				if sum != nil {
					request.Header = map[string]string{checksum.Header(sum.Algorithm): sum.Value}
				}
				return request, err
			}}
			if err := transfer.NewQuick(client, transfer.Options{}).Send(t.Context(), u, newFile(t, data)); err != nil {
				t.Fatal(err)
			}
			d.wantParts(t, tk, data)
			if algorithm == "" {
				return
			}
			for _, part := range tk.Parts {
				want := sumOf(t, algorithm, data[part.Offset:part.Offset+part.Size]).Value
				if got := d.header("/part/" + strconv.Itoa(part.Number)).Get(checksum.Header(algorithm)); got != want {
					t.Errorf("part %d carries %q, want %q", part.Number, got, want)
				}
			}
		})
	}
	t.Run("nobody", func(t *testing.T) {
		d := newDesk(t)
		client := d.open(t, false)
		tk := d.ticket(t, 1)
		tk.Parts[0].Request = nil
		err := transfer.NewQuick(client, transfer.Options{Retries: 5}).Send(t.Context(), &transfer.Upload{Ticket: tk}, newFile(t, content(1)))
		wantFault(t, err, fault.Usage, "part 1", "not signed", "--lazy")
	})
	t.Run("fails", func(t *testing.T) {
		d := newDesk(t)
		client := d.open(t, false)
		tk := d.ticket(t, 1)
		tk.Parts[0].Request = nil
		u := &transfer.Upload{Ticket: tk, Sign: func(context.Context, ticket.Part, *ticket.Checksum) (*ticket.Request, error) {
			return nil, fault.New(fault.Denied, "no keys")
		}}
		err := transfer.NewQuick(client, transfer.Options{Retries: 5}).Send(t.Context(), u, newFile(t, content(1)))
		wantFault(t, err, fault.Denied, "no keys")
		if fault.StageOf(err) != fault.Sign || d.tried() != 0 {
			t.Errorf("stage %q after %d requests", fault.StageOf(err), d.tried())
		}
	})
}

// How a try goes wrong.
var failures = []struct {
	name string
	fail func(w http.ResponseWriter, r *http.Request)
	// kind and text are of the error when it always goes wrong.
	kind fault.Kind
	text string
}{
	{"500", status(500, ""), fault.Temporary, "500 Internal Server Error"},
	{"503 SlowDown", status(503, xmlError("SlowDown", "Please reduce your request rate.", "")), fault.Temporary, "SlowDown"},
	{"429", status(429, ""), fault.Temporary, "429"},
	{"408", status(408, ""), fault.Temporary, "408"},
	{"400 RequestTimeout", status(400, xmlError("RequestTimeout", "Your socket connection was idle.", "")), fault.Temporary, "RequestTimeout"},
	{"409 ConditionalRequestConflict", status(409, xmlError("ConditionalRequestConflict", "", "")), fault.Temporary, "Conflict"},
	{"400 IncompleteBody", status(400, xmlError("IncompleteBody", "", "")), fault.Temporary, "IncompleteBody"},
	{"400 BadDigest", status(400, xmlError("BadDigest", "The CRC64NVME you specified did not match.", "")), fault.Integrity, "BadDigest"},
	{"dropped in mid-body", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1<<10)
		hangUp(w)
	}, fault.Temporary, "lost the connection"},
	{"dropped after the body", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		hangUp(w)
	}, fault.Temporary, "lost the connection"},
	{"stalled", func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}, fault.Temporary, "no progress for"},
	{"no answer", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}, fault.Temporary, "no answer for"},
	{"200 before the end of the body", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1<<10)
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		hangUp(w)
	}, fault.Temporary, ""},
	{"200 that is torn", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	}, fault.Temporary, "lost the connection"},
	{"another ETag", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
	}, fault.Integrity, "--no-verify"},
	{"another checksum", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("ETag", `"`+md5Of(body)+`"`)
		w.Header().Set("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")
	}, fault.Integrity, "crc64nvme"},
}

func status(code int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func xmlError(code, message, more string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code><Message>" + message + "</Message>" + more + "</Error>"
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// stallSize is more in bytes than the kernel takes of a body that nobody reads.
const stallSize = 24 << 20

// impatient shortens the one limit that a failure is about: a machine that is
// busy must not run into the other.
func impatient(name string, o transfer.Options) transfer.Options {
	const patience = 1500 * time.Millisecond
	switch name {
	case "stalled":
		o.Stall = patience
	case "no answer":
		o.Answer = patience
	}
	return o
}

func sizeFor(name string) int {
	if name == "stalled" || strings.HasPrefix(name, "200 before") || strings.HasPrefix(name, "dropped in") {
		return stallSize
	}
	return partSize
}

func TestSendRetries(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			d, data, moved := newDesk(t), content(sizeFor(f.name)), progress()
			bad := 2
			if f.name == "stalled" || f.name == "no answer" {
				bad = 1 // they take their time
			}
			d.answer = func(w http.ResponseWriter, r *http.Request, try int) bool {
				if try <= bad {
					f.fail(w, r)
				}
				return try <= bad
			}
			client := d.open(t, false)
			tk := d.single(t, int64(len(data)))
			var retries []transfer.Retry
			engine := transfer.NewQuick(client, impatient(f.name, transfer.Options{
				Retries: bad, Moved: moved,
				OnRetry: func(r transfer.Retry) {
					if moved.Load() != 0 {
						t.Errorf("after try %d the progress is %d", r.Try, moved.Load())
					}
					retries = append(retries, r)
				},
			}))
			if err := engine.Send(t.Context(), &transfer.Upload{Ticket: tk}, newFile(t, data)); err != nil {
				t.Fatal(err)
			}
			d.wantParts(t, tk, data)
			if moved.Load() != int64(len(data)) {
				t.Errorf("the progress ends at %d of %d bytes", moved.Load(), len(data))
			}
			if len(retries) != bad {
				t.Errorf("told of the retries %+v", retries)
			}
			for i, r := range retries {
				if r.Part != 1 || r.Try != i+1 || r.Wait <= 0 || r.Err == nil {
					t.Errorf("told of the retry %+v", r)
				}
			}
		})
	}
}

func TestSendGivesUp(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			d, data, moved := newDesk(t), content(sizeFor(f.name)), progress()
			d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				f.fail(w, r)
				return true
			}
			client := d.open(t, false)
			u := &transfer.Upload{Ticket: d.single(t, int64(len(data)))}
			u.Sign = func(context.Context, ticket.Part, *ticket.Checksum) (*ticket.Request, error) {
				t.Error("a request that was not refused for its signature is signed anew")
				return nil, errors.New("sign")
			}
			engine := transfer.NewQuick(client, impatient(f.name, transfer.Options{Retries: 1, Moved: moved}))
			err := engine.Send(t.Context(), u, newFile(t, data))
			wantFault(t, err, f.kind, f.text)
			if d.tried() != 2 || moved.Load() != 0 || len(u.Ticket.Receipts) != 0 {
				t.Errorf("%d tries, %d bytes counted, receipts %v", d.tried(), moved.Load(), u.Ticket.Receipts)
			}
		})
	}
}

// After a part has failed for good the others are not sent to their end.
func TestSendStopsTogether(t *testing.T) {
	d, data := newDesk(t), content(20*partSize)
	d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path == "/part/2" {
			status(404, xmlError("NoSuchUpload", "The upload does not exist.", ""))(w, r)
			return true
		}
		<-r.Context().Done()
		return true
	}
	client := d.open(t, false)
	err := transfer.NewQuick(client, transfer.Options{Concurrency: 4, Retries: 5}).Send(t.Context(), &transfer.Upload{Ticket: d.ticket(t, int64(len(data)))}, newFile(t, data))
	wantFault(t, err, fault.NotFound, "NoSuchUpload")
	if !transfer.Gone(err) {
		t.Error("the upload does not count as gone")
	}
	if n := d.tried(); n > 5 {
		t.Errorf("%d requests", n)
	}
}

func TestSendKeepFails(t *testing.T) {
	d, data := newDesk(t), content(3*partSize)
	client := d.open(t, false)
	full := errors.New("disk full")
	u := &transfer.Upload{Ticket: d.ticket(t, int64(len(data))), Keep: func(ticket.Receipt) error { return full }}
	if err := transfer.NewQuick(client, transfer.Options{Concurrency: 1, Retries: 5}).Send(t.Context(), u, newFile(t, data)); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if d.tried() != 1 {
		t.Errorf("%d requests", d.tried())
	}
}

func TestRetryAfter(t *testing.T) {
	t.Run("obeyed", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		var first, second time.Time
		d.answer = func(w http.ResponseWriter, r *http.Request, try int) bool {
			if try > 1 {
				second = time.Now()
				return false
			}
			_, _ = io.Copy(io.Discard, r.Body)
			first = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		client := d.open(t, false)
		err := transfer.NewQuick(client, transfer.Options{Retries: 1}).Send(t.Context(), &transfer.Upload{Ticket: d.single(t, 3)}, newFile(t, content(3)))
		if err != nil {
			t.Fatal(err)
		}
		if waited := second.Sub(first); waited < time.Second || waited > 3*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
	t.Run("too long", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		d.answer = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		client := d.open(t, false)
		err := transfer.NewQuick(client, transfer.Options{Retries: 5}).Send(t.Context(), &transfer.Upload{Ticket: d.single(t, 3)}, newFile(t, content(3)))
		wantFault(t, err, fault.Temporary, "503", "1h0m0s")
	})
}

func TestSendRefused(t *testing.T) {
	const canonical = "<CanonicalRequest>PUT\n/part/1\nX-Amz-SignedHeaders=x\ncontent-type:%s\nhost:%s\nx-amz-acl:private\n\ncontent-type;host;x-amz-acl\nUNSIGNED-PAYLOAD</CanonicalRequest>"
	for _, test := range []struct {
		name   string
		status int
		body   string
		header map[string]string
		kind   fault.Kind
		text   []string
		stale  bool // a new signature may cure it
	}{
		{
			name: "expired", status: 403, stale: true,
			body: xmlError("AccessDenied", "Request has expired", "<Expires>2026-11-20T00:00:00Z</Expires><ServerTime>2026-11-21T00:00:00Z</ServerTime>"),
			kind: fault.Incomplete, text: []string{"expired: ", "hoist presign"},
		},
		{
			name: "token", status: 400, stale: true, body: xmlError("ExpiredToken", "The provided token has expired.", ""),
			kind: fault.Incomplete, text: []string{"expired: ", "hoist presign"},
		},
		{
			name: "clock", status: 403, stale: true,
			body: xmlError("RequestTimeTooSkewed", "The difference is too large.", "<ServerTime>2026-11-21T00:00:00Z</ServerTime>"),
			kind: fault.Denied, text: []string{"clock skew: ", "2026-11-21T00:00:00Z"},
		},
		{
			name: "signed header differs", status: 403, stale: true,
			body: xmlError("SignatureDoesNotMatch", "The signature does not match.", fmt.Sprintf(canonical, "text/other", "HOST")),
			kind: fault.Denied, text: []string{"signature: ", `"content-type" reached the store with another value`},
		},
		{
			name: "signed header missing", status: 403, stale: true,
			body: xmlError("SignatureDoesNotMatch", "The signature does not match.", fmt.Sprintf(canonical, "text/x-test", "HOST")),
			kind: fault.Denied, text: []string{"signature: ", `"x-amz-acl" was signed and is not in the ticket`},
		},
		{
			name: "host differs", status: 403, stale: true,
			body: xmlError("SignatureDoesNotMatch", "The signature does not match.", fmt.Sprintf(canonical, "text/x-test", "proxy.example")),
			kind: fault.Denied, text: []string{"signature: ", `"host" reached the store with another value`},
		},
		{
			name: "not signed", status: 403, body: xmlError("AccessDenied", "There were headers present which were not signed", "<HeadersNotSigned>x-amz-tagging</HeadersNotSigned>"),
			kind: fault.Denied, text: []string{"signature: ", "x-amz-tagging"},
		},
		{
			name: "unknown key", status: 403, body: xmlError("InvalidAccessKeyId", "The key does not exist.", ""),
			kind: fault.Denied, text: []string{"signature: ", "does not know the key"},
		},
		{
			name: "form policy", status: 403, body: xmlError("AccessDenied", `Invalid according to Policy: Policy Condition failed: ["eq", "$key", "x"]`, ""),
			kind: fault.Denied, text: []string{"policy: ", "size and type"},
		},
		{
			name: "form policy expired", status: 403, stale: true, body: xmlError("AccessDenied", "Invalid according to Policy: Policy expired.", ""),
			kind: fault.Incomplete, text: []string{"expired: "},
		},
		{
			name: "key policy", status: 403, body: xmlError("AccessDenied", "User: u is not authorized to perform: s3:PutObject because no identity-based policy allows it", ""),
			kind: fault.Denied, text: []string{"policy: ", "may not write there"},
		},
		{name: "403 in HTML", status: 403, body: "<html><body>No</body></html>", kind: fault.Denied, text: []string{"403 Forbidden"}},
		{name: "403 empty", status: 403, kind: fault.Denied, text: []string{"403 Forbidden"}},
		{name: "401", status: 401, kind: fault.Denied, text: []string{"401 Unauthorized"}},
		{name: "too large", status: 400, body: xmlError("EntityTooLarge", "Your proposed upload exceeds the maximum.", ""), kind: fault.Usage, text: []string{"EntityTooLarge"}},
		{name: "no bucket", status: 404, body: xmlError("NoSuchBucket", "It does not exist.", ""), kind: fault.NotFound, text: []string{"NoSuchBucket"}},
		{name: "exists", status: 412, body: xmlError("PreconditionFailed", "One of the preconditions did not hold.", ""), kind: fault.Exists, text: []string{"--no-clobber"}},
		{name: "307", status: 307, header: map[string]string{"Location": "/elsewhere"}, kind: fault.Failed, text: []string{"redirect: ", "307"}},
		{
			name: "301 region", status: 301, header: map[string]string{"X-Amz-Bucket-Region": "eu-west-3"},
			body: xmlError("PermanentRedirect", "Use another endpoint.", ""), kind: fault.Failed, text: []string{"redirect: ", "--region eu-west-3"},
		},
		{
			name: "hostile words", status: 400,
			body: xmlError("Bad", "at /part/1?X-Amz-Signature="+signature+"&#10;hoist: done"+strings.Repeat(" very", 1000), ""),
			kind: fault.Usage, text: []string{"REDACTED hoist: done", "…"},
		},
		{name: "endless words", status: 400, body: strings.Repeat("x", 2<<20), kind: fault.Usage, text: []string{"400 Bad Request"}},
	} {
		for _, sign := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/sign=%t", test.name, sign), func(t *testing.T) {
				t.Parallel()
				d := newDesk(t)
				d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
					for name, value := range test.header {
						w.Header().Set(name, value)
					}
					status(test.status, strings.ReplaceAll(test.body, "HOST", r.Host))(w, r)
					return true
				}
				client := d.open(t, false)
				u := &transfer.Upload{Ticket: d.ticket(t, 100)}
				if sign {
					u.Sign = func(ctx context.Context, part ticket.Part, sum *ticket.Checksum) (*ticket.Request, error) {
						request, err := d.sign(ctx, part, sum)
						request.Header = map[string]string{"Content-Type": "text/x-test"}
						return request, err
					}
				}
				err := transfer.NewQuick(client, transfer.Options{Retries: 5}).Send(t.Context(), u, newFile(t, content(100)))
				wantFault(t, err, test.kind, test.text...)
				if strings.ContainsAny(err.Error()+fault.HintOf(err), "\n\x1b") {
					t.Errorf("more than a line: %q", err)
				}
				if len(err.Error()) > 500 {
					t.Errorf("a line of %d bytes", len(err.Error()))
				}
				want := 1
				if sign && test.stale {
					want = 2
				}
				if d.tried() != want {
					t.Errorf("%d tries, want %d", d.tried(), want)
				}
			})
		}
	}
}

// A request that expired is sent again with a new signature.
func TestSendSignsAgain(t *testing.T) {
	d, data := newDesk(t), content(2*partSize)
	d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Header.Get("Content-Type") == "" { // signed by d.sign
			return false
		}
		status(403, xmlError("AccessDenied", "Request has expired", "<Expires>x</Expires>"))(w, r)
		return true
	}
	client := d.open(t, false)
	tk := d.ticket(t, int64(len(data)))
	if err := transfer.NewQuick(client, transfer.Options{Retries: 1}).Send(t.Context(), &transfer.Upload{Ticket: tk, Sign: d.sign}, newFile(t, data)); err != nil {
		t.Fatal(err)
	}
	d.wantParts(t, tk, data)
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s has been sent", r.Method, r.URL.Path)
	}))
	defer other.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		d := newDesk(t)
		d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
			http.Redirect(w, r, other.URL+"/elsewhere", code)
			return true
		}
		client := d.open(t, false)
		err := transfer.NewQuick(client, transfer.Options{Retries: 2}).Send(t.Context(), &transfer.Upload{Ticket: d.ticket(t, 10)}, newFile(t, content(10)))
		wantFault(t, err, fault.Failed, "redirect: ", strconv.Itoa(code))
	}
}

func TestVerify(t *testing.T) {
	const other = `"0123456789abcdef0123456789abcdef"`
	for _, test := range []struct {
		name     string
		answer   map[string]string
		signed   map[string]string
		noVerify bool
		kind     fault.Kind
		bad      bool
	}{
		{name: "no ETag", answer: nil},
		{name: "ETag that is no MD5", answer: map[string]string{"ETag": `"abc-1"`}},
		{name: "ETag of an API", answer: map[string]string{"ETag": `"zz23456789abcdef0123456789abcdef"`}},
		{name: "other ETag", answer: map[string]string{"ETag": other}, bad: true},
		{name: "other ETag, SSE-S3", answer: map[string]string{"ETag": other, "x-amz-server-side-encryption": "AES256"}, bad: true},
		{name: "SSE-KMS", answer: map[string]string{"ETag": other, "x-amz-server-side-encryption": "aws:kms"}},
		{name: "DSSE-KMS", answer: map[string]string{"ETag": other, "x-amz-server-side-encryption": "aws:kms:dsse"}},
		{name: "SSE-C", answer: map[string]string{"ETag": other, "x-amz-server-side-encryption-customer-algorithm": "AES256"}},
		{name: "--no-verify", answer: map[string]string{"ETag": other}, noVerify: true},
		{name: "checksum echoed", answer: map[string]string{"ETag": other, "x-amz-checksum-crc64nvme": "SUM"}},
		{name: "other checksum", answer: map[string]string{"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}, bad: true},
		{name: "checksum that the store passed over", answer: map[string]string{"ETag": other}, signed: map[string]string{"x-amz-checksum-crc64nvme": "SUM"}, bad: true},
		{name: "Content-MD5", answer: map[string]string{"ETag": other}, signed: map[string]string{"Content-MD5": "MD5"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d, data := newDesk(t), content(1000)
			values := strings.NewReplacer("SUM", sumOf(t, checksum.CRC64NVME, data).Value, "MD5", sumOf(t, checksum.MD5, data).Value)
			d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				_, _ = io.Copy(io.Discard, r.Body)
				for name, value := range test.answer {
					w.Header().Set(name, values.Replace(value))
				}
				return true
			}
			client := d.open(t, false)
			tk := d.ticket(t, int64(len(data)))
			for name, value := range test.signed {
				tk.Parts[0].Request.Header[name] = values.Replace(value)
			}
			err := transfer.NewQuick(client, transfer.Options{NoVerify: test.noVerify}).Send(t.Context(), &transfer.Upload{Ticket: tk}, newFile(t, data))
			if test.bad {
				wantFault(t, err, fault.Integrity, "part 1")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// What must not be sent is refused before anything is.
func TestNothingIsSent(t *testing.T) {
	data := content(100)
	for _, test := range []struct {
		name   string
		change func(*ticket.Request)
		kind   fault.Kind
		text   string
	}{
		{"checksum of another file", func(r *ticket.Request) { r.Header["X-Amz-Checksum-Crc64nvme"] = "AAAAAAAAAAA=" }, fault.Integrity, "part 1"},
		{"sha256 of another file", func(r *ticket.Request) {
			r.Header["x-amz-checksum-sha256"] = base64.StdEncoding.EncodeToString(make([]byte, 32))
		}, fault.Integrity, "sha256"},
		{"MD5 of another file", func(r *ticket.Request) { r.Header["Content-MD5"] = "1B2M2Y8AsgTpgAmY7PhCfg==" }, fault.Integrity, "md5"},
		{"forbidden header", func(r *ticket.Request) { r.Header["Authorization"] = "Bearer x" }, fault.Usage, "Authorization"},
		{"forbidden method", func(r *ticket.Request) { r.Method = "DELETE" }, fault.Usage, "DELETE"},
		{"scheme", func(r *ticket.Request) { r.URL = "file:///etc/passwd" }, fault.Usage, "file"},
		{"line break", func(r *ticket.Request) { r.Header["Content-Type"] = "a\r\nHost: b" }, fault.Usage, "Content-Type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			client := d.open(t, false)
			tk := d.ticket(t, int64(len(data)))
			test.change(tk.Parts[0].Request)
			err := transfer.NewQuick(client, transfer.Options{Retries: 3}).Send(t.Context(), &transfer.Upload{Ticket: tk}, newFile(t, data))
			wantFault(t, err, test.kind, test.text)
			if d.tried() != 0 {
				t.Errorf("%d requests were sent", d.tried())
			}
		})
	}
}

func TestSourceChanges(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(path string) error
	}{
		{"grows", func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			return errors.Join(err, f.Close())
		}},
		{"shrinks", func(path string) error { return os.Truncate(path, 10) }},
		{"touched", func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) }},
		{"replaced", func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return errors.Join(
				os.WriteFile(path+".new", make([]byte, info.Size()), 0o600),
				os.Chtimes(path+".new", time.Time{}, info.ModTime()),
				os.Rename(path+".new", path))
		}},
		{"removed", os.Remove},
		{"now a folder", func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d, file := newDesk(t), newFile(t, content(3*partSize))
			d.answer = func(_ http.ResponseWriter, r *http.Request, try int) bool {
				if r.URL.Path == "/part/1" && try == 1 {
					if err := test.change(file.Path); err != nil {
						t.Error(err)
					}
				}
				return false
			}
			client := d.open(t, false)
			tk := d.ticket(t, file.Size())
			err := transfer.NewQuick(client, transfer.Options{Concurrency: 1, Retries: 3}).Send(t.Context(), &transfer.Upload{Ticket: tk}, file)
			wantFault(t, err, fault.Integrity, file.Path, "changed during the upload")
			wantFault(t, file.Unchanged(), fault.Integrity, file.Path, "changed during the upload")
			// What the kernel holds of a part is still the file's: shrinking it
			// changes bytes on their way, and the part is tried again.
			if d.tried() > 2 || d.has("/part/2") {
				t.Errorf("%d requests", d.tried())
			}
		})
	}
}

// A file that shrinks while the kernel sends it.
func TestSourceShrinksInMidPart(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("secure=%t", secure), func(t *testing.T) {
			d, file := newDesk(t), newFile(t, content(stallSize))
			d.answer = func(_ http.ResponseWriter, r *http.Request, _ int) bool {
				_, _ = io.CopyN(io.Discard, r.Body, 1<<10)
				if err := os.Truncate(file.Path, 1<<20); err != nil {
					t.Error(err)
				}
				_, _ = io.Copy(io.Discard, r.Body)
				return true
			}
			client := d.open(t, secure)
			err := transfer.NewQuick(client, transfer.Options{Retries: 3}).Send(t.Context(), &transfer.Upload{Ticket: d.single(t, file.Size())}, file)
			wantFault(t, err, fault.Integrity, file.Path, "changed during the upload")
			if d.tried() != 1 {
				t.Errorf("%d requests", d.tried())
			}
		})
	}
}

func TestNewFile(t *testing.T) {
	if _, err := transfer.NewFile(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := transfer.NewFile(t.TempDir() + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}

func TestForm(t *testing.T) {
	for _, size := range []int{0, 1, 100_000} {
		for _, name := range []string{"plain.txt", `q"uo"te.txt`, "new\r\nline.txt", "ünïcode 文.txt", "semi;colon%22.txt"} {
			t.Run(fmt.Sprintf("%d/%q", size, name), func(t *testing.T) {
				t.Parallel()
				data, moved := content(size), progress()
				fields := map[string]string{
					"key": "a/${filename}", "policy": formPolicy(), "x-amz-signature": signature,
					"Content-Type": "text/plain", `odd"name`: "line\r\nbreak",
				}
				var tries atomic.Int32
				d := newDesk(t)
				d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
					body, err := io.ReadAll(r.Body)
					if err != nil || r.Method != "POST" || r.ContentLength != int64(len(body)) || r.TransferEncoding != nil {
						t.Errorf("%s, %d bytes of %d, Transfer-Encoding %q: %v", r.Method, len(body), r.ContentLength, r.TransferEncoding, err)
					}
					if tries.Add(1) == 1 {
						w.WriteHeader(http.StatusInternalServerError)
						return true
					}
					r.Body = io.NopCloser(bytes.NewReader(body))
					parts, err := r.MultipartReader()
					if err != nil {
						t.Error(err)
						return true
					}
					got, last := map[string]string{}, ""
					for {
						part, err := parts.NextRawPart()
						if err != nil {
							if !errors.Is(err, io.EOF) {
								t.Error(err)
							}
							break
						}
						text, err := io.ReadAll(part)
						if err != nil {
							t.Error(err)
						}
						if last = part.FormName(); last == "file" {
							if !bytes.Equal(text, data) || part.Header.Get("Content-Type") != "text/plain" {
								t.Errorf("the file has %d bytes of %d, type %q", len(text), len(data), part.Header.Get("Content-Type"))
							}
							want := strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22").Replace(name)
							if part.FileName() != want {
								t.Errorf("the file is called %q, want %q", part.FileName(), want)
							}
							continue
						}
						got[last] = string(text)
					}
					if last != "file" {
						t.Errorf("the last field is %q", last)
					}
					if diff := cmp.Diff(fields, got); diff != "" {
						t.Error(diff)
					}
					w.WriteHeader(http.StatusNoContent)
					return true
				}
				client := d.open(t, false)
				tk := d.single(t, int64(size))
				tk.Method, tk.File.Name = ticket.Post, name
				tk.Parts[0].Request = &ticket.Request{Method: "POST", URL: d.URL + "/bucket", Fields: fields}
				if err := tk.Validate(); err != nil {
					t.Fatal(err)
				}
				if err := transfer.NewQuick(client, transfer.Options{Retries: 1, Moved: moved}).Send(t.Context(), &transfer.Upload{Ticket: tk}, newFile(t, data)); err != nil {
					t.Fatal(err)
				}
				if tries.Load() != 2 || moved.Load() != int64(size) {
					t.Errorf("%d tries, %d bytes counted", tries.Load(), moved.Load())
				}
			})
		}
	}
}

// A form's policy is as secret as a signature.
func TestFormErrors(t *testing.T) {
	d := newDesk(t)
	d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		text, _ := io.ReadAll(r.Body)
		status(403, xmlError("AccessDenied", "Invalid according to Policy: "+formPolicy()+" "+signature+strconv.Itoa(len(text)), ""))(w, r)
		return true
	}
	client := d.open(t, false)
	tk := d.single(t, 4)
	tk.Method = ticket.Post
	tk.Parts[0].Request = &ticket.Request{Method: "POST", URL: d.URL, Fields: map[string]string{"policy": formPolicy(), "x-amz-signature": signature}}
	err := transfer.NewQuick(client, transfer.Options{}).Send(t.Context(), &transfer.Upload{Ticket: tk}, newFile(t, content(4)))
	wantFault(t, err, fault.Denied, "policy: ", "REDACTED")
}

func TestLimit(t *testing.T) {
	t.Run("holds over all requests", func(t *testing.T) {
		t.Parallel()
		d, data := newDesk(t), content(5*partSize)
		client := d.open(t, false)
		tk := d.ticket(t, int64(len(data)))
		const limit = 512 << 10
		began := time.Now()
		if err := transfer.NewQuick(client, transfer.Options{Limit: limit}).Send(t.Context(), &transfer.Upload{Ticket: tk}, newFile(t, data)); err != nil {
			t.Fatal(err)
		}
		d.wantParts(t, tk, data)
		// 64 KiB pass at once.
		least := time.Duration(float64(len(data)-64<<10) / limit * float64(time.Second))
		if took := time.Since(began); took < least*9/10 || took > 5*least {
			t.Errorf("took %v, want %v", took, least)
		}
	})
	t.Run("is no stall", func(t *testing.T) {
		t.Parallel()
		d, data := newDesk(t), content(80<<10)
		client := d.open(t, false)
		tk := d.ticket(t, int64(len(data)))
		engine := transfer.NewQuick(client, transfer.Options{Limit: 16 << 10, Stall: 500 * time.Millisecond})
		if err := engine.Send(t.Context(), &transfer.Upload{Ticket: tk}, newFile(t, data)); err != nil {
			t.Fatal(err)
		}
		d.wantParts(t, tk, data)
	})
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		d, data := newDesk(t), content(partSize)
		client := d.open(t, false)
		over := errors.New("--timeout is over")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, over)
		defer cancel()
		engine := transfer.NewQuick(client, transfer.Options{Limit: 1 << 10, Retries: 3})
		if err := engine.Send(ctx, &transfer.Upload{Ticket: d.ticket(t, int64(len(data)))}, newFile(t, data)); !errors.Is(err, over) {
			t.Errorf("got %v", err)
		}
	})
}

// All requests of an engine share one bound, whoever sends them.
func TestConcurrency(t *testing.T) {
	d := newDesk(t)
	var now, most atomic.Int32
	d.answer = func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		n := now.Add(1)
		for {
			m := most.Load()
			if n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		_, _ = io.Copy(io.Discard, r.Body)
		now.Add(-1)
		return true
	}
	client := d.open(t, false)
	engine := transfer.NewQuick(client, transfer.Options{Concurrency: 3})
	var files sync.WaitGroup
	for range 4 {
		files.Go(func() {
			data := content(8 * partSize)
			if err := engine.Send(t.Context(), &transfer.Upload{Ticket: d.ticket(t, int64(len(data)))}, newFile(t, data)); err != nil {
				t.Error(err)
			}
		})
	}
	files.Wait()
	if most.Load() > 3 || d.tried() != 32 {
		t.Errorf("%d requests at a time, %d in all", most.Load(), d.tried())
	}
}
