package upload

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
)

// SendTicket sends file with a ticket from outside and adds the receipts to
// it, also when it fails half way. The ticket's file must be this one as far
// as the ticket tells. The provider signs what is not signed; it may be nil.
func SendTicket(ctx context.Context, engine *transfer.Engine, signer provider.Provider, file *transfer.File, t *ticket.Ticket) error {
	if err := matches(file, t.File); err != nil {
		return fault.At(fault.Plan, err)
	}
	up := &transfer.Upload{Ticket: t}
	if signer != nil {
		up = (&Uploader{Provider: signer}).transferOf(t)
	}
	err := send(ctx, engine, up, file)
	if err == nil {
		err = file.Unchanged()
	}
	for i := range t.Parts {
		if _, sent := t.Receipt(t.Parts[i].Number); sent {
			t.Parts[i].Request = nil // it has done its work, and is a secret
		}
	}
	if fault.KindOf(err) == fault.Temporary {
		hint := fmt.Sprintf("%d of %d parts are stored: go on with the ticket on standard output", len(t.Receipts), len(t.Parts))
		err = &fault.Error{Kind: fault.Incomplete, Hint: hint, Err: err}
	}
	return fault.At(fault.Send, err)
}

// matches compares a file with what a ticket says of it. Its name and time may
// differ: files travel.
func matches(file *transfer.File, want ticket.File) error {
	if file.Size() != want.Size {
		return fault.WithHint(
			fault.New(fault.Integrity, "%s has %d bytes, the ticket is for %d", file.Path, file.Size(), want.Size),
			"the ticket is for another file, or for another state of this one: nothing was sent")
	}
	if want.Checksum == nil {
		return nil
	}
	section, err := file.Section(0, file.Size())
	if err != nil {
		return err
	}
	defer section.Close()
	r, err := section.Reader()
	if err != nil {
		return err
	}
	sum, _, err := checksum.Of(r, want.Checksum.Algorithm)
	if err != nil {
		return fault.New(fault.Usage, "the ticket's file: %w", err)
	}
	if *sum != *want.Checksum {
		return fault.WithHint(
			fault.New(fault.Integrity, "%s has another %s than the ticket says", file.Path, sum.Algorithm),
			"the ticket is for another file, or for another state of this one: nothing was sent")
	}
	return nil
}

// Merge joins the tickets that are of one upload: their receipts together. It
// keeps the order in which uploads come first.
func Merge(tickets []*ticket.Ticket) ([]*ticket.Ticket, error) {
	var merged []*ticket.Ticket
	for _, t := range tickets {
		i := slices.IndexFunc(merged, func(m *ticket.Ticket) bool { return sameUpload(m, t) })
		if i < 0 {
			merged = append(merged, t)
			continue
		}
		if len(merged[i].Parts) != len(t.Parts) || merged[i].File.Size != t.File.Size {
			return nil, fault.New(fault.Usage, "two tickets of %s are of one upload and plan other parts", t.Location)
		}
		for _, r := range t.Receipts {
			merged[i].AddReceipt(r)
		}
	}
	return merged, nil
}

func sameUpload(a, b *ticket.Ticket) bool {
	return a.Location == b.Location && a.Profile == b.Profile && a.Method == b.Method && bytes.Equal(a.State, b.State)
}

// Complete finishes an upload whose parts were sent elsewhere.
func Complete(ctx context.Context, p provider.Provider, t *ticket.Ticket) (*Result, error) {
	began := time.Now()
	if missing := missing(t); len(missing) > 0 {
		return nil, fault.At(fault.Finish, fault.WithHint(
			fault.New(fault.Incomplete, "%s: %d of %d parts are not sent, the first is part %d", t.Location, len(missing), len(t.Parts), missing[0]),
			"hoist upload FILE --ticket TICKET sends them"))
	}
	stored, err := p.Finish(ctx, t)
	if err != nil {
		return nil, fault.At(fault.Finish, err)
	}
	return &Result{Object: *stored, Parts: len(t.Parts), Took: time.Since(began)}, nil
}

func missing(t *ticket.Ticket) []int {
	sent := make(map[int]bool, len(t.Receipts))
	for _, r := range t.Receipts {
		sent[r.Number] = true
	}
	var out []int
	for _, p := range t.Parts {
		if !sent[p.Number] {
			out = append(out, p.Number)
		}
	}
	return out
}

// Presign starts an upload of what spec describes and signs its parts now,
// unless lazy.
func Presign(ctx context.Context, p provider.Provider, spec object.Spec, lazy bool) (*ticket.Ticket, error) {
	spec.Eager = !lazy
	t, err := p.Start(ctx, spec)
	if err != nil {
		return nil, fault.At(fault.Start, err)
	}
	if lazy {
		return t, nil
	}
	if err := p.SignAll(ctx, t); err != nil {
		if p.Stateful(spec) {
			err = GiveUp(ctx, p, t, err)
		}
		return nil, fault.At(fault.Sign, err)
	}
	return t, nil
}
