package broker

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/mediatype"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// gitfolioExpires is the document's "5 minutes (300 seconds)".
const gitfolioExpires = 300 * time.Second

type gitfolioAnswer struct {
	Status  string `json:"status"` // success or error
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (b *Broker) gitfolio(mux *http.ServeMux) {
	d := &dialect{
		api:    Gitfolio,
		secret: bearer,
		denied: problem{status: http.StatusUnauthorized, message: "Missing or invalid token"},
		body: func(p *problem, _ string) any {
			if p.status == http.StatusUnauthorized { // the one error without a status, in the document
				return struct {
					Message string `json:"message"`
				}{p.message}
			}
			return gitfolioAnswer{Status: "error", Message: p.message}
		},
	}
	mux.Handle("POST /api/v1/s3/generatePreSignedURL", b.serve(d, b.gitfolioSign))
	mux.Handle("POST /api/v1/dashboard/user/update", b.serve(d, b.gitfolioUpdate))
}

// gitfolioSign hands out the URL of users/{userId}/{type}/{filename}.
//
// Silent in the document: what a type beside the five "common" ones does (refused, since it
// names a folder), and what a file of another than the supported types does (refused,
// since what is stored is public). The PUT must have the Content-Type that the name's
// extension stands for, which is what a browser's file.type is: a name ending in .jpg
// cannot become a page of HTML.
func (b *Broker) gitfolioSign(w http.ResponseWriter, r *http.Request, who *Token) error {
	var in struct {
		Type     string `json:"type"`
		Filename string `json:"filename"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.Type == "" || in.Filename == "" {
		return bad("Type and filename are required")
	}
	if !slices.Contains(gitfolioTypes(), in.Type) {
		return bad("Type must be one of %s", strings.Join(gitfolioTypes(), ", "))
	}
	if why := checkName(in.Filename); why != "" {
		return bad("Filename %s", why)
	}
	kind := gitfolioMedia(in.Filename)
	if kind == "" {
		return bad("Filename must end in .jpg, .jpeg, .png, .gif, .webp, .svg or .pdf")
	}
	if b.cfg.PublicBase != "" && !b.harmless(kind) {
		return bad("Files of type %s are not allowed here", kind)
	}
	key := path.Join("users", who.User, in.Type, in.Filename)
	if err := b.bucket.CheckPath(key); err != nil {
		return &problem{status: http.StatusBadRequest, message: "Filename cannot be stored", err: err}
	}
	request, _, err := b.bucket.SignPut(r.Context(), object.Spec{
		Path: key, File: ticket.File{Name: in.Filename, Size: -1, Type: kind}, Expires: gitfolioExpires,
	})
	if err != nil {
		return &problem{status: http.StatusInternalServerError, message: "Error Generating Url", err: err}
	}
	return b.ok(w, gitfolioAnswer{Status: "success", Message: "PreSigned URL Generated", Data: struct {
		UploadURL string `json:"uploadURL"`
		FileURL   string `json:"fileURL"`
		Key       string `json:"key"`
		ExpiresIn int    `json:"expiresIn"` // seconds
	}{request.URL, b.publicURL(r, key), key, int(gitfolioExpires / time.Second)}})
}

func gitfolioTypes() []string {
	return []string{"profile", "repo", "company", "institution", "project"}
}

// gitfolioMedia returns the media type of a file that the document supports, or "".
func gitfolioMedia(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png", ".gif", ".webp", ".svg", ".pdf":
		return mediatype.ByName(name)
	}
	return ""
}

// gitfolioUpdate sets the user's profile image.
//
// The document shows the request and no answer: this one is its envelope with what was
// set. The image must be one that this user has uploaded here as profile image, and the
// token's size, which no one could check before, is checked now.
func (b *Broker) gitfolioUpdate(w http.ResponseWriter, r *http.Request, who *Token) error {
	var in struct {
		ProfileImg string `json:"profileImg"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.ProfileImg == "" {
		return bad("profileImg is required")
	}
	folder := path.Join("users", who.User, "profile") + "/"
	escaped, own := strings.CutPrefix(in.ProfileImg, b.publicURL(r, folder))
	name, err := url.PathUnescape(escaped)
	if err != nil || !own || checkName(name) != "" {
		return forbidden("profileImg must be the fileURL of one of your own profile images")
	}
	stored, err := b.bucket.Stat(r.Context(), folder+name, "")
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return bad("profileImg is not uploaded yet")
	case err != nil:
		return storage(err)
	case who.MaxSize > 0 && stored.Size > who.MaxSize:
		if err := b.bucket.Delete(r.Context(), folder+name); err != nil {
			return storage(err)
		}
		return tooLarge(who.MaxSize)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	// Beside the folder that is public, not in it.
	if err := b.bucket.PutSmall(r.Context(), fmt.Sprintf("gitfolio-users/%s.json", who.User), "application/json", body); err != nil {
		return storage(err)
	}
	return b.ok(w, gitfolioAnswer{Status: "success", Message: "User updated", Data: in})
}
