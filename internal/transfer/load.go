package transfer

import (
	"context"
	"io"
)

// maxLoaded bounds in bytes what the parts of files hold of memory.
const maxLoaded = 64 << 20

// small is how many bytes a part may have for reading it once to be cheaper
// than what leads up to sendfile(2).
const small = 64 << 10

// load reads a part into memory where that is cheaper than to read it twice,
// for its checksum and to send it: a small one, and any under TLS, which is no
// way for sendfile(2). It says no if the room for it is taken.
func (e *Engine) load(ctx context.Context, s *fileSection) (held, bool, error) {
	if s.size > small && (!e.secure.Load() || e.limiter != nil) || s.size > e.inMemory {
		return held{}, false, nil
	}
	h, ok := e.room.tryEnter(s.size)
	if !ok {
		return held{}, false, nil
	}
	_, err := io.ReadFull(readUntil(ctx, io.NewSectionReader(s.file, s.offset, s.size)), h.buffer)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = s.short
	}
	if err != nil {
		e.room.leave(h)
		return held{}, false, err
	}
	return h, true, nil
}
