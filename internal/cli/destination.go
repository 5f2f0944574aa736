package cli

import (
	"iter"
	"os"
	"path"

	"github.com/hoist-cli/hoist/internal/fault"
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

// distinct refuses files of which one would take the place of another.
func (d destination) distinct(files iter.Seq[walk.File]) error {
	taken := make(map[string]string)
	for file := range files {
		if file.Err != nil {
			continue
		}
		path := d.path(file)
		if first, twice := taken[path]; twice {
			return fault.At(fault.Plan, fault.WithHint(
				fault.New(fault.Usage, "%s and %s both go to %s", first, file.Path, d.dest.At(path)),
				"nothing was sent; leave one of them out"))
		}
		taken[path] = file.Path
	}
	return nil
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
