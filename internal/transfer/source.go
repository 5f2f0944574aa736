package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/time/rate"

	"github.com/hoist-cli/hoist/internal/fault"
)

// Source is what is sent. Each section can be read again, from its start.
type Source interface {
	// Section opens size bytes from offset.
	Section(offset, size int64) (Section, error)
}

// Section is a piece of a source that is open.
type Section interface {
	// Reader returns the section from its start, uncounted.
	Reader() (io.Reader, error)
	// body returns the section from its start as the body of a request.
	body(ctx context.Context, c *counter, l *rate.Limiter) (requestBody, error)
	Close() error
}

// requestBody is a body of which one can tell when net/http is done with it.
type requestBody interface {
	io.ReadCloser
	Closed() <-chan struct{}
}

// File is a regular file that must not change while it is sent.
type File struct {
	Path string
	info fs.FileInfo
}

// NewFile returns the file at path as it is now. Anything but a regular file
// is refused: a pipe or a device has no size and cannot be read again.
func NewFile(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return &File{Path: path, info: info}, nil
}

// Size returns the file's size in bytes.
func (f *File) Size() int64 { return f.info.Size() }

// Modified returns when the file was last written to.
func (f *File) Modified() time.Time { return f.info.ModTime() }

// Unchanged says whether the file at the path is still the one that was looked at.
func (f *File) Unchanged() error {
	now, err := os.Stat(f.Path)
	if err != nil {
		return f.changed(err)
	}
	return f.same(now)
}

func (f *File) same(now fs.FileInfo) error {
	switch {
	case !os.SameFile(f.info, now):
		return f.changed(errors.New("another file is in its place"))
	case now.Size() != f.info.Size():
		return f.changed(fmt.Errorf("it had %d bytes and has %d", f.info.Size(), now.Size()))
	case !now.ModTime().Equal(f.info.ModTime()):
		return f.changed(errors.New("it was written to"))
	}
	return nil
}

func (f *File) changed(why error) error {
	return &fault.Error{
		Kind: fault.Integrity, Message: f.Path + " changed during the upload", Err: why,
		Hint: "run the same command again once the file is at rest",
	}
}

// Section implements Source. Each section has a descriptor of its own, since
// sendfile(2) moves the offset of the one that it reads.
func (f *File) Section(offset, size int64) (Section, error) {
	file, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, f.changed(err)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = f.same(info)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &fileSection{
		file: file, offset: offset, size: size,
		short: f.changed(errors.New("it became shorter while it was read")),
	}, nil
}

type fileSection struct {
	file         *os.File
	offset, size int64
	short        error
}

func (s *fileSection) Reader() (io.Reader, error) {
	return io.NewSectionReader(s.file, s.offset, s.size), nil
}

func (s *fileSection) body(ctx context.Context, c *counter, l *rate.Limiter) (requestBody, error) {
	if _, err := s.file.Seek(s.offset, io.SeekStart); err != nil {
		return nil, err
	}
	b := newBody(ctx, s.file, s.size, c, l, s.short)
	if l != nil {
		return b, nil
	}
	return &fileBody{body: b, file: s.file}, nil
}

func (s *fileSection) Close() error { return s.file.Close() }

// memory is a section that is held in memory.
type memory []byte

func (m memory) Reader() (io.Reader, error) { return bytes.NewReader(m), nil }

func (m memory) body(ctx context.Context, c *counter, l *rate.Limiter) (requestBody, error) {
	unsent := bytes.NewBuffer(m)
	b := newBody(ctx, unsent, int64(len(m)), c, l, io.ErrUnexpectedEOF)
	if l != nil {
		return b, nil
	}
	return &memoryBody{body: b, unsent: unsent}, nil
}

func (m memory) Close() error { return nil }
