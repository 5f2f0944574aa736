package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// The document's limits. Its part size, 100MB, is 104857600 in its example, so
// all its units are powers of two.
const (
	gipityMaxSize   = 30 << 30
	gipityMultipart = 5 << 30 // from here on
	gipityPartSize  = 104857600
	gipityExpires   = 10 * time.Minute
	initsPerMinute  = 300
	gipityFolder    = "/uploads"
)

// partPlan says which files are sent in parts.
type partPlan struct {
	from int64 // bytes that a file has at least
	size int64 // bytes of all parts but the last
}

// The keys of an app's files, each followed by {app}/{guid}. An upload arrives in
// staging; what is in files has a record in records, which is written last.
const (
	gipityStaging = "app-uploads/" // …/data and …/init.json
	gipityFiles   = "app-files/"
	gipityRecords = "app-records/" // …LABELS.json
)

// gipityInit is what init was asked for. It is kept in staging for complete, and
// then becomes a part of the record.
type gipityInit struct {
	GUID        string  `json:"guid"`
	Filename    string  `json:"filename"`
	ContentType string  `json:"content_type"`
	Size        int64   `json:"size"` // bytes
	Public      bool    `json:"public"`
	Table       *string `json:"table"`
	RecordID    *string `json:"record_id"`
	Path        string  `json:"path"`
	UploadID    string  `json:"upload_id,omitempty"`
	By          string  `json:"by"` // the token's user
}

// gipityFile is a record: a file that is complete.
type gipityFile struct {
	gipityInit

	Width   *int      `json:"width"` // pixels; of images whose header could be read
	Height  *int      `json:"height"`
	Created time.Time `json:"created"`
}

// gipityGUID is fl_, the time, and chance: in the order of their names, files are in the order of their uploads.
//
// Like the other patterns here it is compiled when it is first needed: every
// hoist command would wait for it.
var gipityGUID = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^fl_[0-9a-z]{9}[0-9a-z]{16}$`)
})

func newGipityGUID(now time.Time) string {
	at := strconv.FormatInt(now.UnixMilli(), 36)
	return "fl_" + strings.Repeat("0", 9-len(at)) + at + strings.ToLower(rand.Text()[:16])
}

func (in *gipityInit) staging(app string) string {
	return gipityStaging + app + "/" + in.GUID + "/data"
}

func (in *gipityInit) pending(app string) string {
	return gipityStaging + app + "/" + in.GUID + "/init.json"
}
func (in *gipityInit) file(app string) string { return gipityFiles + app + "/" + in.GUID }
func (in *gipityInit) record(app string) string {
	return gipityRecords + app + "/" + in.GUID + in.labels() + ".json"
}

// labels are in a record's key, so that a listing can choose by table, record and
// path without reading every record.
func (in *gipityInit) labels() string {
	return "." + gipityLabel(in.Table) + "." + gipityLabel(in.RecordID) + "." + gipityLabel(&in.Path)
}

func gipityLabel(value *string) string {
	if value == nil {
		return "-"
	}
	sum := sha256.Sum256([]byte(*value))
	return hex.EncodeToString(sum[:8])
}

type gipityData struct {
	Data any `json:"data"`
}

type gipityError struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// gipity serves the second document, which has no errors in it: their shape here is {"error":
// {"code", "message"}}, the counterpart of its {"data": …}.
func (b *Broker) gipity(mux *http.ServeMux) {
	d := &dialect{
		api:    Gipity,
		secret: b.gipitySecret,
		denied: problem{status: http.StatusUnauthorized, code: "UNAUTHORIZED", message: "A valid X-App-Token, X-Api-Key or session is required"},
		body: func(p *problem, _ string) any {
			var e gipityError
			e.Error.Code, e.Error.Message = p.code, p.message
			if p.code == "" {
				e.Error.Code = "INVALID_REQUEST"
			}
			return e
		},
	}
	for pattern, h := range map[string]func(w http.ResponseWriter, r *http.Request, who *Token, app string) error{
		"POST /api/{app}/uploads/init":                b.gipityInit,
		"POST /api/{app}/uploads/complete":            b.gipityComplete,
		"GET /api/{app}/files":                        b.gipityList,
		"GET /api/{app}/files/{guid}":                 b.gipityStat,
		"GET /api/{app}/files/{guid}/content":         b.gipityContent,
		"GET /api/{app}/files/{guid}/variants/{type}": b.gipityVariant,
	} {
		wait := workWait
		if strings.HasSuffix(pattern, "/complete") {
			wait = longWait
		}
		mux.Handle(pattern, b.serveWithin(wait, d, func(w http.ResponseWriter, r *http.Request, who *Token) error {
			app := r.PathValue("app")
			if !may(who.App, app) {
				return forbidden("This token is not for this app")
			}
			return h(w, r, who, app)
		}))
	}
}

// gipitySecret finds the token in a header, or in a session cookie. The document does
// not name the cookie, so every one is tried. A browser sends it unasked: then the
// page must be of the same site or a configured one.
func (b *Broker) gipitySecret(r *http.Request) string {
	for _, name := range []string{"X-App-Token", "X-Api-Key"} {
		if v := r.Header.Get(name); v != "" {
			return v
		}
	}
	if b.origins.Check(r) != nil {
		return ""
	}
	for _, cookie := range r.Cookies() {
		if b.token(cookie.Value) != nil {
			return cookie.Value
		}
	}
	return ""
}

// gipityInit starts an upload: one PUT of exactly the declared size and type, or a
// multipart upload whose parts are all signed now.
//
// Silent in the document: the order in which a multipart upload and its record are made (the
// record last, so that complete never finds one without an upload).
func (b *Broker) gipityInit(w http.ResponseWriter, r *http.Request, who *Token, app string) error {
	now := time.Now()
	if wait, ok := b.inits[who].take(now); !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return &problem{status: http.StatusTooManyRequests, code: "RATE_LIMITED", message: fmt.Sprintf("More than %d uploads a minute", initsPerMinute)}
	}
	in := gipityInit{Size: -1}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	in.GUID, in.UploadID, in.By = newGipityGUID(now), "", who.User
	in.Path = cmp.Or(in.Path, gipityFolder)
	if err := in.check(who); err != nil {
		return err
	}
	answer := gipityStarted{GUID: in.GUID, ExpiresIn: int(gipityExpires / time.Second)}
	var err error
	if in.Size >= b.parts.from {
		err = b.gipityParts(r.Context(), &in, app, &answer)
	} else {
		err = b.gipityPut(r.Context(), &in, app, &answer)
	}
	if err != nil {
		return storage(err)
	}
	pending, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if err := b.bucket.PutSmall(r.Context(), in.pending(app), "application/json", pending); err != nil {
		return storage(err)
	}
	return b.ok(w, gipityData{answer})
}

func (in *gipityInit) check(who *Token) error {
	if in.Size < 0 {
		return bad("size is required, in bytes")
	}
	for _, f := range []struct{ field, why string }{
		{"filename", checkName(in.Filename)},
		{"content_type", checkType(in.ContentType)},
		{"table", checkOptional(in.Table)},
		{"record_id", checkOptional(in.RecordID)},
		{"path", checkText(in.Path, 1024)},
	} {
		if f.why != "" {
			return bad("%s %s", f.field, f.why)
		}
	}
	if !strings.HasPrefix(in.Path, "/") || strings.Contains(in.Path+"/", "/../") || strings.Contains(in.Path+"/", "/./") {
		return bad("path must be a folder such as /uploads")
	}
	if limit := who.limit(gipityMaxSize); in.Size > limit {
		return tooLarge(limit)
	}
	return nil
}

func checkOptional(text *string) string {
	if text == nil {
		return ""
	}
	return checkText(*text, 256)
}

type gipityStarted struct {
	GUID      string            `json:"upload_guid"`
	Method    string            `json:"method"`
	URL       string            `json:"url,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	UploadID  string            `json:"upload_id,omitempty"`
	PartSize  int64             `json:"part_size,omitempty"` // bytes
	Parts     []gipityPart      `json:"parts,omitempty"`
	ExpiresIn int               `json:"expires_in"` // seconds
}

// gipityPart is written partNumber here, and part_number in complete, as the document has it.
type gipityPart struct {
	Number int    `json:"partNumber"`
	URL    string `json:"url"`
}

func (b *Broker) gipityPut(ctx context.Context, in *gipityInit, app string, answer *gipityStarted) error {
	request, _, err := b.bucket.SignPut(ctx, object.Spec{
		Path: in.staging(app), File: ticket.File{Size: in.Size, Type: in.ContentType}, Expires: gipityExpires,
	})
	if err != nil {
		return err
	}
	answer.Method, answer.URL = http.MethodPut, request.URL
	answer.Headers = map[string]string{"Content-Type": in.ContentType}
	return nil
}

func (b *Broker) gipityParts(ctx context.Context, in *gipityInit, app string, answer *gipityStarted) (err error) {
	in.UploadID, err = b.bucket.CreateUpload(ctx, object.Spec{Path: in.staging(app), File: ticket.File{Type: in.ContentType}})
	if err != nil {
		return err
	}
	answer.Method, answer.UploadID, answer.PartSize = "multipart", in.UploadID, b.parts.size
	for left, number := in.Size, 1; left > 0; left, number = left-b.parts.size, number+1 {
		request, err := b.bucket.SignPart(ctx, in.staging(app), in.UploadID, number, min(left, b.parts.size), gipityExpires)
		if err != nil {
			return err
		}
		answer.Parts = append(answer.Parts, gipityPart{number, request.URL})
	}
	return nil
}
