package transfer

import (
	"net/http"
	"time"
)

// NewQuick returns an engine that waits a moment where others wait longer before a retry.
func NewQuick(client *http.Client, o Options) *Engine {
	e := New(client, o)
	e.firstWait = time.Millisecond
	return e
}

// SpoolAbove makes e spool the parts of streams that are larger than size bytes.
func (e *Engine) SpoolAbove(size int64) { e.inMemory = size }
