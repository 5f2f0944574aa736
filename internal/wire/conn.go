package wire

import (
	"bytes"
	"io"
	"net"
)

// Section is a request body whose bytes need not be copied by the program: on
// plain http those of a file go to the socket inside the kernel (sendfile),
// and those in memory from where they lie.
//
// It reads one part of a file by a descriptor of its own, since the kernel
// moves that descriptor's offset. Read ends at the part's end and goes on
// where reads of Plain have stopped: net/http looks for more by Read once it
// has sent the whole length.
//
// Bytes that went past Read are reported to Count; all others, as those
// under TLS, went through Read, which counts them itself.
type Section interface {
	io.Reader
	// Plain returns the reader of the same bytes that counts nothing: an
	// *os.File, what has its SyscallConn, or a *bytes.Buffer.
	Plain() io.Reader
	// Count takes the number of bytes handed to the kernel: 3–4 MiB ahead of
	// what the other side has acknowledged.
	Count(n int64)
}

// sendStep is how many bytes go to the kernel between two calls of Count:
// small enough for a smooth bar, large enough to cost nothing.
const sendStep = 1 << 20

// conn is a TCP connection that keeps the progress of what it sends by sendfile.
type conn struct{ *net.TCPConn }

// ReadFrom is where net/http ends up for a request body of known length:
// through a bufio.Writer emptied of the headers, with the body in an io.LimitedReader.
func (c conn) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return c.TCPConn.ReadFrom(r)
	}
	section, ok := limited.R.(Section)
	if !ok {
		return c.TCPConn.ReadFrom(r)
	}
	var sent int64
	for limited.N > 0 {
		step := min(limited.N, sendStep)
		n, err := c.sendSome(section.Plain(), step)
		limited.N -= n
		sent += n
		section.Count(n)
		if err != nil {
			return sent, err
		}
		if n < step {
			break // the file is shorter than it was; net/http reports it
		}
	}
	return sent, nil
}

// sendSome sends up to n bytes from where plain stands.
func (c conn) sendSome(plain io.Reader, n int64) (int64, error) {
	if memory, ok := plain.(*bytes.Buffer); ok {
		sent, err := c.Write(memory.Next(int(n)))
		return int64(sent), err
	}
	return c.TCPConn.ReadFrom(&io.LimitedReader{R: plain, N: n})
}
