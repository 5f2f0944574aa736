package journal

import (
	"bufio"
	"bytes"
	"errors"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Run is the list of what a run over many files has finished. It is locked
// against other processes until it is closed or removed.
//
// A line reaches the kernel before Add returns, so a killed process loses
// none; it is not synced, since a power cut that loses the last lines only
// makes the next run send those files again.
//
// A file in memory is 8 bytes of hash and 16 of place: what is asked for is
// read back and compared, so a list of a million needs no more than some 50 MB.
type Run struct {
	path string
	lock *lock
	file *os.File
	seed maphash.Seed
	done map[uint64]span // by the hash of the path

	mu   sync.Mutex
	size int64 // bytes of whole lines
}

// span is where a line is in the file, without its newline.
type span struct {
	offset int64
	length int
}

// maxLine is more bytes than a path of 4 KiB takes when all of it is escaped.
const maxLine = 64 << 10

// OpenRun locks the list of id in dir, which it makes if need be, and reads
// what earlier runs have finished. If another process holds it, the error is a
// fault.Temporary. Lines that cannot be read are passed over.
func OpenRun(dir string, id RunIdentity) (*Run, error) {
	l, err := acquire(dir, id.key(), strings.Join(id.Sources, ", "))
	if err != nil {
		return nil, err
	}
	r := &Run{
		path: filepath.Join(dir, id.key()+runExt),
		lock: l,
		seed: maphash.MakeSeed(),
		done: make(map[uint64]span),
	}
	if err := r.load(); err != nil {
		if r.file != nil {
			_ = r.file.Close()
		}
		l.release()
		return nil, failed(err, "cannot read the list of finished files")
	}
	return r, nil
}

func (r *Run) load() (err error) {
	if r.file, err = os.OpenFile(r.path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(r.file, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			r.size += int64(len(line))
			continue // no line of ours; its end will not parse either
		case err == io.EOF:
			return r.file.Truncate(r.size) // line is torn
		case err != nil:
			return err
		}
		if e, ok := parseEntry(line[:len(line)-1]); ok {
			r.done[maphash.String(r.seed, e.path)] = span{r.size, len(line) - 1}
		}
		r.size += int64(len(line))
	}
}

// Done says whether an earlier run has finished the file at path in this very
// state, and the ETag that it got. It knows nothing of what this run has added.
func (r *Run) Done(path string, size int64, modified time.Time) (etag string, ok bool) {
	at, ok := r.done[maphash.String(r.seed, path)]
	if !ok {
		return "", false
	}
	line := make([]byte, at.length)
	if _, err := r.file.ReadAt(line, at.offset); err != nil {
		return "", false
	}
	e, ok := parseEntry(line)
	if !ok || e.path != path || e.size != size || e.modified != modified.UnixNano() {
		return "", false
	}
	return e.etag, true
}

// Add records that the file at path is finished. It may be called from several
// goroutines.
func (r *Run) Add(path string, size int64, modified time.Time, etag string) error {
	line := entry{path: path, size: size, modified: modified.UnixNano(), etag: etag}.line()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.file.WriteAt(line, r.size); err != nil {
		return failed(errors.Join(err, r.file.Truncate(r.size)), "cannot write the list of finished files")
	}
	r.size += int64(len(line))
	return nil
}

// Remove ends the list of a run in which nothing is left to do.
func (r *Run) Remove() error {
	if r.lock == nil {
		return nil
	}
	err := errors.Join(r.file.Close(), removeAll([]string{r.path}))
	r.unlock()
	return failed(err, "cannot remove the list of finished files")
}

// Close keeps the list for a later run, unless it is empty. It does nothing
// after Remove.
func (r *Run) Close() error {
	if r.lock == nil {
		return nil
	}
	err := errors.Join(r.file.Sync(), r.file.Close())
	if r.size == 0 {
		err = errors.Join(err, removeAll([]string{r.path}))
	}
	r.unlock()
	return failed(err, "cannot close the list of finished files")
}

func (r *Run) unlock() {
	r.lock.release()
	r.lock = nil
}

// entry is a line of the list: size, time, ETag and path, with tabs between.
// The texts are quoted as in Go, which keeps names that are not UTF-8.
type entry struct {
	size     int64
	modified int64 // Unix time in ns
	etag     string
	path     string
}

func (e entry) line() []byte {
	line := strconv.AppendInt(nil, e.size, 10)
	line = strconv.AppendInt(append(line, '\t'), e.modified, 10)
	line = strconv.AppendQuote(append(line, '\t'), e.etag)
	line = strconv.AppendQuote(append(line, '\t'), e.path)
	return append(line, '\n')
}

func parseEntry(line []byte) (entry, bool) {
	size, rest, _ := bytes.Cut(line, []byte{'\t'})
	modified, rest, _ := bytes.Cut(rest, []byte{'\t'})
	etag, path, _ := bytes.Cut(rest, []byte{'\t'})
	var e entry
	var errs [4]error
	e.size, errs[0] = strconv.ParseInt(string(size), 10, 64)
	e.modified, errs[1] = strconv.ParseInt(string(modified), 10, 64)
	e.etag, errs[2] = strconv.Unquote(string(etag))
	e.path, errs[3] = strconv.Unquote(string(path))
	return e, errors.Join(errs[:]...) == nil
}
