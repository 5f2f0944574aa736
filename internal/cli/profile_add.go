package cli

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
)

// profileAddOptions are the fields of a profile that are no global flags.
type profileAddOptions struct {
	kind        string
	bucket      string
	prefix      string
	awsProfile  string
	accessKeyID string
	secrets     []string
	pathStyle   bool
	recipe      string
	options     []string
	root        string
	byDefault   bool
}

func (a *app) profileAddCommand() *cobra.Command {
	var o profileAddOptions
	cmd := &cobra.Command{
		Use:   "add NAME --kind KIND",
		Short: "Write a profile into the config file",
		Long: long(`
Writes a profile into the config file, which is made where there is none. The
global flags --region, --endpoint-url and --base-url are fields of it, too.

  --kind s3      --bucket, --prefix, --region, --endpoint-url, --path-style, and
                 --aws-profile or --access-key-id with --secret; without these
                 the keys are found as the AWS CLI finds them
  --kind api     --recipe, --base-url, --secret NAME=REF, --option KEY=VALUE
  --kind local   --root

A secret is named and not typed, since other users can see the command line:
env:NAME, file:PATH, cmd:PROGRAM ARGS or keyring: (service hoist, user
PROFILE/FIELD). Anything else is the secret itself.

With --json: {"v", "profile", "config", "added"}.`),
		Example: `  hoist profile add media --kind s3 --bucket media --prefix in/ --default
  hoist profile add lab --kind s3 --bucket b --endpoint-url https://lab:9000 \
      --access-key-id AKLAB --secret keyring:
  hoist profile add gip --kind api --recipe gipity --secret key=env:GIPITY_KEY
  hoist profile add here --kind local --root /srv/objects`,
		Args: takes(1, 1, "the name of one profile"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := o.profile(cmd, args[0])
			if err != nil {
				return err
			}
			return a.profileAdd(&p, o.byDefault)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.kind, "kind", "", "`KIND` of the profile: s3, api or local")
	flags.StringVar(&o.bucket, "bucket", "", "bucket `NAME`")
	flags.StringVar(&o.prefix, "prefix", "", "`PREFIX` of all its keys, such as in/")
	flags.StringVar(&o.awsProfile, "aws-profile", "", "take the keys of the profile `NAME` in ~/.aws")
	flags.StringVar(&o.accessKeyID, "access-key-id", "", "access key `ID`, or how it is found")
	flags.StringArrayVar(&o.secrets, "secret", nil, "how the secret key (s3) or, as NAME=`REF`, a secret of the API is found (repeatable)")
	flags.BoolVar(&o.pathStyle, "path-style", false, "put the bucket into the URL's path (default: for endpoints that are not AWS)")
	flags.StringVar(&o.recipe, "recipe", "", "`NAME` of the API's recipe")
	flags.StringArrayVar(&o.options, "option", nil, "option of the API, as `KEY=VALUE` (repeatable)")
	flags.StringVar(&o.root, "root", "", "`FOLDER` of the objects")
	flags.BoolVar(&o.byDefault, "default", false, "use it where no profile is named")
	complete(cmd, "kind", string(config.S3), string(config.API), string(config.Local))
	return cmd
}

// profile returns what the flags say. The global flags count only where they
// are typed: what the environment says is not the profile's.
func (o *profileAddOptions) profile(cmd *cobra.Command, name string) (config.Profile, error) {
	typed := func(flag string) string { return cmd.Flag(flag).Value.String() }
	p := config.Profile{
		Name: name, Kind: config.Kind(o.kind),
		Bucket: o.bucket, Prefix: o.prefix, Region: typed("region"), Endpoint: typed("endpoint-url"),
		AWSProfile: o.awsProfile, AccessKeyID: config.Secret(o.accessKeyID),
		Recipe: o.recipe, BaseURL: typed("base-url"),
	}
	if o.kind == "" {
		return p, fault.WithHint(usage("--kind is missing"), "add --kind s3, --kind api or --kind local")
	}
	if cmd.Flags().Changed("path-style") {
		p.PathStyle = &o.pathStyle
	}
	if o.root != "" {
		root, err := filepath.Abs(o.root) // the profile is used from other folders, too
		if err != nil {
			return p, usage("%w", err)
		}
		p.Root = root
	}
	if err := o.addSecrets(&p); err != nil {
		return p, err
	}
	options, err := pairs("--option", o.options)
	if err != nil {
		return p, err
	}
	for key, value := range options {
		if p.Options == nil {
			p.Options = make(map[string]any, len(options))
		}
		p.Options[key] = value
	}
	return p, p.Validate()
}

// addSecrets gives the secrets to the fields that the kind has for them. No
// error repeats one: it may be a literal.
func (o *profileAddOptions) addSecrets(p *config.Profile) error {
	if p.Kind != config.API {
		if len(o.secrets) > 1 {
			return usage("--secret is given %d times, and kind %s has one secret", len(o.secrets), p.Kind)
		}
		if len(o.secrets) == 1 {
			p.SecretAccessKey = config.Secret(o.secrets[0])
		}
		return nil
	}
	for _, arg := range o.secrets {
		name, ref, found := strings.Cut(arg, "=")
		if !found || name == "" {
			return fault.WithHint(usage("--secret of kind api wants NAME=REF"), "such as --secret key=env:API_KEY")
		}
		if _, twice := p.Secrets[name]; twice {
			return usage("--secret %s is given twice", name)
		}
		if p.Secrets == nil {
			p.Secrets = make(map[string]config.Secret, len(o.secrets))
		}
		p.Secrets[name] = config.Secret(ref)
	}
	return nil
}

func (a *app) profileAdd(p *config.Profile, byDefault bool) error {
	path := cmp.Or(a.settings.Config, config.DefaultPath())
	for _, field := range p.Literals() {
		a.printer.Warn("%s is typed as it is, so that other users can see it and the shell remembers it: name it env:NAME, file:PATH, cmd:PROGRAM or keyring:", field)
	}
	if a.settings.DryRun {
		file, err := a.config()
		switch {
		case errors.Is(err, fs.ErrNotExist): // Add would make it
		case err != nil:
			return err
		case slices.Contains(file.Names(), p.Name):
			return usage("there is a profile %q already in %s", p.Name, path)
		}
		a.printer.Info("would add profile %s (%s, %s) to %s", p.Name, p.Kind, place(p), path)
		return nil
	}
	if err := config.Add(path, *p); err != nil {
		return err
	}
	if byDefault {
		if err := config.SetDefault(path, p.Name); err != nil {
			return err
		}
	}
	a.printer.Info("added profile %s to %s; hoist profile check %s tries it", p.Name, path, p.Name)
	if !a.json() {
		return nil
	}
	return a.printer.PrintJSON(struct {
		V       int    `json:"v"`
		Profile string `json:"profile"`
		Config  string `json:"config"`
		Added   bool   `json:"added"`
	}{1, p.Name, path, true})
}
