// Package term is what a person or a script sees of hoist while it works:
// the streams, the facts of the terminal, progress and messages.
//
// Standard output carries results and nothing else. Everything on standard
// error goes through a Printer, which is the only one that knows whether a
// progress bar stands on the line.
//
// No colours and no escape sequences are written: NO_COLOR has nothing to turn
// off, and a bar needs no more than a carriage return.
package term

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/term"
)

// Streams are the program's three streams and what is known of them. Tests
// fill in buffers; System gives the real ones.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// InTTY, OutTTY and ErrTTY say which of them are terminals.
	InTTY, OutTTY, ErrTTY bool
	// Dumb is a terminal that cannot go back to the start of a line (TERM=dumb).
	Dumb bool
	// Columns returns the width of the terminal behind Err now, for it may be
	// resized; 0 or a nil func is not known.
	Columns func() int
}

// ErrUnread is what writing to standard output fails with when its reader has
// gone, as head does once it has enough.
var ErrUnread = errors.New("nobody reads standard output any more")

// stdout is standard output in a process that SIGPIPE does not kill.
type stdout struct{ file *os.File }

func (o stdout) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		err = ErrUnread
	}
	return n, err
}

// System returns the streams of this process.
func System() *Streams {
	return &Streams{
		In:     os.Stdin,
		Out:    stdout{os.Stdout},
		Err:    os.Stderr,
		InTTY:  term.IsTerminal(int(os.Stdin.Fd())),
		OutTTY: term.IsTerminal(int(os.Stdout.Fd())),
		ErrTTY: term.IsTerminal(int(os.Stderr.Fd())),
		Dumb:   os.Getenv("TERM") == "dumb",
		Columns: func() int {
			width, _, err := term.GetSize(int(os.Stderr.Fd()))
			if err != nil {
				return 0
			}
			return width
		},
	}
}

// Name returns a name that came from a store or a folder as standard output
// should carry it: as it is for a program, escaped for a terminal.
func (s *Streams) Name(name string) string {
	if s.OutTTY {
		return Escape(name)
	}
	return name
}

// columns is the width of a line that is sure not to wrap.
func (s *Streams) columns() int {
	const fallback = 80
	width := 0
	if s.Columns != nil {
		width = s.Columns()
	}
	if width <= 0 {
		width = fallback
	}
	return width - 1
}
