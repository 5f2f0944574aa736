package config

import (
	"go.yaml.in/yaml/v3"

	"github.com/hoist-cli/hoist/internal/fault"
)

// SetDefault makes the named profile, which the config file at path must have,
// the one that is used where none is named.
func SetDefault(path, name string) error {
	return edit(path, func(root *yaml.Node) error {
		profiles := value(root, "profiles")
		if profiles == nil || value(profiles, name) == nil {
			return fault.New(fault.Usage, "there is no profile %q in %s", name, path)
		}
		if old := value(root, "default"); old != nil {
			old.SetString(name)
			return nil
		}
		root.Content = append(root.Content, scalar("default"), scalar(name))
		return nil
	})
}

// Validate says what is wrong with a profile before Add writes it: an error of kind Usage.
func (p *Profile) Validate() error {
	var node yaml.Node
	if err := node.Encode(p); err != nil {
		return err
	}
	if _, bad := decodeProfile(scalar(p.Name), &node); bad != nil {
		return fault.At(fault.Config, fault.New(fault.Usage, "%w", bad.err))
	}
	return nil
}
