package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
)

// gatherStep is how many bytes of a body are encrypted at a time, and then
// written by one system call: crypto/tls makes one for each record of 16 KiB.
const gatherStep = 256 << 10

// gathering has t write bodies under TLS in large pieces, where no proxy is in
// between; through one, net/http makes the TLS connection itself.
func gathering(t *http.Transport) {
	config := t.TLSClientConfig.Clone()
	config.NextProtos = []string{"http/1.1"}
	config.DynamicRecordSizingDisabled = true // small records first are for pages that are read as they come
	buffers := &sync.Pool{New: func() any { return new([gatherStep]byte) }}
	dial := t.DialContext
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		raw, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		own := config.Clone()
		own.ServerName = host
		out := &gatherer{Conn: raw}
		c := &tlsConn{Conn: tls.Client(out, own), out: out, buffers: buffers}
		ctx, cancel := context.WithTimeout(ctx, t.TLSHandshakeTimeout)
		defer cancel()
		if err := c.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		return c, nil
	}
}

// tlsConn is a TLS connection that gathers the records of a body.
type tlsConn struct {
	*tls.Conn
	out     *gatherer
	buffers *sync.Pool // of *[gatherStep]byte
}

// ReadFrom is where net/http ends up for a request body, as with conn.
func (c *tlsConn) ReadFrom(r io.Reader) (sent int64, err error) {
	if limited, ok := r.(*io.LimitedReader); ok {
		if section, ok := limited.R.(Section); ok {
			if memory, ok := section.Plain().(*bytes.Buffer); ok {
				return c.sendMemory(limited, section, memory)
			}
		}
	}
	buffer, _ := c.buffers.Get().(*[gatherStep]byte) // which is all that the pool makes
	defer c.buffers.Put(buffer)
	for {
		n, err := r.Read(buffer[:])
		if n > 0 {
			wrote, failed := c.gather(buffer[:n])
			sent += int64(wrote)
			if failed != nil {
				return sent, failed
			}
		}
		if err == io.EOF {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
}

func (c *tlsConn) sendMemory(limited *io.LimitedReader, section Section, memory *bytes.Buffer) (sent int64, err error) {
	for limited.N > 0 && err == nil && memory.Len() > 0 {
		var n int
		n, err = c.gather(memory.Next(int(min(limited.N, gatherStep))))
		section.Count(int64(n))
		limited.N -= int64(n)
		sent += int64(n)
	}
	return sent, err
}

// gather writes b as one piece.
func (c *tlsConn) gather(b []byte) (int, error) {
	c.out.hold()
	n, err := c.Write(b)
	if failed := c.out.release(); err == nil && failed != nil {
		return 0, failed
	}
	return n, err
}

// gatherer is the TCP connection under a tlsConn. The side that reads writes to
// it too, when TLS answers something by itself, so it is locked.
type gatherer struct {
	net.Conn
	mu      sync.Mutex
	holding bool
	held    []byte
}

// Write keeps b for release, between that and hold.
func (g *gatherer) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.holding {
		return g.Conn.Write(b)
	}
	g.held = append(g.held, b...)
	return len(b), nil
}

func (g *gatherer) hold() {
	g.mu.Lock()
	g.holding = true
	g.mu.Unlock()
}

func (g *gatherer) release() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, err := g.Conn.Write(g.held)
	g.holding, g.held = false, g.held[:0]
	return err
}
