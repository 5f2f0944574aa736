package journal

import (
	"errors"
	"os"

	"github.com/hoist-cli/hoist/internal/ticket"
)

// keptName is the pattern of tickets that belong to no file.
const keptName = "stream-*" + ticketExt

// Keep writes the ticket of an upload whose source is gone, and of which only
// the finish is left, to a file of its own in dir, and returns its name.
func Keep(dir string, t *ticket.Ticket) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", failed(err, "cannot make the journal's folder")
	}
	f, err := os.CreateTemp(dir, keptName) // mode 0600
	if err != nil {
		return "", failed(err, "cannot keep the ticket")
	}
	return f.Name(), failed(errors.Join(ticket.Write(f, t), f.Sync(), f.Close()), "cannot keep the ticket")
}
