package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/term"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/upload"
)

// The lines of standard output with --json. What is not known is null.

type uploadJSON struct {
	V         int              `json:"v"`
	Source    *string          `json:"source"`
	Location  *string          `json:"location"`
	URL       *string          `json:"url"`
	Key       *string          `json:"key"`
	Size      int64            `json:"size"` // bytes
	ETag      *string          `json:"etag"`
	Checksum  *ticket.Checksum `json:"checksum"`
	VersionID *string          `json:"version_id"`
	Parts     int              `json:"parts"`
	Seconds   float64          `json:"seconds"`
	Resumed   bool             `json:"resumed"`
	Record    json.RawMessage  `json:"record"`
}

type objectJSON struct {
	V           int             `json:"v"`
	Location    *string         `json:"location"`
	Key         *string         `json:"key"`
	Size        *int64          `json:"size"` // bytes
	Modified    *time.Time      `json:"modified"`
	ETag        *string         `json:"etag"`
	ContentType *string         `json:"content_type"`
	URL         *string         `json:"url"`
	Record      json.RawMessage `json:"record"`
}

// statJSON has what a listing does not tell.
type statJSON struct {
	objectJSON
	Checksum  *ticket.Checksum `json:"checksum"`
	VersionID *string          `json:"version_id"`
}

func newObjectJSON(o *object.Object) objectJSON {
	out := objectJSON{
		V: 1, Location: known(o.Location), Key: known(o.Key), ETag: known(o.ETag),
		ContentType: known(o.ContentType), URL: known(o.URL), Record: record(o.Record),
	}
	if o.Size >= 0 && !o.Prefix {
		out.Size = &o.Size
	}
	if !o.Modified.IsZero() {
		out.Modified = &o.Modified
	}
	return out
}

// stored prints an object that was uploaded or completed: its URL as its API
// gives it, or its location.
func (a *app) stored(r *upload.Result) error {
	place := cmp.Or(r.URL, r.Location)
	if !a.json() {
		return told(place+" is stored", a.printer.Print(a.streams.Name(place)))
	}
	return told(place+" is stored", a.printer.PrintJSON(uploadJSON{
		V: 1, Source: known(r.Source), Location: known(r.Location), URL: known(r.URL), Key: known(r.Key),
		Size: r.Size, ETag: known(r.ETag), Checksum: r.Checksum, VersionID: known(r.VersionID),
		Parts: r.Parts, Seconds: r.Took.Seconds(), Resumed: r.Resumed, Record: record(r.Record),
	}))
}

// told is what it means that a result was written with err: what is done stays
// done, and nobody needs to read of it.
func told(done string, err error) error {
	if err == nil || errors.Is(err, term.ErrUnread) {
		return nil
	}
	return fmt.Errorf("%s, but that cannot be told: %w", done, err)
}

func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// record keeps an API's answer on one line; without one it is null.
func record(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}
