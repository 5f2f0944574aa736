package s3

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// unsignedPayload stands for the body's hash, which nobody knows beforehand: the
// checksum in a signed header does what it would.
const unsignedPayload = "UNSIGNED-PAYLOAD"

// Sign returns the request that sends part. It makes no request of its own,
// except that of credentials that have run out.
func (s *Store) Sign(ctx context.Context, t *ticket.Ticket, part ticket.Part, sum *ticket.Checksum) (*ticket.Request, error) {
	request, _, err := s.sign(ctx, t, part, sum)
	return request, err
}

// SignAll signs every part now, for a sender who cannot ask, and sets the
// ticket's Expires. The upload was started with Spec.Eager. Of one part the file's own
// checksum is signed, where it is known.
func (s *Store) SignAll(ctx context.Context, t *ticket.Ticket) error {
	var (
		first time.Time
		sum   *ticket.Checksum
	)
	if len(t.Parts) == 1 {
		sum = t.File.Checksum
	}
	for i := range t.Parts {
		request, ends, err := s.sign(ctx, t, t.Parts[i], sum)
		if err != nil {
			return err
		}
		t.Parts[i].Request = request
		if first.IsZero() || ends.Before(first) {
			first = ends
		}
	}
	if !first.IsZero() {
		t.Expires = &first
	}
	return nil
}

func (s *Store) sign(ctx context.Context, t *ticket.Ticket, part ticket.Part, sum *ticket.Checksum) (*ticket.Request, time.Time, error) {
	st, err := s.state(t)
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := withinLimits(part); err != nil {
		return nil, time.Time{}, err
	}
	if t.Method == ticket.Post {
		return s.signForm(ctx, st, part.Size)
	}
	u := unsigned{method: http.MethodPut, key: st.Key, length: part.Size, header: http.Header{}, expires: st.expires()}
	for name, value := range st.Headers {
		u.header.Set(name, value)
	}
	if t.Method == ticket.Multipart {
		u.query, u.header = partQuery(st.UploadID, part.Number), http.Header{}
	}
	if sum != nil && st.Checksum != "" && sum.Algorithm == st.Checksum {
		u.header.Set(checksum.Header(sum.Algorithm), sum.Value)
		if _, mine := s.started.Load(st.Nonce); mine && t.Method == ticket.Put {
			s.started.Store(st.Nonce, sum)
		}
	}
	return s.presign(ctx, u)
}

func withinLimits(part ticket.Part) error {
	if part.Number < 1 || part.Number > ticket.MaxParts || part.Size < 0 || part.Size > ticket.MaxPartSize {
		return refuse("part %d of %d bytes is outside S3's limits", part.Number, part.Size)
	}
	return nil
}

func partQuery(uploadID string, number int) url.Values {
	return url.Values{"partNumber": {strconv.Itoa(number)}, "uploadId": {uploadID}}
}

// unsigned is a request to an object, before it is signed.
type unsigned struct {
	method  string
	key     string
	query   url.Values
	header  http.Header
	length  int64 // bytes of the body
	expires time.Duration
}

// presign signs u in its query (AWS SigV4, "Authenticating requests: using query
// parameters") and says when the request ends, by the store's clock. All headers are
// signed as headers: most stores do not heed a checksum in the query.
func (s *Store) presign(ctx context.Context, u unsigned) (*ticket.Request, time.Time, error) {
	r, err := s.bucket(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	address := objectURL(r.base, u.key)
	address.RawQuery = u.query.Encode()
	request := &http.Request{Method: u.method, URL: address, Host: address.Host, Header: u.header, ContentLength: u.length}
	if s.cfg.Anonymous {
		return &ticket.Request{Method: u.method, URL: address.String(), Header: flatten(u.header)}, time.Time{}, nil
	}
	creds, err := s.options.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, time.Time{}, s.explain(err, s.location(u.key))
	}
	now := s.clock.now()
	lifetime, err := s.lifetime(creds, now, u.expires)
	if err != nil {
		return nil, time.Time{}, err
	}
	query := address.Query()
	query.Set("X-Amz-Expires", strconv.FormatInt(int64(lifetime/time.Second), 10))
	address.RawQuery = query.Encode()
	signed, header, err := s.signer.PresignHTTP(ctx, creds, request, unsignedPayload, "s3", r.region, now, func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = true // S3 signs the path as it is sent
		o.DisableHeaderHoisting = true
	})
	if err != nil {
		return nil, time.Time{}, fault.New(fault.Failed, "%s: %w", s.location(u.key), err)
	}
	header.Del("Host")
	header.Del("Content-Length")
	return &ticket.Request{Method: u.method, URL: signed, Header: flatten(header)}, now.Add(lifetime).Truncate(time.Second), nil
}

// lifetime is what was asked for, or less where the credentials end before.
// Their Expires stands margin before their end, so the requests of the last ones that
// the chain can give end half of it before.
func (s *Store) lifetime(creds aws.Credentials, now time.Time, asked time.Duration) (time.Duration, error) {
	if creds.CanExpire {
		asked = min(asked, creds.Expires.Add(margin/2).Sub(now))
	}
	if asked < time.Second {
		return 0, fault.WithHint(fault.New(fault.Denied, "the AWS credentials have ended"), "log in again")
	}
	return asked.Truncate(time.Second), nil
}

// objectURL returns the address of key, escaped as SigV4 wants it.
func objectURL(base *url.URL, key string) *url.URL {
	u := *base
	u.RawPath = base.EscapedPath() + "/" + httpbinding.EscapePath(key, false)
	if base.Path == "/" {
		u.RawPath = "/" + httpbinding.EscapePath(key, false)
		u.Path = ""
	}
	u.Path += "/" + key
	return &u
}

func flatten(h http.Header) map[string]string {
	if len(h) == 0 {
		return nil
	}
	out := make(map[string]string, len(h))
	for name := range h {
		out[name] = h.Get(name)
	}
	return out
}
