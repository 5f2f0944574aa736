package broker

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

const (
	// workspaceExpires is the document's "1 hour".
	workspaceExpires = time.Hour
	// workspaceFolder is the bucket's structure: {workspaceId}/digital_assets/{assetId}.
	workspaceFolder = "/digital_assets/"
	// downloadWait bounds a whole download: 5 TiB at 60 MiB/s.
	downloadWait = 24 * time.Hour
)

var uuid = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
})

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // it does not fail
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	s := hex.EncodeToString(u[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

type workspaceError struct {
	Error string `json:"error"`
	Code  string `json:"code"`
}

// The codes of the document, and the ones that it has none for.
const (
	missingParameter = "MISSING_PARAMETER"
	invalidParameter = "INVALID_PARAMETER"
	invalidUpload    = "INVALID_UPLOAD_ID"
	invalidPart      = "INVALID_PART"
)

// workspace serves the third document, which names no credentials: all its
// routes take a bearer token, which is for one workspace.
func (b *Broker) workspace(mux *http.ServeMux) {
	d := &dialect{
		api:    Workspace,
		secret: bearer,
		denied: problem{status: http.StatusUnauthorized, code: "UNAUTHORIZED", message: "Missing or invalid token"},
		body: func(p *problem, _ string) any {
			if p.code == "" {
				return workspaceError{p.message, invalidParameter}
			}
			return workspaceError{p.message, p.code}
		},
	}
	for pattern, h := range map[string]handler{
		"GET /s3/getBucketConfig":     b.workspaceCORS,
		"POST /s3/updateBucketConfig": b.workspaceSetCORS,
		"GET /s3/start-upload":        b.workspaceStart,
		"GET /s3/get-upload-url":      b.workspaceSign,
		"DELETE /s3/delete":           b.workspaceDelete,
	} {
		mux.Handle(pattern, b.serve(d, h))
	}
	mux.Handle("POST /s3/complete-upload", b.serveWithin(longWait, d, b.workspaceComplete))
	mux.Handle("GET /s3/download", b.serveWithin(downloadWait, d, b.workspaceDownload))
}

// parameters returns the named parameters of the query, all of which are required.
func parameters(r *http.Request, names ...string) ([]string, error) {
	query := r.URL.Query()
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = query.Get(name)
		if err := required(name, values[i]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func required(name, value string) error {
	if value == "" {
		return &problem{status: http.StatusBadRequest, code: missingParameter, message: name + " is required"}
	}
	return nil
}

func inWorkspace(who *Token, workspace string) error {
	if !may(who.Workspace, workspace) {
		return forbidden("This token is not for this workspace")
	}
	return nil
}

// asset returns the key of an upload, of which only the workspace's own can be named. The
// document has one code for an upload that there is not, also where it is the asset that says so.
func asset(who *Token, workspace, id string) (string, error) {
	if err := inWorkspace(who, workspace); err != nil {
		return "", err
	}
	if !uuid().MatchString(id) {
		return "", &problem{status: http.StatusNotFound, code: invalidUpload, message: "assetId is not one of start-upload"}
	}
	return workspace + workspaceFolder + id, nil
}

// workspaceKey checks a key that a client names. The document's own example,
// workspace/digital_assets/file.jpg of workspace 123, contradicts its "File keys
// are workspace-scoped": the latter holds.
func workspaceKey(who *Token, workspace, key string) error {
	if err := inWorkspace(who, workspace); err != nil {
		return err
	}
	name, own := strings.CutPrefix(key, workspace+workspaceFolder)
	if !own || checkName(name) != "" {
		return forbidden("This key is not one of the workspace")
	}
	return nil
}

// workspaceStart makes a multipart upload. It is a GET that makes state, as the document has it.
func (b *Broker) workspaceStart(w http.ResponseWriter, r *http.Request, who *Token) error {
	if r.Method == http.MethodHead {
		return &problem{status: http.StatusMethodNotAllowed, code: invalidParameter, message: "HEAD starts no upload"}
	}
	in, err := parameters(r, "workspaceId", "fileType")
	if err != nil {
		return err
	}
	workspace, kind := in[0], in[1]
	if why := checkType(kind); why != "" {
		return &problem{status: http.StatusBadRequest, code: invalidParameter, message: "fileType " + why}
	}
	id := newUUID()
	key, err := asset(who, workspace, id)
	if err != nil {
		return err
	}
	upload, err := b.bucket.CreateUpload(r.Context(), object.Spec{
		Path: key, File: ticket.File{Type: kind},
		Attributes: object.Attributes{ContentDisposition: b.disposition(kind, "")},
	})
	if err != nil {
		return storage(err)
	}
	return b.ok(w, struct {
		UploadID string `json:"uploadId"`
		AssetID  string `json:"assetId"`
	}{upload, id})
}

// workspaceSign hands out the URL of one part. The upload is asked for first:
// its id is of this key or is refused here, where the client has a code for it,
// and not by the store in the middle of the bytes.
func (b *Broker) workspaceSign(w http.ResponseWriter, r *http.Request, who *Token) error {
	in, err := parameters(r, "PartNumber", "UploadId", "assetId", "workspaceId")
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(in[0])
	if err != nil || number < 1 || number > ticket.MaxParts {
		return &problem{status: http.StatusBadRequest, code: invalidParameter, message: "PartNumber must be a number from 1 to 10000", err: err}
	}
	key, err := asset(who, in[3], in[2])
	if err != nil {
		return err
	}
	if err := b.bucket.CheckUpload(r.Context(), key, in[1]); err != nil {
		return noUpload(err)
	}
	request, err := b.bucket.SignPart(r.Context(), key, in[1], number, -1, workspaceExpires)
	if err != nil {
		return storage(err)
	}
	return b.ok(w, struct {
		URL       string `json:"url"`
		ExpiresIn int    `json:"expiresIn"` // seconds
	}{request.URL, int(workspaceExpires / time.Second)})
}

// noUpload is for an upload that the store does not know, for whatever reason.
func noUpload(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return &problem{status: http.StatusNotFound, code: invalidUpload, message: "There is no such upload", err: err}
	}
	return storage(err)
}

// workspaceComplete makes the object. A replay after an answer that was lost finds
// the upload gone and the object there, and answers the same.
func (b *Broker) workspaceComplete(w http.ResponseWriter, r *http.Request, who *Token) error {
	var in struct {
		UploadID  string `json:"uploadId"`
		AssetID   string `json:"assetId"`
		Workspace string `json:"workspaceId"`
		Parts     []struct {
			ETag   string `json:"ETag"`
			Number int    `json:"PartNumber"`
		} `json:"parts"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	for _, f := range []struct{ name, value string }{
		{"uploadId", in.UploadID}, {"assetId", in.AssetID}, {"workspaceId", in.Workspace},
	} {
		if err := required(f.name, f.value); err != nil {
			return err
		}
	}
	if len(in.Parts) == 0 {
		return required("parts", "")
	}
	key, err := asset(who, in.Workspace, in.AssetID)
	if err != nil {
		return err
	}
	receipts := make([]ticket.Receipt, len(in.Parts))
	for i, p := range in.Parts {
		receipts[i] = ticket.Receipt{Number: p.Number, ETag: p.ETag}
	}
	if receipts, err = tidyParts(receipts); err != nil {
		return err
	}
	if err := b.complete(r, key, in.UploadID, receipts); err != nil {
		return err
	}
	stored, err := b.bucket.Stat(r.Context(), key, "")
	if err != nil {
		return storage(err)
	}
	if who.MaxSize > 0 && stored.Size > who.MaxSize {
		if err := b.bucket.Delete(r.Context(), key); err != nil {
			return storage(err)
		}
		return tooLarge(who.MaxSize)
	}
	bucket, whole := b.bucket.BucketKey(key)
	return b.ok(w, struct {
		Success  bool   `json:"success"`
		Location string `json:"location"`
		Key      string `json:"key"`
	}{true, "s3://" + bucket + "/" + whole, key})
}

// tidyParts checks a list of parts that came from a client and returns it in order, with
// plain ETags. S3 would take a list with gaps; nobody means one, and bytes would be lost.
func tidyParts(parts []ticket.Receipt) ([]ticket.Receipt, error) {
	slices.SortFunc(parts, func(a, b ticket.Receipt) int { return a.Number - b.Number })
	for i := range parts {
		if parts[i].Number != i+1 {
			return nil, &problem{
				status: http.StatusBadRequest, code: invalidPart,
				message: fmt.Sprintf("The parts must be numbered from 1 without gaps, each once: part %d is missing", i+1),
			}
		}
		parts[i].ETag = strings.Trim(parts[i].ETag, `"`)
		if !isETag(parts[i].ETag) {
			return nil, &problem{status: http.StatusBadRequest, code: invalidPart, message: fmt.Sprintf("Part %d has no ETag", i+1)}
		}
	}
	if len(parts) > ticket.MaxParts {
		return nil, &problem{status: http.StatusBadRequest, code: invalidPart, message: "There are more than 10000 parts"}
	}
	return parts, nil
}

func isETag(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '<' || r == '&' })
}

// complete completes an upload, also one that was completed before with the same parts.
func (b *Broker) complete(r *http.Request, key, uploadID string, receipts []ticket.Receipt) error {
	err := b.bucket.CompleteUpload(r.Context(), key, uploadID, receipts)
	if err == nil {
		return nil
	}
	if want := b.bucket.MultipartETag(receipts); want != "" {
		if stored, missing := b.bucket.Stat(r.Context(), key, ""); missing == nil && strings.EqualFold(stored.ETag, want) {
			return nil
		}
	}
	if kind := fault.KindOf(err); kind == fault.Integrity || kind == fault.Usage {
		return &problem{status: http.StatusBadRequest, code: invalidPart, message: "The parts are not those that were uploaded", err: err}
	}
	return noUpload(err)
}
