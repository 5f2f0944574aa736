package cli

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/upload"
)

type completeOptions struct {
	abort bool
	to    string
}

func (a *app) completeCommand() *cobra.Command {
	var o completeOptions
	cmd := &cobra.Command{
		Use:   "complete TICKET...",
		Short: "Finish uploads from tickets with receipts, or give them up",
		Long: long(`
Finishes the uploads of tickets that "hoist upload --ticket" printed (files, or
- for standard input). Receipts of one upload may come in several tickets. Where
to, and with which keys, is up to this side's own profiles: a ticket for another
place is refused.`, 3, 4, 5, 6, 7, 8, 9),
		Example: `  hoist presign f s3://bucket/ | hoist upload f --ticket - | hoist complete -
  hoist complete --to s3://bucket/incoming/ from-outside.ticket`,
		Args: takes(1, -1, "at least one ticket"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return fault.At(fault.Finish, a.complete(cmd.Context(), args, &o))
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.abort, "abort", false, "give the uploads up instead")
	flags.StringVar(&o.to, "to", "", "refuse tickets for any place but `LOCATION` or below it")
	addSet(cmd)
	return cmd
}

func (a *app) complete(ctx context.Context, names []string, o *completeOptions) error {
	tickets, err := a.readTickets(names)
	if err != nil {
		return err
	}
	if tickets, err = upload.Merge(tickets); err != nil {
		return err
	}
	places := make([]location.Location, len(tickets))
	for i, t := range tickets {
		if places[i], err = placeOf(t, o.to); err != nil {
			return err
		}
	}
	var failed []error
	for i, t := range tickets {
		if err := a.completeOne(ctx, t, places[i], o); err != nil {
			if stopped(ctx, err) {
				return ofPlace(t.Location, err)
			}
			failed = append(failed, ofPlace(t.Location, err))
		}
	}
	if len(failed) == 0 && !a.settings.DryRun {
		a.forgetJournals(names)
	}
	return a.several(failed, len(tickets)-len(failed))
}

// forgetJournals removes those of the tickets' files that are journals of
// interrupted uploads: what they know is done, and the next upload is a new one.
func (a *app) forgetJournals(names []string) {
	for _, name := range names {
		path, err := filepath.Abs(name)
		if err != nil || name == "-" || filepath.Dir(path) != config.StateDir() {
			continue
		}
		if err := os.Remove(path); err != nil {
			a.printer.Warn("the finished upload's journal stays: %v", err)
		}
	}
}

func (a *app) completeOne(ctx context.Context, t *ticket.Ticket, place location.Location, o *completeOptions) error {
	switch {
	case a.settings.DryRun && o.abort:
		a.printer.Info("would give up %s", t.Location)
		return nil
	case a.settings.DryRun:
		a.printer.Info("would finish %s", t.Location)
		return nil
	}
	p, err := a.open(ctx, place)
	if err != nil {
		return err
	}
	if o.abort {
		if err := p.Abort(ctx, t); err != nil {
			return err
		}
		a.printer.Info("%s: the upload is given up", t.Location)
		return nil
	}
	result, err := upload.Complete(ctx, p, t)
	if err != nil {
		return err
	}
	return a.stored(result)
}

// placeOf returns where a ticket leads, which must be at or below the pin.
func placeOf(t *ticket.Ticket, pin string) (location.Location, error) {
	place, ok := location.Parse(t.Location)
	if !ok || place.Profile != t.Profile {
		return place, usage("the ticket's location %q is none of its profile %q", t.Location, t.Profile)
	}
	if pin == "" {
		return place, nil
	}
	at, ok := location.Parse(pin)
	if !ok {
		return place, usage("--to %q is no location", pin)
	}
	if !at.Holds(place) {
		return place, fault.WithHint(usage("a ticket for %s is outside --to %s", place, at), "nothing was sent; ask whoever gave you the ticket")
	}
	return place, nil
}
