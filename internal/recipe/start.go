package recipe

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/signature"
	"github.com/hoist-cli/hoist/internal/ticket"
)

const (
	// expiryMargin is what a request is taken to end before its time, so that
	// one that is begun is not refused on its way.
	expiryMargin = 5 * time.Second
	// maxExpires bounds what an API may say of a request's life.
	maxExpires = 10 * 365 * 24 * time.Hour
)

// rfc3339 is a time in JSON.
type rfc3339 struct{ time.Time }

// UnmarshalJSON names what is wanted; time.Time's own error repeats the value.
func (t *rfc3339) UnmarshalJSON(text []byte) error {
	if err := t.Time.UnmarshalJSON(text); err != nil {
		return errors.New("a time is not of the form 2026-01-02T15:04:05Z")
	}
	return nil
}

// startAnswer is what the program of start yields.
type startAnswer struct {
	Path   json.RawMessage `json:"path"`   // what get, stat and rm take; default the file's name
	Method ticket.Method   `json:"method"` // default by what else is there
	State  json.RawMessage `json:"state"`
	Object *objectAnswer   `json:"object"`
	Record json.RawMessage `json:"record"`

	partAnswer
	Fields   map[string]string `json:"fields"`    // of a form
	PartSize int64             `json:"part_size"` // bytes
	Parts    []partAnswer      `json:"parts"`
	MaxSize  *int64            `json:"max_size"` // bytes that the form takes
	life
}

// partAnswer is how one part is sent.
type partAnswer struct {
	Number  int               `json:"number"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

// life is until when signed requests may begin.
type life struct {
	ExpiresIn *int64   `json:"expires_in"` // seconds
	ExpiresAt *rfc3339 `json:"expires_at"`
}

// ends returns when requests end: the earliest of what the API and the URLs say, by the
// server's clock. It is nil if nobody says.
func (l life) ends(server time.Time, urls ...string) (*time.Time, error) {
	if server.IsZero() {
		server = time.Now()
	}
	var ends time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (ends.IsZero() || t.Before(ends)) {
			ends = t
		}
	}
	if l.ExpiresIn != nil {
		if *l.ExpiresIn < 0 || *l.ExpiresIn > int64(maxExpires/time.Second) {
			return nil, fmt.Errorf("an expires_in of %d seconds", *l.ExpiresIn)
		}
		earlier(server.Add(time.Duration(*l.ExpiresIn) * time.Second))
	}
	if l.ExpiresAt != nil {
		earlier(l.ExpiresAt.Time)
	}
	for _, u := range urls {
		earlier(signature.Parse(u).Expires)
	}
	if ends.IsZero() {
		return nil, nil
	}
	ends = ends.Add(-expiryMargin).UTC().Truncate(time.Second)
	return &ends, nil
}

// Start begins an upload. What the API would not take is refused before
// anything is sent.
func (c *Client) Start(ctx context.Context, spec object.Spec) (*ticket.Ticket, error) {
	said, err := c.recipe.set(c.said, anyOf(spec.Options))
	if err != nil {
		return nil, err
	}
	opt, err := c.recipe.opt(c.recipe.Start, said)
	if err != nil {
		return nil, err
	}
	name := cmp.Or(spec.Path, spec.File.Name)
	if err := c.check(ctx, spec, name, opt); err != nil {
		return nil, err
	}
	if c.recipe.Finish != nil { // what it needs is asked for now, and not when all is sent
		if _, err := c.recipe.opt(c.recipe.Finish, said); err != nil {
			return nil, err
		}
	}
	return c.start(ctx, spec.File, name, said, spec.PartSize)
}

func (c *Client) start(ctx context.Context, file ticket.File, name string, said map[string]any, partSize int64) (*ticket.Ticket, error) {
	v := c.recipe.Start
	vars := values{"$file": fileOf(file, name)}
	var planned []ticket.Part
	if c.recipe.Parts == partsOfClient && file.Size >= 0 {
		var err error
		if planned, err = ticket.Plan(file.Size, partSize); err != nil {
			return nil, fault.New(fault.Usage, "%s: %w", c.recipe.Name, err)
		}
		vars["$parts"] = partsOf(planned, nil)
	}
	var got startAnswer
	a, err := c.ask(ctx, call{verb: v, said: said, vars: vars}, &got)
	if err != nil {
		return nil, err
	}
	if !known(got.State) {
		got.State = nil
	}
	if err := wanted(v.Answer, got.State, "state"); err != nil {
		return nil, c.failed(v, "%w", err)
	}
	path := name
	if got.Path != nil {
		if json.Unmarshal(got.Path, &path) != nil || !known(got.Path) || path == "" {
			return nil, c.failed(v, "returned no path of the object")
		}
	}
	t := &ticket.Ticket{Version: ticket.Version, Profile: c.cfg.Profile, File: file, Method: got.method(planned != nil)}
	st := state{
		Recipe: c.recipe.Name, Base: c.base.String(), Options: said, Name: name, Path: path, Stream: file.Size < 0,
		Object: got.Object, Record: got.Record, State: got.State,
	}
	t.Location = c.location(st.Path)
	if t.State, err = json.Marshal(st); err != nil {
		return nil, c.failed(v, "returned a state that JSON cannot hold")
	}
	if got.MaxSize != nil && file.Size > *got.MaxSize {
		return nil, fault.New(fault.Usage, "%s would not take %s: it has %d bytes, and at most %d are allowed", c.recipe.Name, name, file.Size, *got.MaxSize)
	}
	switch t.Method {
	case ticket.Put, ticket.Post:
		t.Parts, err = c.onePart(got, t)
	case ticket.Multipart:
		t.Parts, err = c.manyParts(got, t, planned)
	default:
		err = errors.New("returned no upload URL")
	}
	if err != nil {
		return nil, c.failed(v, "%w", err)
	}
	urls := []string{got.URL}
	for _, p := range got.Parts {
		urls = append(urls, p.URL)
	}
	if t.Expires, err = got.ends(a.date, urls...); err != nil {
		return nil, c.failed(v, "returned %w", err)
	}
	if t.Expires != nil && !a.date.IsZero() && t.Expires.Before(a.date) {
		return nil, c.failed(v, "returned requests that have ended already (%s)", t.Expires.Format(time.RFC3339))
	}
	return t, nil
}

// wanted refuses a state in which something that the recipe takes from the
// answer was not there: a later request would be sent without it.
func wanted(p *Program, raw json.RawMessage, what string) error {
	var members map[string]json.RawMessage
	if isObject := json.Unmarshal(raw, &members) == nil; p == nil || !isObject {
		return nil
	}
	for name, value := range members {
		if bytes.Equal(value, []byte("null")) {
			return fmt.Errorf("returned no %s, which the recipe keeps in its %s", name, what)
		}
	}
	return nil
}

// method is what the recipe says, or what the answer looks like.
func (a *startAnswer) method(planned bool) ticket.Method {
	switch {
	case a.Method != "":
		return a.Method
	case a.Fields != nil:
		return ticket.Post
	case a.URL != "":
		return ticket.Put
	case len(a.Parts) > 0, a.PartSize > 0, planned:
		return ticket.Multipart
	}
	return ""
}

func (c *Client) onePart(got startAnswer, t *ticket.Ticket) ([]ticket.Part, error) {
	part := ticket.Part{Number: 1, Size: t.File.Size}
	if t.File.Size < 0 {
		return nil, errors.New("answered with one request, which needs the size first")
	}
	if got.URL == "" && c.recipe.Sign != nil && t.Method == ticket.Put {
		return []ticket.Part{part}, nil
	}
	if got.URL == "" {
		return nil, errors.New("returned no upload URL")
	}
	request := &ticket.Request{Method: "PUT", URL: got.URL, Header: got.Headers}
	if t.Method == ticket.Post {
		if len(got.Fields) == 0 {
			return nil, errors.New("returned no fields, which the form needs")
		}
		request.Method, request.Fields = "POST", got.Fields
	}
	var err error
	if part.Request, err = c.checked(request); err != nil {
		return nil, fmt.Errorf("returned an upload URL that is not used: %w", err)
	}
	return []ticket.Part{part}, nil
}

// manyParts tiles the file as the API says, or as was planned here.
func (c *Client) manyParts(got startAnswer, t *ticket.Ticket, planned []ticket.Part) ([]ticket.Part, error) {
	if c.recipe.Sign == nil && len(got.Parts) == 0 {
		return nil, errors.New("returned no parts")
	}
	if len(got.Parts) > ticket.MaxParts {
		return nil, fmt.Errorf("returned %d parts: at most %d can be sent", len(got.Parts), ticket.MaxParts)
	}
	parts := planned
	if got.PartSize != 0 || planned == nil {
		if t.File.Size < 0 {
			return nil, nil // a stream: the parts come as it does
		}
		var err error
		if parts, err = tile(t.File.Size, got.PartSize); err != nil {
			return nil, err
		}
	}
	if len(got.Parts) == 0 {
		return parts, nil
	}
	slices.SortStableFunc(got.Parts, func(a, b partAnswer) int { return cmp.Compare(a.Number, b.Number) })
	for i, p := range got.Parts {
		switch {
		case i > 0 && p.Number == got.Parts[i-1].Number:
			return nil, fmt.Errorf("returned part %d twice", p.Number)
		case p.Number != i+1:
			return nil, fmt.Errorf("returned no part %d of %d (parts: number)", i+1, len(parts))
		case i >= len(parts):
			return nil, fmt.Errorf("returned %d parts, and the file has %d of %d bytes", len(got.Parts), len(parts), got.PartSize)
		case p.URL == "":
			return nil, fmt.Errorf("returned no upload URL for part %d", p.Number)
		}
		request, err := c.checked(&ticket.Request{Method: "PUT", URL: p.URL, Header: p.Headers})
		if err != nil {
			return nil, fmt.Errorf("returned a URL for part %d that is not used: %w", p.Number, err)
		}
		parts[i].Request = request
	}
	if len(got.Parts) < len(parts) {
		return nil, fmt.Errorf("returned no part %d of %d (parts: number)", len(got.Parts)+1, len(parts))
	}
	return parts, nil
}

// tile cuts a file into the parts that an API wants. It counts before it makes them.
func tile(size, partSize int64) ([]ticket.Part, error) {
	if partSize <= 0 {
		return nil, errors.New("returned no part_size")
	}
	if size == 0 {
		return []ticket.Part{{Number: 1}}, nil
	}
	count := (size-1)/partSize + 1
	if count > ticket.MaxParts {
		return nil, fmt.Errorf("returned a part_size of %d bytes, which makes %d parts: at most %d can be sent", partSize, count, ticket.MaxParts)
	}
	parts := make([]ticket.Part, count)
	for i := range parts {
		offset := int64(i) * partSize
		parts[i] = ticket.Part{Number: i + 1, Offset: offset, Size: min(partSize, size-offset)}
	}
	return parts, nil
}

// ask does the verb and decodes what its program makes of the answer.
func (c *Client) ask(ctx context.Context, k call, into any) (*answer, error) {
	a, err := c.do(ctx, k)
	if err != nil || k.verb.Answer == nil {
		return a, err
	}
	opt, err := c.recipe.opt(k.verb, k.said)
	if err != nil {
		return nil, err
	}
	vars := values{"$opt": opt, "$status": a.status, "$headers": headersOf(a.header)}
	maps.Copy(vars, k.vars)
	if err := k.verb.Answer.into(ctx, a.value, vars, into); err != nil {
		return nil, fault.WithHint(c.failed(k.verb, "returned what the recipe cannot use: %s", oneLine(err.Error(), c.hidden())),
			"is %s the API that %s describes?", c.base, c.recipe.Name)
	}
	return a, nil
}
