package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
)

const (
	// maxBody bounds in bytes what is read of a request: the longest list of parts has 10,000.
	maxBody = 2 << 20
	// workWait is how long the storage may take for one request.
	workWait = time.Minute
	// longWait is that of a request that makes the storage copy what was
	// uploaded.
	longWait = 30 * time.Minute
)

// problem is why a request is not answered with what it asks for. The client
// sees the status, code and message, in the shape of its API; the log sees err.
type problem struct {
	status  int
	code    string // of APIs that have codes
	message string
	field   string // that is wrong; of APIs that say so
	err     error
}

func (p *problem) Error() string {
	if p.err != nil {
		return p.message + ": " + p.err.Error()
	}
	return p.message
}

func (p *problem) Unwrap() error { return p.err }

// bad is a request that the client has to change.
func bad(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, message: fmt.Sprintf(format, args...)}
}

func forbidden(message string) *problem {
	return &problem{status: http.StatusForbidden, code: "FORBIDDEN", message: message}
}

func notFound(format string, args ...any) *problem {
	return &problem{status: http.StatusNotFound, code: "NOT_FOUND", message: fmt.Sprintf(format, args...)}
}

func tooLarge(limit int64) *problem {
	return &problem{
		status: http.StatusRequestEntityTooLarge, code: "TOO_LARGE", field: "size",
		message: fmt.Sprintf("The file is larger than the %d bytes that are allowed", limit),
	}
}

// storage is a failure of the bucket: what the store says of it is not for clients.
func storage(err error) *problem {
	p := &problem{status: http.StatusInternalServerError, code: "S3_ERROR", message: "The storage failed", err: err}
	if fault.KindOf(err) == fault.Temporary {
		p.status, p.message = http.StatusServiceUnavailable, "The storage does not answer, try again"
	}
	return p
}

// handler answers a request of who, or returns why not: a *problem, or an error
// that becomes a 500.
type handler func(w http.ResponseWriter, r *http.Request, who *Token) error

// dialect is how an API says who may not, and why not.
type dialect struct {
	api API
	// secret finds the credentials in a request, or returns "".
	secret func(r *http.Request) string
	// denied is the answer to those who have none, or a wrong one.
	denied problem
	// body makes the answer of a problem.
	body func(p *problem, requestID string) any
}

// serve makes an http.Handler of h for those who have a token for the API.
func (b *Broker) serve(d *dialect, h handler) http.Handler { return b.serveWithin(workWait, d, h) }

func (b *Broker) serveWithin(wait time.Duration, d *dialect, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := observed(r)
		seen.api = d.api
		w.Header().Set("Cache-Control", "no-store")
		ctx, cancel := context.WithTimeout(r.Context(), wait)
		defer cancel()
		r = r.WithContext(ctx)
		err := b.authorized(d, h, w, r)
		if err == nil || seen.began {
			seen.err = err // what has begun cannot be answered otherwise any more
			return
		}
		seen.err = err
		p, ok := errors.AsType[*problem](err)
		if !ok {
			p = &problem{status: http.StatusInternalServerError, code: "INTERNAL", message: "Internal Server Error", err: err}
		}
		if p.status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
			w.Header().Set("Retry-After", "1")
		}
		b.writeJSON(w, p.status, d.body(p, seen.id))
	})
}

func (b *Broker) authorized(d *dialect, h handler, w http.ResponseWriter, r *http.Request) error {
	who := b.token(d.secret(r))
	if who == nil {
		return &d.denied
	}
	observed(r).token = who.Name
	if !who.allows(d.api) {
		return forbidden("This token is not for this API")
	}
	return h(w, r, who)
}

// bearer returns the token of an Authorization header (RFC 6750, 2.1).
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// readJSON decodes the body of a request into v. Fields that v does not have
// are let pass: the documents do not forbid them.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if given := r.Header.Get("Content-Type"); given != "" {
		if kind, _, err := mime.ParseMediaType(given); err != nil || kind != "application/json" {
			return &problem{
				status: http.StatusUnsupportedMediaType, code: "UNSUPPORTED_MEDIA_TYPE", field: "Content-Type",
				message: "Content-Type must be application/json",
			}
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return &problem{status: http.StatusRequestEntityTooLarge, code: "TOO_LARGE", message: "The request is too long", err: err}
	}
	if err != nil {
		return &problem{status: http.StatusBadRequest, message: "The request ended too early", err: err}
	}
	err = json.Unmarshal(body, v)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		// Of a number both this and err have all digits, which may be a megabyte of the log.
		kind, _, _ := strings.Cut(wrong.Value, " ")
		if wrong.Field == "" {
			return &problem{status: http.StatusBadRequest, code: "INVALID_PARAMETER", message: "The body must be a JSON object, and not of type " + kind}
		}
		return &problem{
			status: http.StatusBadRequest, code: "INVALID_PARAMETER", field: wrong.Field,
			message: fmt.Sprintf("%s must be of another type than %s", wrong.Field, kind),
		}
	}
	if err != nil {
		return &problem{status: http.StatusBadRequest, code: "INVALID_PARAMETER", message: "The body is not valid JSON", err: err}
	}
	return nil
}

func (b *Broker) writeJSON(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false) // the & of a URL is as in the documents, also for who reads it with sed
	if err := e.Encode(v); err != nil {
		b.cfg.Log.Error("answer", "error", err.Error())
		status = http.StatusInternalServerError
		body.Reset()
		body.WriteString("{}\n")
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(b.waits.answer))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a client that is gone is no matter of ours
}

// ok answers with v.
func (b *Broker) ok(w http.ResponseWriter, v any) error {
	b.writeJSON(w, http.StatusOK, v)
	return nil
}
