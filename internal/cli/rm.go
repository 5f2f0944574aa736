package cli

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/provider"
)

type rmOptions struct {
	recursive bool
	all       bool
	uploads   bool
	olderThan config.Duration
}

type removedJSON struct {
	V        int     `json:"v"`
	Location *string `json:"location,omitempty"`
	Upload   *string `json:"upload,omitempty"`
	Removed  bool    `json:"removed"`
}

func (a *app) rmCommand() *cobra.Command {
	var o rmOptions
	cmd := &cobra.Command{
		Use:   "rm LOCATION...",
		Short: "Remove objects, or give unfinished uploads up",
		Long: long(`
Removes objects; one that is not there is no error, as in S3. With -r a LOCATION
is a prefix. With --uploads it is unfinished uploads that are given up.`, 4, 5, 7, 8),
		Example: `  hoist rm s3://bucket/old.txt
  hoist rm -r s3://bucket/tmp/
  hoist rm --uploads --older-than 7d s3://bucket/`,
		Args: takes(1, -1, "at least one location"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.olderThan > 0 && !o.uploads {
				return usage("--older-than goes with --uploads")
			}
			return a.each(cmd.Context(), args, func(loc location.Location) error {
				return fault.At(fault.Remove, a.rm(cmd.Context(), loc, &o))
			})
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.recursive, "recursive", "r", false, "everything whose key starts with the location's")
	flags.BoolVar(&o.all, "all", false, "allow -r of a whole bucket or profile")
	flags.BoolVar(&o.uploads, "uploads", false, "unfinished uploads instead of objects")
	flags.Var(&o.olderThan, "older-than", "only uploads that were started `TIME` ago or earlier")
	addSet(cmd)
	return cmd
}

func (a *app) rm(ctx context.Context, loc location.Location, o *rmOptions) error {
	p, err := a.open(ctx, loc)
	if err != nil {
		return err
	}
	switch {
	case o.uploads:
		return a.rmUploads(ctx, loc, o, p)
	case o.recursive && loc.Path == "" && !o.all:
		return fault.WithHint(usage("%s is everything there is", loc), "add --all if that is meant")
	case !o.recursive && loc.IsPrefix():
		return fault.WithHint(usage("%s is a folder", loc), "add -r to remove everything below it")
	}
	remover, err := able[provider.Remover](p, loc, "remove")
	if err != nil {
		return err
	}
	var listing error
	paths := slices.Values([]string{loc.Path})
	if o.recursive {
		lister, err := able[provider.Lister](p, loc, "list")
		if err != nil {
			return err
		}
		paths = below(ctx, lister, loc.Path, &listing)
	}
	if a.settings.DryRun {
		for path := range paths {
			a.printer.Info("would remove %s", loc.At(path))
		}
		return listing
	}
	var failed []error
	count := 0
	for path, err := range remover.Remove(ctx, paths) {
		if err == nil {
			count++
		} else {
			failed = append(failed, ofPlace(loc.At(path).String(), err))
		}
		if a.json() {
			where := loc.At(path).String()
			if err := told(where+" is removed", a.printer.PrintJSON(removedJSON{V: 1, Location: &where, Removed: err == nil})); err != nil {
				return err
			}
		}
	}
	if o.recursive && (count > 0 || listing == nil && len(failed) == 0) {
		a.printer.Info("objects removed: %d", count)
	}
	return errors.Join(listing, a.several(failed, count))
}

// below yields the paths that start with prefix; what ends the listing early
// is left in failed.
func below(ctx context.Context, lister provider.Lister, prefix string, failed *error) iter.Seq[string] {
	return func(yield func(string) bool) {
		for found, err := range lister.List(ctx, prefix, true) {
			if err != nil {
				*failed = err
				return
			}
			if !yield(found.Path) {
				return
			}
		}
	}
}

func (a *app) rmUploads(ctx context.Context, loc location.Location, o *rmOptions, p provider.Provider) error {
	lister, err := able[provider.UploadLister](p, loc, "list unfinished uploads")
	if err != nil {
		return err
	}
	var failed []error
	count := 0
	for found, err := range lister.ListUploads(ctx, loc.Path) {
		if err != nil {
			return err
		}
		if time.Since(found.Started) < time.Duration(o.olderThan) {
			continue
		}
		if a.settings.DryRun {
			a.printer.Info("would give up %s of %s", found.ID, found.Location)
			continue
		}
		err = lister.AbortUpload(ctx, found)
		if err == nil {
			count++
		} else {
			failed = append(failed, ofPlace(found.Location, err))
		}
		if a.json() {
			if err := told(found.Location+" is given up", a.printer.PrintJSON(removedJSON{V: 1, Upload: &found.ID, Removed: err == nil})); err != nil {
				return err
			}
		}
	}
	if !a.settings.DryRun {
		a.printer.Info("unfinished uploads given up: %d", count)
	}
	return a.several(failed, count)
}
