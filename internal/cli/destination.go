package cli

import (
	"os"
	"path"

	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/walk"
)

// destination says where each of several sources goes.
type destination struct {
	dest location.Location
	name string // --name, of the one source
	flat bool   // an API: files have names and no folders
	one  bool   // exactly one file is meant: it goes to dest itself, unless that is a prefix
}

// newDestination looks at the sources, which exist.
func newDestination(dest location.Location, sources []string, listed bool, f *attributeFlags) (destination, error) {
	d := destination{dest: dest, name: f.name}
	if len(sources) == 1 && !listed {
		info, err := os.Stat(sources[0])
		d.one = err == nil && !info.IsDir()
	}
	switch {
	case !d.one && f.name != "":
		return d, usage("--name goes with one source")
	case f.sized():
		return d, usage("--size goes with a stream")
	}
	return d, nil
}

// path returns where file goes, below the profile or bucket of dest.
func (d destination) path(file walk.File) string {
	switch {
	case d.one && d.name != "":
		return d.dest.Join(d.name).Path
	case d.one && !d.dest.IsPrefix():
		return d.dest.Path
	case d.flat:
		return d.dest.Join(path.Base(file.Name)).Path
	default:
		return d.dest.Join(file.Name).Path
	}
}
