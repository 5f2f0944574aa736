package cli

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/journal"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/term"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
)

// getOptions is what get was asked to do.
type getOptions struct {
	recursive bool
	noClobber bool
	versionID string
	variant   string
	send      sendFlags

	sources []location.Location
	dest    string
}

type receivedJSON struct {
	V        int     `json:"v"`
	Location string  `json:"location"`
	Path     string  `json:"path"`
	Size     int64   `json:"size"` // bytes
	ETag     *string `json:"etag"`
	Verified bool    `json:"verified"`
	Seconds  float64 `json:"seconds"`
}

func (a *app) getCommand() *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use:   "get LOCATION... [DEST|-]",
		Short: "Get objects into files",
		Long: long(`
Gets objects into DEST, a file or a folder (default: the folder here), and
prints the names of the files. - is standard output. With -r a LOCATION is a
prefix, and what is below it keeps its names relative to the last slash.

A file is there once all of it is, and is verified. Interrupted, the same
command goes on where it stopped.`, 3, 4, 5, 6, 7, 8, 9),
		Example: `  hoist get s3://bucket/report.pdf
  hoist get -r s3://bucket/site/ site/
  hoist get s3://bucket/src.tar - | tar x`,
		Args: takes(1, -1, "at least one location"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.parse(a, args); err != nil {
				return err
			}
			return fault.At(fault.Get, a.get(cmd.Context(), &o))
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.recursive, "recursive", "r", false, "everything whose key starts with the location's")
	flags.BoolVar(&o.noClobber, "no-clobber", false, "fail (exit 9) if the file exists")
	flags.StringVar(&o.versionID, "version-id", "", "`ID` of the version (default: the newest)")
	flags.StringVar(&o.variant, "variant", "", "the variant `NAME` of the object, such as thumbnail, where the API has them")
	o.send.add(cmd)
	addSet(cmd)
	return cmd
}

// parse sorts the arguments into locations and destination.
func (o *getOptions) parse(a *app, args []string) error {
	o.dest = "."
	if last := args[len(args)-1]; len(args) > 1 {
		if _, ok := location.Parse(last); !ok {
			o.dest, args = last, args[:len(args)-1]
		}
	}
	for _, arg := range args {
		loc, err := a.location([]string{arg})
		if err != nil {
			return err
		}
		o.sources = append(o.sources, loc)
	}
	switch {
	case o.dest == "":
		return usage("the destination has no name")
	case o.versionID != "" && (o.recursive || len(o.sources) > 1):
		return usage("--version-id is of one object")
	case o.versionID != "" && o.variant != "":
		return usage("--version-id and --variant do not go together")
	case o.recursive && o.dest == "-":
		return usage("-r gets files, and - is none")
	case o.noClobber && o.dest == "-":
		return usage("--no-clobber is for files, and - is none")
	}
	for _, loc := range o.sources {
		if loc.IsPrefix() && !o.recursive {
			return fault.WithHint(usage("%s is a folder", loc), "add -r to get everything below it")
		}
	}
	return nil
}

// getter is a command's downloads.
type getter struct {
	*app
	options  *getOptions
	engine   *transfer.Engine
	meter    *term.Meter
	journals string

	mu     sync.Mutex
	failed []error
	done   int
}

func (a *app) get(ctx context.Context, o *getOptions) error {
	engine, meter, err := a.engine(nil, o.send.noVerify)
	if err != nil {
		return err
	}
	journals := a.journals()
	if journals != "" {
		journals = filepath.Join(journals, "get")
		if err := transfer.PruneDownloads(journals, journal.Lifetime); err != nil {
			a.printer.Warn("old partial files stay: %v", err)
		}
	}
	g := &getter{app: a, journals: journals, options: o, engine: engine, meter: meter}
	stop := a.printer.Progress(ctx, meter, "get")
	defer stop()
	if o.dest == "-" || isStream(o.dest) {
		err = g.stream(ctx)
	} else {
		err = g.files(ctx)
	}
	stop()
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		for _, err := range g.failed {
			if errors.Is(err, context.Cause(ctx)) {
				return err // which says how to go on
			}
		}
		return context.Cause(ctx)
	}
	return a.several(g.failed, g.done)
}

// stream writes the objects one after the other.
func (g *getter) stream(ctx context.Context) error {
	out := g.streams.Out
	if g.options.dest != "-" {
		f, err := os.OpenFile(g.options.dest, os.O_WRONLY, 0)
		if err != nil {
			return usage("%w", err)
		}
		defer f.Close()
		out = f
	}
	for _, loc := range g.options.sources {
		if g.dry(loc.String(), g.options.dest) {
			continue
		}
		d, _, err := g.look(ctx, loc)
		if err == nil {
			_, err = g.engine.ReceiveTo(ctx, d, out)
		}
		if err != nil {
			return ofPlace(loc.String(), err) // what follows would be in the wrong place
		}
		g.meter.Files.Add(1)
	}
	return nil
}

// files gets the objects into files, several at a time.
func (g *getter) files(ctx context.Context) error {
	into, err := g.options.folder()
	if err != nil {
		return err
	}
	defer into.close()
	workers := new(errgroup.Group)
	workers.SetLimit(g.engine.Concurrency())
	for _, loc := range g.options.sources {
		for found, err := range g.objects(ctx, loc) {
			if ctx.Err() != nil {
				break
			}
			workers.Go(func() error {
				if err == nil {
					err = g.file(ctx, into, found)
				}
				g.ended(found.location, err)
				return nil
			})
		}
	}
	return workers.Wait()
}

// item is an object to get.
type item struct {
	location location.Location
	name     string // of the file, relative, with slashes
}

// objects yields what a location names.
func (g *getter) objects(ctx context.Context, loc location.Location) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		parent := loc.Path[:strings.LastIndexByte(loc.Path, '/')+1]
		if !g.options.recursive {
			yield(item{loc, loc.Path[len(parent):]}, nil)
			return
		}
		p, err := g.provider(ctx, loc)
		if err != nil {
			yield(item{location: loc}, err)
			return
		}
		lister, err := able[provider.Lister](p, loc, "list")
		if err != nil {
			yield(item{location: loc}, err)
			return
		}
		var failed error
		none := true
		for path := range below(ctx, lister, loc.Path, &failed) {
			none = false
			// The prefix itself may be an object, as consoles make a folder.
			if path != parent && !yield(item{loc.At(path), strings.TrimPrefix(path, parent)}, nil) {
				return
			}
		}
		if failed == nil && none {
			failed = fault.WithHint(fault.New(fault.NotFound, "nothing is at %s", loc), "hoist ls %s", loc.Parent())
		}
		if failed != nil {
			yield(item{location: loc}, failed)
		}
	}
}

func (g *getter) ended(loc location.Location, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.done++
		g.meter.Files.Add(1)
		return
	}
	g.failed = append(g.failed, fault.At(fault.Get, ofPlace(loc.String(), err)))
}

// file gets one object into its file.
func (g *getter) file(ctx context.Context, into *folder, it item) error {
	began, loc := time.Now(), it.location
	name, err := into.local(it.name)
	if err != nil {
		return err
	}
	path := filepath.Join(into.path, name)
	if g.dry(loc.String(), path) {
		return nil
	}
	d, found, err := g.look(ctx, loc)
	if err != nil {
		return err
	}
	if strings.HasSuffix(it.name, "/") {
		if found.Size > 0 {
			return fault.WithHint(fault.New(fault.Failed, "its name is that of a folder, and it has content"), "get it alone, to standard output: hoist get LOCATION -")
		}
		return into.root.MkdirAll(name, 0o777)
	}
	if err := into.root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	d.Dir, d.Path, d.NoClobber, d.Publish = into.root, name, g.options.noClobber, into.publisher(name)
	got, err := g.engine.Receive(ctx, d)
	if err != nil {
		return err
	}
	if got.Resumed > 0 {
		g.printer.Info("%s: %s were here from an earlier run", path, term.Size(got.Resumed))
	}
	if !g.json() {
		return told(path+" is written", g.printer.Print(g.streams.Name(path)))
	}
	return told(path+" is written", g.printer.PrintJSON(receivedJSON{
		V: 1, Location: loc.String(), Path: path, Size: got.Size, ETag: known(got.ETag),
		Verified: got.Verified, Seconds: time.Since(began).Seconds(),
	}))
}

// dry says that nothing is to be done, and tells what would be.
func (g *getter) dry(place, path string) bool {
	if g.settings.DryRun {
		g.printer.Info("would get %s to %s", place, path)
	}
	return g.settings.DryRun
}

// look asks what the object is, and returns how to get just that.
func (g *getter) look(ctx context.Context, loc location.Location) (transfer.Download, *object.Object, error) {
	var d transfer.Download
	p, err := g.provider(ctx, loc)
	if err != nil {
		return d, nil, err
	}
	stat, sign, err := g.ways(p, loc)
	if err != nil {
		return d, nil, err
	}
	found, err := stat(ctx)
	if err != nil {
		return d, nil, err
	}
	g.meter.Total.Add(max(0, found.Size))
	g.meter.FilesTotal.Add(1)
	return transfer.Download{
		Sign: sign,
		Size: found.Size, ETag: found.ETag, Checksum: found.Checksum, MD5ETag: found.MD5ETag,
		Journal: g.journals, Resumed: &g.meter.Resumed,
	}, found, nil
}

// ways returns how to ask about an object or its variant, and how to get it.
func (g *getter) ways(p provider.Provider, loc location.Location) (
	stat func(context.Context) (*object.Object, error), sign func(context.Context) (*ticket.Request, error), err error,
) {
	if g.options.variant != "" {
		v, err := able[provider.VariantGetter](p, loc, "make variants")
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context) (*object.Object, error) {
				return v.StatVariant(ctx, loc.Path, g.options.variant)
			},
			func(ctx context.Context) (*ticket.Request, error) {
				return v.SignGetVariant(ctx, loc.Path, g.options.variant)
			}, nil
	}
	stater, err := able[provider.Stater](p, loc, "tell about an object")
	if err != nil {
		return nil, nil, err
	}
	signer, err := able[provider.Getter](p, loc, "get an object")
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context) (*object.Object, error) {
			return stater.Stat(ctx, loc.Path, g.options.versionID)
		},
		func(ctx context.Context) (*ticket.Request, error) {
			return signer.SignGet(ctx, loc.Path, g.options.versionID, 0)
		}, nil
}

// provider is open for several workers.
func (g *getter) provider(ctx context.Context, loc location.Location) (provider.Provider, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open(ctx, loc)
}
