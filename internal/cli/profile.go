package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/term"
)

// profileJSON is a line of "profile ls" with --json.
type profileJSON struct {
	V       int    `json:"v"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Place   string `json:"place"`
	Default bool   `json:"default"`
	BuiltIn bool   `json:"built_in"`
}

func (a *app) profileCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "profile",
		Short: "List, show, add, remove and check profiles",
		Long: long(`
A profile is a name for a place and for the keys to it: media:in/a.jpg is what
the profile media calls in/a.jpg. Profiles are in the config file
($XDG_CONFIG_HOME/hoist/config.yaml, or --config); local: and a profile for each
recipe are there without one.`, 4, 5, 7),
	}, a.profileLsCommand(), a.profileShowCommand(), a.profileAddCommand(), a.profileRmCommand(), a.profileCheckCommand())
}

func (a *app) profileLsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the profiles, built-in ones too",
		Long: long(`
Lists the profiles: name, kind and place, and which is the default.

With --json, a line each: {"v", "name", "kind", "place", "default", "built_in"}.`),
		Args: takes(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error { return a.profileLs() },
	}
}

func (a *app) profileLs() error {
	file, err := a.config()
	if err != nil {
		return err
	}
	byDefault := cmp.Or(a.settings.Profile, file.Default)
	names := profileNames(file)
	if byDefault != "" && !slices.Contains(names, byDefault) {
		a.printer.Warn("the default profile %q does not exist", byDefault)
	}
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for _, name := range names {
		p, err := file.Profile(name)
		if err != nil {
			return err
		}
		if a.json() {
			err = a.printer.PrintJSON(newProfileJSON(&p, name == byDefault))
		} else {
			line := fmt.Sprintf("%-*s  %-5s  %s", width, name, p.Kind, place(&p))
			if name == byDefault {
				line += "  (default)"
			}
			err = a.printer.Print(term.Escape(line))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// profileNames returns the names of all profiles, the file's first.
func profileNames(file *config.File) []string {
	names := file.Names()
	for _, builtIn := range append([]string{location.LocalProfile}, file.Recipes...) {
		if !slices.Contains(names, builtIn) {
			names = append(names, builtIn)
		}
	}
	return names
}

func newProfileJSON(p *config.Profile, byDefault bool) profileJSON {
	return profileJSON{V: 1, Name: p.Name, Kind: string(p.Kind), Place: place(p), Default: byDefault, BuiltIn: p.BuiltIn}
}

// place says where a profile leads.
func place(p *config.Profile) string {
	var where, at string
	switch p.Kind {
	case config.S3:
		where, at = location.Location{Bucket: p.Bucket, Path: p.Prefix}.String(), p.Endpoint
	case config.API:
		where, at = p.Recipe, p.BaseURL
	case config.Local:
		where = p.Root
	}
	if at != "" {
		where += " at " + at
	}
	return where
}

// profileFieldsJSON is what "profile show" prints with --json: the fields of
// the config file, with the names of secrets and never the secrets.
type profileFieldsJSON struct {
	profileJSON
	Bucket          *string                  `json:"bucket"`
	Prefix          *string                  `json:"prefix"`
	Region          *string                  `json:"region"`
	Endpoint        *string                  `json:"endpoint"`
	AWSProfile      *string                  `json:"aws_profile"`
	AccessKeyID     *string                  `json:"access_key_id"`
	SecretAccessKey *string                  `json:"secret_access_key"`
	PathStyle       *bool                    `json:"path_style"`
	Recipe          *string                  `json:"recipe"`
	BaseURL         *string                  `json:"base_url"`
	Secrets         map[string]config.Secret `json:"secrets"`
	Options         map[string]any           `json:"options"`
	Root            *string                  `json:"root"`
}

func (a *app) profileShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show a profile, and where its secrets come from",
		Long: long(`
Shows the fields of a profile. Of a secret it shows how it is found (env:NAME,
file:PATH, cmd:PROGRAM or keyring:, or that it is a literal), never the secret.

With --json, what "profile ls" says of it and every field of the config file by
its name there; null is not set.`),
		Example: `  hoist profile show media`,
		Args:    takes(1, 1, "the name of one profile"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.profileShow(args[0]) },
	}
}

func (a *app) profileShow(name string) error {
	file, err := a.config()
	if err != nil {
		return err
	}
	p, err := file.Profile(name)
	if err != nil {
		return err
	}
	byDefault := name == cmp.Or(a.settings.Profile, file.Default)
	if !a.json() {
		return a.printFacts(profileFacts(&p, byDefault))
	}
	return a.printer.PrintJSON(profileFieldsJSON{
		profileJSON: newProfileJSON(&p, byDefault),
		Bucket:      known(p.Bucket), Prefix: known(p.Prefix), Region: known(p.Region), Endpoint: known(p.Endpoint),
		AWSProfile: known(p.AWSProfile), AccessKeyID: known(p.AccessKeyID.String()), SecretAccessKey: known(p.SecretAccessKey.String()),
		PathStyle: p.PathStyle, Recipe: known(p.Recipe), BaseURL: known(p.BaseURL), Secrets: p.Secrets, Options: p.Options, Root: known(p.Root),
	})
}

// profileFacts are the lines of "profile show" for people.
func profileFacts(p *config.Profile, byDefault bool) [][2]string {
	name, pathStyle, keys := p.Name, "", ""
	if byDefault {
		name += " (default)"
	}
	if p.PathStyle != nil {
		pathStyle = fmt.Sprint(*p.PathStyle)
	}
	if p.Kind == config.S3 && p.AccessKeyID == "" {
		keys = "as the AWS CLI finds them: environment, ~/.aws, SSO, web identity, container, instance"
	}
	facts := [][2]string{
		{"name", name},
		{"kind", string(p.Kind)},
		{"bucket", p.Bucket},
		{"prefix", p.Prefix},
		{"region", p.Region},
		{"endpoint", p.Endpoint},
		{"path_style", pathStyle},
		{"aws_profile", p.AWSProfile},
		{"access_key_id", p.AccessKeyID.String()},
		{"secret_access_key", p.SecretAccessKey.String()},
		{"keys", keys},
		{"recipe", p.Recipe},
		{"base_url", p.BaseURL},
		{"root", p.Root},
	}
	for _, secret := range slices.Sorted(maps.Keys(p.Secrets)) {
		facts = append(facts, [2]string{"secrets." + secret, p.Secrets[secret].String()})
	}
	for _, option := range slices.Sorted(maps.Keys(p.Options)) {
		facts = append(facts, [2]string{"options." + option, fmt.Sprint(p.Options[option])})
	}
	return facts
}

// printFacts prints a line for each fact that is known. The values may come
// from strangers, and the lines are for reading: they are always escaped.
func (a *app) printFacts(facts [][2]string) error {
	facts = slices.DeleteFunc(facts, func(fact [2]string) bool { return fact[1] == "" })
	width := 0
	for _, fact := range facts {
		width = max(width, len(fact[0]))
	}
	for _, fact := range facts {
		if err := a.printer.Print(fmt.Sprintf("%-*s %s", width+1, fact[0]+":", term.Escape(fact[1]))); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) profileRmCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "Take a profile out of the config file",
		Long: long(`
Takes a profile out of the config file, and out of its default. What the profile
reaches stays as it is.

With --json: {"v", "profile", "config", "removed"}.`),
		Example: `  hoist profile rm media`,
		Args:    takes(1, 1, "the name of one profile"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.profileRm(args[0]) },
	}
}

func (a *app) profileRm(name string) error {
	file, err := a.config()
	if err != nil {
		return err
	}
	if _, ok := file.Profiles[name]; !ok {
		known := "it has " + strings.Join(file.Names(), ", ")
		if len(file.Profiles) == 0 {
			known = "it has none"
		}
		return usage("there is no profile %q in %s: %s", name, file.Path, known)
	}
	if a.settings.DryRun {
		a.printer.Info("would take profile %s out of %s", name, file.Path)
		return nil
	}
	if err := config.Remove(file.Path, name); err != nil {
		return err
	}
	if !a.json() {
		return nil
	}
	return a.printer.PrintJSON(struct {
		V       int    `json:"v"`
		Profile string `json:"profile"`
		Config  string `json:"config"`
		Removed bool   `json:"removed"`
	}{1, name, file.Path, true})
}
