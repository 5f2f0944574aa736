package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/time/rate"

	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/journal"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/recipe"
	"github.com/hoist-cli/hoist/internal/term"
	"github.com/hoist-cli/hoist/internal/transfer"
	"github.com/hoist-cli/hoist/internal/wire"
)

// app is what the commands share. The config file is read and connections are
// made by the first command that needs them, so help and completion do neither.
type app struct {
	streams *term.Streams
	version string
	printer *term.Printer
	stdin   io.Reader // that ends with the command; a stream to upload is read from streams.In

	flags    *pflag.FlagSet  // of the command that runs
	settings config.Settings // what flags and environment say, without a profile
	file     *config.File    // nil until it is read
	client   *http.Client    // nil until it is made
	opened   map[location.Location]opened
	cancel   context.CancelFunc // ends --timeout's timer
}

// opened is a provider that is in use until the command ends.
type opened struct {
	provider.Provider
	close func() error
}

// prepare settles the flags of the command that is about to run.
func (a *app) prepare(cmd *cobra.Command, _ []string) error {
	settings, err := config.Resolve(cmd.Flags(), nil)
	a.flags, a.settings = cmd.Flags(), settings
	a.printer = term.NewPrinter(a.streams, term.Options{
		JSON: settings.JSON, Quiet: settings.Quiet, NoProgress: settings.NoProgress, Verbose: settings.Verbose,
	})
	if err != nil {
		return err
	}
	if settings.Timeout > 0 {
		ctx, cancel := context.WithTimeoutCause(cmd.Context(), settings.Timeout,
			fault.New(fault.Temporary, "not done within --timeout %s", settings.Timeout))
		a.cancel = cancel
		cmd.SetContext(ctx)
	}
	a.stdin = interruptible{cmd.Context(), a.streams.In}
	return nil
}

// close gives up what the command has opened.
func (a *app) close() {
	for _, o := range a.opened {
		_ = o.close() // a lock that cannot be given up ends with the process
	}
	if a.cancel != nil {
		a.cancel()
	}
}

func (a *app) json() bool { return a.settings.JSON }

// config reads the config file, once.
func (a *app) config() (*config.File, error) {
	if a.file != nil {
		return a.file, nil
	}
	file, err := config.Load(a.settings.Config)
	if err != nil {
		return nil, err
	}
	for _, warning := range file.Warnings {
		a.printer.Warn("%s", warning)
	}
	file.Recipes = recipe.Names(config.RecipeDir())
	a.file = file
	return file, nil
}

// location returns the location that the arguments name, or the default one.
func (a *app) location(args []string) (location.Location, error) {
	if len(args) == 0 {
		return a.defaultLocation()
	}
	loc, ok := location.Parse(args[0])
	if !ok {
		return loc, fault.WithHint(usage("%q is no location", args[0]), "write s3://BUCKET/KEY, PROFILE:PATH or local:PATH")
	}
	return loc, nil
}

// defaultLocation is the root of the profile that is used where none is named:
// by flag, HOIST_PROFILE, the config file, else the bucket of AWS_BUCKET.
func (a *app) defaultLocation() (location.Location, error) {
	name := a.settings.Profile
	if name == "" {
		file, err := a.config()
		if err != nil {
			return location.Location{}, err
		}
		name = file.Default
	}
	switch {
	case name != "":
		return location.Location{Profile: name}, nil
	case a.settings.Bucket != "":
		return location.Location{Bucket: a.settings.Bucket}, nil
	}
	return location.Location{}, fault.WithHint(usage("no location is given, and there is no default profile"),
		"name one, such as s3://BUCKET/ or local: (which needs no account)")
}

// profile returns the profile of a location and the settings resolved for it.
func (a *app) profile(loc location.Location) (config.Profile, config.Settings, error) {
	file, err := a.config()
	if err != nil {
		return config.Profile{}, config.Settings{}, err
	}
	p, err := file.At(loc)
	if err == nil && loc.IsS3() && a.settings.Profile != "" {
		p, err = a.keysOf(file, p, loc)
	}
	if err != nil {
		return p, config.Settings{}, err
	}
	settings, err := config.Resolve(a.flags, &p)
	return p, settings, err
}

// keysOf returns the profile of an s3:// location with the keys and the
// endpoint of the one that --profile names. HOIST_PROFILE may name one that has
// none: it is first of all the default place.
func (a *app) keysOf(file *config.File, plain config.Profile, loc location.Location) (config.Profile, error) {
	name := a.settings.Profile
	p, err := file.Profile(name)
	switch {
	case err != nil:
		return p, err
	case p.Kind != config.S3 && !a.flags.Changed("profile"):
		return plain, nil
	case p.Kind != config.S3:
		return p, usage("--profile %s is of kind %s: %s takes one of kind s3", name, p.Kind, loc)
	}
	p.Name, p.Bucket, p.Prefix = "", loc.Bucket, ""
	return p, nil
}

// isLocal says whether a location is in a local store.
func (a *app) isLocal(loc location.Location) (bool, error) {
	p, _, err := a.profile(loc)
	return p.Kind == config.Local, err
}

// isAPI says whether a location is at an API.
func (a *app) isAPI(loc location.Location) (bool, error) {
	p, _, err := a.profile(loc)
	return p.Kind == config.API, err
}

// open returns the provider of a location, which stays open until the command ends.
func (a *app) open(ctx context.Context, loc location.Location) (provider.Provider, error) {
	place := location.Location{Profile: loc.Profile, Bucket: loc.Bucket}
	if o, ok := a.opened[place]; ok {
		return o.Provider, nil
	}
	p, settings, err := a.profile(loc)
	if err != nil {
		return nil, err
	}
	client, err := a.http()
	if err != nil {
		return nil, err
	}
	set, err := a.set()
	if err != nil {
		return nil, err
	}
	found, closeStore, err := provider.Open(ctx, p, settings, client, provider.Options{Set: set, Warn: a.printer.Warn})
	if err != nil {
		return nil, fault.At(fault.Config, err)
	}
	if a.opened == nil {
		a.opened = make(map[location.Location]opened)
	}
	a.opened[place] = opened{found, closeStore}
	return found, nil
}

// set returns the command's --set options, where it has that flag.
func (a *app) set() (map[string]string, error) {
	if a.flags.Lookup("set") == nil {
		return nil, nil
	}
	given, err := a.flags.GetStringArray("set")
	if err != nil {
		return nil, err
	}
	return pairs("--set", given)
}

// http returns the client that all requests go through.
func (a *app) http() (*http.Client, error) {
	if a.client != nil {
		return a.client, nil
	}
	o := wire.Options{CACert: a.settings.CACert, AllowHTTP: a.settings.AllowHTTP, UserAgent: "hoist/" + a.version}
	if a.settings.Verbose {
		o.Log = func(line string) { a.printer.Verbose("%s", line) }
	}
	client, err := wire.New(o)
	if err != nil {
		return nil, fault.At(fault.Config, err)
	}
	a.client = client
	return client, nil
}

// engine returns the engine of a command, whose bytes the meter counts. It
// sends what p signs; p is nil if all is signed already.
func (a *app) engine(p provider.Provider, noVerify bool) (*transfer.Engine, *term.Meter, error) {
	client, err := a.http()
	if err != nil {
		return nil, nil, err
	}
	if o, ok := p.(opened); ok {
		p = o.Provider
	}
	if sender, ok := p.(provider.Sender); ok {
		client = sender.Client()
	}
	meter := new(term.Meter)
	return transfer.New(client, transfer.Options{
		Concurrency: a.settings.Concurrency, Retries: a.settings.Retries, Limit: rate.Limit(a.settings.LimitRate),
		NoVerify: noVerify, Moved: &meter.Bytes,
		OnRetry: func(r transfer.Retry) {
			a.printer.Retry(r.Try, a.settings.Retries, r.Wait, r.Err)
		},
	}), meter, nil
}

// able returns p as what can do what is asked of it.
func able[T any](p provider.Provider, loc location.Location, what string) (T, error) {
	if o, ok := p.(opened); ok {
		p = o.Provider
	}
	t, ok := p.(T)
	if !ok {
		return t, fault.New(fault.Usage, "%s cannot %s", loc, what)
	}
	return t, nil
}

// stopped says whether err is of a command that was told to stop, or ran out of time.
func stopped(ctx context.Context, err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)) || errors.Is(err, term.ErrUnread)
}

// each does something with every location, also after one has failed.
func (a *app) each(ctx context.Context, args []string, do func(location.Location) error) error {
	places := make([]location.Location, len(args))
	for i, arg := range args {
		var err error
		if places[i], err = a.location([]string{arg}); err != nil {
			return err
		}
	}
	var failed []error
	for i, loc := range places {
		if err := do(loc); err != nil {
			if stopped(ctx, err) {
				return err
			}
			failed = append(failed, ofPlace(args[i], err))
		}
	}
	return a.several(failed, len(places)-len(failed))
}

// journals returns the folder of what another run can go on with. Where there
// can be none, as on a machine that may only be read, it warns and returns "".
func (a *app) journals() string {
	dir := config.StateDir()
	if err := journal.Prepare(dir); err != nil {
		a.printer.Warn("what is interrupted cannot be gone on with: %v; XDG_STATE_HOME names another folder", err)
		return ""
	}
	return dir
}

// several makes one error of what failed beside ok others: the only one
// itself, or all of them printed and a summary, with the kind that they share.
func (a *app) several(failed []error, ok int) error {
	switch {
	case len(failed) == 0:
		return nil
	case len(failed) == 1 && ok == 0:
		return failed[0]
	}
	kind := fault.KindOf(failed[0])
	for _, err := range failed {
		if ok > 0 || fault.KindOf(err) != kind {
			kind = fault.Mixed
		}
		a.printer.Error(failure(err))
	}
	return &fault.Error{
		Stage: fault.StageOf(failed[0]), Kind: kind,
		Message: fmt.Sprintf("%d of %d failed", len(failed), len(failed)+ok),
	}
}

// addSet defines --set, which app.open reads.
func addSet(cmd *cobra.Command) {
	cmd.Flags().StringArray("set", nil, "option of the API, as `KEY=VALUE` (repeatable)")
	// It fails only for a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("set", completeSet)
}

func writeJSON(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
