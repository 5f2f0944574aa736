package cli

import (
	"context"
	"io"
)

// interruptible reads what a command has to know before it begins, such as
// tickets, from a source that may block: a terminal, or a pipe that nobody writes
// to. It ends with ctx, though the reading that was begun may go on.
type interruptible struct {
	ctx context.Context //nolint:containedctx // Read takes none
	r   io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	type result struct {
		text []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		text := make([]byte, min(len(p), 64<<10)) // p is the caller's again when ctx ends
		n, err := i.r.Read(text)
		read <- result{text[:n], err}
	}()
	select {
	case got := <-read:
		return copy(p, got.text), got.err
	case <-i.ctx.Done():
		return 0, context.Cause(i.ctx)
	}
}
