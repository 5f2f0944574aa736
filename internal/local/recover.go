package local

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/versity/versitygw/backend/posix"
)

const inProgress = ".inprogress"

// recoverUploads gives the multipart uploads below dir back the names under
// which they can be completed. versitygw renames ID to ID.ETAG.inprogress while
// it completes an upload, and answers a second completion as if the first had
// succeeded: after a crash that would be false. Nobody may be serving.
func recoverUploads(dir string) error {
	found, err := fs.Glob(os.DirFS(dir), "*/"+posix.MetaTmpMultipartDir+"/*/*"+inProgress)
	if err != nil {
		return err
	}
	for _, name := range found {
		from := filepath.Join(dir, filepath.FromSlash(name))
		id, _, _ := strings.Cut(filepath.Base(from), ".")
		if err := os.Rename(from, filepath.Join(filepath.Dir(from), id)); err != nil {
			return err
		}
	}
	return nil
}

// removeTorsos removes the bytes of objects and parts that were being received
// when a server was killed. They have no names where the file system has
// O_TMPFILE, and otherwise are the only plain files there. Nobody may be serving.
func removeTorsos(dir string) error {
	for _, pattern := range []string{"*/" + posix.MetaTmpDir + "/*", "*/" + posix.MetaTmpMultipartDir + "/*/*"} {
		found, err := fs.Glob(os.DirFS(dir), pattern)
		if err != nil {
			return err
		}
		for _, name := range found {
			path := filepath.Join(dir, filepath.FromSlash(name))
			info, err := os.Lstat(path)
			if err == nil && info.Mode().IsRegular() {
				err = os.Remove(path)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
