package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/hoist-cli/hoist/internal/fault"
)

// notesVersion is the only version of the notes that this program reads.
const notesVersion = 1

// The names of what is in a journal's folder: the notes of a destination, and
// their lock.
const (
	notesExt = ".ranges"
	lockExt  = ".lock"
)

// subject says what notes are about, in their first line. Neither a URL nor
// a location is in it: another place of the same ETag and size has the same bytes.
type subject struct {
	Version int    `json:"version"`
	Path    string `json:"path"` // of the destination, absolute
	ETag    string `json:"etag"`
	Size    int64  `json:"size"`  // bytes
	Range   int64  `json:"range"` // bytes
}

// notes are the ranges of one download that are on disk: a line for the
// subject, then "INDEX CRC64NVME" for each. They are locked against other
// processes, and nothing of them is synced: what a power loss takes of them it
// takes of the file too, and no range is believed before it was read again.
type notes struct {
	subject subject
	path    string
	lock    *flock.Flock

	mu   sync.Mutex
	file *os.File       // nil until something is written
	size int64          // bytes of whole lines
	sums map[int]uint64 // what an earlier run noted
	new  int
}

// openNotes locks the notes on a destination in dir, which it makes if need
// be, and reads what an earlier run left there of the same subject.
func openNotes(dir string, s subject) (*notes, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key := sha256.Sum256([]byte(s.Path))
	n := &notes{subject: s, path: filepath.Join(dir, hex.EncodeToString(key[:16])+notesExt)}
	lock, err := lockFile(n.path + lockExt)
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, fault.WithHint(fault.New(fault.Temporary, "another hoist is writing %s", s.Path), "wait for it to end")
	}
	n.lock = lock
	n.sums, n.size = readNotes(n.path, s)
	if len(n.sums) == 0 {
		return n, nil
	}
	if n.file, err = os.OpenFile(n.path, os.O_RDWR, 0); err == nil {
		err = n.file.Truncate(n.size) // the last line may be torn
	}
	if err == nil {
		_, err = n.file.Seek(n.size, io.SeekStart)
	}
	if err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// lockFile returns nil if another process has the lock.
func lockFile(path string) (*flock.Flock, error) {
	for {
		lock := flock.New(path, flock.SetPermissions(0o600))
		ok, err := lock.TryLock()
		if err != nil || !ok {
			return nil, err
		}
		// The holder before may have removed it between our opening and locking it.
		mine, err1 := lock.Stat()
		named, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, named) {
			return lock, nil
		}
		_ = lock.Unlock()
	}
}

// readNotes returns the ranges in the named file, and how many bytes hold
// them. A file about something else has none.
func readNotes(path string, s subject) (map[int]uint64, int64) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, 0
	}
	first, rest, whole := bytes.Cut(data, []byte{'\n'})
	var had subject
	if !whole || json.Unmarshal(first, &had) != nil || had != s {
		return nil, 0
	}
	sums, size := make(map[int]uint64), int64(len(first)+1)
	ranges := (s.Size + s.Range - 1) / s.Range
	for {
		line, more, whole := bytes.Cut(rest, []byte{'\n'})
		index, sum, both := bytes.Cut(line, []byte{' '})
		i, err1 := strconv.ParseInt(string(index), 10, 64)
		crc, err2 := strconv.ParseUint(string(sum), 16, 64)
		if !whole || !both || errors.Join(err1, err2) != nil || i < 0 || i >= ranges {
			return sums, size
		}
		sums[int(i)] = crc
		size += int64(len(line) + 1)
		rest = more
	}
}

// begin writes notes without a range in place of those that were there.
func (n *notes) begin() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file != nil {
		_ = n.file.Close()
	}
	n.sums = nil
	line, err := json.Marshal(n.subject)
	if err != nil {
		return err
	}
	if n.file, err = os.OpenFile(n.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return err
	}
	_, err = n.file.Write(append(line, '\n'))
	return err
}

// add notes that range i is on disk.
func (n *notes) add(i int, sum uint64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.new++
	_, err := fmt.Fprintf(n.file, "%d %016x\n", i, sum)
	return err
}

// count returns how many ranges are noted; one that was brought again counts twice.
func (n *notes) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.sums) + n.new
}

// close keeps the notes for another run.
func (n *notes) close() {
	if n.file != nil {
		_ = n.file.Close()
	}
	n.unlock()
}

func (n *notes) remove() {
	if n.file != nil {
		_ = n.file.Close()
	}
	_ = os.Remove(n.path)
	n.unlock()
}

// unlock removes the lock's file while it is locked, see lockFile, but on
// Windows, which removes no open file.
func (n *notes) unlock() {
	if runtime.GOOS != "windows" {
		_ = os.Remove(n.lock.Path())
	}
	_ = n.lock.Unlock()
	if runtime.GOOS == "windows" {
		_ = os.Remove(n.lock.Path())
	}
}

// PruneDownloads gives up the downloads noted in the journal's folder dir that
// nobody went on with for longer than olderThan: their partial files go as
// well. What another process is at is left alone.
func PruneDownloads(dir string, olderThan time.Duration) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	before := time.Now().Add(-olderThan)
	var failed []error
	for _, entry := range entries {
		name := filepath.Join(dir, entry.Name())
		if filepath.Ext(name) == notesExt && old(name, before) {
			failed = append(failed, pruneDownload(name, before))
		}
	}
	return errors.Join(failed...)
}

func pruneDownload(name string, before time.Time) error {
	lock, err := lockFile(name + lockExt)
	if err != nil || lock == nil {
		return err
	}
	n := &notes{path: name, lock: lock}
	if !old(name, before) { // somebody has gone on meanwhile
		n.close()
		return nil
	}
	if s, ok := readSubject(name); ok {
		err = os.Remove(partialName(s.Path))
	}
	n.remove()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func old(name string, before time.Time) bool {
	info, err := os.Stat(name)
	return err == nil && info.ModTime().Before(before)
}

// readSubject returns what the notes in the named file are about.
func readSubject(name string) (s subject, ok bool) {
	data, err := os.ReadFile(name)
	if err != nil {
		return s, false
	}
	first, _, whole := bytes.Cut(data, []byte{'\n'})
	ok = whole && json.Unmarshal(first, &s) == nil && s.Version == notesVersion && filepath.IsAbs(s.Path)
	return s, ok
}
