package broker

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

const (
	// postExpires is the document's "5 minutes".
	postExpires = 5 * time.Minute
	postObjects = "s3objects/"
	postRecords = "s3object-records/"
	// maxRecord bounds in bytes a small object of the broker's own.
	maxRecord = 64 << 10
)

// postKey is where an upload goes. All that success must know of it is in it.
type postKey struct{ business, user, source, uuid string }

func (k postKey) String() string {
	return postObjects + strings.Join([]string{k.business, k.user, k.source, k.uuid}, "/")
}

func (k postKey) record() string {
	return postRecords + k.business + "/" + k.user + "/" + k.uuid + ".json"
}

// parsePostKey reads a key that came from a client.
func parsePostKey(key string) (postKey, bool) {
	s := strings.Split(strings.TrimPrefix(key, postObjects), "/")
	if !strings.HasPrefix(key, postObjects) || len(s) != 4 {
		return postKey{}, false
	}
	k := postKey{s[0], s[1], s[2], s[3]}
	return k, k.valid()
}

func (k postKey) valid() bool {
	return segment().MatchString(k.business) && segment().MatchString(k.user) && slices.Contains(postSources(), k.source) && uuid().MatchString(k.uuid)
}

func postSources() []string {
	return []string{
		"field_value", "form_field_value", "activity_field_value", "automation_value", "employee_import", "record_import",
		"meta_import", "smart_connector_import", "knowledge_source", "public_image", "third_party_image",
	}
}

// presignedPost serves the fourth document, which has no errors in it: their
// shape here is {"detail": …}. It calls X-API-KEY optional; here it is not, since the other two
// prove nothing: X-BUSINESS-ID and X-USER-ID must be the token's own where they are sent.
func (b *Broker) presignedPost(mux *http.ServeMux) {
	d := &dialect{
		api:    PresignedPost,
		secret: func(r *http.Request) string { return r.Header.Get("X-Api-Key") },
		denied: problem{status: http.StatusUnauthorized, message: "Missing or invalid X-API-KEY"},
		body: func(p *problem, _ string) any {
			return struct {
				Detail string `json:"detail"`
			}{p.message}
		},
	}
	mux.Handle("GET /api/s3/presigned-post", b.serve(d, b.postSign))
	mux.Handle("POST /api/s3/success", b.serve(d, b.postSuccess))
}

// postOwner says for which business and user a request is.
func postOwner(r *http.Request, who *Token) (business, user string, err error) {
	business = r.Header.Get("X-Business-Id")
	switch {
	case business == "" && who.Business == Any, business == "" && who.Business == "":
		business = "default"
	case business == "":
		business = who.Business
	case !may(who.Business, business):
		return "", "", forbidden("This key is not for this business")
	}
	if named := r.Header.Get("X-User-Id"); named != "" && named != who.User {
		return "", "", forbidden("This key is not for this user")
	}
	return business, who.User, nil
}

// postSign hands out a form. The document's schema leaves out fields and key, though
// its flow ("POST the file to S3 using the returned URL and fields", "call success
// with the key") needs both: they are in the answer.
func (b *Broker) postSign(w http.ResponseWriter, r *http.Request, who *Token) error {
	in, err := parameters(r, "contenttype", "filename", "source")
	if err != nil {
		return err
	}
	kind, name, source := in[0], in[1], in[2]
	if why := checkType(kind); why != "" {
		return bad("contenttype %s", why)
	}
	if why := checkName(name); why != "" {
		return bad("filename %s", why)
	}
	if !slices.Contains(postSources(), source) {
		return bad("source must be one of %s", strings.Join(postSources(), ", "))
	}
	business, user, err := postOwner(r, who)
	if err != nil {
		return err
	}
	key := postKey{business, user, source, newUUID()}
	limit := who.limit(b.cfg.MaxFormSize)
	form, ends, err := b.bucket.SignForm(r.Context(), object.Spec{
		Path: key.String(), File: ticket.File{Name: name, Type: kind}, MaxSize: limit, Expires: postExpires,
		Attributes: object.Attributes{ContentDisposition: b.disposition(kind, name)},
	})
	if err != nil {
		return storage(err)
	}
	return b.ok(w, struct {
		URL       string            `json:"url"`
		Fields    map[string]string `json:"fields"`
		Key       string            `json:"key"`
		ID        string            `json:"s3object_id"`
		MaxSize   int64             `json:"max_file_size"` // bytes
		ExpiresAt time.Time         `json:"expires_at"`
	}{form.URL, form.Fields, key.String(), key.uuid, limit, ends.UTC()})
}

// postObject is the answer of success, and what is kept of it.
type postObject struct {
	ID            string    `json:"id"`
	Created       time.Time `json:"created"`
	Key           string    `json:"key"`
	Name          *string   `json:"name"`
	URL           string    `json:"url"`
	ThumbnailURL  string    `json:"thumbnail_url"`
	SizeBytes     int64     `json:"size_bytes"`
	SizeFormatted string    `json:"size_formatted"`
	ContentType   *string   `json:"content_type"`
	IsPublic      bool      `json:"is_public"`
	CommonKey     *string   `json:"common_key"`
	IsCommon      bool      `json:"is_common"`
}

// postSuccess confirms an upload: what is stored under the key must have the
// ETag that the client was told. Sent again it answers the same.
//
// The document has every field of the body optional, and says in words "with the
// key, uuid, name, and etag": key, uuid and etag are required here. It requires
// a thumbnail_url: there are no thumbnails, so it is the object's own URL. source is
// upper case in its example and lower case in the other request: both are taken.
func (b *Broker) postSuccess(w http.ResponseWriter, r *http.Request, who *Token) error {
	var in struct {
		UUID     string  `json:"uuid"`
		Key      string  `json:"key"`
		Name     *string `json:"name"`
		IsPublic bool    `json:"is_public"`
		ETag     string  `json:"etag"`
		Business string  `json:"business_id"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	for _, f := range []struct{ name, value string }{{"key", in.Key}, {"uuid", in.UUID}, {"etag", in.ETag}} {
		if err := required(f.name, f.value); err != nil {
			return err
		}
	}
	if in.Name != nil {
		if why := checkName(*in.Name); why != "" {
			return bad("name %s", why)
		}
	}
	business, user, err := postOwner(r, who)
	if err != nil {
		return err
	}
	key, ok := parsePostKey(in.Key)
	switch {
	case !ok, key.user != user, key.business != business:
		return forbidden("This key is not one of yours")
	case key.uuid != in.UUID:
		return bad("uuid is not the one of this key")
	case in.Business != "" && in.Business != business:
		return forbidden("This key is not for this business")
	}
	if source := r.URL.Query().Get("source"); source != "" && !strings.EqualFold(source, key.source) {
		return bad("source is not the one of this key")
	}
	stored, err := b.bucket.Stat(r.Context(), in.Key, "")
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return bad("nothing is stored under this key")
	case err != nil:
		return storage(err)
	case !strings.EqualFold(strings.Trim(in.ETag, `"`), stored.ETag):
		return bad("etag is not the one of what is stored")
	}
	answer := postObject{
		ID: key.uuid, Created: stored.Modified.UTC(), Key: in.Key, Name: in.Name,
		SizeBytes: stored.Size, SizeFormatted: humanize.IBytes(uint64(max(stored.Size, 0))),
		ContentType: &stored.ContentType, IsPublic: in.IsPublic,
	}
	record, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	if err := b.bucket.PutSmall(r.Context(), key.record(), "application/json", record); err != nil {
		return storage(err)
	}
	if answer.IsPublic {
		answer.URL = b.publicURL(r, in.Key)
	} else if answer.URL, err = b.bucket.SignView(r.Context(), in.Key, "", viewExpires); err != nil {
		return storage(err)
	}
	answer.ThumbnailURL = answer.URL
	return b.ok(w, answer)
}

// postRecord returns what was kept of a success.
func (b *Broker) postRecord(ctx context.Context, key postKey) (*postObject, error) {
	if !key.valid() {
		return nil, fault.New(fault.NotFound, "there is no object %q", key)
	}
	body, err := b.bucket.ReadSmall(ctx, key.record(), maxRecord)
	if err != nil {
		return nil, err
	}
	var record postObject
	if err := json.Unmarshal(body, &record); err != nil {
		return nil, fault.New(fault.Failed, "%s: %w", key.record(), err)
	}
	if record.Key != key.String() {
		return nil, fault.New(fault.NotFound, "there is no object %q", key)
	}
	return &record, nil
}
