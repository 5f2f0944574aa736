package transfer

import (
	"bytes"
	"context"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/time/rate"
)

// burst is how many bytes pass at a time at the most under a rate limit.
const burst = 64 << 10

// step is how many bytes pass at a time under a low limit: no more than in a
// tenth of a second, or the watchdog would take waiting for standing still.
func step(l *rate.Limiter) int { return int(min(max(float64(l.Limit())/10, 1), burst)) }

// counter counts the bytes of one try, for the watchdog and for everybody's total.
type counter struct {
	sent  atomic.Int64
	total *atomic.Int64
}

func (c *counter) add(n int64) {
	c.sent.Add(n)
	c.total.Add(n)
}

// giveBack takes what a failed try had counted out of the total.
func (c *counter) giveBack() { c.total.Add(-c.sent.Swap(0)) }

// body is one part on its way: it ends at the part's end, counts what passes,
// and fails with short if the source ends before.
type body struct {
	ctx     context.Context //nolint:containedctx // Read takes none
	src     io.Reader
	left    int64
	counter *counter
	limiter *rate.Limiter
	short   error
	closed  chan struct{}
	once    sync.Once
}

func newBody(ctx context.Context, src io.Reader, size int64, c *counter, l *rate.Limiter, short error) *body {
	return &body{ctx: ctx, src: src, left: size, counter: c, limiter: l, short: short, closed: make(chan struct{})}
}

func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), b.left)]
	if b.limiter != nil {
		p = p[:min(len(p), step(b.limiter))]
		if b.limiter.WaitN(b.ctx, len(p)) != nil {
			<-b.ctx.Done() // it says beforehand that the deadline will be missed
			return 0, context.Cause(b.ctx)
		}
	}
	n, err := b.src.Read(p)
	b.Count(int64(n))
	if err == io.EOF && b.left > 0 {
		err = b.short
	}
	return n, err
}

// Count takes n bytes as passed without having gone through Read.
func (b *body) Count(n int64) {
	b.left -= n
	b.counter.add(n)
}

// Close says that net/http has let go of the source. It may be called twice.
func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// Closed is closed when the body is: until then net/http may still be reading,
// also after it gave an answer or an error, and the source must be left alone.
func (b *body) Closed() <-chan struct{} { return b.closed }

// fileBody is a body that the kernel can send by itself: see wire.Section.
type fileBody struct {
	*body
	file *os.File
}

// Plain returns the file from where it stands, uncounted.
func (b *fileBody) Plain() io.Reader { return plainFile{b.file} }

// memoryBody is a body that can be sent from where it lies: see wire.Section.
type memoryBody struct {
	*body
	unsent *bytes.Buffer
}

// Plain returns the bytes from where reading has stopped, uncounted.
func (b *memoryBody) Plain() io.Reader { return b.unsent }

// plainFile has the two methods that net wants of a sendfile(2) source and
// lacks WriteTo, by which io.Copy would take another way.
type plainFile struct{ file *os.File }

func (p plainFile) Read(b []byte) (int, error)            { return p.file.Read(b) }
func (p plainFile) SyscallConn() (syscall.RawConn, error) { return p.file.SyscallConn() }
