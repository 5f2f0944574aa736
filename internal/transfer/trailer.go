package transfer

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// Under TLS the bytes of a file pass through the program, so that their
// checksum can be taken as they do and follow them: the file is read once.
// Without TLS the kernel sends them, and they are read before that.

// SignTrailingFunc returns the request that sends a part with its checksum
// behind it: one with a Trailer.
type SignTrailingFunc func(ctx context.Context, part ticket.Part) (*ticket.Request, error)

// errUnrepeated is an answer of a store that may have taken the trailer, and
// what frames the bytes, for a piece of the object.
var errUnrepeated = errors.New("the store does not say the checksum of what it holds")

// declined says whether err is that of a store to which the same part may be
// sent with its checksum before it.
func declined(err error) bool {
	if r, ok := errors.AsType[*refusal](err); ok {
		return fault.KindOf(r) != fault.Temporary
	}
	return errors.Is(err, errUnrepeated) || errors.Is(err, errDamaged)
}

// trailing returns a body in S3's aws-chunked encoding, and its exact length
// in bytes: the content in one chunk, and its digest in a trailer
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html,
// with STREAMING-UNSIGNED-PAYLOAD-TRAILER).
func trailing(content io.ReadCloser, size int64, algorithm string, digest hash.Hash) (io.ReadCloser, int64) {
	head := fmt.Sprintf("%x\r\n", size)
	end := func() string {
		return "\r\n0\r\n" + checksum.Header(algorithm) + ":" + checksum.Sum(algorithm, digest).Value + "\r\n\r\n"
	}
	length := int64(len(head)) + size + int64(len(end())) // whatever the digest is
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(strings.NewReader(head), io.TeeReader(content, digest), &late{text: end}), content}, length
}

// late is a text that is not known before it is read.
type late struct {
	text func() string
	rest *strings.Reader
}

func (l *late) Read(p []byte) (int, error) {
	if l.rest == nil {
		l.rest = strings.NewReader(l.text())
	}
	return l.rest.Read(p)
}
