package term

import "sync/atomic"

// Meter counts the work that a Progress shows. Whoever moves bytes adds to it
// and never waits; whoever shows it polls. Unshown it costs an atomic add.
type Meter struct {
	// Bytes is how many are done, those of Resumed included. It goes down
	// when a part is sent again.
	Bytes atomic.Int64
	// Total is how many there are; -1 is not known.
	Total atomic.Int64
	// Resumed is how many of Bytes an earlier run had done.
	Resumed atomic.Int64
	// Files is how many are done, and FilesTotal how many there are; they are
	// shown where there is more than one.
	Files, FilesTotal atomic.Int64
}
