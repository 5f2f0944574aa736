package broker

import (
	"io"
	"net/http"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
)

// workspaceFile returns the key of the file that a request names, which is one
// of a workspace that the token is for.
func workspaceFile(r *http.Request, who *Token) (string, error) {
	in, err := parameters(r, "key", "workspaceId")
	if err != nil {
		return "", err
	}
	return in[0], workspaceKey(who, in[1], in[0])
}

// workspaceDownload streams the object, a range of it where one is asked for. The
// document says "appropriate headers" and names none.
func (b *Broker) workspaceDownload(w http.ResponseWriter, r *http.Request, who *Token) error {
	key, err := workspaceFile(r, who)
	if err != nil {
		return err
	}
	ask := http.Header{}
	for _, name := range []string{"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"} {
		if v := r.Header.Get(name); v != "" {
			ask.Set(name, v)
		}
	}
	resp, err := b.bucket.Fetch(r.Context(), key, ask)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return &problem{status: http.StatusNotFound, code: "NOT_FOUND", message: "There is no such file", err: err}
	case err != nil:
		return storage(err)
	}
	defer resp.Body.Close()
	h := w.Header()
	for _, name := range []string{
		"Content-Type", "Content-Length", "Content-Range", "Content-Encoding", "Content-Disposition",
		"Accept-Ranges", "ETag", "Last-Modified",
	} {
		if v := resp.Header.Get(name); v != "" {
			h.Set(name, v)
		}
	}
	h.Set("X-Content-Type-Options", "nosniff")
	if !b.harmless(h.Get("Content-Type")) {
		h.Set("Content-Disposition", "attachment")
	}
	if resp.StatusCode >= 400 { // a condition or a range: its body is the store's XML
		h.Del("Content-Type")
		h.Set("Content-Length", "0")
		w.WriteHeader(resp.StatusCode)
		return nil
	}
	w.WriteHeader(resp.StatusCode)
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err := io.Copy(patient{w, http.NewResponseController(w), b.waits.stream}, resp.Body); err != nil {
		observed(r).err = err
		panic(http.ErrAbortHandler) // the length told is more than what came
	}
	return nil
}

// patient gives the client time for every write, and none for not reading.
type patient struct {
	io.Writer

	control *http.ResponseController
	wait    time.Duration
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(p.wait))
	return p.Writer.Write(b)
}

// workspaceDelete removes the object. One that is not there is removed already, as in S3.
func (b *Broker) workspaceDelete(w http.ResponseWriter, r *http.Request, who *Token) error {
	key, err := workspaceFile(r, who)
	if err != nil {
		return err
	}
	if err := b.bucket.Delete(r.Context(), key); err != nil {
		return storage(err)
	}
	return b.ok(w, workspaceDone{true})
}

type workspaceDone struct {
	Success bool `json:"success"`
}

func (b *Broker) workspaceCORS(w http.ResponseWriter, r *http.Request, _ *Token) error {
	rules, err := b.bucket.CORS(r.Context())
	if err != nil {
		return storage(err)
	}
	if rules == nil {
		rules = []object.CORSRule{}
	}
	return b.ok(w, struct {
		Rules []object.CORSRule `json:"CORSRules"`
	}{rules})
}

// workspaceSetCORS sets the document's rules, which are for all workspaces of the bucket.
func (b *Broker) workspaceSetCORS(w http.ResponseWriter, r *http.Request, _ *Token) error {
	err := b.bucket.SetCORS(r.Context(), []object.CORSRule{{
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedOrigins: []string{"*"},
		AllowedHeaders: []string{"*"},
		ExposeHeaders:  []string{"ETAG"},
	}})
	switch {
	case fault.KindOf(err) == fault.Usage:
		// A 500 would have clients ask again for what the store will never do.
		return &problem{status: http.StatusNotImplemented, code: "S3_ERROR", message: "The storage keeps no such rules", err: err}
	case err != nil:
		return storage(err)
	}
	return b.ok(w, workspaceDone{true})
}
