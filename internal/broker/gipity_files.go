package broker

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hoist-cli/hoist/internal/fault"
)

const (
	gipityPage    = 50
	gipityMaxPage = 200
	// recordReads is how many records of a page are read at once.
	recordReads = 16
)

// gipityView is a record as clients see it.
type gipityView struct {
	GUID        string              `json:"guid"`
	Name        string              `json:"name"`
	Size        int64               `json:"size"` // bytes
	ContentType string              `json:"content_type"`
	Width       *int                `json:"width"`
	Height      *int                `json:"height"`
	URL         string              `json:"url"`
	IsPublic    bool                `json:"is_public"`
	Table       *string             `json:"table"`
	RecordID    *string             `json:"record_id"`
	Variants    []gipityVariantView `json:"variants"`
}

type gipityVariantView struct {
	Type        string `json:"type"`
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
	Status      string `json:"status"`
}

func (b *Broker) gipityAnswer(w http.ResponseWriter, r *http.Request, app string, f *gipityFile) error {
	view, err := b.gipityView(r, app, f)
	if err != nil {
		return storage(err)
	}
	return b.ok(w, gipityData{view})
}

// gipityView gives the record its URL: that for everybody, or a signed one, which is
// made anew whenever the record is asked for.
func (b *Broker) gipityView(r *http.Request, app string, f *gipityFile) (*gipityView, error) {
	view := &gipityView{
		GUID: f.GUID, Name: f.Filename, Size: f.Size, ContentType: f.ContentType, Width: f.Width, Height: f.Height,
		IsPublic: f.Public, Table: f.Table, RecordID: f.RecordID, Variants: []gipityVariantView{},
	}
	if f.Public {
		view.URL = b.publicURL(r, f.file(app))
		return view, nil
	}
	var err error
	view.URL, err = b.bucket.SignView(r.Context(), f.file(app), "", viewExpires)
	return view, err
}

// gipityList lists an app's files in the order of their uploads.
//
// Silent in the document: the answer's shape ({"data": [record…]}), and a limit above 200 or a
// number that is none (refused: a page shorter than was asked for reads as the last).
func (b *Broker) gipityList(w http.ResponseWriter, r *http.Request, _ *Token, app string) error {
	query := r.URL.Query()
	limit, err := number(query, "limit", gipityPage, 1, gipityMaxPage)
	if err != nil {
		return err
	}
	offset, err := number(query, "offset", 0, 0, 1<<31)
	if err != nil {
		return err
	}
	keys, err := b.gipityKeys(r.Context(), app, query, limit, offset)
	if err != nil {
		return storage(err)
	}
	files := make([]*gipityView, len(keys))
	group, ctx := errgroup.WithContext(r.Context())
	group.SetLimit(recordReads)
	for i, key := range keys {
		group.Go(func() error {
			f, err := b.readGipityRecord(ctx, key)
			if err != nil {
				return err
			}
			files[i], err = b.gipityView(r.WithContext(ctx), app, f)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return storage(err)
	}
	return b.ok(w, gipityData{files})
}

// gipityKeys returns the keys of one page of records that have what the query asks for.
func (b *Broker) gipityKeys(ctx context.Context, app string, query url.Values, limit, offset int) ([]string, error) {
	var want [3]string
	for i, name := range []string{"table", "record_id", "path"} {
		if value := query.Get(name); value != "" {
			want[i] = gipityLabel(&value)
		}
	}
	keys := make([]string, 0, limit)
	for o, err := range b.bucket.List(ctx, gipityRecords+app+"/", true) {
		if err != nil {
			return nil, err
		}
		labels := strings.Split(o.Path, ".") // GUID, three labels and json, whatever the app is called
		if len(labels) < 5 {
			continue
		}
		labels = labels[len(labels)-4:]
		fits := true
		for i := range want {
			fits = fits && (want[i] == "" || want[i] == labels[i])
		}
		switch {
		case !fits:
		case offset > 0:
			offset--
		default:
			keys = append(keys, o.Path)
		}
		if len(keys) == limit {
			break
		}
	}
	return keys, nil
}

func number(query url.Values, name string, without, least, most int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return without, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, bad("%s must be a number from %d to %d", name, least, most)
	}
	return n, nil
}

// gipityFound returns the record that a request's path names.
func (b *Broker) gipityFound(r *http.Request, app string) (*gipityFile, error) {
	f, err := b.gipityRecord(r.Context(), app, r.PathValue("guid"))
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return nil, notFound("There is no such file")
	case err != nil:
		return nil, storage(err)
	}
	return f, nil
}

func (b *Broker) gipityStat(w http.ResponseWriter, r *http.Request, _ *Token, app string) error {
	f, err := b.gipityFound(r, app)
	if err != nil {
		return err
	}
	return b.gipityAnswer(w, r, app, f)
}

// gipityContent redirects to the file: its address for everybody, or a signed one.
func (b *Broker) gipityContent(w http.ResponseWriter, r *http.Request, _ *Token, app string) error {
	f, err := b.gipityFound(r, app)
	if err != nil {
		return err
	}
	target := b.publicURL(r, f.file(app))
	if !f.Public || b.cfg.PublicBase == "" {
		if target, err = b.bucket.SignView(r.Context(), f.file(app), "", redirectExpires); err != nil {
			return storage(err)
		}
	}
	redirect(w, target)
	return nil
}

// gipityVariant is for the files that are derived from others, which are not made yet.
func (b *Broker) gipityVariant(w http.ResponseWriter, r *http.Request, _ *Token, app string) error {
	if _, err := b.gipityFound(r, app); err != nil {
		return err
	}
	return notFound("The file has no variant %s", r.PathValue("type"))
}
