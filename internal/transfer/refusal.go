package transfer

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/wire"
)

// refusal is an answer other than 2xx. It wraps the *fault.Error that says why.
type refusal struct {
	cause  error
	status int
	code   string        // S3's, or ""
	retry  bool          // the same part may fare better
	after  time.Duration // Retry-After, or 0
}

func (r *refusal) Error() string { return r.cause.Error() }
func (r *refusal) Unwrap() error { return r.cause }

// Gone says whether err is the store's answer that the multipart upload is not
// there any more.
func Gone(err error) bool { return code(err) == "NoSuchUpload" }

// s3Error is the XML document of an S3 error
// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
type s3Error struct {
	XMLName          xml.Name `xml:"Error"`
	Code             string
	Message          string
	Expires          string
	ServerTime       string
	CanonicalRequest string
	Region           string
}

// newRefusal says what an answer means: for a 403 whether the request was too
// old, the signature or a clock wrong, or a policy against it.
func newRefusal(response *http.Response, text []byte, signed *ticket.Request) *refusal {
	var e s3Error
	_ = xml.Unmarshal(text, &e) // an answer that is no XML leaves only the status to go by
	r := &refusal{status: response.StatusCode, code: e.Code}
	r.after, _ = wire.RetryAfter(response, time.Now())

	said := fmt.Sprintf("%d %s", response.StatusCode, http.StatusText(response.StatusCode))
	if e.Code != "" {
		said = fmt.Sprintf("%s: %s (%d)", e.Code, strings.TrimSuffix(e.Message, "."), response.StatusCode)
	}
	kind, why, hint := wire.KindOf(response.StatusCode), "", ""
	switch {
	case e.Code == "RequestTimeTooSkewed":
		why, hint = "clock skew: ", "set this machine's clock, or sign on one whose clock is right"
		if e.ServerTime != "" {
			hint = "the server's time is " + e.ServerTime + ": " + hint
		}
		r.retry = true
	case expired(e):
		kind, why = fault.Incomplete, "expired: "
		hint = "sign it again (hoist presign), and upload sooner after that or with a longer --expires"
		r.retry = true
	case e.Code == "SignatureDoesNotMatch":
		why = "signature: "
		hint = differing(e.CanonicalRequest, signed)
		r.retry = true
	case e.Code == "AccessDenied" && strings.Contains(e.Message, "olicy"), e.Code == "EntityTooLarge", e.Code == "EntityTooSmall":
		why, hint = "policy: ", "the signed policy does not allow this file: check its size and type against it"
	case e.Code == "PreconditionFailed", response.StatusCode == http.StatusPreconditionFailed:
		kind, hint = fault.Exists, "without --no-clobber it would be overwritten"
	case e.Code == "BadDigest", e.Code == "InvalidDigest", e.Code == "XAmzContentChecksumMismatch", e.Code == "IncompleteBody":
		kind, r.retry = fault.Integrity, true
	case e.Code == "RequestTimeout", e.Code == "SlowDown", e.Code == "InternalError", e.Code == "ServiceUnavailable":
		kind = fault.Temporary
	case response.StatusCode == http.StatusForbidden:
		why, hint = "policy: ", "the key that signed this request may not write there"
	case response.StatusCode/100 == 3:
		why, hint = "redirect: ", "a signed request is never sent to another address"
		if region := response.Header.Get("x-amz-bucket-region"); region != "" {
			hint = "the bucket is in another region: --region " + region
		}
	}
	r.retry = r.retry || kind == fault.Temporary
	r.cause = &fault.Error{Kind: kind, Message: why + said, Hint: hint}
	return r
}

func expired(e s3Error) bool {
	return e.Code == "ExpiredToken" || e.Expires != "" || strings.Contains(strings.ToLower(e.Message), "expired")
}

// differing says which signed header the store saw otherwise than it was
// signed, as far as the canonical request that it answers with tells. It names
// headers only: values may be secrets.
func differing(canonical string, signed *ticket.Request) string {
	u, err := url.Parse(signed.URL)
	if err != nil {
		return ""
	}
	names := strings.Split(u.Query().Get("X-Amz-SignedHeaders"), ";")
	seen := make(map[string]string)
	for line := range strings.Lines(canonical) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && slices.Contains(names, name) {
			seen[name] = strings.TrimSpace(value)
		}
	}
	for _, name := range names {
		if name == "" || name == "content-length" {
			continue
		}
		value, sent := header(signed, name)
		if name == "host" {
			value, sent = u.Host, true
		}
		switch got, ok := seen[name]; {
		case !sent:
			return fmt.Sprintf("the header %q was signed and is not in the ticket", name)
		case ok && got != value:
			return fmt.Sprintf("the header %q reached the store with another value", name)
		}
	}
	return "the URL is not the one that was signed, or the secret key is wrong"
}

func header(signed *ticket.Request, name string) (string, bool) {
	for have, value := range signed.Header {
		if equalHeader(have, name) {
			return value, true
		}
	}
	return "", false
}

func equalHeader(a, b string) bool { return strings.EqualFold(a, b) }

func code(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.code
	}
	return ""
}
