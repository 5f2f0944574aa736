package broker

import (
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
)

const (
	// publicPath is where public objects are, if the bucket itself is not public.
	publicPath = "/public/"
	// redirectExpires is how long a redirect to a signed URL can be followed.
	redirectExpires = 10 * time.Minute
	// publicCache lets a redirect be used again for half of that.
	publicCache = "public, max-age=300"
	// viewExpires is how long a signed URL lives that is handed out in a record.
	viewExpires = time.Hour
)

// publicURL is where everybody finds the public object of this key.
func (b *Broker) publicURL(r *http.Request, key string) string {
	if b.cfg.PublicBase != "" {
		return b.cfg.PublicBase + "/" + escapePath(key)
	}
	return b.base(r) + publicPath + escapePath(key)
}

// public serves public objects out of a private bucket. What a browser might run
// is served as an attachment. Of gitfolio and ctxfy the documents' clients send no header that
// could say so, so the redirect does; the others are stored as what they are.
func (b *Broker) public(mux *http.ServeMux) {
	mux.HandleFunc("GET "+publicPath+"users/{user}/{type}/{name}", func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(gitfolioTypes(), r.PathValue("type")) {
			b.missing(w)
			return
		}
		b.show(w, r, r.PathValue("name"), "users", r.PathValue("user"), r.PathValue("type"), r.PathValue("name"))
	})
	mux.HandleFunc("GET "+publicPath+"ctxfy/{user}/{id}/{name}", func(w http.ResponseWriter, r *http.Request) {
		b.show(w, r, r.PathValue("name"), "ctxfy", r.PathValue("user"), r.PathValue("id"), r.PathValue("name"))
	})
	mux.HandleFunc("GET "+publicPath+gipityFiles+"{app}/{guid}", func(w http.ResponseWriter, r *http.Request) {
		f, err := b.gipityRecord(r.Context(), r.PathValue("app"), r.PathValue("guid"))
		if err != nil || !f.Public {
			b.missing(w)
			return
		}
		b.show(w, r, "", strings.TrimSuffix(gipityFiles, "/"), r.PathValue("app"), r.PathValue("guid"))
	})
	mux.HandleFunc("GET "+publicPath+postObjects+"{business}/{user}/{source}/{uuid}", func(w http.ResponseWriter, r *http.Request) {
		key := postKey{r.PathValue("business"), r.PathValue("user"), r.PathValue("source"), r.PathValue("uuid")}
		record, err := b.postRecord(r.Context(), key)
		if err != nil || !record.IsPublic {
			b.missing(w)
			return
		}
		b.show(w, r, "", strings.TrimSuffix(postObjects, "/"), key.business, key.user, key.source, key.uuid)
	})
}

// show sends the client to a signed URL of the object whose key the segments are. With a
// name it is shown under that, as far as its type allows; without, as it is stored.
func (b *Broker) show(w http.ResponseWriter, r *http.Request, name string, segments ...string) {
	for _, s := range segments {
		if checkName(s) != "" {
			b.missing(w)
			return
		}
	}
	key := path.Join(segments...)
	if b.bucket.CheckPath(key) != nil {
		b.missing(w)
		return
	}
	stored, err := b.bucket.Stat(r.Context(), key, "")
	if err == nil && r.Method == http.MethodHead { // what is signed is a GET
		h := w.Header()
		h.Set("Content-Type", stored.ContentType)
		h.Set("Content-Length", strconv.FormatInt(stored.Size, 10))
		h.Set("ETag", `"`+stored.ETag+`"`)
		w.WriteHeader(http.StatusOK)
		return
	}
	if err == nil {
		disposition := ""
		if name != "" {
			disposition = b.disposition(stored.ContentType, name)
		}
		var target string
		if target, err = b.bucket.SignView(r.Context(), key, disposition, redirectExpires); err == nil {
			w.Header().Set("Cache-Control", publicCache)
			redirect(w, target)
			return
		}
	}
	observed(r).err = err
	if fault.KindOf(err) == fault.NotFound {
		b.missing(w)
		return
	}
	b.writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "storage unavailable"})
}

// redirect answers 302 without a body: that of http.Redirect repeats the signed URL.
func redirect(w http.ResponseWriter, target string) {
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
}

func (b *Broker) missing(w http.ResponseWriter) {
	b.writeJSON(w, http.StatusNotFound, map[string]string{"error": "not found"})
}
