package cli

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
)

type lsOptions struct {
	location  location.Location
	long      bool
	recursive bool
	uploads   bool
	limit     int
}

func (a *app) lsCommand() *cobra.Command {
	var o lsOptions
	cmd := &cobra.Command{
		Use:   "ls [LOCATION]",
		Short: "List objects, buckets or unfinished uploads",
		Long: long(`
Lists what is at LOCATION, a name a line, relative to its last slash; without
one, the default profile's root. s3:// lists the buckets.`, 4, 5, 7),
		Example: `  hoist ls s3://bucket/photos/
  hoist ls -lr media:
  hoist ls --uploads s3://bucket/`,
		Args: takes(0, 1, "one location at most"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if o.limit < 0 {
				return usage("--limit %d is less than nothing", o.limit)
			}
			if o.location, err = a.location(args); err != nil {
				return err
			}
			return fault.At(fault.List, a.ls(cmd.Context(), &o))
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.long, "long", "l", false, "size, time and name")
	flags.BoolVarP(&o.recursive, "recursive", "r", false, "everything below, not one level")
	flags.BoolVar(&o.uploads, "uploads", false, "unfinished uploads instead of objects")
	flags.IntVar(&o.limit, "limit", 0, "stop after `N` (0: all)")
	addSet(cmd)
	return cmd
}

func (a *app) ls(ctx context.Context, o *lsOptions) error {
	p, err := a.open(ctx, o.location)
	if err != nil {
		return err
	}
	switch {
	case o.uploads:
		return a.lsUploads(ctx, o, p)
	case o.location.IsS3() && o.location.Bucket == "":
		return a.lsBuckets(ctx, o, p)
	}
	lister, err := able[provider.Lister](p, o.location, "list")
	if err != nil {
		return err
	}
	parent := o.location.Path[:strings.LastIndexByte(o.location.Path, '/')+1]
	count := 0
	for found, err := range first(lister.List(ctx, o.location.Path, o.recursive), o.limit) {
		if err != nil {
			return err
		}
		count++
		if err := a.listed(o, parent, &found); err != nil {
			return err
		}
	}
	if count == 0 && o.location.Path != "" {
		return fault.WithHint(fault.New(fault.NotFound, "nothing is at %s", o.location), "hoist ls %s", o.location.Parent())
	}
	return nil
}

func (a *app) listed(o *lsOptions, parent string, found *object.Object) error {
	if a.json() {
		return a.printer.PrintJSON(newObjectJSON(found))
	}
	name := a.streams.Name(strings.TrimPrefix(found.Path, parent))
	if !o.long {
		return a.printer.Print(name)
	}
	size, when := "-", "-"
	if !found.Prefix {
		size = fmt.Sprint(found.Size)
		when = timestamp(found.Modified)
	}
	return a.printer.Print(fmt.Sprintf("%14s  %-20s  %s", size, when, name))
}

func (a *app) lsBuckets(ctx context.Context, o *lsOptions, p provider.Provider) error {
	lister, err := able[provider.BucketLister](p, o.location, "list buckets")
	if err != nil {
		return err
	}
	for bucket, err := range first(lister.ListBuckets(ctx), o.limit) {
		if err != nil {
			return err
		}
		where := location.Location{Bucket: bucket.Name}
		switch {
		case a.json():
			err = a.printer.PrintJSON(objectJSON{V: 1, Location: known(where.String()), Modified: &bucket.Created, Record: record(nil)})
		case o.long:
			err = a.printer.Print(timestamp(bucket.Created) + "  " + a.streams.Name(bucket.Name))
		default:
			err = a.printer.Print(a.streams.Name(bucket.Name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *app) lsUploads(ctx context.Context, o *lsOptions, p provider.Provider) error {
	lister, err := able[provider.UploadLister](p, o.location, "list unfinished uploads")
	if err != nil {
		return err
	}
	for found, err := range first(lister.ListUploads(ctx, o.location.Path), o.limit) {
		if err != nil {
			return err
		}
		if a.json() {
			err = a.printer.PrintJSON(struct {
				V        int       `json:"v"`
				Location string    `json:"location"`
				Key      string    `json:"key"`
				UploadID string    `json:"upload_id"`
				Started  time.Time `json:"started"`
			}{1, found.Location, found.Key, found.ID, found.Started})
		} else {
			err = a.printer.Print(timestamp(found.Started) + "  " + a.streams.Name(found.Location) + "  " + a.streams.Name(found.ID))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func timestamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// first cuts a listing off after limit items; 0 is no limit.
func first[T any](all iter.Seq2[T, error], limit int) iter.Seq2[T, error] {
	if limit <= 0 {
		return all
	}
	return func(yield func(T, error) bool) {
		left := limit
		for item, err := range all {
			if !yield(item, err) {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}
