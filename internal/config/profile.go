package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hoist-cli/hoist/internal/location"
)

// Kind is what a profile reaches.
type Kind string

// The kinds.
const (
	S3    Kind = "s3"
	API   Kind = "api"
	Local Kind = "local"
)

// Profile is a named place. Which fields it may have depends on its kind.
type Profile struct {
	// Name is the profile's; "" for s3:// without a profile.
	Name string `yaml:"-"`
	// BuiltIn is a profile that no config file has.
	BuiltIn bool `yaml:"-"`

	Kind Kind `yaml:"kind"`

	// Of kind s3. Without access_key_id the credentials are those of the AWS
	// chain, for AWSProfile where it is set.
	Bucket          string `yaml:"bucket,omitempty"`
	Prefix          string `yaml:"prefix,omitempty"`
	Region          string `yaml:"region,omitempty"`
	Endpoint        string `yaml:"endpoint,omitempty"`
	AWSProfile      string `yaml:"aws_profile,omitempty"`
	AccessKeyID     Secret `yaml:"access_key_id,omitempty"`
	SecretAccessKey Secret `yaml:"secret_access_key,omitempty"`
	// PathStyle is nil where the profile does not say.
	PathStyle *bool `yaml:"path_style,omitempty"`

	// Of kind api.
	Recipe  string            `yaml:"recipe,omitempty"`
	BaseURL string            `yaml:"base_url,omitempty"`
	Secrets map[string]Secret `yaml:"secrets,omitempty"`
	// Options are the API's own; a value is a string, a bool, an int or a float64.
	Options map[string]any `yaml:"options,omitempty"`

	// Of kind local: the folder that holds the objects.
	Root string `yaml:"root,omitempty"`
}

// fieldsOf lists the fields of a kind in the order in which the documents
// name them; nil is no kind.
func fieldsOf(kind Kind) []string {
	switch kind {
	case S3:
		return []string{"kind", "bucket", "prefix", "region", "endpoint", "aws_profile", "access_key_id", "secret_access_key", "path_style"}
	case API:
		return []string{"kind", "recipe", "base_url", "secrets", "options"}
	case Local:
		return []string{"kind", "root"}
	default:
		return nil
	}
}

// lineError is an error at a line of the file; 0 is the file as a whole.
type lineError struct {
	line int
	err  error
}

func at(node *yaml.Node, format string, args ...any) *lineError {
	return &lineError{node.Line, fmt.Errorf(format, args...)}
}

// decodeProfile reads a profile strictly: a field that its kind does not have
// is an error, and no error repeats a value that might be a secret.
func decodeProfile(name *yaml.Node, node *yaml.Node) (Profile, *lineError) {
	if err := location.ValidProfile(name.Value); err != nil {
		return Profile{}, at(name, "%w", err)
	}
	fail := func(node *yaml.Node, format string, args ...any) (Profile, *lineError) {
		return Profile{}, at(node, "profile %q: %w", name.Value, fmt.Errorf(format, args...))
	}
	fields, bad := mapping(node)
	if bad != nil {
		return Profile{}, &lineError{bad.line, fmt.Errorf("profile %q: %w", name.Value, bad.err)}
	}
	var kind Kind
	for _, f := range fields {
		if f.key.Value == "kind" {
			kind = Kind(f.value.Value)
		}
	}
	allowed := fieldsOf(kind)
	switch {
	case kind == "":
		return fail(name, "kind is missing: want s3, api or local")
	case allowed == nil:
		return fail(node, "kind %q is not known: want s3, api or local", kind)
	case name.Value == location.LocalProfile && kind != Local:
		return fail(name, "the name is that of the built-in store: kind must be local")
	}
	for _, f := range fields {
		if !slices.Contains(allowed, f.key.Value) {
			return fail(f.key, "kind %s has no field %q: it has %s", kind, f.key.Value, strings.Join(allowed, ", "))
		}
		if problem := checkShape(f.key.Value, f.value); problem != "" {
			return fail(f.value, "%s: %s", f.key.Value, problem)
		}
	}
	var p Profile
	if err := node.Decode(&p); err != nil {
		// yaml's own error would repeat the value.
		return fail(node, "a value does not fit its field or its tag")
	}
	p.Name = name.Value
	if err := p.check(); err != nil {
		return fail(name, "%w", err)
	}
	return p, nil
}

// checkShape says what is wrong with the value of a field, without the value.
func checkShape(field string, value *yaml.Node) string {
	switch field {
	case "path_style":
		if value.ShortTag() != "!!bool" {
			return "want true or false"
		}
	case "secrets", "options":
		if value.ShortTag() == "!!null" {
			return ""
		}
		entries, bad := mapping(value)
		if bad != nil {
			return "want a mapping of names to values, each name once"
		}
		for _, e := range entries {
			if e.value.Kind != yaml.ScalarNode {
				return fmt.Sprintf("%s: want one value", e.key.Value)
			}
			if e.value.ShortTag() == "!!timestamp" {
				e.value.Tag = "!!str" // an API's date is a string
			}
		}
	default:
		if value.Kind != yaml.ScalarNode {
			return "want one value"
		}
	}
	return ""
}

// check holds for profiles from a file and for those that a command makes.
func (p *Profile) check() error {
	switch {
	case p.Kind == API && p.Recipe == "":
		return fmt.Errorf("recipe is missing")
	case p.Kind == Local && p.Root == "":
		return fmt.Errorf("root is missing")
	case (p.AccessKeyID == "") != (p.SecretAccessKey == ""):
		return fmt.Errorf("access_key_id and secret_access_key go together")
	case p.AccessKeyID != "" && p.AWSProfile != "":
		return fmt.Errorf("aws_profile and access_key_id exclude each other")
	}
	if err := checkURL("endpoint", p.Endpoint); err != nil {
		return err
	}
	return checkURL("base_url", p.BaseURL)
}

// checkURL accepts "" and http or https URLs without credentials or a query,
// which could be secrets and so are not repeated.
func checkURL(name, value string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return fmt.Errorf("%s: want a URL such as https://host", name)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s: a URL without credentials, query and fragment is needed", name)
	}
	return nil
}

// Literals names the fields that hold a secret itself.
func (p *Profile) Literals() []string {
	var names []string
	if p.SecretAccessKey.Literal() {
		names = append(names, "secret_access_key")
	}
	for name, s := range p.Secrets {
		if s.Literal() {
			names = append(names, "secrets."+name)
		}
	}
	slices.Sort(names)
	return names
}
