package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// maxPage bounds in bytes what is read of one page: a thousand keys of 1,024
// bytes, each of them escaped, are 4 MiB.
const maxPage = 32 << 20

// page is one answer of ListObjectsV2. The SDK calls, signs and tries again as
// ever, but what it takes to decode a page by encoding/xml was four fifths of a
// listing's time, so that is done here.
type page struct {
	objects  []listed
	prefixes []string
	next     string // the token of the page that follows; "" of the last
	more     bool
	escaped  bool // names are as EncodingType=url has them

	body bytes.Buffer // kept from page to page
}

// listed is an object as a listing has it.
type listed struct {
	key      string
	etag     string // with quotes
	size     int64
	modified time.Time
}

// decode is an option of a call of ListObjectsV2: its answer goes into p.
func (p *page) decode(o *sdk.Options) {
	o.APIOptions = append(slices.Clip(o.APIOptions), func(stack *middleware.Stack) error {
		const theirs = "OperationDeserializer"
		d := &pageDecoder{page: p}
		replaced, err := stack.Deserialize.Swap(theirs, d)
		d.failures = replaced
		return err
	})
}

// pageDecoder stands in the place of the SDK's, which still has the answers
// that are failures.
type pageDecoder struct {
	page     *page
	failures middleware.DeserializeMiddleware
}

// ID is that of the decoder that it replaces.
func (*pageDecoder) ID() string { return "OperationDeserializer" }

// HandleDeserialize implements middleware.DeserializeMiddleware.
func (d *pageDecoder) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	response, ok := out.RawResponse.(*smithyhttp.Response)
	if err != nil || !ok || response.StatusCode/100 != 2 {
		return d.failures.HandleDeserialize(ctx, in, middleware.DeserializeHandlerFunc(
			func(context.Context, middleware.DeserializeInput) (middleware.DeserializeOutput, middleware.Metadata, error) {
				return out, metadata, err
			}))
	}
	if err := d.page.read(response.Body); err != nil {
		return out, metadata, &smithy.DeserializationError{Err: fmt.Errorf("the listing cannot be read: %w", err)}
	}
	out.Result = &sdk.ListObjectsV2Output{}
	return out, metadata, nil
}

// read takes the page from an answer, and forgets the one before.
func (p *page) read(r io.Reader) error {
	p.body.Reset()
	n, err := p.body.ReadFrom(io.LimitReader(r, maxPage+1))
	switch {
	case err != nil:
		return err
	case n > maxPage:
		return errors.New("it is longer than a thousand keys can be")
	}
	p.objects, p.prefixes, p.next, p.more, p.escaped = p.objects[:0], p.prefixes[:0], "", false, false
	s := scanner{in: p.body.Bytes()}
	root, err := s.root()
	if err != nil {
		return err
	}
	if string(root) != "ListBucketResult" {
		return fmt.Errorf("it is a %.40q", root)
	}
	return s.each(func(name []byte) error {
		switch string(name) {
		case "Contents":
			p.objects = append(p.objects, listed{})
			return p.objects[len(p.objects)-1].read(&s)
		case "CommonPrefixes":
			return s.each(func(name []byte) error {
				text, err := s.text()
				if string(name) == "Prefix" {
					p.prefixes = append(p.prefixes, string(text))
				}
				return err
			})
		case "IsTruncated":
			text, err := s.text()
			p.more = string(text) == "true"
			return err
		case "NextContinuationToken":
			text, err := s.text()
			p.next = string(text)
			return err
		case "EncodingType":
			text, err := s.text()
			p.escaped = string(text) == "url"
			return err
		}
		return s.skip()
	})
}

func (o *listed) read(s *scanner) error {
	return s.each(func(name []byte) error {
		switch string(name) {
		case "Key":
			text, err := s.text()
			o.key = string(text)
			return err
		case "ETag":
			text, err := s.text()
			o.etag = string(text)
			return err
		case "Size":
			text, err := s.text()
			if err == nil {
				o.size, err = strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
			}
			return err
		case "LastModified":
			text, err := s.text()
			if err == nil {
				// S3 writes RFC 3339 with three digits of a second.
				o.modified, err = time.Parse(time.RFC3339, string(bytes.TrimSpace(text)))
			}
			return err
		}
		return s.skip()
	})
}

// name undoes EncodingType=url, if the store did that.
func (p *page) name(s string) string {
	if !p.escaped || !strings.ContainsAny(s, "%+") {
		return s
	}
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
