package wire

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// kernelOnly is a Section that cannot be read by the program: a byte of it
// arrives by sendfile or not at all.
type kernelOnly struct {
	t     *testing.T
	file  *os.File
	left  int64
	steps []int64
}

func (s *kernelOnly) Read([]byte) (int, error) {
	if s.left > 0 {
		s.t.Error("the section was read by the program")
		return 0, errors.New("read")
	}
	return 0, io.EOF // net/http asks for more than the length
}

func (s *kernelOnly) Close() error { return s.file.Close() }

func (s *kernelOnly) Plain() io.Reader { return unreadable{s.file, s.t} }

func (s *kernelOnly) Count(n int64) {
	s.left -= n
	s.steps = append(s.steps, n)
}

// unreadable is a file with nothing but its SyscallConn.
type unreadable struct {
	*os.File
	t *testing.T
}

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the file was read by the program")
	return 0, errors.New("read")
}

func (u unreadable) WriteTo(io.Writer) (int64, error) {
	u.t.Error("the file was copied by the program")
	return 0, errors.New("write to")
}

func TestSectionGoesByTheKernel(t *testing.T) {
	if runtime.GOOS == "openbsd" || runtime.GOOS == "netbsd" {
		t.Skip("Go has no sendfile here")
	}
	data := make([]byte, 5<<20)
	_, _ = rand.Read(data) // never fails
	name := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var got [sha256.Size]byte
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = sha256.Sum256(body)
	})

	const offset, size = 1 << 20, 3<<20 + 17
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	section := &kernelOnly{t: t, file: f, left: size}
	req := newRequest(t, "PUT", s.URL, section)
	req.ContentLength = size
	resp, err := newClient(t, Options{Log: func(string) {}, UserAgent: "hoist/1"}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadBody(resp, 1<<10); err != nil {
		t.Fatal(err)
	}
	if got != sha256.Sum256(data[offset:offset+size]) {
		t.Error("other bytes have arrived")
	}
	if section.left != 0 {
		t.Errorf("%d bytes were not counted", section.left)
	}
	if len(section.steps) != 4 {
		t.Errorf("counted in the steps %v, want three of 1 MiB and the rest", section.steps)
	}
}

// TestShortSection has a file that shrank: the request fails and does not hang.
func TestShortSection(t *testing.T) {
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	name := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(name, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	req := newRequest(t, "PUT", s.URL, &kernelOnly{t: t, file: f, left: 5})
	req.ContentLength = 100
	err = failure(t, newClient(t, Options{}), req)
	if want := "ContentLength=100 with Body length 5"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %q", err, want)
	}
}

func TestOtherBodies(t *testing.T) {
	var got []byte
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) })
	want := bytes.Repeat([]byte("0123456789abcdef"), 10_000)
	for name, body := range map[string]io.Reader{
		"in memory": bytes.NewReader(want),
		"stream":    io.MultiReader(bytes.NewReader(want[:5]), bytes.NewReader(want[5:])), // chunked
	} {
		resp, err := newClient(t, Options{}).Post(s.URL, "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of %d arrived", name, len(got), len(want))
		}
	}
}
