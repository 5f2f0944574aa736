package s3

import (
	"context"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// Abort gives the upload up. Of a single PUT or POST there is nothing to give up.
func (s *Store) Abort(ctx context.Context, t *ticket.Ticket) error {
	st, err := s.state(t)
	if err != nil {
		return err
	}
	s.started.Delete(st.Nonce)
	s.decoded.Delete(string(t.State))
	if t.Method != ticket.Multipart {
		return nil
	}
	return s.abort(ctx, st.Key, st.UploadID)
}

func (s *Store) abort(ctx context.Context, key, id string) error {
	r, err := s.bucket(ctx)
	if err != nil {
		return err
	}
	_, err = r.api.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{
		Bucket: aws.String(s.cfg.Bucket), Key: aws.String(key), UploadId: aws.String(id),
	})
	if code, _ := apiCode(err); code == "NoSuchUpload" {
		return nil
	}
	return s.explain(err, s.location(key))
}

// ListParts returns a receipt for every part that the store holds. An upload
// that is gone is a fault.NotFound.
func (s *Store) ListParts(ctx context.Context, t *ticket.Ticket) ([]ticket.Receipt, error) {
	st, err := s.state(t)
	if err != nil {
		return nil, err
	}
	if t.Method != ticket.Multipart {
		return nil, nil
	}
	var receipts []ticket.Receipt
	for p, err := range s.parts(ctx, st) {
		if err != nil {
			return nil, err
		}
		r := ticket.Receipt{Number: int(aws.ToInt32(p.PartNumber)), Size: aws.ToInt64(p.Size), ETag: trimETag(p.ETag)}
		if sum := aws.ToString(p.ChecksumCRC64NVME); sum != "" {
			r.Checksum = &ticket.Checksum{Algorithm: checksum.CRC64NVME, Value: sum}
		}
		receipts = append(receipts, r)
	}
	return receipts, nil
}

func (s *Store) parts(ctx context.Context, st state) iter.Seq2[types.Part, error] {
	return func(yield func(types.Part, error) bool) {
		r, err := s.bucket(ctx)
		if err != nil {
			yield(types.Part{}, err)
			return
		}
		in := &sdk.ListPartsInput{Bucket: aws.String(st.Bucket), Key: aws.String(st.Key), UploadId: aws.String(st.UploadID)}
		for pages := sdk.NewListPartsPaginator(r.api, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(types.Part{}, s.explain(err, s.location(st.Key)))
				return
			}
			for _, p := range page.Parts {
				if !yield(p, nil) {
					return
				}
			}
		}
	}
}

// ListUploads yields the unfinished uploads whose path starts with prefix.
func (s *Store) ListUploads(ctx context.Context, prefix string) iter.Seq2[object.Upload, error] {
	return func(yield func(object.Upload, error) bool) {
		r, err := s.bucket(ctx)
		if err != nil {
			yield(object.Upload{}, err)
			return
		}
		in := &sdk.ListMultipartUploadsInput{
			Bucket: aws.String(s.cfg.Bucket), Prefix: aws.String(s.cfg.Prefix + prefix), EncodingType: types.EncodingTypeUrl,
		}
		if s.custom {
			in.Prefix = nil // MinIO answers for a whole key or for none, not for a prefix
		}
		for pages := sdk.NewListMultipartUploadsPaginator(r.api, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(object.Upload{}, s.explain(err, s.location(s.cfg.Prefix+prefix)))
				return
			}
			for _, u := range page.Uploads {
				key := decode(aws.ToString(u.Key), page.EncodingType)
				path, below := strings.CutPrefix(key, s.cfg.Prefix)
				if !below || !strings.HasPrefix(path, prefix) {
					continue
				}
				if !yield(object.Upload{
					Location: s.location(key), Path: path, Key: key,
					ID: aws.ToString(u.UploadId), Started: aws.ToTime(u.Initiated),
				}, nil) {
					return
				}
			}
		}
	}
}

// AbortUpload gives up one of the uploads that ListUploads yields.
func (s *Store) AbortUpload(ctx context.Context, u object.Upload) error {
	if !strings.HasPrefix(u.Key, s.cfg.Prefix) || u.ID == "" {
		return fault.New(fault.Usage, "the upload of %q is not one below %s", u.Key, s.cfg.Base)
	}
	return s.abort(ctx, u.Key, u.ID)
}
