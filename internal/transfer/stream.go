package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// maxMemory bounds in bytes what the parts of a stream hold of memory.
const maxMemory = 256 << 20

// maxInMemory is the largest part in bytes that is held in memory; larger ones
// are spooled to a file.
const maxInMemory = 4 * ticket.DefaultPartSize

// streamConcurrency bounds the parts of a stream that are under way: reading
// is the limit, and each of them holds its bytes in memory.
const streamConcurrency = 4

// Stream is an upload whose source can be read only once.
type Stream struct {
	*Upload
	// Head is what was read of the stream already, and Reader gives the rest.
	// The stream takes its memory over.
	Head   []byte
	Reader io.Reader
	// PartSize is that of the parts in bytes, where the ticket does not plan
	// them; 0 is small parts first, see ticket.StreamPartSize.
	PartSize int64
	// End is called when the reader has ended and before the last part is
	// sent; what it returns ends the upload. It may be nil.
	End func() error
}

// piece is a part of a stream that was read.
type piece struct {
	part    ticket.Part
	section Section
	held    held
	last    bool
	err     error
}

// SendStream sends a stream of unknown length, adding the parts to the ticket
// as it comes, or one of exactly the length that the ticket's parts have. The
// last part is not sent before the stream has ended as it should.
//
// It returns as soon as the upload fails, also while the reader blocks: the
// reader is a pipe, which its owner ends.
func (e *Engine) SendStream(ctx context.Context, s *Stream) error {
	planned := s.Ticket.Parts
	s.Ticket.Parts = nil
	room := newRoom(maxMemory)
	parts, ctx := errgroup.WithContext(ctx)
	parts.SetLimit(min(e.slots.limit(), streamConcurrency))

	pieces := make(chan piece)
	go s.read(ctx, planned, room, e.inMemory, pieces)
	for {
		var p piece
		select {
		case p = <-pieces:
		case <-ctx.Done():
			p.err = context.Cause(ctx)
		}
		if p.err != nil {
			parts.Go(func() error { return p.err })
			return parts.Wait()
		}
		s.mu.Lock()
		s.Ticket.Parts = append(s.Ticket.Parts, p.part)
		s.mu.Unlock()
		parts.Go(func() error {
			defer room.leave(p.held)
			defer p.section.Close()
			if err := e.slots.acquire(ctx); err != nil {
				return err
			}
			err := e.sendPart(ctx, s.Upload, p.part, p.section)
			e.slots.release(p.part.Size, err)
			return err
		})
		if p.last {
			s.Ticket.File.Size = p.part.Offset + p.part.Size
			return parts.Wait()
		}
	}
}

// read cuts the stream into pieces until it ends, fails, or ctx is done.
func (s *Stream) read(ctx context.Context, planned []ticket.Part, room *room, inMemory int64, pieces chan<- piece) {
	in := &lookahead{r: io.MultiReader(bytes.NewReader(s.Head), s.Reader)}
	var offset int64
	for number := 1; ; number++ {
		p := piece{part: ticket.Part{Number: number, Offset: offset}}
		size := s.partSize(number)
		if len(planned) > 0 {
			size, p.part.Request = planned[number-1].Size, planned[number-1].Request
		}
		if number == 1 && int64(len(s.Head)) <= size && size <= int64(cap(s.Head)) {
			// Then the first part lies where it is, and reading it copies it onto itself.
			room.give(s.Head)
		}
		var err error
		if p.held, err = room.enter(ctx, size, inMemory); err != nil {
			return
		}
		p.section, p.part.Size, p.err = in.section(size, p.held.buffer)
		if p.err == nil {
			p.last, p.err = s.ends(in, planned, p.part)
		}
		offset += p.part.Size
		if p.err != nil && p.section != nil {
			_ = p.section.Close()
			p.section = nil
		}
		select {
		case pieces <- p:
		case <-ctx.Done():
			if p.section != nil {
				_ = p.section.Close()
			}
			return
		}
		if p.last || p.err != nil {
			return
		}
	}
}

func (s *Stream) partSize(number int) int64 {
	if s.PartSize > 0 {
		return s.PartSize
	}
	return ticket.StreamPartSize(number)
}

// ends says whether the stream has ended with this part, and whether that is
// as it was announced and as its producer says.
func (s *Stream) ends(in *lookahead, planned []ticket.Part, part ticket.Part) (bool, error) {
	ended, err := in.ended()
	switch {
	case err != nil:
		return false, err
	case len(planned) > 0:
		err = fits(planned, part, ended)
	case !ended && part.Number == ticket.MaxParts:
		err = fault.WithHint(fault.New(fault.Usage, "the stream is longer than 10,000 parts hold"), "say how long it is: --size")
	}
	if err == nil && ended && s.End != nil {
		err = s.End()
	}
	return ended, err
}

// fits says whether the part that was read is the one that was planned.
func fits(planned []ticket.Part, part ticket.Part, ended bool) error {
	last := planned[len(planned)-1]
	total := last.Offset + last.Size
	switch {
	case part.Size < planned[part.Number-1].Size, part.Number < len(planned) && ended:
		return fault.New(fault.Integrity, "the stream ended after %d bytes, %d were announced", part.Offset+part.Size, total)
	case part.Number == len(planned) && !ended:
		return fault.New(fault.Integrity, "the stream is longer than the %d bytes that were announced", total)
	}
	return nil
}

// lookahead reads a stream in sections and knows whether anything follows.
type lookahead struct {
	r    io.Reader
	one  [1]byte
	held bool // one is still to be read
	end  bool
}

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

// section reads up to size bytes into buffer or, where that is nil, into a
// file that is already removed.
func (l *lookahead) section(size int64, buffer []byte) (Section, int64, error) {
	if buffer == nil {
		s, err := spool(l, size)
		if err != nil {
			return nil, 0, err
		}
		return s, s.size, nil
	}
	n, err := io.ReadFull(l, buffer)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		l.end, err = true, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading the stream: %w", err)
	}
	return memory(buffer[:n]), int64(n), nil
}

// spooled is a section in a temporary file that goes with its descriptor.
type spooled struct {
	fileSection
	path string
}

func spool(r io.Reader, size int64) (*spooled, error) {
	file, err := os.CreateTemp("", "hoist-")
	if err != nil {
		return nil, err
	}
	s := &spooled{fileSection: fileSection{file: file}}
	if os.Remove(file.Name()) != nil {
		s.path = file.Name() // Windows removes no open file
	}
	s.size, err = io.CopyN(file, r, size)
	if err != nil && !errors.Is(err, io.EOF) {
		_ = s.Close()
		return nil, fmt.Errorf("spooling the stream to %s: %w", os.TempDir(), err)
	}
	return s, nil
}

func (s *spooled) Close() error {
	err := s.fileSection.Close()
	if s.path != "" {
		err = errors.Join(err, os.Remove(s.path))
	}
	return err
}
