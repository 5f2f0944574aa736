package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/hoist-cli/hoist/internal/fault"
)

// Add writes profile p under its name into the config file at path, which it
// makes where there is none. Comments and order stay. A name that is taken is
// an error of kind Usage.
func Add(path string, p Profile) error {
	return edit(path, func(root *yaml.Node) error {
		profiles := value(root, "profiles")
		if profiles == nil {
			profiles = &yaml.Node{}
			root.Content = append(root.Content, scalar("profiles"), profiles)
		}
		if profiles.Kind != yaml.MappingNode {
			*profiles = yaml.Node{Kind: yaml.MappingNode, HeadComment: profiles.HeadComment, LineComment: profiles.LineComment}
		}
		if value(profiles, p.Name) != nil {
			return fault.WithHint(fault.New(fault.Usage, "there is a profile %q already in %s", p.Name, path),
				"hoist profile rm %s", p.Name)
		}
		var node yaml.Node
		if err := node.Encode(p); err != nil {
			return err
		}
		if len(profiles.Content) == 0 {
			profiles.Style &^= yaml.FlowStyle
		}
		profiles.Content = append(profiles.Content, scalar(p.Name), &node)
		return nil
	})
}

// Remove takes a profile out of the config file at path, and out of its
// default. One that is not there is an error of kind Usage.
func Remove(path, name string) error {
	return edit(path, func(root *yaml.Node) error {
		profiles := value(root, "profiles")
		if profiles == nil || !remove(profiles, name) {
			return fault.New(fault.Usage, "there is no profile %q in %s", name, path)
		}
		if d := value(root, "default"); d != nil && d.Value == name {
			remove(root, "default")
		}
		return nil
	})
}

// edit changes the config file as a whole or not at all, and never into one
// that Load refuses.
func edit(path string, change func(root *yaml.Node) error) error {
	// The file may be a link into a folder of dotfiles, and is to stay one.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	data, _, err := read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.At(fault.Config, fault.New(fault.Usage, "read the config file: %w", err))
	}
	if _, err := parse(path, data); err != nil {
		return err
	}
	doc, err := document(path, data)
	if err != nil {
		return err
	}
	if err := change(doc.Content[0]); err != nil {
		return fault.At(fault.Config, err)
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(doc), enc.Close()); err != nil {
		return fault.At(fault.Config, err)
	}
	if _, err := parse(path, out.Bytes()); err != nil {
		return err
	}
	if err := replace(path, out.Bytes()); err != nil {
		return fault.At(fault.Config, fault.New(fault.Failed, "write the config file: %w", err))
	}
	return nil
}

// replace puts data into the place of the file at path, for its owner alone.
func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".config-*.yaml") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already where all went well
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

func scalar(s string) *yaml.Node {
	var n yaml.Node
	n.SetString(s)
	return &n
}

// value returns what key has in a mapping, or nil.
func value(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func remove(mapping *yaml.Node, key string) bool {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content = append(mapping.Content[:i], mapping.Content[i+2:]...)
			return true
		}
	}
	return false
}
