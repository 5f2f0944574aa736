package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/term"
)

func (a *app) statCommand() *cobra.Command {
	var versionID string
	cmd := &cobra.Command{
		Use:     "stat LOCATION...",
		Short:   "Show everything known of an object",
		Long:    long("Shows everything that the store or API knows of an object.", 4, 5, 7, 8),
		Example: `  hoist stat s3://bucket/report.pdf`,
		Args:    takes(1, -1, "at least one location"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(cmd.Context(), args, func(loc location.Location) error {
				return fault.At(fault.Stat, a.stat(cmd.Context(), loc, versionID))
			})
		},
	}
	cmd.Flags().StringVar(&versionID, "version-id", "", "`ID` of the version (default: the newest)")
	addSet(cmd)
	return cmd
}

func (a *app) stat(ctx context.Context, loc location.Location, versionID string) error {
	p, err := a.open(ctx, loc)
	if err != nil {
		return err
	}
	stater, err := able[provider.Stater](p, loc, "tell about an object")
	if err != nil {
		return err
	}
	found, err := stater.Stat(ctx, loc.Path, versionID)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printer.PrintJSON(statJSON{newObjectJSON(found), found.Checksum, known(found.VersionID)})
	}
	for _, fact := range facts(found) {
		if fact[1] == "" {
			continue
		}
		if err := a.printer.Print(fmt.Sprintf("%-14s %s", fact[0]+":", a.streams.Name(fact[1]))); err != nil {
			return err
		}
	}
	return nil
}

// facts are the lines of stat for people.
func facts(o *object.Object) [][2]string {
	lines := [][2]string{
		{"location", o.Location},
		{"key", o.Key},
		{"url", o.URL},
		{"size", fmt.Sprintf("%d (%s)", o.Size, term.Size(o.Size))},
		{"modified", timestamp(o.Modified)},
		{"type", o.ContentType},
		{"etag", o.ETag},
		{"version", o.VersionID},
	}
	if o.Checksum != nil {
		lines = append(lines, [2]string{o.Checksum.Algorithm, o.Checksum.Value})
	}
	return append(lines, [2]string{"record", string(o.Record)})
}
