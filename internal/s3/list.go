package s3

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// List yields the objects whose path starts with prefix, a page at a time.
func (s *Store) List(ctx context.Context, prefix string, recursive bool) iter.Seq2[object.Object, error] {
	return func(yield func(object.Object, error) bool) {
		r, err := s.bucket(ctx)
		if err != nil {
			yield(object.Object{}, err)
			return
		}
		in := &sdk.ListObjectsV2Input{
			Bucket: aws.String(s.cfg.Bucket), Prefix: aws.String(s.cfg.Prefix + prefix),
			EncodingType: types.EncodingTypeUrl, // XML cannot hold every key
		}
		if !recursive {
			in.Delimiter = aws.String("/")
		}
		for p := new(page); ; {
			if _, err := r.api.ListObjectsV2(ctx, in, p.decode); err != nil {
				yield(object.Object{}, s.explain(err, s.location(s.cfg.Prefix+prefix)))
				return
			}
			if !s.yieldPage(p, yield) || !p.more {
				return
			}
			if p.next == "" || p.next == aws.ToString(in.ContinuationToken) {
				err := fault.New(fault.Failed, "the store says that there is more, and not after what")
				yield(object.Object{}, s.explain(err, s.location(s.cfg.Prefix+prefix)))
				return
			}
			in.ContinuationToken = aws.String(p.next)
		}
	}
}

func (s *Store) yieldPage(p *page, yield func(object.Object, error) bool) bool {
	for _, prefix := range p.prefixes {
		key := p.name(prefix)
		if !strings.HasPrefix(key, s.cfg.Prefix) {
			continue
		}
		if !yield(object.Object{Location: s.location(key), Path: s.path(key), Key: key, Size: -1, Prefix: true}, nil) {
			return false
		}
	}
	for i := range p.objects {
		o := &p.objects[i]
		key := p.name(o.key)
		if !strings.HasPrefix(key, s.cfg.Prefix) {
			continue
		}
		if !yield(object.Object{
			Location: s.location(key), Path: s.path(key), Key: key, Size: o.size,
			Modified: o.modified, ETag: strings.Trim(o.etag, `"`),
		}, nil) {
			return false
		}
	}
	return true
}

// decode undoes encoding-type=url, if the store did it.
func decode(name string, encoding types.EncodingType) string {
	if encoding != types.EncodingTypeUrl {
		return name
	}
	if plain, err := url.QueryUnescape(name); err == nil {
		return plain
	}
	return name
}

// ListBuckets yields the account's buckets.
func (s *Store) ListBuckets(ctx context.Context) iter.Seq2[object.Bucket, error] {
	return func(yield func(object.Bucket, error) bool) {
		r, err := s.connect(ctx)
		if err != nil {
			yield(object.Bucket{}, err)
			return
		}
		for pages := sdk.NewListBucketsPaginator(r.api, &sdk.ListBucketsInput{}); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(object.Bucket{}, s.explain(err, "list of buckets"))
				return
			}
			for _, b := range page.Buckets {
				if !yield(object.Bucket{Name: aws.ToString(b.Name), Created: aws.ToTime(b.CreationDate)}, nil) {
					return
				}
			}
		}
	}
}

// Stat returns what the store knows of the object at path.
func (s *Store) Stat(ctx context.Context, path, versionID string) (*object.Object, error) {
	key, err := s.key(path)
	if err != nil {
		return nil, err
	}
	return s.head(ctx, key, versionID)
}

// record is the part of a HEAD's answer that Object has no field for, with the
// names of S3's API.
type record struct {
	AcceptRanges         string            `json:",omitempty"`
	CacheControl         string            `json:",omitempty"`
	ContentDisposition   string            `json:",omitempty"`
	ContentEncoding      string            `json:",omitempty"`
	ContentLanguage      string            `json:",omitempty"`
	Metadata             map[string]string `json:",omitempty"`
	StorageClass         string            `json:",omitempty"`
	ServerSideEncryption string            `json:",omitempty"`
	SSEKMSKeyID          string            `json:"SSEKMSKeyId,omitempty"`
	ChecksumType         string            `json:",omitempty"`
	PartsCount           int32             `json:",omitempty"`
	TagCount             int32             `json:",omitempty"`
	Restore              string            `json:",omitempty"`
	ReplicationStatus    string            `json:",omitempty"`
}

// headObject asks for all that the store says of an object.
func (s *Store) headObject(ctx context.Context, key, versionID string, mode types.ChecksumMode) (*sdk.HeadObjectOutput, error) {
	r, err := s.bucket(ctx)
	if err != nil {
		return nil, err
	}
	in := &sdk.HeadObjectInput{Bucket: aws.String(s.cfg.Bucket), Key: aws.String(key), ChecksumMode: mode}
	if versionID != "" {
		in.VersionId = aws.String(versionID)
	}
	out, err := r.api.HeadObject(ctx, in)
	if err != nil {
		return nil, s.explain(s.reason(ctx, r, in, err), s.location(key))
	}
	return out, nil
}

func (s *Store) head(ctx context.Context, key, versionID string) (*object.Object, error) {
	out, err := s.headObject(ctx, key, versionID, types.ChecksumModeEnabled)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(record{
		AcceptRanges: aws.ToString(out.AcceptRanges), CacheControl: aws.ToString(out.CacheControl),
		ContentDisposition: aws.ToString(out.ContentDisposition), ContentEncoding: aws.ToString(out.ContentEncoding),
		ContentLanguage: aws.ToString(out.ContentLanguage), Metadata: out.Metadata,
		StorageClass: string(out.StorageClass), ServerSideEncryption: string(out.ServerSideEncryption),
		SSEKMSKeyID: aws.ToString(out.SSEKMSKeyId), ChecksumType: string(out.ChecksumType),
		PartsCount: aws.ToInt32(out.PartsCount), TagCount: aws.ToInt32(out.TagCount),
		Restore: aws.ToString(out.Restore), ReplicationStatus: string(out.ReplicationStatus),
	})
	if err != nil {
		return nil, s.explain(err, s.location(key))
	}
	return &object.Object{
		Location: s.location(key), Path: s.path(key), Key: key, Size: aws.ToInt64(out.ContentLength),
		Modified: aws.ToTime(out.LastModified), ETag: trimETag(out.ETag), ContentType: aws.ToString(out.ContentType),
		VersionID: aws.ToString(out.VersionId), Checksum: fullChecksum(out), MD5ETag: isMD5(out), Record: raw,
	}, nil
}

// reason asks again with a GET why a HEAD was refused, whose answer has no room
// for S3's code: the key, the bucket or the credentials may be what is not found.
func (s *Store) reason(ctx context.Context, r *remote, in *sdk.HeadObjectInput, refused error) error {
	if statusOf(refused)/100 != 4 {
		return refused
	}
	out, err := r.api.GetObject(ctx, &sdk.GetObjectInput{
		Bucket: in.Bucket, Key: in.Key, VersionId: in.VersionId, Range: aws.String("bytes=0-0"),
	})
	if err == nil {
		_ = out.Body.Close() // of one byte
		return refused
	}
	if code, _ := apiCode(err); code == "" {
		return refused
	}
	return err
}

// fullChecksum returns the checksum of the whole object, or nil: one that is
// composed of the parts' (COMPOSITE, "…-3") is not it.
func fullChecksum(out *sdk.HeadObjectOutput) *ticket.Checksum {
	if out.ChecksumType == types.ChecksumTypeComposite {
		return nil
	}
	for _, c := range []struct {
		algorithm string
		value     *string
	}{
		{checksum.CRC64NVME, out.ChecksumCRC64NVME},
		{checksum.SHA256, out.ChecksumSHA256},
		{checksum.CRC32C, out.ChecksumCRC32C},
		{checksum.CRC32, out.ChecksumCRC32},
		{checksum.SHA1, out.ChecksumSHA1},
	} {
		if value := aws.ToString(c.value); value != "" && !strings.Contains(value, "-") {
			return &ticket.Checksum{Algorithm: c.algorithm, Value: value}
		}
	}
	return nil
}

// isMD5 says whether the ETag is the object's MD5: 32 hexadecimal digits, and not
// under SSE-KMS or SSE-C, whose ETags only look alike.
func isMD5(out *sdk.HeadObjectOutput) bool {
	etag := trimETag(out.ETag)
	switch {
	case out.ServerSideEncryption != "" && out.ServerSideEncryption != types.ServerSideEncryptionAes256:
		return false
	case aws.ToString(out.SSECustomerAlgorithm) != "":
		return false
	}
	return len(etag) == 32 && strings.Trim(strings.ToLower(etag), "0123456789abcdef") == ""
}

// SignGet returns a GET of the object at path whose answer carries the object's
// checksum. Range and If-Match may be added to it.
func (s *Store) SignGet(ctx context.Context, path, versionID string, expires time.Duration) (*ticket.Request, error) {
	return s.signGet(ctx, path, versionID, expires, http.Header{"X-Amz-Checksum-Mode": {"ENABLED"}})
}

// GetURL returns a URL that gets the object at path with no header of its own, as a browser does.
func (s *Store) GetURL(ctx context.Context, path, versionID string, expires time.Duration) (string, error) {
	request, err := s.signGet(ctx, path, versionID, expires, http.Header{})
	if err != nil {
		return "", err
	}
	return request.URL, nil
}

func (s *Store) signGet(ctx context.Context, path, versionID string, expires time.Duration, header http.Header) (*ticket.Request, error) {
	key, err := s.key(path)
	if err != nil {
		return nil, err
	}
	if expires == 0 {
		expires = defaultExpires
	}
	if expires < time.Second || expires > maxExpires {
		return nil, cannot("a signed request of S3 lives 1 second to 7 days", "choose another --expires")
	}
	u := unsigned{method: http.MethodGet, key: key, query: url.Values{}, header: header, expires: expires}
	if versionID != "" {
		u.query.Set("versionId", versionID)
	}
	request, _, err := s.presign(ctx, u)
	return request, err
}
