package recipe

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// Finish tells the API that all parts are stored, where it wants to know, and
// returns the object. All bytes are stored by then, so that what may pass, and what
// the API does not like, is a fault.Incomplete: it can be told again. So it can after
// a fault.Denied.
func (c *Client) Finish(ctx context.Context, t *ticket.Ticket) (*object.Object, error) {
	st, err := c.state(t)
	if err != nil {
		return nil, err
	}
	for _, p := range t.Parts {
		if _, sent := t.Receipt(p.Number); !sent {
			return nil, fault.WithHint(fault.New(fault.Incomplete, "%s: part %d of %d is not sent yet", t.Location, p.Number, len(t.Parts)),
				"send it first: hoist upload FILE --ticket T")
		}
	}
	stored := object.Object{
		Path: st.Path, Size: t.File.Size, ContentType: t.File.Type, Record: st.Record,
	}
	if len(t.Receipts) == 1 && len(t.Parts) == 1 {
		stored.ETag, stored.Checksum, stored.VersionID = t.Receipts[0].ETag, t.Receipts[0].Checksum, t.Receipts[0].VersionID
	}
	st.Object.over(&stored)
	if err := c.finish(ctx, t, st, &stored); err != nil {
		return nil, err
	}
	c.forget(t.State)
	stored.Location = c.location(stored.Path)
	return &stored, nil
}

func (c *Client) finish(ctx context.Context, t *ticket.Ticket, st state, stored *object.Object) error {
	v := c.recipe.Finish
	if v == nil {
		return nil
	}
	vars, err := st.values(t.File)
	if err != nil {
		return err
	}
	vars["$parts"] = partsOf(t.Parts, t.Receipts)
	if v.When != nil {
		opt, err := c.recipe.opt(v, st.Options)
		if err != nil {
			return err
		}
		vars["$opt"] = opt
		when, err := v.When.one(ctx, nil, vars)
		if err != nil {
			return c.failed(v, "when: %w", err)
		}
		if when == false || when == nil {
			return nil
		}
	}
	var got objectAnswer
	_, err = c.ask(ctx, call{verb: v, said: st.Options, vars: vars, size: t.File.Size}, &got)
	if err != nil {
		return unconfirmed(ctx, t, err)
	}
	got.over(stored)
	if stored.Size != t.File.Size {
		return fault.New(fault.Integrity, "%s: %s says that it stored %d bytes, and %d were sent", t.Location, c.recipe.Name, stored.Size, t.File.Size)
	}
	return nil
}

// unconfirmed says of a failed finish what it means: the bytes are there.
func unconfirmed(ctx context.Context, t *ticket.Ticket, err error) error {
	if ctx.Err() != nil || errors.Is(err, fault.ErrStartOver) {
		return err
	}
	kind := fault.Incomplete
	switch fault.KindOf(err) {
	case fault.Temporary, fault.Failed, fault.Usage, fault.Exists, fault.NotFound:
	case fault.Denied:
		kind = fault.Denied
	default:
		return err
	}
	return &fault.Error{Kind: kind, Message: t.Location + " is stored, but not confirmed", Err: err}
}

func (c *Client) forget(state json.RawMessage) {
	c.signedMu.Lock()
	defer c.signedMu.Unlock()
	delete(c.signed, string(state))
}

// Abort gives an upload up, where the API can.
func (c *Client) Abort(ctx context.Context, t *ticket.Ticket) error {
	c.forget(t.State)
	if c.recipe.Abort == nil {
		return nil
	}
	st, err := c.state(t)
	if err != nil {
		return err
	}
	vars, err := st.values(t.File)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, call{verb: c.recipe.Abort, said: st.Options, vars: vars})
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}
