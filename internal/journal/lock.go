package journal

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"

	"github.com/hoist-cli/hoist/internal/fault"
)

// lock excludes other processes from the files of one key. It is a file of its
// own, since a locked file cannot be read by others on Windows.
type lock struct{ file *flock.Flock }

// acquire takes the lock of key in dir, which it makes; what is in use is named by subject.
func acquire(dir, key, subject string) (*lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, failed(err, "cannot make the journal's folder")
	}
	l, err := tryAcquire(dir, key)
	if err != nil {
		return nil, failed(err, "cannot lock the journal")
	}
	if l == nil {
		return nil, &fault.Error{
			Kind:    fault.Temporary,
			Message: "another hoist is uploading " + subject + " to the same place",
			Hint:    "wait for it to end, and run this again",
		}
	}
	return l, nil
}

// tryAcquire returns nil if another process has the lock.
func tryAcquire(dir, key string) (*lock, error) {
	path := filepath.Join(dir, key+lockExt)
	for {
		f := flock.New(path)
		ok, err := f.TryLock()
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, nil
		}
		// The holder before may have removed the file between our opening and
		// locking it: then this lock is on a file that nobody else will find.
		mine, err1 := f.Stat()
		current, err2 := os.Stat(path)
		if err1 == nil && err2 == nil && os.SameFile(mine, current) {
			return &lock{f}, nil
		}
		_ = f.Unlock()
	}
}

// release removes the file as long as it is locked, see tryAcquire. Windows
// removes no open file: there it is removed afterwards, which fails if another
// process has opened it.
func (l *lock) release() {
	path := l.file.Path()
	if runtime.GOOS != "windows" {
		_ = os.Remove(path)
	}
	_ = l.file.Unlock()
	if runtime.GOOS == "windows" {
		_ = os.Remove(path)
	}
}
