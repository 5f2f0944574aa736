package transfer

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/time/rate"

	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/wire"
)

// handed is a file whose sections may be checksummed, but not read by the
// program to be sent: a byte that arrives was sent by the kernel.
type handed struct {
	*File
	t *testing.T
}

func (h handed) Section(offset, size int64) (Section, error) {
	s, err := h.File.Section(offset, size)
	return handedSection{s, h.t}, err
}

type handedSection struct {
	Section
	t *testing.T
}

func (s handedSection) body(ctx context.Context, c *counter, l *rate.Limiter) (requestBody, error) {
	b, err := s.Section.body(ctx, c, l)
	if err != nil {
		return nil, err
	}
	file, ok := b.(*fileBody)
	if !ok {
		s.t.Fatalf("the body of a file is a %T", b)
	}
	return &handedBody{file, s.t}, nil
}

type handedBody struct {
	*fileBody
	t *testing.T
}

func (b *handedBody) Read(p []byte) (int, error) {
	if b.left > 0 {
		b.t.Error("the program reads the part")
		return 0, errors.New("read")
	}
	return b.fileBody.Read(p) // net/http looks whether there is more
}

func (b *handedBody) Plain() io.Reader {
	plain, ok := b.fileBody.Plain().(plainFile)
	if !ok {
		b.t.Errorf("the plain reader is a %T", b.fileBody.Plain())
	}
	return unreadPlain{plain, b.t}
}

type unreadPlain struct {
	plainFile
	t *testing.T
}

func (u unreadPlain) Read([]byte) (int, error) {
	u.t.Error("the program reads the file")
	return 0, errors.New("read")
}

func (u unreadPlain) SyscallConn() (syscall.RawConn, error) { return u.plainFile.SyscallConn() }

// Over plain http, the parts of a file go from the page cache to the socket.
func TestSendByKernel(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("sendfile is known to be taken on Linux and macOS")
	}
	data := make([]byte, 5<<20+3)
	_, _ = rand.Read(data) // never fails
	got := make([][]byte, 2)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got[r.URL.Path[1]-'1'] = body
	}))
	defer server.Close()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := NewFile(name)
	if err != nil {
		t.Fatal(err)
	}
	client, err := wire.New(wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	const cut = 3 << 20
	tk := &ticket.Ticket{Method: ticket.Multipart, File: ticket.File{Size: file.Size()}, Parts: []ticket.Part{
		{Number: 1, Size: cut, Request: &ticket.Request{Method: "PUT", URL: server.URL + "/1"}},
		{Number: 2, Offset: cut, Size: file.Size() - cut, Request: &ticket.Request{Method: "PUT", URL: server.URL + "/2"}},
	}}
	moved := new(atomic.Int64)
	if err := New(client, Options{Moved: moved}).Send(t.Context(), &Upload{Ticket: tk}, handed{file, t}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.Join(got, nil), data) {
		t.Error("other bytes have arrived")
	}
	if moved.Load() != file.Size() {
		t.Errorf("%d of %d bytes are counted", moved.Load(), file.Size())
	}
}
