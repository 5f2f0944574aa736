// Package walk finds the files that a command line means.
package walk

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/hoist-cli/hoist/internal/fault"
)

// Options say which files of a folder are meant.
type Options struct {
	Recursive bool
	// Include and Exclude are globs (** crosses slashes). One without a slash
	// is for base names at any depth, others are for the path below the
	// folder. What an Exclude matches is left out, whatever Include says.
	Include, Exclude []string
	// KeepPaths names files by the whole path of their source, as a list of
	// files means them, not by what is below it.
	KeepPaths bool
}

// File is a file that was found.
type File struct {
	Path string // to open
	Name string // below its source, with slashes
	Info fs.FileInfo
	Err  error // why it cannot be read; Info is nil then
}

// Check looks at every source, and says which cannot be meant: what does not
// exist, a folder without Recursive, a pattern that is none.
func Check(sources []string, o Options) error {
	for _, pattern := range slices.Concat(o.Include, o.Exclude) {
		if !doublestar.ValidatePattern(pattern) {
			return fault.New(fault.Usage, "%q is not a glob", pattern)
		}
	}
	for _, source := range sources {
		info, err := os.Stat(source)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fault.WithHint(fault.New(fault.Usage, "%s: no such file", source), "check the path; nothing was sent")
		case err != nil:
			return fault.New(fault.Usage, "%w", err)
		case info.IsDir() && !o.Recursive:
			return fault.WithHint(fault.New(fault.Usage, "%s is a folder", source), "add -r to take what is in it")
		}
	}
	return nil
}

// Files yields the files of the sources: a file as its base name, a folder as
// its contents. Symbolic links are followed, a folder inside itself is not
// entered again, and what cannot be read is yielded with its error. The order
// is that of the names, byte by byte, folder by folder.
func Files(sources []string, o Options) iter.Seq[File] {
	return func(yield func(File) bool) {
		w := walker{options: o, yield: yield}
		for _, source := range sources {
			info, err := os.Stat(source)
			isDir := err == nil && info.IsDir()
			name := filepath.Base(source)
			switch {
			case o.KeepPaths:
				name = relative(source)
			case isDir:
				name = ""
			}
			if isDir && !w.folder(source, name, []fs.FileInfo{info}) {
				return
			}
			if !isDir && !w.file(File{Path: source, Name: name, Info: info, Err: err}) {
				return
			}
		}
	}
}

type walker struct {
	options Options
	yield   func(File) bool
}

// folder yields what is in dir, whose name below the source is name. It is
// false when the consumer has had enough.
func (w *walker) folder(dir, name string, above []fs.FileInfo) bool {
	entries, err := os.ReadDir(dir)
	if err != nil && !w.yield(File{Path: dir, Name: name, Err: err}) {
		return false
	}
	for _, entry := range entries {
		file := File{Path: filepath.Join(dir, entry.Name()), Name: path.Join(name, entry.Name())}
		if matches(w.options.Exclude, file.Name) {
			continue
		}
		if file.Info, file.Err = stat(file.Path, entry); file.Err == nil && file.Info.IsDir() {
			if inside(file.Info, above) {
				continue
			}
			if !w.folder(file.Path, file.Name, append(slices.Clip(above), file.Info)) {
				return false
			}
			continue
		}
		if !w.file(file) {
			return false
		}
	}
	return true
}

// file yields a file unless the patterns leave it out.
func (w *walker) file(file File) bool {
	if len(w.options.Include) > 0 && !matches(w.options.Include, file.Name) || matches(w.options.Exclude, file.Name) {
		return true
	}
	if file.Err == nil && !file.Info.Mode().IsRegular() {
		file.Info, file.Err = nil, fmt.Errorf("%s is a %s, not a regular file", file.Path, kind(file.Info.Mode()))
	}
	return w.yield(file)
}

// relative returns a path as a name: with slashes, and without a root or the
// way up to it.
func relative(source string) string {
	source = filepath.Clean(source)
	name := filepath.ToSlash(source[len(filepath.VolumeName(source)):])
	for strings.HasPrefix(name, "../") {
		name = name[len("../"):]
	}
	name = strings.TrimLeft(name, "/")
	if name == "." || name == ".." {
		return ""
	}
	return name
}

// stat follows symbolic links, and asks the system only where the entry does
// not already tell.
func stat(name string, entry fs.DirEntry) (fs.FileInfo, error) {
	if entry.Type()&fs.ModeSymlink != 0 {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.WithHint(fmt.Errorf("%s is a broken symbolic link", name), "mend it, or leave it out with --exclude")
		}
		return info, err
	}
	return entry.Info()
}

func inside(dir fs.FileInfo, above []fs.FileInfo) bool {
	return slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, dir) })
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		subject := name
		if !strings.Contains(pattern, "/") {
			subject = path.Base(name)
		}
		return doublestar.MatchUnvalidated(pattern, subject)
	})
}

func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	default:
		return "special file"
	}
}
