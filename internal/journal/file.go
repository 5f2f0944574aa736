package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// Prepare makes the folder of journals, and says why nothing can be kept there.
func Prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, "probe-")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// read returns the ticket in the named file with its receipts, and the number
// of bytes that hold it. Since every line is synced before the next one is
// begun, a line that cannot be read is the torn end, and the rest is dropped.
func read(name string) (*ticket.Ticket, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, ticket.MaxDocument+1))
	if err != nil {
		return nil, 0, err
	}
	if len(data) > ticket.MaxDocument {
		return nil, 0, ticket.ErrTooLarge
	}

	first, rest, whole := bytes.Cut(data, []byte{'\n'})
	if !whole {
		return nil, 0, errors.New("the ticket is torn")
	}
	tickets, err := ticket.Read(bytes.NewReader(first))
	if err != nil {
		return nil, 0, err
	}
	if len(tickets) != 1 {
		return nil, 0, errors.New("more than one ticket")
	}
	t, size := tickets[0], int64(len(first)+1)
	for {
		line, more, whole := bytes.Cut(rest, []byte{'\n'})
		if !whole {
			break
		}
		r, err := receipt(line)
		if err != nil {
			break
		}
		t.AddReceipt(r)
		size += int64(len(line) + 1)
		rest = more
	}
	if err := t.Validate(); err != nil {
		return nil, 0, err
	}
	return t, size, nil
}

func receipt(line []byte) (ticket.Receipt, error) {
	var r ticket.Receipt
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	err := d.Decode(&r)
	return r, err
}

// replace makes data the content of the named file, all of it or, if it fails
// or the machine stops, nothing.
func replace(name string, data []byte) error {
	f, err := os.OpenFile(name+newExt, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	syncFolder(filepath.Dir(name))
	return nil
}

// syncFolder makes a new name last. It is best effort: not every system can.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

func removeAll(names []string) error {
	var errs []error
	for _, name := range names {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// failed says what could not be done with the journal. failed(nil) is nil.
func failed(err error, what string) error {
	if err == nil {
		return nil
	}
	return &fault.Error{
		Message: what,
		Hint:    "--no-resume does without a journal; XDG_STATE_HOME puts it elsewhere",
		Err:     err,
	}
}
