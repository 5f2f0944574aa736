package recipe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// state is what this provider keeps in a ticket. It comes back from outside,
// so all of it is checked by Client.state before it is used.
type state struct {
	Recipe  string         `json:"recipe"`
	Base    string         `json:"base"` // the API's address
	Options map[string]any `json:"options,omitempty"`
	Name    string         `json:"name"` // of the file, at the API
	Path    string         `json:"path"` // what the location is
	Stream  bool           `json:"stream,omitempty"`
	// Object and Record are what the answer to start says of the object.
	Object *objectAnswer   `json:"object,omitempty"`
	Record json.RawMessage `json:"record,omitempty"`
	// State is the recipe's own.
	State json.RawMessage `json:"state,omitempty"`
}

// objectAnswer is what a program says of an object. What is not known is null.
type objectAnswer struct {
	Path        *string         `json:"path,omitempty"` // what get, stat and rm take
	Key         string          `json:"key,omitempty"`
	URL         printedURL      `json:"url,omitempty"`
	Size        *int64          `json:"size,omitempty"`     // bytes
	Modified    *rfc3339        `json:"modified,omitempty"` // RFC 3339
	ETag        string          `json:"etag,omitempty"`
	ContentType string          `json:"content_type,omitempty"`
	VersionID   string          `json:"version_id,omitempty"`
	Record      json.RawMessage `json:"record,omitempty"`
}

// printedURL is one that standard output gets on a line of its own, where a line
// break in it would be another result.
type printedURL string

// UnmarshalJSON refuses control characters.
func (u *printedURL) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, (*string)(u)); err != nil {
		return err
	}
	if strings.ContainsFunc(string(*u), unicode.IsControl) {
		return errors.New("url: it has control characters")
	}
	return nil
}

// over adds to o what a knows.
func (a *objectAnswer) over(o *object.Object) {
	if a == nil {
		return
	}
	if a.Path != nil {
		o.Path = *a.Path
	}
	if a.Size != nil {
		o.Size = *a.Size
	}
	if a.Modified != nil {
		o.Modified = a.Modified.Time
	}
	for _, field := range []struct {
		to   *string
		from string
	}{
		{&o.Key, a.Key},
		{&o.URL, string(a.URL)},
		{&o.ETag, strings.Trim(a.ETag, `"`)},
		{&o.ContentType, a.ContentType},
		{&o.VersionID, a.VersionID},
	} {
		if field.from != "" {
			*field.to = field.from
		}
	}
	if known(a.Record) {
		o.Record = a.Record
	}
}

func known(raw json.RawMessage) bool {
	return len(raw) > 0 && !bytes.Equal(raw, []byte("null"))
}

// state reads what the ticket says of the upload, and refuses one that is not
// of this API and profile: what it makes this side send carries its keys.
func (c *Client) state(t *ticket.Ticket) (state, error) {
	var st state
	d := json.NewDecoder(bytes.NewReader(t.State))
	d.DisallowUnknownFields()
	d.UseNumber() // options are compared as they were written
	if err := d.Decode(&st); err != nil {
		return st, refuse("its state is not one of an API")
	}
	switch {
	case t.Profile != c.cfg.Profile:
		return st, refuse("it is for the profile %q, and this is %q", t.Profile, c.cfg.Profile)
	case st.Recipe != c.recipe.Name:
		return st, refuse("it is for the API %q, and this is %q", st.Recipe, c.recipe.Name)
	case st.Base != c.base.String():
		return st, refuse("it is for another address than %s", c.base)
	case t.Location != c.location(st.Path):
		return st, refuse("its location %q is not that of its state", t.Location)
	}
	options, err := c.recipe.set(nil, st.Options)
	if err != nil {
		return st, refuse("%v", err)
	}
	for name, here := range c.said {
		if there, said := options[name]; said && there != here {
			return st, refuse("its option %s is %v, and here it is %v", name, there, here)
		}
		options[name] = here
	}
	st.Options = options
	return st, nil
}

func refuse(format string, args ...any) error {
	return fault.WithHint(fault.New(fault.Usage, "the ticket is not one for here: %w", fmt.Errorf(format, args...)),
		"complete it where it was made, with the same profile, options and base URL")
}

// values are the variables that the programs of st's verbs see.
func (st state) values(file ticket.File) (values, error) {
	own, err := parseJSON(st.State)
	if err != nil {
		return nil, refuse("its state cannot be read")
	}
	return values{"$state": own, "$file": fileOf(file, st.Name)}, nil
}

// fileOf is $file.
func fileOf(f ticket.File, name string) map[string]any {
	kind := f.Type
	if kind == "" {
		kind = "application/octet-stream"
	}
	out := map[string]any{"name": name, "type": kind, "size": nil}
	if f.Size >= 0 {
		out["size"] = int(f.Size)
	}
	return out
}

// partsOf is $parts: numbers, offsets and sizes and, of parts that were sent, ETags.
func partsOf(parts []ticket.Part, receipts []ticket.Receipt) []any {
	etags := make(map[int]string, len(receipts))
	for _, r := range receipts {
		etags[r.Number] = r.ETag
	}
	out := make([]any, len(parts))
	for i, p := range parts {
		one := partOf(p)
		if receipts != nil {
			one["etag"] = etags[p.Number]
		}
		out[i] = one
	}
	return out
}

// partOf is $part.
func partOf(p ticket.Part) map[string]any {
	return map[string]any{"number": p.Number, "offset": int(p.Offset), "size": int(p.Size)}
}
