package local

import (
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// guarded is a posix backend that refuses what arrives cut short: versitygw
// v1.8.0 takes a connection's early end for the body's, and stores the torso
// as if it were whole.
type guarded struct{ *posix.Posix }

func (g guarded) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	in.Body = whole(ctx, in.Body, in.ContentLength)
	return g.Posix.PutObject(ctx, in)
}

func (g guarded) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	in.Body = whole(ctx, in.Body, in.ContentLength)
	return g.Posix.UploadPart(ctx, in)
}

// whole returns body, or a body that fails when it ends before size bytes. A
// form's body and a chunked one have framing of their own, and the backend
// must find the latter as it is.
func whole(ctx context.Context, body io.Reader, size *int64) io.Reader {
	req, ok := ctx.(interface{ IsPut() bool }) // fasthttp's RequestCtx
	if !ok || !req.IsPut() || body == nil || size == nil {
		return body
	}
	if _, chunked := body.(middlewares.ChecksumReader); chunked {
		return body
	}
	return &wholeReader{body, *size}
}

type wholeReader struct {
	body io.Reader
	left int64 // bytes
}

func (r *wholeReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.left -= int64(n)
	if r.left > 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return n, err
}
