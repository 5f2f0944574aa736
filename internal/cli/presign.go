package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/upload"
	"github.com/hoist-cli/hoist/internal/walk"
)

type presignOptions struct {
	attributes attributeFlags
	walk       walk.Options
	get        bool
	expires    config.Duration
	method     string
	eager      bool
	lazy       bool
	format     string
	maxSize    config.Size
	output     string
	versionID  string

	sources []string
	dest    location.Location
}

func (a *app) presignCommand() *cobra.Command {
	var o presignOptions
	cmd := &cobra.Command{
		Use:   "presign FILE... [DEST]",
		Short: "Make tickets that others can upload with, or URLs to download",
		Long: long(`
Starts uploads of FILEs to DEST and prints a ticket for each, one a line, signed
for whoever sends the bytes: "hoist upload FILE --ticket TICKET". A ticket is a
secret: it may be used by whoever has it.

  hoist presign - --name NAME --size SIZE DEST   for a file that is elsewhere
  hoist presign --get LOCATION...                URLs to download objects with`,
			3, 4, 5, 6, 7, 9),
		Example: `  hoist presign app.zip s3://bucket/ -o app.ticket
  hoist presign app.zip s3://bucket/ | ssh far hoist upload app.zip --ticket -
  hoist presign photo.jpg s3://bucket/ --method post --format curl
  hoist presign --get --expires 15m s3://bucket/report.pdf`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.parse(a, args); err != nil {
				return err
			}
			if err := o.check(cmd); err != nil {
				return err
			}
			return a.presign(cmd.Context(), &o)
		},
	}
	flags := cmd.Flags()
	o.attributes.add(cmd)
	flags.BoolVarP(&o.walk.Recursive, "recursive", "r", false, "take what is in folders")
	flags.StringArrayVar(&o.walk.Include, "include", nil, "take only what matches `GLOB` (repeatable)")
	flags.StringArrayVar(&o.walk.Exclude, "exclude", nil, "leave out what matches `GLOB` (repeatable)")
	flags.BoolVar(&o.get, "get", false, "URLs to download objects with")
	flags.StringVar(&o.versionID, "version-id", "", "with --get: `ID` of the version")
	flags.Var(&o.expires, "expires", "let the signatures live for `D`, at most 7d (default: 1h)")
	flags.StringVar(&o.method, "method", "", "how to send: `METHOD` put, post or multipart (default: by size)")
	flags.BoolVar(&o.eager, "eager", false, "sign every part now, also on an API that signs part by part")
	flags.BoolVar(&o.lazy, "lazy", false, "sign no part: the sender signs with keys of its own")
	flags.StringVar(&o.format, "format", "ticket", "what to print: `FORMAT` ticket, url or curl")
	flags.Var(&o.maxSize, "max-size", "with --method post: most that the form takes, as `SIZE` (default: the file's size exactly)")
	flags.StringVarP(&o.output, "output", "o", "", "write to `FILE` (mode 0600) instead of standard output")
	complete(cmd, "method", "put", "post", "multipart")
	complete(cmd, "format", "ticket", "url", "curl")
	return cmd
}

func (o *presignOptions) parse(a *app, args []string) (err error) {
	o.sources = args
	if !o.get {
		last := len(args) - 1
		if last >= 0 {
			if dest, ok := location.Parse(args[last]); ok {
				o.dest, o.sources = dest, args[:last]
			}
		}
		if o.dest == (location.Location{}) {
			if o.dest, err = a.defaultLocation(); err != nil {
				return err
			}
		}
	}
	if len(o.sources) == 0 {
		return fault.WithHint(usage("nothing to presign"), "hoist presign FILE... DEST, or hoist presign --get LOCATION...")
	}
	return nil
}

// check refuses what does not go together.
func (o *presignOptions) check(cmd *cobra.Command) error {
	switch {
	case cmd.Flags().Changed("expires") && o.expires <= 0:
		return usage("--expires 0 would be over at once")
	case o.get:
		return onlyWith(cmd, "with --get", "get", "expires", "version-id", "output", "set")
	case o.versionID != "":
		return usage("--version-id goes with --get")
	case len(o.sources) > 1 && slices.Contains(o.sources, "-"):
		return fault.WithHint(usage("- is a file that is elsewhere, and goes alone"), "if it is a file here, write ./-")
	case o.eager && o.lazy:
		return usage("--eager and --lazy do not go together")
	case o.method != "" && o.method != string(ticket.Put) && o.method != string(ticket.Post) && o.method != string(ticket.Multipart):
		return usage("--method %q is none of put, post, multipart", o.method)
	case o.format != "ticket" && o.format != "url" && o.format != "curl":
		return usage("--format %q is none of ticket, url, curl", o.format)
	case o.lazy && o.format != "ticket":
		return usage("--lazy signs nothing, so there is no %s to print", o.format)
	}
	return nil
}

func (a *app) presign(ctx context.Context, o *presignOptions) (err error) {
	out := a.streams.Out
	if o.output != "" && !a.settings.DryRun {
		file, err := openSecret(o.output)
		if err != nil {
			return usage("%w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	if o.get {
		return a.each(ctx, o.sources, func(loc location.Location) error {
			return fault.At(fault.Sign, a.presignGet(ctx, o, loc, out))
		})
	}
	spec, err := o.attributes.spec()
	if err != nil {
		return err
	}
	spec.Method, spec.Expires, spec.MaxSize = ticket.Method(o.method), time.Duration(o.expires), int64(o.maxSize)
	if len(o.sources) == 1 && o.sources[0] == "-" {
		return a.presignElsewhere(ctx, o, spec, out)
	}
	return a.presignFiles(ctx, o, spec, out)
}

// presignElsewhere makes the ticket of a file that is on another machine.
func (a *app) presignElsewhere(ctx context.Context, o *presignOptions, spec object.Spec, out io.Writer) error {
	if spec.File.Name == "" || spec.File.Size < 0 {
		return fault.WithHint(usage("of a file that is elsewhere the name and size must be told"), "add --name NAME --size SIZE")
	}
	if spec.File.Type == "" {
		spec.File.Type = typeByName(spec.File.Name)
	}
	spec.Path = o.dest.Path
	if o.dest.IsPrefix() {
		spec.Path = o.dest.Join(spec.File.Name).Path
	}
	return a.presignOne(ctx, o, spec, "FILE", out)
}

func (a *app) presignFiles(ctx context.Context, o *presignOptions, spec object.Spec, out io.Writer) error {
	if err := walk.Check(o.sources, o.walk); err != nil {
		return fault.At(fault.Plan, err)
	}
	to, err := newDestination(o.dest, o.sources, false, &o.attributes)
	if err != nil {
		return err
	}
	if to.flat, err = a.isAPI(o.dest); err != nil {
		return err
	}
	if err := to.distinct(walk.Files(o.sources, o.walk)); err != nil {
		return err
	}
	count := 0
	for found := range walk.Files(o.sources, o.walk) {
		count++
		if found.Err != nil {
			return fault.At(fault.Plan, fault.New(fault.Usage, "%w", found.Err))
		}
		file, err := openFile(found.Path)
		if err != nil {
			return fault.At(fault.Plan, err)
		}
		described, err := upload.Describe(spec, file, found.Name)
		if err != nil {
			return fault.At(fault.Plan, err)
		}
		described.Path = to.path(found)
		if o.format == "url" && o.attributes.contentType == "" {
			described.File.Type = "" // whoever uses a bare URL sends no type, and what is signed must be sent
		}
		if err := a.presignOne(ctx, o, described, found.Path, out); err != nil {
			return ofFile(found.Path, err)
		}
	}
	if count == 0 {
		return fault.At(fault.Plan, fault.New(fault.Usage, "no file matches"))
	}
	return nil
}

func (a *app) presignOne(ctx context.Context, o *presignOptions, spec object.Spec, source string, out io.Writer) error {
	if a.settings.DryRun {
		a.printer.Info("would presign %s for %s", source, o.dest.At(spec.Path))
		return nil
	}
	local, err := a.isLocal(o.dest)
	if err != nil {
		return err
	}
	if local && (o.eager || o.format != "ticket") {
		return fault.WithHint(usage("the URLs of %s end with the command that made them", o.dest), "hoist serve --to %s: makes URLs that last", o.dest.Profile)
	}
	p, err := a.open(ctx, o.dest)
	if err != nil {
		return err
	}
	t, err := upload.Presign(ctx, p, spec, o.lazy || local)
	if err != nil {
		return err
	}
	switch o.format {
	case "url":
		err = a.writeURL(t, out)
	case "curl":
		err = writeCurl(t, source, out)
	default:
		err = ticket.Write(out, t)
	}
	if err != nil && p.Stateful(spec) { // nobody has the ticket
		err = upload.GiveUp(ctx, p, t, err)
	}
	return err
}

type presignedJSON struct {
	V        int        `json:"v"`
	Location string     `json:"location"`
	Method   string     `json:"method"`
	URL      string     `json:"url"`
	Expires  *time.Time `json:"expires"`
}

func (a *app) presignGet(ctx context.Context, o *presignOptions, loc location.Location, out io.Writer) error {
	local, err := a.isLocal(loc)
	if err != nil {
		return err
	}
	if local {
		return fault.WithHint(usage("the URLs of %s end with the command that made them", loc), "hoist serve --to %s: makes URLs that last", loc.Profile)
	}
	p, err := a.open(ctx, loc)
	if err != nil {
		return err
	}
	linker, err := able[provider.Linker](p, loc, "hand out download URLs")
	if err != nil {
		return err
	}
	link, err := linker.GetURL(ctx, loc.Path, o.versionID, time.Duration(o.expires))
	if err != nil {
		return err
	}
	if a.json() {
		return writeJSON(out, presignedJSON{V: 1, Location: loc.String(), Method: http.MethodGet, URL: link, Expires: expiry(link)})
	}
	_, err = io.WriteString(out, link+"\n")
	return err
}
