// Package journal keeps on disk what is already sent, so that the same command
// goes on where an interrupted one stopped.
//
// The journal of an upload is a file that ticket.Read takes as it is: its
// ticket in the first line, then a line for every receipt, each synced before
// Append returns. What it belongs to is not in it but in its name, so that a
// journal is also a ticket for "complete" and "--ticket".
//
// Everything in it is a secret, as its tickets are: folders are 0700, files 0600.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/hoist-cli/hoist/internal/ticket"
)

// Journal is the record of one upload. It is locked against other processes
// until it is closed or removed.
type Journal struct {
	id    Identity
	path  string
	lock  *lock
	found *ticket.Ticket
	stale []*ticket.Ticket

	mu   sync.Mutex
	file *os.File // nil until something is written
	size int64    // bytes of whole lines
}

// Open locks the journal of id in dir, which it makes if need be, and reads
// what an earlier process left there. If another process holds it, the error
// is a fault.Temporary.
//
// Whatever cannot be read as a journal counts as none.
func Open(dir string, id Identity) (*Journal, error) {
	l, err := acquire(dir, id.key(), id.Source)
	if err != nil {
		return nil, err
	}
	j := &Journal{id: id, path: filepath.Join(dir, id.key()+"-"+id.version()+ticketExt), lock: l}
	others, err := j.siblings()
	if err != nil {
		l.release()
		return nil, failed(err, "cannot look for journals")
	}
	if t, size, err := read(j.path); err == nil && t.File.Size == id.Size {
		j.found, j.size = t, size
	}
	for _, name := range others {
		if t, _, err := read(name); err == nil {
			j.stale = append(j.stale, t)
		}
	}
	return j, nil
}

// Ticket returns the ticket of the interrupted upload of this very source with
// these very options, with its receipts; nil if there is none. The caller may change it.
func (j *Journal) Ticket() *ticket.Ticket { return j.found }

// Stale returns the tickets of interrupted uploads of the same file to the
// same place whose source or options were others. They can only be aborted,
// and Begin forgets them.
func (j *Journal) Stale() []*ticket.Ticket { return j.stale }

// Path returns the name of the journal's file, whether or not it exists yet.
func (j *Journal) Path() string { return j.path }

// Begin starts the record of t in place of all earlier ones of this upload.
// Signed requests are left out, unless keepRequests says that nobody can sign
// them again.
func (j *Journal) Begin(t *ticket.Ticket, keepRequests bool) error {
	if !keepRequests {
		bare := *t
		bare.Parts = slices.Clone(t.Parts)
		for i := range bare.Parts {
			bare.Parts[i].Request = nil
		}
		bare.Expires = nil // it is the end of the requests
		t = &bare
	}
	var line bytes.Buffer
	if err := ticket.Write(&line, t); err != nil {
		return failed(err, "cannot write the journal")
	}

	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lock == nil {
		return failed(os.ErrClosed, "cannot write the journal")
	}
	if err := j.closeFile(); err != nil {
		return failed(err, "cannot write the journal")
	}
	// A crash leaves the earlier journal or the new one, never half of one.
	if err := replace(j.path, line.Bytes()); err != nil {
		return failed(err, "cannot write the journal")
	}
	j.size = int64(line.Len())
	others, err := j.siblings()
	if err == nil {
		err = removeAll(others)
	}
	return failed(err, "cannot remove an old journal")
}

// Append records a receipt, and returns when it is on the disk. It may be
// called from several goroutines, after Begin or for an upload that goes on.
func (j *Journal) Append(r ticket.Receipt) error {
	line, err := json.Marshal(r)
	if err != nil {
		return failed(err, "cannot write the journal")
	}
	line = append(line, '\n')

	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.append(line); err != nil {
		return failed(err, "cannot write the journal")
	}
	return nil
}

func (j *Journal) append(line []byte) error {
	switch {
	case j.lock == nil:
		return os.ErrClosed
	case j.size == 0:
		return errors.New("a receipt without a ticket")
	case j.file == nil:
		f, err := os.OpenFile(j.path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		j.file = f
		// A torn line of the earlier process must not be the start of the next one.
		if err := f.Truncate(j.size); err != nil {
			return err
		}
	}
	if _, err := j.file.WriteAt(line, j.size); err != nil {
		return errors.Join(err, j.file.Truncate(j.size))
	}
	j.size += int64(len(line))
	return j.file.Sync()
}

// Remove ends the record of an upload that is done or aborted.
func (j *Journal) Remove() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lock == nil {
		return nil
	}
	_ = j.closeFile() // what it holds is not wanted any more
	others, err := j.siblings()
	err = errors.Join(err, removeAll(append(others, j.path)))
	j.unlock()
	return failed(err, "cannot remove the journal")
}

// Close keeps the record for a later process. It does nothing after Remove.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lock == nil {
		return nil
	}
	err := j.closeFile()
	j.unlock()
	return failed(err, "cannot close the journal")
}

func (j *Journal) closeFile() error {
	if j.file == nil {
		return nil
	}
	f := j.file
	j.file = nil
	return f.Close()
}

func (j *Journal) unlock() {
	j.lock.release()
	j.lock = nil
}

// siblings returns the other journals of the same file and place.
func (j *Journal) siblings() ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(j.path))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := filepath.Join(filepath.Dir(j.path), e.Name())
		if ownerOf(e.Name()) == j.id.key() && filepath.Ext(name) == ticketExt && name != j.path {
			names = append(names, name)
		}
	}
	return names, nil
}
