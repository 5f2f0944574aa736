package s3

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// Start makes a ticket: of one PUT, for which nothing is sent, or of a
// multipart upload, which is created.
func (s *Store) Start(ctx context.Context, spec object.Spec) (*ticket.Ticket, error) {
	key, err := s.key(spec.Path)
	if err != nil {
		return nil, err
	}
	if s.cfg.Bucket == "" {
		_, err := s.bucket(ctx)
		return nil, err
	}
	if len(spec.Options) > 0 {
		return nil, cannot("S3 has no options to --set", "use --metadata, --tag and the like")
	}
	if s.cfg.CheckAttributes != nil {
		if err := s.cfg.CheckAttributes(spec.Attributes); err != nil {
			return nil, err
		}
	}
	expires := spec.Expires
	switch {
	case expires == 0:
		expires = defaultExpires
	case expires < time.Second || expires > maxExpires:
		return nil, cannot("a signed request of S3 lives 1 second to 7 days", "choose another --expires")
	}
	st := state{
		Endpoint: s.address, Bucket: s.cfg.Bucket, Key: key, ExpiresIn: int64(expires / time.Second),
		NoClobber: spec.NoClobber, Nonce: rand.Text(),
	}
	if st.Checksum, err = s.algorithm(spec); err != nil {
		return nil, err
	}
	t := &ticket.Ticket{
		Version: ticket.Version, Profile: s.cfg.Profile, Location: s.location(key),
		Method: spec.Method, File: spec.File,
	}
	if t.Method == "" {
		t.Method = ticket.Multipart
		if spec.File.Size >= 0 && spec.File.Size <= onePart(spec) {
			t.Method = ticket.Put
		}
	}
	switch {
	case spec.MaxSize != 0 && t.Method != ticket.Post:
		return nil, cannot("only a form can bound the size", "leave out --max-size, or use --method post")
	case spec.MaxSize != 0 && spec.MaxSize < spec.File.Size:
		return nil, cannot("the form would not take the file itself", "let --max-size be the file's size at least")
	}
	switch t.Method {
	case ticket.Put:
		st.Headers, err = attributes(spec)
	case ticket.Post:
		st.MaxSize = spec.MaxSize
		st.Fields, err = s.form(key, spec)
	case ticket.Multipart:
		if spec.File.Size >= 0 {
			if t.Parts, err = ticket.Plan(spec.File.Size, spec.PartSize); err != nil {
				return nil, fault.New(fault.Usage, "%s: %w", t.Location, err)
			}
		}
		st.Headers = remembered(spec)
		err = s.create(ctx, key, spec, &st)
	default:
		err = fault.New(fault.Usage, "S3 has no method %q", t.Method)
	}
	if err != nil {
		return nil, err
	}
	if t.Method != ticket.Multipart {
		if spec.File.Size < 0 {
			return nil, cannot("one "+strings.ToUpper(string(t.Method))+" needs the size beforehand", "give --size, or leave out --method")
		}
		if spec.File.Size > ticket.MaxPartSize {
			return nil, cannot("one request takes at most 5 GiB", "leave out --method")
		}
		t.Parts = []ticket.Part{{Number: 1, Size: spec.File.Size}}
	}
	if t.State, err = st.encode(); err != nil {
		return nil, err
	}
	s.started.Store(st.Nonce, (*ticket.Checksum)(nil))
	s.decoded.Store(string(t.State), st)
	return t, nil
}

// onePart is the size in bytes up to which one PUT does.
func onePart(spec object.Spec) int64 {
	if spec.PartSize > 0 {
		return spec.PartSize
	}
	return ticket.DefaultPartSize
}

// algorithm returns which checksum the parts are to carry.
func (s *Store) algorithm(spec object.Spec) (string, error) {
	switch spec.ChecksumAlgorithm {
	case "":
		if s.keeps.Load() == no {
			return checksum.MD5, nil
		}
		if spec.Eager && s.custom && s.Stateful(spec) {
			return "", nil // MinIO takes no part without the checksum that was announced
		}
		return checksum.CRC64NVME, nil
	case "none":
		return "", nil
	}
	if _, err := checksum.New(spec.ChecksumAlgorithm); err != nil {
		return "", fault.New(fault.Usage, "%w", err)
	}
	return spec.ChecksumAlgorithm, nil
}

// create starts the multipart upload, and without the checksum that nobody
// asked for if the store does not know it: then Content-MD5 guards the parts.
func (s *Store) create(ctx context.Context, key string, spec object.Spec, st *state) error {
	in, err := createInput(s.cfg.Bucket, key, spec)
	if err != nil {
		return err
	}
	r, err := s.bucket(ctx)
	if err != nil {
		return err
	}
	switch st.Checksum {
	case "", checksum.MD5:
	case checksum.CRC64NVME:
		in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
	default:
		in.ChecksumAlgorithm = types.ChecksumAlgorithm(strings.ToUpper(st.Checksum))
	}
	out, err := r.api.CreateMultipartUpload(ctx, in)
	if in.ChecksumAlgorithm != "" && spec.ChecksumAlgorithm == "" && unknownChecksum(err) {
		in.ChecksumAlgorithm, in.ChecksumType = "", ""
		out, err = r.api.CreateMultipartUpload(ctx, in)
	}
	if err != nil {
		return s.explain(err, s.location(key))
	}
	if aws.ToString(out.UploadId) == "" {
		return fault.WithHint(fault.New(fault.Failed, "%s: the store started an upload and did not name it", s.location(key)), "check --endpoint-url")
	}
	st.UploadID, st.Started = *out.UploadId, answered(out.ResultMetadata).Unix()
	if st.Checksum == "" || st.Checksum == checksum.MD5 {
		return nil
	}
	if in.ChecksumAlgorithm != "" && strings.EqualFold(string(out.ChecksumAlgorithm), st.Checksum) {
		if st.Checksum == checksum.CRC64NVME {
			s.keeps.Store(yes)
		}
		return nil
	}
	if spec.ChecksumAlgorithm != "" {
		s.abortQuietly(ctx, r, key, st.UploadID)
		return cannot("this store does not know the checksum "+st.Checksum, "leave out --checksum")
	}
	s.keeps.Store(no)
	st.Checksum = checksum.MD5
	return nil
}

// answered is when the store answered, by its own clock: the time from which on an object
// can come from this upload, whose LastModified S3 sets to its start.
func answered(m middleware.Metadata) time.Time {
	if resp, ok := awsmiddleware.GetRawResponse(m).(*smithyhttp.Response); ok {
		if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			return date.Add(-time.Second) // it has whole seconds, and may be written after the start
		}
	}
	return time.Unix(0, 0)
}

// abortQuietly gives up an upload of which nothing was sent; the error that is
// already there says more than one of this.
func (s *Store) abortQuietly(ctx context.Context, r *remote, key, id string) {
	_, _ = r.api.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{
		Bucket: aws.String(s.cfg.Bucket), Key: aws.String(key), UploadId: aws.String(id),
	})
}

// unknownChecksum says whether err is how stores refuse a checksum that they do not know.
func unknownChecksum(err error) bool {
	if err == nil {
		return false
	}
	switch code, _ := apiCode(err); code {
	case "InvalidRequest", "InvalidArgument", "NotImplemented", "XNotImplemented", "MalformedXML", "InvalidHeader", "BadRequest", "InvalidChecksum":
		return true
	}
	return statusOf(err) == http.StatusNotImplemented
}

// PartChecksum returns the algorithm of the checksum that Sign takes for the
// parts of t: one of package checksum's names, or "" for none.
func (s *Store) PartChecksum(t *ticket.Ticket) string {
	st, err := s.state(t)
	if err != nil || t.Method == ticket.Post {
		return ""
	}
	return st.Checksum
}
