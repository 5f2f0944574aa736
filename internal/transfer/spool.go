package transfer

import (
	"context"
	"io"
	"math"

	"golang.org/x/time/rate"
)

// Spooled is a stream that was read to its end into a file which nobody else
// sees, and which goes with it.
type Spooled struct{ *spooled }

// Spool reads r to its end, or until ctx is done.
func Spool(ctx context.Context, r io.Reader) (*Spooled, error) {
	s, err := spool(readUntil(ctx, r), math.MaxInt64)
	if err != nil {
		return nil, err
	}
	return &Spooled{s}, nil
}

// Size returns how long the stream was, in bytes.
func (s *Spooled) Size() int64 { return s.size }

// Section implements Source. The sections share the file's descriptor, and read
// each at its own place.
func (s *Spooled) Section(offset, size int64) (Section, error) {
	return &spooledSection{io.NewSectionReader(s.file, offset, size)}, nil
}

type spooledSection struct{ bytes *io.SectionReader }

func (s *spooledSection) Reader() (io.Reader, error) {
	return io.NewSectionReader(s.bytes, 0, s.bytes.Size()), nil
}

func (s *spooledSection) body(ctx context.Context, c *counter, l *rate.Limiter) (requestBody, error) {
	r, err := s.Reader()
	if err != nil {
		return nil, err
	}
	return newBody(ctx, r, s.bytes.Size(), c, l, io.ErrUnexpectedEOF), nil
}

// Close does nothing: the file is closed once, with the stream.
func (s *spooledSection) Close() error { return nil }
