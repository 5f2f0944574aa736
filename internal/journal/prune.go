package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Lifetime is how long a journal is of use: that of a presigned URL at most,
// and of an unfinished upload where a bucket cleans up after itself.
const Lifetime = 7 * 24 * time.Hour

// Prune removes what nobody has written to in dir for longer than olderThan,
// except what another process has locked. A folder that is not there is no error.
func Prune(dir string, olderThan time.Duration) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failed(err, "cannot look for old journals")
	}
	before := time.Now().Add(-olderThan)
	var errs []error
	for _, e := range entries {
		key := ownerOf(e.Name())
		name := filepath.Join(dir, e.Name())
		if kept, _ := filepath.Match(keptName, e.Name()); kept && isOld(name, before) {
			errs = append(errs, removeAll([]string{name}))
		}
		if key == "" || !isOld(name, before) {
			continue
		}
		l, err := tryAcquire(dir, key)
		if err != nil {
			errs = append(errs, err)
		}
		if l == nil {
			continue
		}
		// Its owner may have gone on with it before it was locked.
		if filepath.Ext(name) != lockExt && isOld(name, before) {
			errs = append(errs, removeAll([]string{name}))
		}
		l.release()
	}
	return failed(errors.Join(errs...), "cannot remove an old journal")
}

func isOld(name string, before time.Time) bool {
	info, err := os.Stat(name)
	return err == nil && info.ModTime().Before(before)
}
