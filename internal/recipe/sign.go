package recipe

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// signConcurrency is how many requests SignAll has under way.
const signConcurrency = 8

// signAnswer is what the program of sign yields: one request, or several by number.
type signAnswer struct {
	partAnswer
	Parts []partAnswer `json:"parts"`
	life
}

// batch holds the requests of one upload that were asked for ahead of their time.
type batch struct {
	mu   sync.Mutex
	have map[int]signedPart
	used map[int]bool // handed out: the next batch leaves them out
}

type signedPart struct {
	request *ticket.Request
	ends    *time.Time
}

func (p signedPart) ended() bool { return p.ends != nil && time.Now().After(*p.ends) }

// Sign returns the request that sends part. Where the API signs no part, a
// ticket of one part is started anew; else the error is a fault.ErrStartOver.
func (c *Client) Sign(ctx context.Context, t *ticket.Ticket, part ticket.Part, _ *ticket.Checksum) (*ticket.Request, error) {
	if c.recipe.Sign == nil {
		return c.renew(ctx, t, part)
	}
	p, err := c.sign(ctx, t, part)
	return p.request, err
}

// renew starts the upload anew, and makes t the ticket of the new one.
func (c *Client) renew(ctx context.Context, t *ticket.Ticket, part ticket.Part) (*ticket.Request, error) {
	st, err := c.state(t)
	if err != nil {
		return nil, err
	}
	if c.recipe.Resend != resendStart || len(t.Parts) != 1 {
		return nil, fault.StartOver(fault.WithHint(
			fault.New(fault.Failed, "%s: the URL of part %d has ended, and the API gives no other one for it", t.Location, part.Number),
			"presign it again"))
	}
	// Not t.File whole: of a stream the engine is about to note its size.
	file := ticket.File{Name: t.File.Name, Type: t.File.Type, Size: part.Size, Modified: t.File.Modified, Checksum: t.File.Checksum}
	fresh, err := c.start(ctx, file, st.Name, st.Options, 0)
	if err != nil {
		return nil, err
	}
	if fresh.Method != t.Method || len(fresh.Parts) != 1 || fresh.Parts[0].Request == nil {
		return nil, c.failed(c.recipe.Start, "answered otherwise than the first time")
	}
	t.State, t.Location, t.Expires = fresh.State, fresh.Location, fresh.Expires
	t.Parts[0].Request = fresh.Parts[0].Request
	return t.Parts[0].Request, nil
}

// SignAll has every part signed now, and sets the ticket's Expires to the first end.
func (c *Client) SignAll(ctx context.Context, t *ticket.Ticket) error {
	signing, ctx := errgroup.WithContext(ctx)
	signing.SetLimit(signConcurrency)
	got := make([]signedPart, len(t.Parts))
	for i, part := range t.Parts {
		if part.Request != nil {
			continue
		}
		if c.recipe.Sign == nil {
			return fault.New(fault.Failed, "%s: %s signs no parts", t.Location, c.recipe.Name)
		}
		signing.Go(func() (err error) {
			got[i], err = c.sign(ctx, t, part)
			return err
		})
	}
	if err := signing.Wait(); err != nil {
		return err
	}
	// Only now: a batch looks at the parts that follow.
	for i, p := range got {
		if p.request == nil {
			continue
		}
		t.Parts[i].Request = p.request
		if p.ends != nil && (t.Expires == nil || p.ends.Before(*t.Expires)) {
			t.Expires = p.ends
		}
	}
	return nil
}

// sign returns a request for part that nobody has had yet.
func (c *Client) sign(ctx context.Context, t *ticket.Ticket, part ticket.Part) (signedPart, error) {
	st, err := c.state(t)
	if err != nil {
		return signedPart{}, err
	}
	if c.recipe.Sign.Batch <= 1 || st.Stream { // of a stream nobody knows the next parts
		got, err := c.signSome(ctx, t, st, []ticket.Part{part})
		return got[part.Number], err
	}
	b := c.batch(t.State)
	b.mu.Lock()
	defer b.mu.Unlock()
	if p, have := b.have[part.Number]; have && !p.ended() {
		delete(b.have, part.Number)
		return p, nil
	}
	asked := []ticket.Part{part}
	next, _ := slices.BinarySearchFunc(t.Parts, part.Number+1, func(p ticket.Part, n int) int { return p.Number - n })
	for ; next < len(t.Parts) && len(asked) < c.recipe.Sign.Batch; next++ {
		if p, have := b.have[t.Parts[next].Number]; !b.used[t.Parts[next].Number] && (!have || p.ended()) {
			asked = append(asked, t.Parts[next])
		}
	}
	got, err := c.signSome(ctx, t, st, asked)
	if err != nil {
		return signedPart{}, err
	}
	for number, p := range got {
		b.have[number], b.used[number] = p, true
	}
	delete(b.have, part.Number)
	return got[part.Number], nil
}

// batch returns the batch of an upload.
func (c *Client) batch(state json.RawMessage) *batch {
	c.signedMu.Lock()
	defer c.signedMu.Unlock()
	b := c.signed[string(state)]
	if b == nil {
		b = &batch{have: make(map[int]signedPart), used: make(map[int]bool)}
		c.signed[string(state)] = b
	}
	return b
}

// signSome asks for requests for the parts, of which each has to be in the answer.
func (c *Client) signSome(ctx context.Context, t *ticket.Ticket, st state, parts []ticket.Part) (map[int]signedPart, error) {
	v := c.recipe.Sign
	file := ticket.File{Type: t.File.Type, Size: -1}
	if !st.Stream {
		file.Size = t.File.Size
	}
	vars, err := st.values(file)
	if err != nil {
		return nil, err
	}
	vars["$part"], vars["$parts"] = partOf(parts[0]), partsOf(parts, nil)
	var got signAnswer
	a, err := c.ask(ctx, call{verb: v, said: st.Options, vars: vars}, &got)
	if err != nil {
		return nil, err
	}
	if got.Parts == nil {
		got.Number = parts[0].Number
		got.Parts = []partAnswer{got.partAnswer}
	}
	out := make(map[int]signedPart, len(parts))
	for _, p := range got.Parts {
		switch _, twice := out[p.Number]; {
		case twice:
			return nil, c.failed(v, "returned part %d twice", p.Number)
		case !slices.ContainsFunc(parts, func(asked ticket.Part) bool { return asked.Number == p.Number }):
			return nil, c.failed(v, "returned part %d, which nobody asked for", p.Number)
		case p.URL == "":
			return nil, c.failed(v, "returned no upload URL for part %d", p.Number)
		}
		request, err := c.checked(&ticket.Request{Method: "PUT", URL: p.URL, Header: p.Headers})
		if err != nil {
			return nil, c.failed(v, "returned a URL for part %d that is not used: %w", p.Number, err)
		}
		ends, err := got.ends(a.date, p.URL)
		if err != nil {
			return nil, c.failed(v, "returned %w", err)
		}
		out[p.Number] = signedPart{request, ends}
	}
	if len(out) < len(parts) {
		missing := slices.IndexFunc(parts, func(p ticket.Part) bool { _, ok := out[p.Number]; return !ok })
		return nil, c.failed(v, "returned no part %d", parts[missing].Number)
	}
	return out, nil
}
