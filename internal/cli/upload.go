package cli

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/command"
	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/journal"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/term"
	"github.com/hoist-cli/hoist/internal/upload"
	"github.com/hoist-cli/hoist/internal/walk"
)

// uploadOptions is what upload was asked to do.
type uploadOptions struct {
	attributes attributeFlags
	send       sendFlags
	walk       walk.Options
	filesFrom  string
	ticket     string
	shard      string
	parts      string
	noResume   bool

	sources []string
	dest    location.Location
	command []string // whose output is the source, after --
}

// sendFlags are the flags of what moves bytes.
type sendFlags struct{ noVerify bool }

func (a *app) uploadCommand() *cobra.Command {
	var o uploadOptions
	cmd := &cobra.Command{
		Use:   "upload SOURCE... [DEST]",
		Short: "Upload files, folders, a stream or a command's output",
		Long: long(`
Uploads files (and with -r folders) to DEST, or to the default profile's root.
"-" as the only SOURCE is standard input. Interrupted, the same command goes on
where it stopped.

  hoist upload FILE... --ticket T     sends with tickets of "hoist presign", and
                                      prints them with their receipts
  hoist upload DEST -- COMMAND...     uploads what COMMAND prints, if it exits 0`,
			3, 4, 5, 6, 7, 8, 9),
		Example: `  hoist upload report.pdf s3://bucket/reports/
  hoist upload -r site/ media:www/ --exclude '*.map'
  tar c src | hoist upload - s3://bucket/src.tar
  hoist upload s3://bucket/db.sql.gz -- sh -c 'pg_dump app | gzip'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.parse(a, args, cmd.ArgsLenAtDash()); err != nil {
				return err
			}
			if err := o.check(cmd); err != nil {
				return err
			}
			return a.upload(cmd.Context(), &o)
		},
	}
	flags := cmd.Flags()
	o.attributes.add(cmd)
	o.send.add(cmd)
	flags.BoolVarP(&o.walk.Recursive, "recursive", "r", false, "take what is in folders")
	flags.StringArrayVar(&o.walk.Include, "include", nil, "take only what matches `GLOB` (repeatable)")
	flags.StringArrayVar(&o.walk.Exclude, "exclude", nil, "leave out what matches `GLOB` (repeatable)")
	flags.StringVar(&o.filesFrom, "files-from", "", "take the sources from `FILE` or - (one a line, or ended by NULs)")
	flags.StringVar(&o.ticket, "ticket", "", "send with the tickets in `FILE` or -")
	flags.StringVar(&o.shard, "shard", "", "take only share `I/N` of the files, or auto in an array of jobs")
	flags.StringVar(&o.parts, "parts", "", "with --ticket: send only these parts (`A-B`)")
	flags.BoolVar(&o.noResume, "no-resume", false, "keep no journal: a failed upload is given up")
	return cmd
}

func (f *sendFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.noVerify, "no-verify", false, "do not check what the store says it holds")
	// These two are read with the settings, since the environment has them too.
	flags.Int("concurrency", 0, "`N` requests at a time (default: adapts)")
	flags.Var(new(config.Rate), "limit-rate", "at most `RATE` bytes a second, such as 10MiB")
}

// parse sorts the arguments into sources, destination and command.
func (o *uploadOptions) parse(a *app, args []string, dash int) error {
	if o.ticket != "" {
		o.sources = args
		return nil
	}
	if dash == 1 && len(args) > 1 {
		if dest, ok := location.Parse(args[0]); ok {
			o.dest, o.command = dest, args[1:]
			return nil
		}
	}
	o.sources = args
	if n := len(args); n > 0 {
		if dest, ok := location.Parse(args[n-1]); ok {
			o.dest, o.sources = dest, args[:n-1]
			return o.fromFiles(a)
		}
	}
	dest, err := a.defaultLocation()
	if err != nil {
		return err
	}
	o.dest = dest
	return o.fromFiles(a)
}

// fromFiles reads the list of sources, if one is named.
func (o *uploadOptions) fromFiles(a *app) error {
	if o.filesFrom != "" {
		if len(o.sources) > 0 {
			return usage("--files-from and sources on the command line do not go together")
		}
		listed, err := walk.ReadList(o.filesFrom, a.stdin)
		if err != nil {
			return fault.At(fault.Plan, err)
		}
		o.sources, o.walk.KeepPaths = listed, true
	}
	switch {
	case len(o.sources) > 0:
		return nil
	case o.dest.Profile != "" && o.dest.Path != "":
		return fault.WithHint(usage("no file to upload to %s", o.dest), "if it is a file itself, write ./%s", o.dest)
	default:
		return fault.WithHint(usage("no file to upload"), "hoist upload FILE... %s", o.dest)
	}
}

// check refuses what does not go together.
func (o *uploadOptions) check(cmd *cobra.Command) error {
	switch {
	case o.parts != "" && o.ticket == "":
		return fault.WithHint(usage("--parts is for --ticket"), "hoist presign FILE DEST makes a ticket; a folder is split by --shard")
	case o.shard != "" && o.ticket != "":
		return fault.WithHint(usage("--shard and --ticket do not go together"), "split one file by --parts A-B")
	case o.ticket != "":
		// A plain URL may be signed with the type; an API may sign more parts.
		return onlyWith(cmd, "with --ticket: the ticket says where and how",
			"ticket", "parts", "content-type", "set", "no-verify", "concurrency", "limit-rate")
	case o.command != nil:
		return without(cmd, "with a command's output", "recursive", "include", "exclude", "files-from", "shard")
	case o.streamed():
		return without(cmd, "with a stream", "include", "exclude", "shard")
	case o.filesFrom == "" && slices.Contains(o.sources, "-"):
		return fault.WithHint(usage("- is standard input, and goes alone"), "if it is a file, write ./-")
	}
	return nil
}

// streamed says whether the source is one that can be read only once.
func (o *uploadOptions) streamed() bool {
	return len(o.sources) == 1 && o.filesFrom == "" && isStream(o.sources[0])
}

func (a *app) upload(ctx context.Context, o *uploadOptions) error {
	if o.ticket != "" {
		return a.uploadWithTickets(ctx, o)
	}
	spec, err := o.attributes.spec()
	if err != nil {
		return err
	}
	if o.command != nil {
		return a.uploadCommandOutput(ctx, o, spec)
	}
	if o.streamed() {
		return a.uploadSource(ctx, o, spec)
	}
	return a.uploadFiles(ctx, o, spec)
}

// isStream says whether source can be read only once: standard input, a named
// pipe, a device.
func isStream(source string) bool {
	if source == "-" {
		return true
	}
	info, err := os.Stat(source)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

func (a *app) uploadSource(ctx context.Context, o *uploadOptions, spec object.Spec) error {
	in := upload.Stream{Source: o.sources[0], Reader: a.streams.In}
	if in.Source != "-" {
		f, err := os.Open(in.Source)
		if err != nil {
			return usage("%w", err)
		}
		defer f.Close()
		in.Reader = f
	}
	return a.uploadStream(ctx, o, spec, in)
}

func (a *app) uploadCommandOutput(ctx context.Context, o *uploadOptions, spec object.Spec) error {
	if a.settings.DryRun {
		return a.uploadStream(ctx, o, spec, upload.Stream{})
	}
	producer, err := command.Start(ctx, o.command, a.streams.In, a.streams.Err)
	if err != nil {
		return usage("%w", err)
	}
	defer producer.Close()
	return a.uploadStream(ctx, o, spec, upload.Stream{Reader: producer, End: producer.Wait})
}

func (a *app) uploadStream(ctx context.Context, o *uploadOptions, spec object.Spec, in upload.Stream) error {
	if o.dest.IsPrefix() {
		if o.attributes.name == "" {
			return fault.WithHint(usage("%s names a folder, and a stream has no name", o.dest), "write the whole key, or add --name NAME")
		}
		o.dest = o.dest.Join(o.attributes.name)
	}
	if spec.File.Name == "" {
		spec.File.Name = path.Base(o.dest.Path)
	}
	spec.Path = o.dest.Path
	if a.settings.DryRun {
		a.printer.Info("would upload %s to %s", sourceName(in.Source), o.dest)
		return nil
	}
	u, meter, err := a.uploader(ctx, o)
	if err != nil {
		return err
	}
	meter.Total.Store(spec.File.Size)
	widen(in.Reader)
	stop := a.printer.Progress(ctx, meter, "upload")
	result, err := u.Stream(ctx, in, spec)
	stop()
	if err != nil {
		err = fmt.Errorf("%s to %s: %w", sourceName(in.Source), o.dest, err)
		return subject{error: err, source: in.Source, location: o.dest.String()}
	}
	return a.stored(result)
}

func sourceName(source string) string {
	switch source {
	case "":
		return "the command's output"
	case "-":
		return "standard input"
	}
	return source
}

func (a *app) uploadFiles(ctx context.Context, o *uploadOptions, spec object.Spec) error {
	if err := walk.Check(o.sources, o.walk); err != nil {
		return fault.At(fault.Plan, err)
	}
	share, err := parseShard(o.shard, os.Getenv)
	if err != nil {
		return err
	}
	to, err := newDestination(o.dest, o.sources, o.filesFrom != "", &o.attributes)
	if err != nil {
		return err
	}
	if to.flat, err = a.isAPI(o.dest); err != nil {
		return err
	}
	batch := upload.Batch{
		Files: share.files(walk.Files(o.sources, o.walk)), Path: to.path, Spec: spec,
	}
	if len(o.sources) > 1 || to.flat {
		if err := to.distinct(batch.Files); err != nil {
			return err
		}
	}
	if a.settings.DryRun {
		for file := range batch.Files {
			a.printer.Info("would upload %s to %s", file.Path, o.dest.At(batch.Path(file)))
		}
		return nil
	}
	u, meter, err := a.uploader(ctx, o)
	if err != nil {
		return err
	}
	if !to.one && u.Journals != "" {
		list, err := a.runList(o, u.Provider.Address(), share)
		if err != nil {
			return err
		}
		defer list.Close()
		batch.List = list
	}
	var failed error // of the only file
	batch.Report = func(file walk.File, result *upload.Result, err error) {
		meter.Files.Add(1)
		switch {
		case err != nil && to.one:
			failed = err
		case err != nil && stopped(ctx, err):
		case err != nil:
			a.printer.Error(failure(ofFile(file.Path, err)))
		case result != nil:
			if err := a.stored(result); err != nil {
				failed = err
			}
		}
	}
	stop := a.printer.Progress(ctx, meter, "upload")
	outcome, err := u.Batch(ctx, batch)
	stop()
	if failed != nil {
		return ofFile(o.sources[0], failed)
	}
	if share.count > 1 && outcome.Stored+outcome.Skipped+outcome.Failed == 0 && ctx.Err() == nil {
		a.printer.Info("no file is in share %s", share)
		err = nil
	}
	if outcome.Skipped > 0 {
		a.printer.Info("%d files were stored before and are not sent again", outcome.Skipped)
	}
	if err == nil && batch.List != nil {
		return batch.List.Remove()
	}
	return err
}

// uploader returns what uploads to the destination, and the meter of its bytes.
func (a *app) uploader(ctx context.Context, o *uploadOptions) (*upload.Uploader, *term.Meter, error) {
	p, err := a.open(ctx, o.dest)
	if err != nil {
		return nil, nil, err
	}
	engine, meter, err := a.engine(p, o.send.noVerify)
	if err != nil {
		return nil, nil, err
	}
	u := &upload.Uploader{
		Provider: p, Engine: engine,
		Found: func(bytes int64) {
			meter.Total.Add(bytes)
			meter.FilesTotal.Add(1)
		},
		Resumed: func(bytes int64) {
			meter.Bytes.Add(bytes)
			meter.Resumed.Add(bytes)
		},
		Inform: a.printer.Info, Warn: a.printer.Warn,
		Complete: a.completeCommandLine,
	}
	if o.noResume {
		return u, meter, nil
	}
	if u.Journals = a.journals(); u.Journals != "" {
		// Old journals are of uploads that stores have given up by now.
		if err := journal.Prune(u.Journals, journal.Lifetime); err != nil {
			a.printer.Warn("old journals stay: %v", err)
		}
	}
	return u, meter, nil
}

// completeCommandLine is what finishes an upload from its journal, with the
// flags of this command that say where and how.
func (a *app) completeCommandLine(journal string) string {
	words := []string{"hoist", "complete"}
	for _, name := range []string{"config", "base-url", "ca-cert"} {
		if a.flags.Changed(name) {
			words = append(words, "--"+name, quoteShell(a.flags.Lookup(name).Value.String()))
		}
	}
	for _, host := range a.settings.AllowHTTP {
		words = append(words, "--allow-http", quoteShell(host))
	}
	return strings.Join(append(words, quoteShell(journal)), " ")
}

// runList opens the list of what an earlier run of the same command has finished.
func (a *app) runList(o *uploadOptions, address string, share shard) (*journal.Run, error) {
	sources := make([]string, len(o.sources))
	for i, source := range o.sources {
		var err error
		if sources[i], err = filepath.Abs(source); err != nil {
			return nil, fault.At(fault.Plan, err)
		}
	}
	options, err := o.fingerprint()
	if err != nil {
		return nil, err
	}
	list, err := journal.OpenRun(config.StateDir(), journal.RunIdentity{
		Sources: sources, Location: o.dest.String(), Address: address, Options: options + share.String(),
	})
	return list, fault.At(fault.Plan, err)
}

// fingerprint is equal for options by which a file is stored alike.
func (o *uploadOptions) fingerprint() (string, error) {
	spec, err := o.attributes.spec()
	if err != nil {
		return "", err
	}
	return upload.Fingerprint(spec)
}
