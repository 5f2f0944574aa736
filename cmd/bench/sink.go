package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sink is an S3 that keeps nothing but what its objects are called and how
// large they are. It is cheap, so that a client is measured and not its server:
// over http it has the kernel drop what arrives, and it knows one bucket of
// zeros and one of made-up names.
//
// It has HTTP/1.1 of its own, since net/http copies every body.
type sink struct {
	keys  int    // in the bucket of made-up names
	zeros string // a file of zeroChunk bytes

	mu      sync.Mutex
	objects map[string]stored
	uploads map[string]*upload
	began   int // uploads, ever
	sums    map[int64]string
	curve   *curve
}

// stored is what the sink knows of an object.
type stored struct {
	size     int64
	checksum string // CRC64NVME as the client said it, or ""
}

// upload is a multipart upload under way.
type upload struct {
	key  string
	size int64
}

// zeroChunk is how many bytes of zeros go out at a time.
const zeroChunk = 64 << 20

// headerBuffer is small, so that most of a body is dropped and not read.
const headerBuffer = 8 << 10

func newSink(dir string, keys int) (*sink, error) {
	f, err := os.CreateTemp(dir, "zeros-")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(zeroChunk), f.Close()); err != nil {
		return nil, err
	}
	return &sink{
		keys: keys, zeros: f.Name(), curve: new(curve),
		objects: make(map[string]stored), uploads: make(map[string]*upload), sums: make(map[int64]string),
	}, nil
}

// serve answers on l until ctx is done.
func (s *sink) serve(ctx context.Context, l net.Listener, certificate *tls.Certificate) error {
	context.AfterFunc(ctx, func() { _ = l.Close() })
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was told to end
		case err != nil:
			return err
		}
		if certificate != nil {
			c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*certificate}})
		}
		go s.connection(c)
	}
}

// connection answers one request after another until the client has no more.
func (s *sink) connection(c net.Conn) {
	defer c.Close()
	in := &input{conn: c, buffer: bufio.NewReaderSize(c, headerBuffer)}
	for {
		r, err := http.ReadRequest(in.buffer)
		if err != nil {
			return
		}
		in.begin(r)
		a := s.answer(r, in)
		if in.drop() != nil || a.write(c, r.Method) != nil || r.Close {
			return
		}
	}
}

// input is the body of the request that a connection is at.
type input struct {
	conn   net.Conn
	buffer *bufio.Reader
	body   io.Reader // nil if its length is known
	left   int64
	asked  bool // the client waits for a 100 Continue
}

func (in *input) begin(r *http.Request) {
	in.left, in.body = r.ContentLength, nil
	if in.left < 0 {
		in.body = r.Body
	}
	in.asked = r.Header.Get("Expect") == "100-continue"
}

// accept lets a client send that waits for leave.
func (in *input) accept() error {
	if !in.asked {
		return nil
	}
	in.asked = false
	_, err := io.WriteString(in.conn, "HTTP/1.1 100 Continue\r\n\r\n")
	return err
}

// all reads the body, of which the sink needs something.
func (in *input) all() ([]byte, error) {
	if err := in.accept(); err != nil {
		return nil, err
	}
	if in.body != nil {
		return io.ReadAll(in.body)
	}
	b := make([]byte, in.left)
	_, err := io.ReadFull(in.buffer, b)
	in.left = 0
	return b, err
}

// drop ends the body, unread.
func (in *input) drop() error {
	if err := in.accept(); err != nil {
		return err
	}
	if in.body != nil {
		_, err := io.Copy(io.Discard, in.body)
		return err
	}
	return in.dropTo(0)
}

// dropTo leaves so many bytes of a body of known length.
func (in *input) dropTo(rest int64) error {
	n, err := in.buffer.Discard(int(min(in.left-rest, int64(in.buffer.Buffered()))))
	in.left -= int64(n)
	if err != nil || in.left == rest {
		return err
	}
	err = discard(in.conn, in.left-rest)
	in.left = rest
	return err
}

// trailer returns the value of the trailer that the body ends with, of so many
// characters, and drops the rest.
func (in *input) trailer(name string, characters int) (string, error) {
	length := int64(len(name) + len(":") + characters + len("\r\n\r\n"))
	if in.body != nil || in.left < length {
		return "", io.ErrUnexpectedEOF
	}
	if err := errors.Join(in.accept(), in.dropTo(length)); err != nil {
		return "", err
	}
	end, err := in.all()
	value, ok := strings.CutPrefix(strings.ToLower(string(end[:len(name)])), strings.ToLower(name))
	if !ok || value != "" {
		return "", errors.Join(err, fmt.Errorf("the body ends with %q", end))
	}
	return strings.TrimSpace(string(end[len(name)+1:])), err
}

// dropStep is how many bytes are dropped at a time.
const dropStep = 1 << 20

var dropped = sync.Pool{New: func() any { return new([dropStep]byte) }}

// discardRead is discard where the bytes have to be looked at, as under TLS.
func discardRead(r io.Reader, n int64) error {
	b, _ := dropped.Get().(*[dropStep]byte)
	defer dropped.Put(b)
	for n > 0 {
		got, err := r.Read(b[:min(n, dropStep)])
		n -= int64(got)
		if err != nil && n > 0 {
			return err
		}
	}
	return nil
}

// answer is what goes back to the client.
type answer struct {
	status int
	header []string // names and values in turn
	body   []byte
	zeros  io.WriterTo // the body, if there are many
	length int64       // of zeros, or of what a HEAD is about
}

func (a *answer) set(name, value string) { a.header = append(a.header, name, value) }

func (a *answer) write(c net.Conn, method string) error {
	length := a.length
	if a.body != nil {
		length = int64(len(a.body))
	}
	b := make([]byte, 0, 512+len(a.body))
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(a.status)...)
	b = append(b, "\r\nServer: sink\r\nX-Amz-Request-Id: 0\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	if a.status != http.StatusNoContent {
		b = append(b, "\r\nContent-Length: "...)
		b = strconv.AppendInt(b, length, 10)
	}
	for i := 0; i < len(a.header); i += 2 {
		b = append(append(append(append(b, "\r\n"...), a.header[i]...), ": "...), a.header[i+1]...)
	}
	b = append(b, "\r\n\r\n"...)
	if method != http.MethodHead {
		b = append(b, a.body...)
	}
	if _, err := c.Write(b); err != nil || a.zeros == nil || method == http.MethodHead {
		return err
	}
	_, err := a.zeros.WriteTo(c)
	return err
}
