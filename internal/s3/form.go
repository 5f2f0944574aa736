package s3

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// form returns the fields that carry the attributes of a POST form.
func (s *Store) form(key string, spec object.Spec) (map[string]string, error) {
	if strings.Contains(key, "${filename}") {
		return nil, cannot("in a form's key S3 replaces ${filename}", "give it another name, or use --method put")
	}
	if spec.MaxSize < 0 || spec.MaxSize > ticket.MaxPartSize {
		return nil, cannot("a form takes at most 5 GiB", "choose another --max-size")
	}
	return formFields(spec)
}

// signForm returns a POST form whose policy allows exactly these fields and
// exactly this size, or up to the state's MaxSize (AWS SigV4, "Browser-based uploads
// using POST"). The SDK's own presigner leaves all fields but the key unsigned.
func (s *Store) signForm(ctx context.Context, st state, size int64) (*ticket.Request, time.Time, error) {
	r, err := s.bucket(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	address := *r.base
	if address.Path == "" {
		address.Path = "/"
	}
	fields := map[string]string{"key": st.Key}
	maps.Copy(fields, st.Fields)
	request := &ticket.Request{Method: http.MethodPost, URL: address.String(), Fields: fields}
	if s.cfg.Anonymous {
		return request, time.Time{}, nil
	}
	creds, err := s.options.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, time.Time{}, s.explain(err, s.location(st.Key))
	}
	now := s.clock.now().UTC()
	lifetime, err := s.lifetime(creds, now, st.expires())
	if err != nil {
		return nil, time.Time{}, err
	}
	ends := now.Add(lifetime).Truncate(time.Second)
	date := now.Format("20060102")
	scope := date + "/" + r.region + "/s3/aws4_request"
	fields["x-amz-algorithm"] = "AWS4-HMAC-SHA256"
	fields["x-amz-credential"] = creds.AccessKeyID + "/" + scope
	fields["x-amz-date"] = now.Format("20060102T150405Z")
	if creds.SessionToken != "" {
		fields["x-amz-security-token"] = creds.SessionToken
	}
	least, most := size, size
	if st.MaxSize > 0 {
		least, most = 0, st.MaxSize
	}
	conditions := []any{
		map[string]string{"bucket": st.Bucket},
		[]any{"content-length-range", least, most},
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) { // the same form twice is the same policy
		conditions = append(conditions, []string{"eq", "$" + name, fields[name]})
	}
	policy, err := json.Marshal(map[string]any{"expiration": ends.Format("2006-01-02T15:04:05.000Z"), "conditions": conditions})
	if err != nil {
		return nil, time.Time{}, fault.New(fault.Failed, "policy of %s: %w", s.location(st.Key), err)
	}
	fields["policy"] = base64.StdEncoding.EncodeToString(policy)
	fields["x-amz-signature"] = hex.EncodeToString(
		mac(signingKey(creds.SecretAccessKey, date, r.region), fields["policy"]))
	return request, ends, nil
}

// signingKey derives the key of one day, region and service (AWS SigV4, "Derive a signing key").
func signingKey(secret, date, region string) []byte {
	return mac(mac(mac(mac([]byte("AWS4"+secret), date), region), "s3"), "aws4_request")
}

func mac(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}
