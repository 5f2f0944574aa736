package broker

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// ctxfyExpires is this broker's choice: the document says nothing of the URL's life.
const ctxfyExpires = 15 * time.Minute

type ctxfyError struct {
	Error     string        `json:"error"` // the status in words
	Message   string        `json:"message"`
	Code      int           `json:"code"`                // the status
	Details   []ctxfyDetail `json:"details,omitempty"`   // of 400
	RequestID string        `json:"requestId,omitempty"` // of 500
}

type ctxfyDetail struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// ctxfyFieldsError is a problem of several fields.
type ctxfyFieldsError struct{ details []ctxfyDetail }

func (e ctxfyFieldsError) Error() string { return fmt.Sprint(e.details) }

func (b *Broker) ctxfy(mux *http.ServeMux) {
	d := &dialect{
		api:    Ctxfy,
		secret: bearer,
		denied: problem{status: http.StatusUnauthorized, message: "Authentication required. Please provide a valid API token"},
		body:   ctxfyProblem,
	}
	mux.Handle("POST /v1/upload/s3", b.serve(d, b.ctxfySign))
	// The document mentions it and does not describe it. Tokens are made by the operator.
	mux.Handle("POST /v1/api-keys", b.serve(d, func(http.ResponseWriter, *http.Request, *Token) error {
		return &problem{status: http.StatusNotImplemented, message: "API keys are not made here: ask the operator, who has `hoist serve token`"}
	}))
}

func ctxfyProblem(p *problem, requestID string) any {
	e := ctxfyError{Error: http.StatusText(p.status), Message: p.message, Code: p.status}
	switch {
	case p.status == http.StatusBadRequest:
		e.Message = "The request contains invalid parameters or malformed data"
		several, ok := errors.AsType[ctxfyFieldsError](p.err)
		switch {
		case ok:
			e.Details = several.details
		case p.field != "":
			e.Details = []ctxfyDetail{{p.field, p.message}}
		default:
			e.Details = []ctxfyDetail{{"body", p.message}}
		}
	case p.status >= 500:
		e.RequestID = requestID
		if p.status == http.StatusInternalServerError {
			e.Message = "An unexpected error occurred on the server"
		}
	}
	return e
}

// ctxfySign hands out the URL of a new object.
//
// Silent in the document: the key (the user's folder and one of the upload's own, so that no
// upload replaces another), what the PUT must send (the declared size and
// Content-Type, which are signed), and who may read publicUrl (everybody who has
// it). A contentType need not be a media type: the document's example is none.
func (b *Broker) ctxfySign(w http.ResponseWriter, r *http.Request, who *Token) error {
	var in struct {
		Filename    string `json:"filename"`
		ContentType string `json:"contentType"`
		Size        *int64 `json:"size"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	var wrong ctxfyFieldsError
	check := func(field, why string) {
		if why != "" {
			wrong.details = append(wrong.details, ctxfyDetail{field, field + " " + why})
		}
	}
	check("filename", checkName(in.Filename))
	check("contentType", checkType(in.ContentType))
	limit := who.limit(ticket.MaxPartSize)
	switch {
	case in.Size == nil:
		check("size", "is required")
	case *in.Size < 0:
		check("size", "is negative")
	case *in.Size > limit:
		check("size", fmt.Sprintf("is more than the %d bytes that are allowed", limit))
	}
	if b.cfg.PublicBase != "" && !b.harmless(in.ContentType) {
		check("contentType", "is not allowed here")
	}
	if wrong.details != nil {
		return &problem{status: http.StatusBadRequest, message: "invalid", err: wrong}
	}
	key := path.Join("ctxfy", who.User, strings.ToLower(rand.Text()), in.Filename)
	if err := b.bucket.CheckPath(key); err != nil {
		return &problem{status: http.StatusBadRequest, message: "filename cannot be stored", field: "filename", err: err}
	}
	request, _, err := b.bucket.SignPut(r.Context(), object.Spec{
		Path: key, File: ticket.File{Name: in.Filename, Size: *in.Size, Type: in.ContentType}, Expires: ctxfyExpires,
	})
	if err != nil {
		return storage(err)
	}
	return b.ok(w, struct {
		UploadURL string `json:"uploadUrl"`
		PublicURL string `json:"publicUrl"`
		FileKey   string `json:"fileKey"`
	}{request.URL, b.publicURL(r, key), key})
}
