package cli

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/transfer"
)

// folder is where get puts files. Nothing is written outside it, whatever
// objects are called and whatever lies in it.
type folder struct {
	path string
	root *os.Root
	only string // the name of the one file; "" if it is the object's

	mu      sync.Mutex
	written map[stamp][]fs.FileInfo
}

// stamp narrows down which files can be the same.
type stamp struct {
	size     int64
	modified time.Time
}

func stampOf(info fs.FileInfo) stamp { return stamp{info.Size(), info.ModTime()} }

// folder opens the folder of the destination, which it makes if need be.
func (o *getOptions) folder() (*folder, error) {
	f := &folder{path: o.dest, written: make(map[stamp][]fs.FileInfo)}
	if len(o.sources) == 1 && !o.recursive && !isFolder(o.dest) {
		file := o.dest
		// A link that the user has put there is followed; renaming would replace it.
		if target, err := filepath.EvalSymlinks(file); err == nil {
			file = target
		}
		f.path, f.only = filepath.Dir(file), filepath.Base(file)
	} else if err := os.MkdirAll(o.dest, 0o777); err != nil {
		return nil, usage("%w", err)
	}
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return nil, fault.WithHint(usage("%w", err), "make the folder first")
	}
	f.root = root
	return f, nil
}

// isFolder says whether dest is a folder or, by its last character, is to be one.
func isFolder(dest string) bool {
	if os.IsPathSeparator(dest[len(dest)-1]) {
		return true
	}
	info, err := os.Stat(dest)
	return err == nil && info.IsDir()
}

func (f *folder) close() { _ = f.root.Close() }

// local returns the path in the folder for an object's name, or says why
// there can be none.
func (f *folder) local(name string) (string, error) {
	if f.only != "" {
		return f.only, nil
	}
	hint := "get it alone, into a file that you name: hoist get LOCATION FILE"
	out, err := filepath.Localize(strings.TrimSuffix(name, "/"))
	switch {
	case err != nil, out == ".":
		return "", fault.WithHint(fault.New(fault.Failed, "%q cannot be the name of a file here", name), "%s", hint)
	case strings.HasSuffix(path.Base(name), transfer.PartialExt):
		return "", fault.WithHint(fault.New(fault.Failed, "%q is a name of hoist's own unfinished files", name), "%s", hint)
	}
	return out, nil
}

// publisher returns what gives the named file its name. Names that differ in
// the store may be one here (A and a); then the second file is refused, since
// it would replace the first.
func (f *folder) publisher(name string) func(rename func() error) error {
	return func(rename func() error) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.wrote(name) {
			return fault.WithHint(fault.New(fault.Failed, "another object was stored as %s just now", filepath.Join(f.path, name)),
				"get this one alone, into another file")
		}
		if err := rename(); err != nil {
			return err
		}
		if info, err := f.root.Lstat(name); err == nil {
			f.written[stampOf(info)] = append(f.written[stampOf(info)], info)
		}
		return nil
	}
}

// wrote says whether this run wrote what stands under the name.
func (f *folder) wrote(name string) bool {
	info, err := f.root.Lstat(name)
	if err != nil {
		return false
	}
	for _, other := range f.written[stampOf(info)] {
		if os.SameFile(info, other) {
			return true
		}
	}
	return false
}
