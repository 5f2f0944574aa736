// Package config reads and writes the config file with its profiles, resolves
// the secrets that it names, and settles what flags, environment and profile
// say about the same thing.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/location"
)

// File is what a config file says.
type File struct {
	// Path is the file's, whether it exists or not.
	Path string
	// Default is the name of the profile that is used where none is named; it
	// may be a built-in one, or "".
	Default string
	// Profiles are those of the file, by name.
	Profiles map[string]Profile
	// Recipes are the names of the recipes that there are, set by who knows:
	// each is also a profile of its name, unless the file has one.
	Recipes []string
	// Warnings are for the user: secrets that others can read.
	Warnings []string
}

// Load reads the config file at path. "" is the default path, where there may
// be none. Errors are of kind Usage, and name file and line.
func Load(path string) (*File, error) {
	explicit := path != ""
	if !explicit {
		path = DefaultPath()
	}
	data, mode, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !explicit:
		return &File{Path: path}, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, &fault.Error{
			Stage: fault.Config, Kind: fault.Usage, Err: err,
			Message: "there is no config file " + path, Hint: "hoist profile add makes one, also there with --config",
		}
	case err != nil:
		return nil, fault.At(fault.Config, fault.New(fault.Usage, "read the config file: %w", err))
	}
	f, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && mode&0o077 != 0 {
		for _, name := range f.Names() {
			p := f.Profiles[name]
			for _, field := range p.Literals() {
				f.Warnings = append(f.Warnings, fmt.Sprintf(
					"%s: profile %q: %s is a secret that others can read: run chmod 600 on the file, or name it env:NAME, file:PATH, cmd:PROGRAM or keyring:",
					path, name, field))
			}
		}
	}
	return f, nil
}

// Names returns the names of the file's profiles in order.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.Profiles)) }

// Profile returns the named profile: one of the file, else a built-in one, the
// local store or a recipe.
func (f *File) Profile(name string) (Profile, error) {
	if p, ok := f.Profiles[name]; ok {
		return p, nil
	}
	if name == location.LocalProfile {
		return Profile{Name: name, BuiltIn: true, Kind: Local, Root: LocalRoot()}, nil
	}
	if slices.Contains(f.Recipes, name) {
		return Profile{Name: name, BuiltIn: true, Kind: API, Recipe: name}, nil
	}
	known := slices.Concat(f.Names(), []string{location.LocalProfile}, f.Recipes)
	return Profile{}, fault.At(fault.Config, fault.New(fault.Usage,
		"there is no profile %q; known are %s", name, strings.Join(known, ", ")))
}

// At returns the profile of a location. That of s3:// has the bucket and
// nothing else.
func (f *File) At(loc location.Location) (Profile, error) {
	if loc.IsS3() {
		return Profile{BuiltIn: true, Kind: S3, Bucket: loc.Bucket}, nil
	}
	p, err := f.Profile(loc.Profile)
	return p, fault.WithHint(err, "if it is a file, write ./%s", loc)
}

func read(path string) ([]byte, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(f)
	return data, info.Mode(), err
}

// parse reads the bytes of a config file; path is for errors.
func parse(path string, data []byte) (*File, error) {
	doc, err := document(path, data)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, Profiles: map[string]Profile{}}
	if bad := f.decode(doc); bad != nil {
		where := path
		if bad.line > 0 {
			where = fmt.Sprintf("%s:%d", path, bad.line)
		}
		return nil, fault.At(fault.Config, fault.New(fault.Usage, "%s: %w", where, bad.err))
	}
	return f, nil
}

// document returns the file's one YAML document; that of an empty file is an
// empty mapping.
func document(path string, data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	if err == nil {
		if again := dec.Decode(&more); !errors.Is(again, io.EOF) {
			err = errors.New("more than one YAML document")
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.At(fault.Config, fault.New(fault.Usage, "%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: ")))
	}
	if doc.Kind == 0 { // nothing, or comments alone, which are to outlive an Add
		doc = yaml.Node{Kind: yaml.DocumentNode, HeadComment: string(bytes.TrimSpace(data))}
	}
	if len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null" {
		empty := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if len(doc.Content) > 0 {
			empty.HeadComment = doc.Content[0].HeadComment
		}
		doc.Content = []*yaml.Node{empty}
	}
	return &doc, nil
}

func (f *File) decode(doc *yaml.Node) *lineError {
	top, bad := mapping(doc.Content[0])
	if bad != nil {
		return bad
	}
	for _, field := range top {
		switch field.key.Value {
		case "default":
			if field.value.Kind != yaml.ScalarNode {
				return at(field.value, "default: want the name of a profile")
			}
			if field.value.ShortTag() != "!!null" {
				f.Default = field.value.Value
			}
		case "profiles":
			if field.value.ShortTag() == "!!null" {
				continue
			}
			profiles, bad := mapping(field.value)
			if bad != nil {
				return bad
			}
			for _, entry := range profiles {
				p, bad := decodeProfile(entry.key, entry.value)
				if bad != nil {
					return bad
				}
				f.Profiles[p.Name] = p
			}
		default:
			return at(field.key, "unknown field %q: a config file has default and profiles", field.key.Value)
		}
	}
	return nil
}

// entry is one key of a mapping.
type entry struct{ key, value *yaml.Node }

// mapping returns the entries of node, whose keys are plain and occur once.
func mapping(node *yaml.Node) ([]entry, *lineError) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return nil, at(node, "want a mapping (name: value)")
	}
	seen := map[string]bool{}
	var entries []entry
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return nil, at(key, "want a name before the colon")
		}
		if seen[key.Value] {
			return nil, at(key, "%q is there twice", key.Value)
		}
		seen[key.Value] = true
		entries = append(entries, entry{key, value})
	}
	return entries, nil
}
