package wire

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
)

// inMemory is a Section that counts what is said of it.
type inMemory struct {
	*bytes.Buffer
	reads   int
	counted int64
}

func (s *inMemory) Read(p []byte) (int, error) {
	n, err := s.Buffer.Read(p)
	if n > 0 {
		s.reads++
	}
	return n, err
}
func (s *inMemory) Close() error     { return nil }
func (s *inMemory) Plain() io.Reader { return s.Buffer }
func (s *inMemory) Count(n int64)    { s.counted += n }

// counting counts the system calls that write.
type counting struct {
	net.Conn
	writes *atomic.Int64
}

func (c counting) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

func TestBodiesInMemoryAreNotCopied(t *testing.T) {
	data := make([]byte, 5<<20+13)
	_, _ = rand.Read(data) // never fails
	var got []byte
	take := func(_ http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) }
	plain := newServer(t, take)
	secure, ca := tlsServer(t)
	secure.Config.Handler = http.HandlerFunc(take)
	for _, url := range []string{plain.URL, secure.URL} {
		s := &inMemory{Buffer: bytes.NewBuffer(data)}
		req := newRequest(t, "PUT", url, s)
		req.ContentLength = int64(len(data))
		resp, err := newClient(t, Options{CACert: ca}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if !bytes.Equal(got, data) || s.counted != int64(len(data)) || s.reads != 0 {
			t.Errorf("%s: %d bytes of %d arrived, %d were counted, by %d reads", url, len(got), len(data), s.counted, s.reads)
		}
	}
}

func TestRecordsAreGathered(t *testing.T) {
	data := make([]byte, 4<<20)
	_, _ = rand.Read(data) // never fails
	var got []byte
	s, ca := tlsServer(t)
	s.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) })
	pool, err := rootCAs(ca)
	if err != nil {
		t.Fatal(err)
	}
	transport := newTransport(pool)
	var writes atomic.Int64
	straight := dial(nil)
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := straight(ctx, network, addr)
		return counting{c, &writes}, err
	}
	gathering(transport)
	defer transport.CloseIdleConnections()

	resp, err := (&http.Client{Transport: transport}).Post(s.URL, "text/plain", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !bytes.Equal(got, data) {
		t.Errorf("%d bytes of %d arrived", len(got), len(data))
	}
	// The handshake, the header and pieces of 256 KiB; by records of 16 KiB it would be over 256.
	if n := writes.Load(); n > 4<<20/gatherStep+10 {
		t.Errorf("%d writes", n)
	}
}
