package transfer

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/wire"
)

var noise = sync.OnceValue(func() []byte {
	b := make([]byte, 5*rangeSize+7)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
})

// random returns n bytes, the same ones in every test: to change them, clone them.
func random(n int) []byte { return noise()[:n] }

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

func sumIn(t *testing.T, algorithm string, b []byte) *ticket.Checksum {
	t.Helper()
	sum, _, err := checksum.Of(bytes.NewReader(b), algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// shelf is a server of one object.
type shelf struct {
	*httptest.Server
	data []byte
	etag string
	// fail takes the nth request, from 1, in place of the object, or returns false.
	fail func(n int, w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []string // their Range, or "all"
	headers  []http.Header
}

func newShelf(t *testing.T, data []byte) *shelf {
	t.Helper()
	s := &shelf{data: data, etag: fmt.Sprintf("%d-1", len(data))} // as of a multipart upload
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	asked := r.Header.Get("Range")
	if asked == "" {
		asked = "all"
	}
	s.requests = append(s.requests, asked)
	s.headers = append(s.headers, r.Header.Clone())
	n, fail := len(s.requests), s.fail
	s.mu.Unlock()
	w.Header().Set("ETag", `"`+s.etag+`"`)
	if fail != nil && fail(n, w, r) {
		return
	}
	s.serve(w, r)
}

func (s *shelf) serve(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.data))
}

// asked returns what was asked for so far, in the order of the object.
func (s *shelf) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.requests)
	slices.SortFunc(out, cmpLength)
	return out
}

func cmpLength(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func rangeOf(i, size int) string {
	return fmt.Sprintf("bytes=%d-%d", i*rangeSize, min((i+1)*rangeSize, size)-1)
}

// download is of the object on the shelf, into a new folder.
func (s *shelf) download(t *testing.T) Download {
	t.Helper()
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return Download{
		Sign: func(context.Context) (*ticket.Request, error) {
			return &ticket.Request{Method: "GET", URL: s.URL + "/object?X-Amz-Signature=secret"}, nil
		},
		Size: int64(len(s.data)), ETag: s.etag, Checksum: sumIn(t, checksum.CRC64NVME, s.data),
		Dir: dir, Path: "object",
	}
}

func newEngine(t *testing.T, o Options) *Engine {
	t.Helper()
	client, err := wire.New(wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return New(client, o)
}

// files returns the names in a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func wantFile(t *testing.T, d Download, want []byte) {
	t.Helper()
	got, err := d.Dir.ReadFile(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes are there, not the %d of the object", len(got), len(want))
	}
	if names := files(t, d.Dir.Name()); !slices.Equal(names, []string{d.Path}) {
		t.Errorf("the folder holds %q", names)
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("error %v has kind %d, want %d", err, fault.KindOf(err), kind)
	}
	if text := err.Error() + fault.HintOf(err); strings.Contains(text, "Signature") || strings.Contains(text, "secret") {
		t.Errorf("the signed query is in the error %q", text)
	}
}

func TestReceiveSizes(t *testing.T) {
	for _, size := range []int{0, 1, rangeSize, rangeSize + 1, 3*rangeSize + 5} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s := newShelf(t, random(size))
			d := s.download(t)
			d.Journal = t.TempDir()
			var moved atomic.Int64
			got, err := newEngine(t, Options{Moved: &moved}).Receive(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			wantFile(t, d, s.data)
			if want := (Received{ETag: s.etag, Size: int64(size), Verified: true}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			want := []string{"all"}
			if size > rangeSize {
				want = nil
				for i := 0; i*rangeSize < size; i++ {
					want = append(want, rangeOf(i, size))
				}
				slices.SortFunc(want, cmpLength)
			}
			if diff := cmp.Diff(want, s.asked()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if moved.Load() != int64(size) {
				t.Errorf("%d bytes counted, want %d", moved.Load(), size)
			}
			if left := files(t, d.Journal); len(left) > 0 {
				t.Errorf("the journal's folder holds %q", left)
			}
		})
	}
}

// What was signed goes out as it was signed, with the two conditions and nothing else.
func TestReceiveHeaders(t *testing.T) {
	s := newShelf(t, random(rangeSize+1))
	s.fail = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Encoding", "gzip") // which nobody may take off
		return false
	}
	d := s.download(t)
	d.Sign = func(context.Context) (*ticket.Request, error) {
		return &ticket.Request{Method: "GET", URL: s.URL + "/o", Header: map[string]string{"x-amz-request-payer": "requester"}}, nil
	}
	if _, err := newEngine(t, Options{}).Receive(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	wantFile(t, d, s.data)
	for _, h := range s.headers {
		var names []string
		for name := range h {
			names = append(names, name)
		}
		slices.Sort(names)
		if want := []string{"If-Match", "Range", "User-Agent", "X-Amz-Request-Payer"}; !slices.Equal(names, want) {
			t.Errorf("headers %q, want %q", names, want)
		}
		if got := h.Get("If-Match"); got != `"`+s.etag+`"` {
			t.Errorf("If-Match is %s", got)
		}
	}
}

func TestReceiveVerifies(t *testing.T) {
	data := random(rangeSize + 3)
	other := random(rangeSize + 4)
	tests := []struct {
		name     string
		change   func(d *Download, o *Options)
		verified bool
		wrong    bool
	}{
		{"crc64nvme", func(*Download, *Options) {}, true, false},
		{"sha256", func(d *Download, _ *Options) { d.Checksum = sumIn(t, checksum.SHA256, data) }, true, false},
		{"crc32c", func(d *Download, _ *Options) { d.Checksum = sumIn(t, checksum.CRC32C, data) }, true, false},
		{"MD5", func(d *Download, _ *Options) { d.Checksum, d.ETag, d.MD5ETag = nil, md5Hex(data), true }, true, false},
		{"wrong MD5", func(d *Download, _ *Options) { d.Checksum, d.ETag, d.MD5ETag = nil, md5Hex(other), true }, false, true},
		{"an ETag that only looks like one", func(d *Download, _ *Options) { d.Checksum, d.ETag = nil, md5Hex(other) }, false, false},
		{"an ETag that does not", func(d *Download, _ *Options) { d.Checksum, d.MD5ETag = nil, true }, false, false},
		{"an algorithm to come", func(d *Download, _ *Options) { d.Checksum = &ticket.Checksum{Algorithm: "crc128", Value: "AA=="} }, false, false},
		{"wrong crc64nvme", func(d *Download, _ *Options) { d.Checksum = sumIn(t, checksum.CRC64NVME, other) }, false, true},
		{"wrong sha1", func(d *Download, _ *Options) { d.Checksum = sumIn(t, checksum.SHA1, other) }, false, true},
		{"wrong, but not looked at", func(d *Download, o *Options) {
			d.Checksum, o.NoVerify = sumIn(t, checksum.SHA1, other), true
		}, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShelf(t, data)
			d, o := s.download(t), Options{}
			test.change(&d, &o)
			s.etag = d.ETag
			e := newEngine(t, o)
			got, err := e.Receive(t.Context(), d)
			var streamed bytes.Buffer
			gotTo, errTo := e.ReceiveTo(t.Context(), d, &streamed)
			if test.wrong {
				wantKind(t, err, fault.Integrity)
				wantKind(t, errTo, fault.Integrity)
				if left := files(t, d.Dir.Name()); len(left) > 0 {
					t.Errorf("%q is there", left)
				}
				return
			}
			if err != nil || errTo != nil {
				t.Fatal(err, errTo)
			}
			wantFile(t, d, data)
			if !bytes.Equal(streamed.Bytes(), data) {
				t.Error("the stream is not the object")
			}
			if got.Verified != test.verified || gotTo.Verified != test.verified {
				t.Errorf("verified: file %t, stream %t, want %t", got.Verified, gotTo.Verified, test.verified)
			}
		})
	}
}

// Damage on the way is seen, and what was at the destination stays.
func TestReceiveDamaged(t *testing.T) {
	s := newShelf(t, random(2*rangeSize))
	d := s.download(t)
	d.Journal = t.TempDir()
	s.data = slices.Clone(s.data)
	s.data[rangeSize+99] ^= 1
	if err := d.Dir.WriteFile(d.Path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := newEngine(t, Options{}).Receive(t.Context(), d)
	wantKind(t, err, fault.Integrity)
	wantFile(t, d, []byte("before"))
	if left := files(t, d.Journal); len(left) > 0 {
		t.Errorf("the journal's folder holds %q", left)
	}
}

// reset forgets the requests and has the following ones answered by fail.
func (s *shelf) reset(fail func(n int, w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.requests = fail, nil
}

// cut sends half of what was asked for and breaks the connection.
func (s *shelf) cut(w http.ResponseWriter, r *http.Request) {
	s.serve(&halved{ResponseWriter: w}, r)
	panic(http.ErrAbortHandler)
}

// halved is a writer that takes half of what its header announces.
type halved struct {
	http.ResponseWriter
	left int
}

func (h *halved) WriteHeader(status int) {
	_, _ = fmt.Sscan(h.Header().Get("Content-Length"), &h.left)
	h.left /= 2
	h.ResponseWriter.WriteHeader(status)
}

func (h *halved) Write(p []byte) (int, error) {
	if h.left == 0 {
		return 0, io.ErrClosedPipe
	}
	n, err := h.ResponseWriter.Write(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}

const expiredXML = `<Error><Code>AccessDenied</Code><Message>Request has expired</Message><Expires>2026-01-01T00:00:00Z</Expires></Error>`

func TestReceiveRetries(t *testing.T) {
	tests := map[string]func(s *shelf, w http.ResponseWriter, r *http.Request){
		"connection cut": func(s *shelf, w http.ResponseWriter, r *http.Request) { s.cut(w, r) },
		"no answer":      func(*shelf, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"throttled": func(_ *shelf, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "0")
			http.Error(w, "<Error><Code>SlowDown</Code></Error>", http.StatusServiceUnavailable)
		},
		"expired": func(_ *shelf, w http.ResponseWriter, _ *http.Request) {
			http.Error(w, expiredXML, http.StatusForbidden)
		},
		"stalled in the middle": func(s *shelf, w http.ResponseWriter, r *http.Request) {
			s.serve(&halved{ResponseWriter: w}, r)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"stalled before the answer": func(_ *shelf, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for name, fail := range tests {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, random(2*rangeSize+17))
			s.fail = func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 2 {
					fail(s, w, r)
				}
				return n == 2
			}
			var moved atomic.Int64
			var retries, signed atomic.Int32
			d := s.download(t)
			sign := d.Sign
			d.Sign = func(ctx context.Context) (*ticket.Request, error) {
				signed.Add(1)
				return sign(ctx)
			}
			o := Options{Moved: &moved, Retries: 1, OnRetry: func(Retry) { retries.Add(1) }}
			if strings.HasPrefix(name, "stalled") {
				o.Stall = 500 * time.Millisecond
			}
			e := newEngine(t, o)
			if _, err := e.Receive(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			wantFile(t, d, s.data)
			if retries.Load() != 1 || len(s.asked()) != 4 {
				t.Errorf("%d retries, requests %q", retries.Load(), s.asked())
			}
			if moved.Load() != d.Size {
				t.Errorf("%d bytes counted, want %d", moved.Load(), d.Size)
			}
			if name == "expired" && signed.Load() != 2 {
				t.Errorf("signed %d times, want 2", signed.Load())
			}
		})
	}
}

func TestReceiveFails(t *testing.T) {
	second := func(fail http.HandlerFunc) func(s *shelf) {
		return func(s *shelf) {
			s.fail = func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if strings.HasPrefix(r.Header.Get("Range"), "bytes=0-") {
					return false
				}
				fail(w, r)
				return true
			}
		}
	}
	tests := []struct {
		name   string
		server func(s *shelf)
		change func(d *Download)
		kind   fault.Kind
		says   string
	}{
		{
			name: "other object from the second range on", kind: fault.Integrity, says: "changed",
			server: func(s *shelf) {
				s.fail = func(n int, w http.ResponseWriter, _ *http.Request) bool {
					if n > 1 {
						w.Header().Set("ETag", `"other"`)
					}
					return false // ServeContent answers 412
				}
			},
		},
		{
			name: "other object, and If-Match is ignored", kind: fault.Integrity, says: "changed",
			server: func(s *shelf) {
				s.fail = func(_ int, w http.ResponseWriter, r *http.Request) bool {
					r.Header.Del("If-Match")
					w.Header().Set("ETag", `"other"`)
					return false
				}
			},
		},
		{
			name: "no ETag known, and two of them seen", kind: fault.Integrity, says: "changed",
			change: func(d *Download) { d.ETag = "" },
			server: func(s *shelf) {
				s.fail = func(n int, w http.ResponseWriter, r *http.Request) bool {
					r.Header.Del("If-Match")
					w.Header().Set("ETag", fmt.Sprintf(`"%d"`, n))
					return false
				}
			},
		},
		{
			name: "longer than told", kind: fault.Integrity, says: "changed",
			change: func(d *Download) { d.Size-- },
		},
		{
			name: "no ranges", kind: fault.Usage, says: "whole object",
			server: func(s *shelf) {
				s.fail = func(_ int, _ http.ResponseWriter, r *http.Request) bool {
					r.Header.Del("Range")
					return false
				}
			},
		},
		{
			name: "another range", kind: fault.Integrity, says: "instead of",
			server: second(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Range", "bytes 0-1/9")
				w.WriteHeader(http.StatusPartialContent)
			}),
		},
		{
			name: "gone", kind: fault.NotFound, says: "NoSuchKey",
			server: second(func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
			}),
		},
		{
			name: "forbidden", kind: fault.Denied, says: "AccessDenied",
			server: second(func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
			}),
		},
		{
			name: "unavailable for good", kind: fault.Temporary, says: "503",
			server: second(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }),
		},
		{
			name: "redirected", kind: fault.Failed, says: "redirect",
			server: second(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "https://elsewhere.invalid/", http.StatusFound)
			}),
		},
		{
			name: "a file as the URL", kind: fault.Usage, says: "scheme",
			change: func(d *Download) {
				d.Sign = func(context.Context) (*ticket.Request, error) {
					return &ticket.Request{Method: "GET", URL: "file:///etc/passwd"}, nil
				}
			},
		},
		{
			name: "not a GET", kind: fault.Usage, says: "PUT",
			change: func(d *Download) {
				d.Sign = func(context.Context) (*ticket.Request, error) {
					return &ticket.Request{Method: "PUT", URL: "https://example.invalid/"}, nil
				}
			},
		},
		{
			name: "unknown size", kind: fault.Usage, says: "size",
			change: func(d *Download) { d.Size = -1 },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShelf(t, random(2*rangeSize))
			d := s.download(t)
			if test.server != nil {
				test.server(s)
			}
			if test.change != nil {
				test.change(&d)
			}
			// One at a time, so that the first range is there when the second one fails.
			_, err := newEngine(t, Options{Concurrency: 1}).Receive(t.Context(), d)
			wantKind(t, err, test.kind)
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("the error %q does not say %q", err, test.says)
			}
			if left := files(t, d.Dir.Name()); len(left) > 0 {
				t.Errorf("%q is there", left)
			}
		})
	}
}

// A server may answer the first range with all of the object.
func TestReceiveWholeForFirstRange(t *testing.T) {
	s := newShelf(t, random(rangeSize+1))
	s.fail = func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.Header.Get("Range"), "bytes=0-") {
			r.Header.Del("Range")
		}
		return false
	}
	d := s.download(t)
	if _, err := newEngine(t, Options{}).Receive(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	wantFile(t, d, s.data)
}

// interrupt runs a download one range at a time and stops it during the third one.
func interrupt(t *testing.T, s *shelf, d Download) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.fail = func(n int, _ http.ResponseWriter, r *http.Request) bool {
		if n < 3 {
			return false
		}
		cancel()
		<-r.Context().Done()
		return true
	}
	_, err := newEngine(t, Options{Concurrency: 1}).Receive(ctx, d)
	s.reset(nil)
	return err
}

func TestReceiveInterrupted(t *testing.T) {
	for _, journal := range []bool{false, true} {
		t.Run(fmt.Sprintf("journal %t", journal), func(t *testing.T) {
			s := newShelf(t, random(2*rangeSize+1))
			d := s.download(t)
			if journal {
				d.Journal = t.TempDir()
			}
			if err := interrupt(t, s, d); !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v is not the interruption", err)
			}
			var want []string
			if journal {
				want = []string{partialName(d.Path)}
			}
			if got := files(t, d.Dir.Name()); !slices.Equal(got, want) {
				t.Errorf("the folder holds %q, want %q", got, want)
			}
		})
	}
}

// What is tried in vain goes on as what is interrupted, and says so.
func TestReceiveIncomplete(t *testing.T) {
	s := newShelf(t, random(rangeSize+1))
	s.fail = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n == 2
	}
	d := s.download(t)
	d.Journal = t.TempDir()
	e := newEngine(t, Options{Concurrency: 1, Retries: -1})
	_, err := e.Receive(t.Context(), d)
	wantKind(t, err, fault.Incomplete)
	if hint := fault.HintOf(err); !strings.Contains(hint, "same command again") {
		t.Errorf("the hint is %q", hint)
	}
	if got, err := e.Receive(t.Context(), d); err != nil || got.Resumed != rangeSize {
		t.Errorf("got %+v, %v", got, err)
	}
	wantFile(t, d, s.data)
}

func TestReceiveResumes(t *testing.T) {
	data := random(2*rangeSize + 7)
	tests := []struct {
		name    string
		between func(t *testing.T, s *shelf, d *Download)
		again   []int // of the ranges 0 and 1, which were there
	}{
		{"as it was left", func(*testing.T, *shelf, *Download) {}, nil},
		{"a page of it lost", func(t *testing.T, _ *shelf, d *Download) {
			f, err := d.Dir.OpenFile(partialName(d.Path), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(make([]byte, 4096), 8192); err != nil {
				t.Fatal(err)
			}
		}, []int{0}},
		{"cut short", func(t *testing.T, _ *shelf, d *Download) {
			if err := os.Truncate(filepath.Join(d.Dir.Name(), partialName(d.Path)), 2*rangeSize-1); err != nil {
				t.Fatal(err)
			}
		}, []int{1}},
		{"partial file gone", func(t *testing.T, _ *shelf, d *Download) {
			if err := d.Dir.Remove(partialName(d.Path)); err != nil {
				t.Fatal(err)
			}
		}, []int{0, 1}},
		{"partial file a link to another", func(t *testing.T, _ *shelf, d *Download) {
			if err := d.Dir.Rename(partialName(d.Path), "elsewhere"); err != nil {
				t.Fatal(err)
			}
			if err := d.Dir.Symlink("elsewhere", partialName(d.Path)); err != nil {
				t.Skip("no symbolic links here: ", err)
			}
		}, []int{0, 1}},
		{"last line of the notes torn", func(t *testing.T, _ *shelf, d *Download) {
			names, err := filepath.Glob(filepath.Join(d.Journal, "*.ranges"))
			if err != nil || len(names) != 1 {
				t.Fatalf("notes %q, %v", names, err)
			}
			info, err := os.Stat(names[0])
			if err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("the notes have mode %v", info.Mode())
			}
			if err := os.Truncate(names[0], info.Size()-3); err != nil {
				t.Fatal(err)
			}
		}, []int{1}},
		{"object replaced", func(_ *testing.T, s *shelf, d *Download) {
			s.data = slices.Clone(s.data)
			s.data[5] ^= 1
			s.etag = md5Hex(s.data)
			d.ETag, d.Checksum, d.MD5ETag = s.etag, nil, true
		}, []int{0, 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShelf(t, data)
			d := s.download(t)
			d.Journal = t.TempDir()
			if err := interrupt(t, s, d); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			test.between(t, s, &d)
			wantResumed(t, s, d, append(test.again, 2))
		})
	}
}

// wantResumed runs a download again and looks at which ranges are asked for.
func wantResumed(t *testing.T, s *shelf, d Download, missing []int) {
	t.Helper()
	var moved, resumed atomic.Int64
	d.Resumed = &resumed
	got, err := newEngine(t, Options{Moved: &moved}).Receive(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	if have, err := d.Dir.ReadFile(d.Path); err != nil || !bytes.Equal(have, s.data) {
		t.Errorf("the file is not the object (%v)", err)
	}
	if info, err := d.Dir.Lstat(d.Path); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the destination is %v, %v", info, err)
	}
	if left := files(t, d.Journal); len(left) > 0 {
		t.Errorf("the journal's folder holds %q", left)
	}
	var want []string
	there := d.Size
	for _, i := range missing {
		want = append(want, rangeOf(i, len(s.data)))
		there -= min(rangeSize, d.Size-int64(i)*rangeSize)
	}
	slices.SortFunc(want, cmpLength)
	if diff := cmp.Diff(want, s.asked()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if got.Resumed != there || resumed.Load() != there || moved.Load() != d.Size {
		t.Errorf("resumed %d and %d, moved %d; want %d, %d, %d",
			got.Resumed, resumed.Load(), moved.Load(), there, there, d.Size)
	}
}

const childDir, childURL, childETag = "HOIST_TEST_RECEIVE_DIR", "HOIST_TEST_RECEIVE_URL", "HOIST_TEST_RECEIVE_ETAG"

const killedSize = 5*rangeSize + 7

// TestReceiveChild is the process that TestReceiveKilled kills.
func TestReceiveChild(t *testing.T) {
	if os.Getenv(childDir) == "" {
		t.Skip("runs as the child of TestReceiveKilled")
	}
	dir, err := os.OpenRoot(filepath.Join(os.Getenv(childDir), "files"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = newEngine(t, Options{Concurrency: 2}).Receive(t.Context(), Download{
		Sign: func(context.Context) (*ticket.Request, error) {
			return &ticket.Request{Method: "GET", URL: os.Getenv(childURL)}, nil
		},
		Size: killedSize, ETag: os.Getenv(childETag),
		Dir: dir, Path: "object", Journal: filepath.Join(os.Getenv(childDir), "state"),
	})
	t.Errorf("the download ended with %v", err)
}

func TestReceiveKilled(t *testing.T) {
	s := newShelf(t, random(killedSize))
	d := s.download(t)
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "files"), 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := os.OpenRoot(filepath.Join(root, "files"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	d.Dir, d.Journal = dir, filepath.Join(root, "state")

	// Two requests at a time: that the fifth and the sixth have come says that four ranges are noted.
	held := make(chan struct{}, 2)
	s.reset(func(n int, _ http.ResponseWriter, r *http.Request) bool {
		if n <= 4 {
			return false
		}
		held <- struct{}{}
		<-r.Context().Done()
		return true
	})
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReceiveChild$")
	child.Env = append(os.Environ(), childDir+"="+root, childURL+"="+s.URL, childETag+"="+s.etag)
	var out bytes.Buffer
	child.Stdout, child.Stderr = &out, &out
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		select {
		case <-held:
		case <-time.After(30 * time.Second):
			_ = child.Process.Kill()
			_ = child.Wait()
			t.Fatalf("the child does not come that far: %s", &out)
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	s.reset(nil)
	wantResumed(t, s, d, []int{4, 5})
}

// A download that nobody goes on with leaves nothing for ever, neither notes
// nor the partial file, and not before its time.
func TestPruneDownloads(t *testing.T) {
	s := newShelf(t, random(2*rangeSize+1))
	d := s.download(t)
	d.Journal = t.TempDir()
	if err := interrupt(t, s, d); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for _, test := range []struct {
		olderThan time.Duration
		left      int
	}{{time.Hour, 1}, {-time.Hour, 0}} {
		if err := PruneDownloads(d.Journal, test.olderThan); err != nil {
			t.Fatal(err)
		}
		partial, notes := files(t, d.Dir.Name()), files(t, d.Journal)
		if len(partial) != test.left || len(notes) != test.left {
			t.Errorf("older than %s: partial files %q, notes %q", test.olderThan, partial, notes)
		}
	}
	if err := PruneDownloads(filepath.Join(d.Journal, "missing"), 0); err != nil {
		t.Error(err)
	}
}

func TestReceiveOneAtATime(t *testing.T) {
	s := newShelf(t, random(rangeSize+1))
	d := s.download(t)
	d.Journal = t.TempDir()
	e := newEngine(t, Options{})
	var second error
	s.fail = func(n int, _ http.ResponseWriter, r *http.Request) bool {
		if n == 1 {
			_, second = e.Receive(r.Context(), d)
		}
		return false
	}
	if _, err := e.Receive(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	wantKind(t, second, fault.Temporary)
	wantFile(t, d, s.data)
}

func TestReceiveNoClobber(t *testing.T) {
	for _, when := range []string{"before", "meanwhile", "never"} {
		t.Run(when, func(t *testing.T) {
			s := newShelf(t, []byte("theirs"))
			d := s.download(t)
			d.NoClobber = true
			put := func() {
				if err := d.Dir.WriteFile(d.Path, []byte("mine"), 0o600); err != nil {
					t.Error(err)
				}
			}
			if when == "before" {
				put()
			}
			s.fail = func(int, http.ResponseWriter, *http.Request) bool {
				if when == "meanwhile" {
					put()
				}
				return false
			}
			_, err := newEngine(t, Options{}).Receive(t.Context(), d)
			if when == "never" {
				if err != nil {
					t.Fatal(err)
				}
				wantFile(t, d, s.data)
				return
			}
			wantKind(t, err, fault.Exists)
			wantFile(t, d, []byte("mine"))
		})
	}
}

func TestReceivePermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	s := newShelf(t, []byte("content"))
	d := s.download(t)
	if err := d.Dir.WriteFile("plain", nil, 0o666); err != nil { // what the umask leaves
		t.Fatal(err)
	}
	plain, err := d.Dir.Stat("plain")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Dir.WriteFile("replaced", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Dir.Chmod("replaced", 0o662); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{"new": plain.Mode(), "replaced": 0o662} {
		d.Path = path
		if _, err := newEngine(t, Options{}).Receive(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if info, err := d.Dir.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

// Nothing is written outside the folder, whatever lies in it.
func TestReceiveStaysInside(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newShelf(t, []byte("theirs"))
	tests := []struct {
		name string
		path string
		link string // in the folder, to outside or the victim
		to   string
		fine bool
	}{
		{"a folder that is a link", "sub/victim", "sub", outside, false},
		{"up and out", "../victim", "", "", false},
		{"absolute", victim, "", "", false},
		{"the file is a link", "object", "object", victim, true},
		{"the partial file is a link", "object", partialName("object"), victim, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := s.download(t)
			d.Path = test.path
			if test.link != "" {
				if err := d.Dir.Symlink(test.to, test.link); err != nil {
					t.Skip("no symbolic links here: ", err)
				}
			}
			_, err := newEngine(t, Options{}).Receive(t.Context(), d)
			if (err == nil) != test.fine {
				t.Errorf("error %v", err)
			}
			if test.fine {
				wantFile(t, d, s.data)
			}
			if got, err := os.ReadFile(victim); err != nil || string(got) != "mine" {
				t.Errorf("the victim holds %q, %v", got, err)
			}
			if got := files(t, outside); len(got) != 1 {
				t.Errorf("outside are %q", got)
			}
		})
	}
}

// A stream goes on where its connection broke, and every byte comes once.
func TestReceiveToContinues(t *testing.T) {
	s := newShelf(t, random(rangeSize))
	s.fail = func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n > 4 {
			return false
		}
		s.cut(w, r)
		return true
	}
	var moved atomic.Int64
	var out bytes.Buffer
	d := s.download(t)
	d.Dir, d.Path = nil, ""
	// Four breaks, and one further try: what brought something is no failed try.
	got, err := newEngine(t, Options{Moved: &moved, Retries: 1}).ReceiveTo(t.Context(), d, &out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), s.data) {
		t.Errorf("%d bytes came, and they are not the object", out.Len())
	}
	if !got.Verified || moved.Load() != d.Size {
		t.Errorf("got %+v, %d bytes counted", got, moved.Load())
	}
	if len(s.requests) != 5 || s.requests[0] != "all" {
		t.Fatalf("requests %q", s.requests)
	}
	from := 0
	for i, h := range s.headers[1:] {
		from += (rangeSize - from) / 2 // each answer is cut in half
		if want := fmt.Sprintf("bytes=%d-%d", from, rangeSize-1); h.Get("Range") != want {
			t.Errorf("request %d is for %s, want %s", i+2, h.Get("Range"), want)
		}
		if h.Get("If-Match") == "" {
			t.Errorf("request %d may bring another object", i+2)
		}
	}
}

func TestReceiveToObjectChanges(t *testing.T) {
	s := newShelf(t, random(rangeSize))
	s.fail = func(n int, w http.ResponseWriter, r *http.Request) bool {
		if n == 1 {
			s.cut(w, r)
			return true
		}
		w.Header().Set("ETag", `"other"`)
		return false
	}
	_, err := newEngine(t, Options{}).ReceiveTo(t.Context(), s.download(t), io.Discard)
	wantKind(t, err, fault.Integrity)
}

// A reader that takes its time, such as a pager, is no stalled store.
func TestReceiveToSlowReader(t *testing.T) {
	const stall = 500 * time.Millisecond
	s := newShelf(t, random(1<<20))
	r, w := io.Pipe()
	var got bytes.Buffer
	read := make(chan error, 1)
	go func() {
		pause := time.NewTimer(2 * stall)
		<-pause.C
		_, err := got.ReadFrom(r)
		read <- err
	}()
	_, err := newEngine(t, Options{Stall: stall, Retries: -1}).ReceiveTo(t.Context(), s.download(t), w)
	w.CloseWithError(err)
	if err := errors.Join(err, <-read); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), s.data) || len(s.requests) != 1 {
		t.Errorf("%d bytes by requests %q", got.Len(), s.requests)
	}
}

func TestReceiveToBrokenPipe(t *testing.T) {
	s := newShelf(t, random(1<<20))
	r, w := io.Pipe()
	r.Close()
	_, err := newEngine(t, Options{}).ReceiveTo(t.Context(), s.download(t), w)
	if !errors.Is(err, io.ErrClosedPipe) || len(s.requests) != 1 {
		t.Errorf("error %v after requests %q", err, s.requests)
	}
}
