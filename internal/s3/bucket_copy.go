package s3

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/encoding/httpbinding"
	"golang.org/x/sync/errgroup"

	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

const (
	// maxCopy is the largest object that one CopyObject takes (S3 API reference).
	maxCopy = 5 << 30
	// copyPart is how much one UploadPartCopy takes where more are needed: the
	// store reads and writes it before it answers, and many run at once.
	copyPart = 512 << 20
	// copies is how many run at once.
	copies = 8
	// abortWait bounds the abort of a copy that failed, perhaps since its caller is gone.
	abortWait = 30 * time.Second
)

// Copy makes the store copy what Stat said of an object to spec.Path, with the
// type and the attributes of spec. If the source is another one by now, it fails
// with fault.Exists, as an unmet condition does.
func (s *Store) Copy(ctx context.Context, from *object.Object, spec object.Spec) error {
	key, err := s.key(spec.Path)
	if err != nil {
		return err
	}
	if from.Size > maxCopy {
		return s.copyParts(ctx, from, key, spec, max(copyPart, (from.Size+ticket.MaxParts-1)/ticket.MaxParts))
	}
	r, err := s.bucket(ctx)
	if err != nil {
		return err
	}
	in, err := createInput(s.cfg.Bucket, key, spec)
	if err != nil {
		return err
	}
	_, err = r.api.CopyObject(ctx, &sdk.CopyObjectInput{
		Bucket: in.Bucket, Key: in.Key,
		CopySource: s.copySource(from), CopySourceIfMatch: aws.String(`"` + from.ETag + `"`),
		MetadataDirective: types.MetadataDirectiveReplace,
		ContentType:       in.ContentType, ContentDisposition: in.ContentDisposition, ContentEncoding: in.ContentEncoding,
		ContentLanguage: in.ContentLanguage, CacheControl: in.CacheControl, Metadata: in.Metadata,
		ACL: in.ACL, StorageClass: in.StorageClass, ServerSideEncryption: in.ServerSideEncryption, SSEKMSKeyId: in.SSEKMSKeyId,
	})
	return s.explain(err, s.location(key))
}

// copySource names an object as x-amz-copy-source wants it: escaped.
func (s *Store) copySource(from *object.Object) *string {
	return aws.String(s.cfg.Bucket + "/" + httpbinding.EscapePath(from.Key, false))
}

// copyParts copies in parts of size bytes.
func (s *Store) copyParts(ctx context.Context, from *object.Object, key string, spec object.Spec, size int64) (err error) {
	r, err := s.bucket(ctx)
	if err != nil {
		return err
	}
	in, err := createInput(s.cfg.Bucket, key, spec)
	if err != nil {
		return err
	}
	created, err := r.api.CreateMultipartUpload(ctx, in)
	if err != nil {
		return s.explain(err, s.location(key))
	}
	id := aws.ToString(created.UploadId)
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortWait)
			defer cancel()
			s.abortQuietly(ctx, r, key, id)
		}
	}()

	parts := make([]types.CompletedPart, (from.Size+size-1)/size)
	group, copying := errgroup.WithContext(ctx)
	group.SetLimit(copies)
	for i := range parts {
		group.Go(func() error {
			first := int64(i) * size
			number := aws.Int32(int32(i) + 1)
			out, err := r.api.UploadPartCopy(copying, &sdk.UploadPartCopyInput{
				Bucket: in.Bucket, Key: in.Key, UploadId: created.UploadId, PartNumber: number,
				CopySource: s.copySource(from), CopySourceIfMatch: aws.String(`"` + from.ETag + `"`),
				CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", first, min(first+size, from.Size)-1)),
			})
			if err != nil {
				return err
			}
			parts[i] = types.CompletedPart{PartNumber: number}
			if out.CopyPartResult != nil {
				parts[i].ETag = out.CopyPartResult.ETag
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return s.explain(err, s.location(key))
	}
	_, err = r.api.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{
		Bucket: in.Bucket, Key: in.Key, UploadId: created.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return s.explain(err, s.location(key))
}
