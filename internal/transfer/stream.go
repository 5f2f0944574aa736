package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// DefaultMemory bounds in bytes what the parts of a stream may hold of memory.
const DefaultMemory = 256 << 20

// maxInMemory is the largest part in bytes that is held in memory; larger ones
// are spooled to a file.
const maxInMemory = 4 * ticket.DefaultPartSize

// streamConcurrency bounds the parts of a stream that are under way: reading
// is the limit, and each of them holds its bytes in memory.
const streamConcurrency = 6

// Stream is an upload whose source can be read only once.
type Stream struct {
	*Upload
	Reader io.Reader
	// End is called when the reader has ended and before the last part is
	// sent; what it returns ends the upload. It may be nil.
	End func() error
}

// SendStream sends a stream of unknown length, adding the parts to the ticket
// as it comes, or one of exactly the length that the ticket's parts have. The
// last part is not sent before the stream has ended as it should.
func (e *Engine) SendStream(ctx context.Context, s *Stream) error {
	planned := s.Ticket.Parts
	s.Ticket.Parts = s.Ticket.Parts[:0:0]
	memory := semaphore.NewWeighted(DefaultMemory)
	parts, ctx := errgroup.WithContext(ctx)
	parts.SetLimit(min(e.options.Concurrency, streamConcurrency))

	read := func() error {
		next := newLookahead(s.Reader)
		var offset int64
		for number := 1; ; number++ {
			size := ticket.StreamPartSize(number)
			if len(planned) > 0 {
				size = planned[number-1].Size
			}
			if number > ticket.MaxParts {
				return fault.WithHint(fault.New(fault.Usage, "the stream is longer than 10,000 parts hold"), "say how long it is: --size")
			}
			weight := min(size, maxInMemory)
			if err := memory.Acquire(ctx, weight); err != nil {
				return context.Cause(ctx)
			}
			section, n, err := next.section(size)
			if err != nil {
				memory.Release(weight)
				return err
			}
			ended, err := next.ended()
			if err == nil && len(planned) > 0 {
				err = fits(planned, number, n, ended)
			}
			if err == nil && ended && s.End != nil {
				err = s.End()
			}
			if err != nil {
				memory.Release(weight)
				return errors.Join(err, section.Close())
			}
			part := ticket.Part{Number: number, Offset: offset, Size: n}
			if len(planned) > 0 {
				part.Request = planned[number-1].Request
			}
			offset += n
			s.mu.Lock()
			s.Ticket.Parts = append(s.Ticket.Parts, part)
			s.mu.Unlock()
			parts.Go(func() error {
				defer memory.Release(weight)
				defer section.Close()
				if err := e.acquire(ctx); err != nil {
					return err
				}
				defer e.release()
				return e.sendPart(ctx, s.Upload, part, section)
			})
			if ended {
				s.mu.Lock()
				s.Ticket.File.Size = offset
				s.mu.Unlock()
				return nil
			}
		}
	}
	// The reader may block for ever after a part has failed, so it must not be
	// waited for: it is a pipe or a process that its owner ends.
	done := make(chan error, 1)
	go func() { done <- read() }()
	select {
	case err := <-done:
		if sent := parts.Wait(); sent != nil && (err == nil || errors.Is(err, context.Canceled)) {
			return sent
		}
		return err
	case <-ctx.Done():
		return errors.Join(parts.Wait(), context.Cause(ctx))
	}
}

// fits says whether part number, with n bytes, is as it was planned.
func fits(planned []ticket.Part, number int, n int64, ended bool) error {
	last := planned[len(planned)-1]
	total := last.Offset + last.Size
	switch {
	case number < len(planned) && ended, n < planned[number-1].Size:
		return fault.New(fault.Integrity, "the stream ended after %d bytes, %d were announced", planned[number-1].Offset+n, total)
	case number == len(planned) && !ended:
		return fault.New(fault.Integrity, "the stream is longer than the %d bytes that were announced", total)
	}
	return nil
}

// lookahead reads a stream in sections and knows whether anything follows.
type lookahead struct {
	r    io.Reader
	one  [1]byte
	held bool
	end  bool
}

func newLookahead(r io.Reader) *lookahead { return &lookahead{r: r} }

// Read gives back the byte that ended looked at, first.
func (l *lookahead) Read(p []byte) (int, error) {
	if l.held && len(p) > 0 {
		p[0], l.held = l.one[0], false
		return 1, nil
	}
	if l.end {
		return 0, io.EOF
	}
	return l.r.Read(p)
}

// ended says whether the stream has no more.
func (l *lookahead) ended() (bool, error) {
	if l.held {
		return false, nil
	}
	if l.end {
		return true, nil
	}
	switch _, err := io.ReadFull(l.r, l.one[:]); err {
	case nil:
		l.held = true
		return false, nil
	case io.EOF:
		l.end = true
		return true, nil
	default:
		return false, fmt.Errorf("reading the stream: %w", err)
	}
}

// section reads up to size bytes, into memory or into a file that is already
// removed.
func (l *lookahead) section(size int64) (Section, int64, error) {
	if size > maxInMemory {
		return spool(l, size)
	}
	buf := make([]byte, size)
	n, err := io.ReadFull(l, buf)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		l.end, err = true, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading the stream: %w", err)
	}
	return memory(buf[:n]), int64(n), nil
}

// spooled is a section in a temporary file that goes with its descriptor.
type spooled struct {
	fileSection
	path string
}

func spool(r io.Reader, size int64) (Section, int64, error) {
	file, err := os.CreateTemp("", "hoist-")
	if err != nil {
		return nil, 0, err
	}
	s := &spooled{fileSection: fileSection{file: file}}
	if os.Remove(file.Name()) != nil {
		s.path = file.Name() // Windows removes no open file
	}
	s.size, err = io.CopyN(file, r, size)
	if err != nil && err != io.EOF {
		_ = s.Close()
		return nil, 0, fmt.Errorf("spooling the stream to %s: %w", os.TempDir(), err)
	}
	return s, s.size, nil
}

func (s *spooled) Close() error {
	err := s.fileSection.Close()
	if s.path != "" {
		err = errors.Join(err, os.Remove(s.path))
	}
	return err
}
