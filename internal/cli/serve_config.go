package cli

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/hoist-cli/hoist/internal/broker"
	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/strictyaml"
)

// serveFile is the file of --serve-config; docs/serving.md says what its fields mean.
type serveFile struct {
	PublicURL   string       `yaml:"public_url"`
	PublicBase  string       `yaml:"public_base"`
	MaxFormSize string       `yaml:"max_form_size"`
	Inline      []string     `yaml:"inline"`
	Origins     []string     `yaml:"origins"`
	Tokens      []serveToken `yaml:"tokens"`
}

type serveToken struct {
	Name      string       `yaml:"name"`
	SHA256    string       `yaml:"sha256"`
	User      string       `yaml:"user"`
	Workspace string       `yaml:"workspace"`
	App       string       `yaml:"app"`
	Business  string       `yaml:"business"`
	APIs      []broker.API `yaml:"apis"`
	MaxSize   string       `yaml:"max_size"`
}

// loadServeConfig adds what the file at path says to cfg.
func loadServeConfig(path string, cfg broker.Config) (broker.Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return cfg, usage("%w", err)
	}
	var file serveFile
	if err := strictyaml.Decode(text, &file); err != nil && !errors.Is(err, strictyaml.ErrEmpty) {
		return cfg, fault.WithHint(usage("%s", strictyaml.In(path, err)), "docs/serving.md has the fields")
	}
	if len(file.Tokens) == 0 {
		return cfg, fault.WithHint(usage("%s: it has no tokens, so nobody could use the server", path), "hoist serve token makes one")
	}
	cfg.PublicURL, cfg.PublicBase, cfg.Inline, cfg.Origins = file.PublicURL, file.PublicBase, file.Inline, file.Origins
	if cfg.MaxFormSize, err = optionalSize(file.MaxFormSize); err != nil {
		return cfg, usage("%s: max_form_size: %w", path, err)
	}
	for i, t := range file.Tokens {
		token, err := t.token()
		if err != nil {
			return cfg, fault.WithHint(usage("%s: token %d %q: %w", path, i+1, t.Name, err), "hoist serve token prints a token and its sha256")
		}
		cfg.Tokens = append(cfg.Tokens, token)
	}
	return cfg, nil
}

func (t serveToken) token() (broker.Token, error) {
	out := broker.Token{
		Name: t.Name, User: t.User, Workspace: t.Workspace, App: t.App, Business: t.Business, APIs: t.APIs,
	}
	// The value is not repeated: somebody may have put the token itself there.
	sum, err := hex.DecodeString(t.SHA256)
	if err != nil || len(sum) != len(out.Hash) {
		return out, fmt.Errorf("sha256 must be %d hexadecimal digits", 2*len(out.Hash))
	}
	copy(out.Hash[:], sum)
	if out.MaxSize, err = optionalSize(t.MaxSize); err != nil {
		return out, fmt.Errorf("max_size: %w", err)
	}
	return out, nil
}

func optionalSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	return config.ParseSize(text)
}
