package transfer

// SpoolAbove makes e spool the parts of streams that are larger than size bytes.
func (e *Engine) SpoolAbove(size int64) { e.inMemory = size }
