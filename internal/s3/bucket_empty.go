package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hoist-cli/hoist/internal/ticket"
)

// presignEmpty is presign with a signed Content-Length of 0. The SDK's signer leaves a
// length of 0 out, and then the request could carry anything (AWS SigV4, "Create a
// signed AWS API request").
func (s *Store) presignEmpty(ctx context.Context, u unsigned) (*ticket.Request, time.Time, error) {
	if s.cfg.Anonymous {
		return s.presign(ctx, u)
	}
	r, err := s.bucket(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	creds, err := s.options.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, time.Time{}, s.explain(err, s.location(u.key))
	}
	now := s.clock.now().UTC()
	lifetime, err := s.lifetime(creds, now, u.expires)
	if err != nil {
		return nil, time.Time{}, err
	}
	address := objectURL(r.base, u.key)
	headers := map[string]string{"host": address.Host, "content-length": "0"}
	for name := range u.header {
		headers[strings.ToLower(name)] = strings.Join(strings.Fields(u.header.Get(name)), " ")
	}
	names := slices.Sorted(maps.Keys(headers))

	date, at := now.Format("20060102"), now.Format("20060102T150405Z")
	scope := date + "/" + r.region + "/s3/aws4_request"
	query := address.Query()
	maps.Copy(query, u.query)
	query.Set("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
	query.Set("X-Amz-Credential", creds.AccessKeyID+"/"+scope)
	query.Set("X-Amz-Date", at)
	query.Set("X-Amz-Expires", fmt.Sprint(int64(lifetime/time.Second)))
	query.Set("X-Amz-SignedHeaders", strings.Join(names, ";"))
	if creds.SessionToken != "" {
		query.Set("X-Amz-Security-Token", creds.SessionToken)
	}
	address.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")

	var canonical strings.Builder
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", http.MethodPut, address.EscapedPath(), address.RawQuery)
	for _, name := range names {
		canonical.WriteString(name + ":" + headers[name] + "\n")
	}
	canonical.WriteString("\n" + strings.Join(names, ";") + "\n" + unsignedPayload)
	digest := sha256.Sum256([]byte(canonical.String()))
	text := "AWS4-HMAC-SHA256\n" + at + "\n" + scope + "\n" + hex.EncodeToString(digest[:])
	signature := mac(signingKey(creds.SecretAccessKey, date, r.region), text)
	address.RawQuery += "&X-Amz-Signature=" + hex.EncodeToString(signature)
	return &ticket.Request{Method: http.MethodPut, URL: address.String(), Header: flatten(u.header)},
		now.Add(lifetime).Truncate(time.Second), nil
}
