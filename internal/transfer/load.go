package transfer

import (
	"context"
	"io"
)

// small is how many bytes a part may have for reading it once to be cheaper
// than what leads up to sendfile(2).
const small = 64 << 10

// load reads a small part into memory, from where it is hashed and sent. What
// it returns is nil for a part that is not small, else to be given to unload.
func (e *Engine) load(ctx context.Context, s *fileSection) (memory, error) {
	if s.size > small {
		return nil, nil
	}
	buffer, _ := e.parts.Get().(*[small]byte) // which is all that the pool makes
	part := memory(buffer[:s.size])
	_, err := io.ReadFull(readUntil(ctx, io.NewSectionReader(s.file, s.offset, s.size)), part)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = s.short
	}
	if err != nil {
		e.unload(part)
		return nil, err
	}
	return part, nil
}

func (e *Engine) unload(m memory) { e.parts.Put((*[small]byte)(m[:small])) }
