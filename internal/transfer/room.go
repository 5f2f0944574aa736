package transfer

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// room bounds the memory of the parts of one stream. It keeps the buffers of
// those that are sent for those to come: left to the garbage collector, they
// would take the same again before it comes around.
type room struct {
	bound *semaphore.Weighted

	mu   sync.Mutex
	free [][]byte
}

// held is what one part has of a room.
type held struct {
	buffer []byte // nil for a part that is spooled
	weight int64
}

func newRoom(size int64) *room { return &room{bound: semaphore.NewWeighted(size)} }

// enter waits for the room of a part of size bytes. One larger than inMemory
// gets no buffer and still takes room, since there must not be many of them.
func (r *room) enter(ctx context.Context, size, inMemory int64) (held, error) {
	h := held{weight: min(size, inMemory)}
	if err := r.bound.Acquire(ctx, h.weight); err != nil {
		return held{}, err
	}
	if size <= inMemory {
		h.buffer = r.take(size)
	}
	return h, nil
}

func (r *room) take(size int64) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.free) > 0 {
		last := len(r.free) - 1
		buffer := r.free[last]
		r.free = r.free[:last]
		if int64(cap(buffer)) >= size {
			return buffer[:size]
		}
		// The parts have grown: this one is of no use any more.
	}
	return make([]byte, size)
}

// give adds memory to that of the parts to come, as if one had left it.
func (r *room) give(buffer []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, buffer)
}

func (r *room) leave(h held) {
	if h.buffer != nil {
		r.give(h.buffer)
	}
	r.bound.Release(h.weight)
}
