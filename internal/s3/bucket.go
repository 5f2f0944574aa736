package s3

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// The methods here are what a server needs that signs for others: single
// requests and calls, each by the path of an object, with no ticket between them.

// Location returns what a person types to name the object at path.
func (s *Store) Location(path string) string { return s.location(s.cfg.Prefix + path) }

// BucketKey returns the bucket, and the whole key of the object at path in it.
func (s *Store) BucketKey(path string) (bucket, key string) { return s.cfg.Bucket, s.cfg.Prefix + path }

// at returns the key of the object at path, and how to reach the bucket.
func (s *Store) at(ctx context.Context, path string) (key string, r *remote, err error) {
	if key, err = s.key(path); err != nil {
		return "", nil, err
	}
	r, err = s.bucket(ctx)
	return key, r, err
}

// CheckPath says why there can be no object at path. It makes no request.
func (s *Store) CheckPath(path string) error {
	_, err := s.key(path)
	return err
}

// SignPut returns a PUT of exactly spec.File.Size bytes, or of any number if that
// is -1, and when it ends. The size, the type and the attributes are signed
// headers: the store refuses a request that has others.
func (s *Store) SignPut(ctx context.Context, spec object.Spec) (*ticket.Request, time.Time, error) {
	key, err := s.key(spec.Path)
	if err != nil {
		return nil, time.Time{}, err
	}
	headers, err := attributes(spec)
	if err != nil {
		return nil, time.Time{}, err
	}
	u := unsigned{method: http.MethodPut, key: key, header: http.Header{}, expires: spec.Expires}
	for name, value := range headers {
		u.header.Set(name, value)
	}
	if spec.File.Size == 0 {
		return s.presignEmpty(ctx, u)
	}
	u.length = max(spec.File.Size, 0)
	return s.presign(ctx, u)
}

// SignForm returns a POST form of at most spec.MaxSize bytes and when it ends.
// Its policy holds every field to the value that it has here.
func (s *Store) SignForm(ctx context.Context, spec object.Spec) (*ticket.Request, time.Time, error) {
	key, err := s.key(spec.Path)
	if err != nil {
		return nil, time.Time{}, err
	}
	fields, err := s.form(key, spec)
	if err != nil {
		return nil, time.Time{}, err
	}
	return s.signForm(ctx, state{
		Bucket: s.cfg.Bucket, Key: key, Fields: fields,
		MaxSize: spec.MaxSize, ExpiresIn: int64(spec.Expires / time.Second),
	}, spec.File.Size)
}

// CreateUpload starts a multipart upload and returns its id.
func (s *Store) CreateUpload(ctx context.Context, spec object.Spec) (string, error) {
	key, err := s.key(spec.Path)
	if err != nil {
		return "", err
	}
	var st state
	if err := s.create(ctx, key, spec, &st); err != nil {
		return "", err
	}
	return st.UploadID, nil
}

// SignPart returns the PUT of the numbered part, of exactly size bytes or of
// any number if size is -1.
func (s *Store) SignPart(ctx context.Context, path, uploadID string, number int, size int64, expires time.Duration) (*ticket.Request, error) {
	key, err := s.key(path)
	if err != nil {
		return nil, err
	}
	request, _, err := s.presign(ctx, unsigned{
		method: http.MethodPut, key: key, length: max(size, 0), header: http.Header{}, expires: expires,
		query: partQuery(uploadID, number),
	})
	return request, err
}

// CheckUpload says why there is no unfinished upload of this id at path.
func (s *Store) CheckUpload(ctx context.Context, path, uploadID string) error {
	key, r, err := s.at(ctx, path)
	if err != nil {
		return err
	}
	_, err = r.api.ListParts(ctx, &sdk.ListPartsInput{
		Bucket: aws.String(s.cfg.Bucket), Key: aws.String(key), UploadId: aws.String(uploadID), MaxParts: aws.Int32(1),
	})
	return s.explain(err, s.location(key))
}

// CompleteUpload makes one object of the parts that the receipts name, which
// are in the order of their numbers. What came of it is for Stat to say.
func (s *Store) CompleteUpload(ctx context.Context, path, uploadID string, receipts []ticket.Receipt) error {
	key, r, err := s.at(ctx, path)
	if err != nil {
		return err
	}
	parts := make([]types.CompletedPart, len(receipts))
	for i, receipt := range receipts {
		parts[i] = types.CompletedPart{PartNumber: aws.Int32(int32(receipt.Number)), ETag: aws.String(`"` + receipt.ETag + `"`)}
	}
	_, err = r.api.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{
		Bucket: aws.String(s.cfg.Bucket), Key: aws.String(key), UploadId: aws.String(uploadID),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return s.explain(err, s.location(key))
}

// MultipartETag returns the ETag of an object that is made of these parts, or
// "" where theirs are no MD5s and so do not tell.
func (s *Store) MultipartETag(receipts []ticket.Receipt) string { return multipartETag(receipts) }

// SignView returns a URL that gets the object at path and lives for expires; the
// answer's Content-Disposition is the one given, where it is not "".
func (s *Store) SignView(ctx context.Context, path, disposition string, expires time.Duration) (string, error) {
	key, err := s.key(path)
	if err != nil {
		return "", err
	}
	u := unsigned{method: http.MethodGet, key: key, query: url.Values{}, header: http.Header{}, expires: expires}
	if disposition != "" {
		u.query.Set("response-content-disposition", disposition)
	}
	request, _, err := s.presign(ctx, u)
	if err != nil {
		return "", err
	}
	return request.URL, nil
}

// Fetch sends a GET of the object at path with the header given, such as Range
// and If-Match, and returns the store's answer, whose body the caller closes.
// A status from 400 on is an error, except for 412 and 416, which answer that header.
func (s *Store) Fetch(ctx context.Context, path string, header http.Header) (*http.Response, error) {
	request, err := s.signGet(ctx, path, "", time.Minute, http.Header{})
	if err != nil {
		return nil, err
	}
	where := s.Location(path)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, request.URL, nil)
	if err != nil {
		return nil, s.explain(err, where)
	}
	req.Header = header.Clone()
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, s.explain(err, where)
	}
	if resp.StatusCode < 400 || resp.StatusCode == http.StatusPreconditionFailed || resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		return resp, nil
	}
	resp.Body.Close()
	c := byStatus(resp.StatusCode)
	return nil, &fault.Error{Kind: c.kind, Message: where + ": " + resp.Status, Hint: c.hint}
}

// PutSmall stores body at path in one request.
func (s *Store) PutSmall(ctx context.Context, path, contentType string, body []byte) error {
	key, r, err := s.at(ctx, path)
	if err != nil {
		return err
	}
	_, err = r.api.PutObject(ctx, &sdk.PutObjectInput{
		Bucket: aws.String(s.cfg.Bucket), Key: aws.String(key), Body: bytes.NewReader(body), ContentType: aws.String(contentType),
	})
	return s.explain(err, s.location(key))
}

// ReadSmall returns the object at path, or its first limit bytes if it is longer.
func (s *Store) ReadSmall(ctx context.Context, path string, limit int64) ([]byte, error) {
	key, r, err := s.at(ctx, path)
	if err != nil {
		return nil, err
	}
	out, err := r.api.GetObject(ctx, &sdk.GetObjectInput{Bucket: aws.String(s.cfg.Bucket), Key: aws.String(key)})
	if err != nil {
		return nil, s.explain(err, s.location(key))
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, limit))
	return body, s.explain(err, s.location(key))
}

// Delete removes the object at path; a missing one is no error.
func (s *Store) Delete(ctx context.Context, path string) error {
	key, r, err := s.at(ctx, path)
	if err != nil {
		return err
	}
	return s.removeOne(ctx, r, key)
}
