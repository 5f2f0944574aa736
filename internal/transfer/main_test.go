package transfer_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/local/localtest"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
	"github.com/hoist-cli/hoist/internal/wire"
)

func TestMain(m *testing.M) {
	localtest.Prepare()
	os.Exit(m.Run())
}

// partSize is that of the tickets here: the engine does not care how large S3 wants them.
const partSize = 96 << 10

// signature is in the query of every request here, and must be in no error.
const signature = "5161aa7e9e5161aa7e9e5161aa7e9e51"

// desk is a server that takes parts as S3 does, and answers as it is told to.
type desk struct {
	*httptest.Server
	// answer takes the nth try of a part, from 1, and is false to have it stored.
	answer func(w http.ResponseWriter, r *http.Request, try int) bool

	mu    sync.Mutex
	tries map[string]int
	parts map[string][]byte // by path
	heads map[string]*http.Request
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{tries: map[string]int{}, parts: map[string][]byte{}, heads: map[string]*http.Request{}}
	d.Server = httptest.NewUnstartedServer(d)
	t.Cleanup(d.Close)
	// A handler that does not read is not told that the client has gone.
	ctx, cancel := context.WithCancel(context.Background())
	d.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	t.Cleanup(cancel)
	return d
}

// open starts the server, with TLS or without, and returns a client that trusts it.
func (d *desk) open(t *testing.T, secure bool) *http.Client {
	t.Helper()
	var o wire.Options
	if secure {
		d.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		d.StartTLS()
		o.CACert = filepath.Join(t.TempDir(), "ca.pem")
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.Certificate().Raw})
		if err := os.WriteFile(o.CACert, block, 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		d.Start()
	}
	client, err := wire.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.tries[r.URL.Path]++
	try := d.tries[r.URL.Path]
	d.mu.Unlock()
	if d.answer != nil && d.answer(w, r, try) {
		return
	}
	d.store(w, r)
}

// store reads the part and says its ETag.
func (d *desk) store(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	d.parts[r.URL.Path], d.heads[r.URL.Path] = body, r
	d.mu.Unlock()
	w.Header().Set("ETag", `"`+md5Of(body)+`"`)
}

func (d *desk) tried() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, tries := range d.tries {
		n += tries
	}
	return n
}

// arrived returns the paths of the parts that were stored, sorted.
func (d *desk) arrived() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.parts))
}

func (d *desk) has(path string) bool { return slices.Contains(d.arrived(), path) }

// header is of the request that stored the part.
func (d *desk) header(path string) http.Header {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.heads[path] == nil {
		return nil
	}
	return d.heads[path].Header
}

// url is the signed one of a part.
func (d *desk) url(number int) string {
	return fmt.Sprintf("%s/part/%d?X-Amz-SignedHeaders=content-type%%3Bhost%%3Bx-amz-acl&X-Amz-Signature=%s", d.URL, number, signature)
}

// ticket is one for a file of size bytes in parts that are signed.
func (d *desk) ticket(t *testing.T, size int64) *ticket.Ticket {
	t.Helper()
	tk := &ticket.Ticket{
		Version: ticket.Version, Location: "s3://b/k", Method: ticket.Multipart,
		File: ticket.File{Name: "file", Size: size},
	}
	for offset := int64(0); offset < size || len(tk.Parts) == 0; offset += partSize {
		n := len(tk.Parts) + 1
		tk.Parts = append(tk.Parts, ticket.Part{
			Number: n, Offset: offset, Size: min(partSize, size-offset),
			Request: &ticket.Request{Method: "PUT", URL: d.url(n), Header: map[string]string{"Content-Type": "text/x-test"}},
		})
	}
	if err := tk.Validate(); err != nil {
		t.Fatal(err)
	}
	return tk
}

// single is a ticket of one PUT.
func (d *desk) single(t *testing.T, size int64) *ticket.Ticket {
	t.Helper()
	tk := d.ticket(t, 0)
	tk.Method, tk.File.Size, tk.Parts[0].Size = ticket.Put, size, size
	return tk
}

// sign signs the parts just in time.
func (d *desk) sign(_ context.Context, part ticket.Part, _ *ticket.Checksum) (*ticket.Request, error) {
	return &ticket.Request{Method: "PUT", URL: d.url(part.Number)}, nil
}

// wantParts checks that the parts are sections of content, each sent with its exact length.
func (d *desk) wantParts(t *testing.T, tk *ticket.Ticket, content []byte) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.parts) != len(tk.Parts) {
		t.Errorf("%d parts have arrived, want %d", len(d.parts), len(tk.Parts))
	}
	for _, part := range tk.Parts {
		path := "/part/" + strconv.Itoa(part.Number)
		want := content[part.Offset : part.Offset+part.Size]
		if !bytes.Equal(d.parts[path], want) {
			t.Errorf("part %d: %d bytes have arrived, and not those of the section", part.Number, len(d.parts[path]))
			continue
		}
		if r := d.heads[path]; r.ContentLength != part.Size || r.TransferEncoding != nil {
			t.Errorf("part %d has Content-Length %d and Transfer-Encoding %q, want %d and none",
				part.Number, r.ContentLength, r.TransferEncoding, part.Size)
		}
		receipt, ok := tk.Receipt(part.Number)
		if !ok || receipt.Size != part.Size || receipt.ETag != md5Of(want) || *receipt.Checksum != *sumOf(t, checksum.CRC64NVME, want) {
			t.Errorf("part %d has the receipt %+v", part.Number, receipt)
		}
	}
}

// content returns n bytes, the same ones in every test.
func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

func newFile(t *testing.T, data []byte) *transfer.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.bin")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := transfer.NewFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func md5Of(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

func sumOf(t *testing.T, algorithm string, b []byte) *ticket.Checksum {
	t.Helper()
	sum, _, err := checksum.Of(bytes.NewReader(b), algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// wantFault checks the kind of an error, what its line and hint hold, and what they must not.
func wantFault(t *testing.T, err error, kind fault.Kind, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := fault.KindOf(err); got != kind {
		t.Errorf("%q has kind %d, want %d", err, got, kind)
	}
	text := err.Error() + "\nhint: " + fault.HintOf(err)
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
	noSecret(t, text)
}

func noSecret(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, signature) || strings.Contains(text, formPolicy()) {
		t.Errorf("the signature is in %q", text)
	}
}

func formPolicy() string { return base64.StdEncoding.EncodeToString([]byte(`{"conditions":[]}`)) }

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// progress is a Moved that a test reads.
func progress() *atomic.Int64 { return new(atomic.Int64) }
