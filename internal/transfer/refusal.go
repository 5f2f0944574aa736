package transfer

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

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
	stale  bool          // if it is signed anew
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
	HeadersNotSigned string
}

// newRefusal says what an answer means: for a 403 whether the request was too
// old, the signature or a clock wrong, or a policy against it. Whether the
// policy is that of the key or that of a form, only the message tells.
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
		r.stale = true
	case expired(e):
		kind, why = fault.Incomplete, "expired: "
		hint = "sign it again (hoist presign), and upload sooner after that or with a longer --expires"
		r.stale = true
	case e.Code == "SignatureDoesNotMatch":
		why = "signature: "
		hint = differing(e.CanonicalRequest, signed)
		r.stale = true
	case e.HeadersNotSigned != "":
		why, hint = "signature: ", "not signed, but in the ticket: "+e.HeadersNotSigned
	case e.Code == "InvalidAccessKeyId", e.Code == "InvalidToken", e.Code == "XAdminUserNotFound":
		kind, why, hint = fault.Denied, "signature: ", "the store does not know the key that signed this request"
	case strings.Contains(e.Message, "according to Policy"):
		why, hint = "policy: ", "the signed policy does not allow this file: check its size and type against it"
	case e.Code == "NoSuchUpload":
		hint = "the upload was aborted, expired or finished: start it again"
	case e.Code == "NoSuchBucket", e.Code == "InvalidBucketName":
		hint = "check the bucket's name"
	case e.Code == "EntityTooLarge", e.Code == "EntityTooSmall":
		kind, hint = fault.Usage, "what was signed does not allow a file of this size"
	case e.Code == "PreconditionFailed", response.StatusCode == http.StatusPreconditionFailed:
		kind, hint = fault.Exists, "without --no-clobber it would be overwritten"
	case e.Code == "BadDigest", e.Code == "InvalidDigest", e.Code == "XAmzContentChecksumMismatch":
		kind, r.retry = fault.Integrity, true
		hint = "what arrived is not what was sent: run it again"
	case e.Code == "RequestTimeout", e.Code == "SlowDown", e.Code == "InternalError", e.Code == "ServiceUnavailable",
		e.Code == "IncompleteBody", e.Code == "ConditionalRequestConflict", e.Code == "OperationAborted":
		kind = fault.Temporary
	case e.Code == "InvalidStorageClass":
		kind, hint = fault.Usage, "leave out --storage-class, or name one that this store has"
	case response.StatusCode == http.StatusNotImplemented:
		hint = "this store cannot do that: leave the option out"
	case response.StatusCode == http.StatusBadRequest:
		kind, hint = fault.Usage, "the store does not take this name, or something else of the request: try another name, or fewer options"
	case response.StatusCode == http.StatusForbidden:
		why, hint = "policy: ", "the key that signed this request may not write there"
	case response.StatusCode/100 == 3:
		why, hint = "redirect: ", "a signed request is never sent to another address"
		if region := response.Header.Get("x-amz-bucket-region"); region != "" {
			hint = "the bucket is in another region: --region " + region
		}
	}
	if kind == fault.Temporary && hint == "" {
		hint = "try again later"
	}
	r.retry = r.retry || r.stale || kind == fault.Temporary
	r.cause = &fault.Error{Kind: kind, Message: why + harmless(said, signed), Hint: harmless(hint, signed)}
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
			seen[name] = folded(value)
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
		case ok && got != folded(value):
			return fmt.Sprintf("the header %q reached the store with another value", name)
		}
	}
	return "the URL is not the one that was signed, or the secret key is wrong"
}

// folded returns a header's value as SigV4 signs it: trimmed, and with single spaces.
func folded(value string) string { return strings.Join(strings.Fields(value), " ") }

// maxSaid bounds in bytes what is repeated of a server's words.
const maxSaid = 300

// harmless makes a server's words fit to be shown: one line of a bounded
// length, and no piece of the signed request that might be its signature.
func harmless(said string, signed *ticket.Request) string {
	said = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, said)
	for _, secret := range secrets(signed) {
		said = strings.ReplaceAll(said, secret, "REDACTED")
	}
	if len(said) > maxSaid {
		said = strings.ToValidUTF8(said[:maxSaid], "") + "…"
	}
	return said
}

// secrets returns the values in a signed request that are long enough to be a
// signature, a token or a policy, as they are and as they are escaped in a query.
func secrets(signed *ticket.Request) []string {
	const short = 16
	var out []string
	add := func(value string) {
		if len(value) >= short {
			out = append(out, value)
		}
	}
	for _, value := range signed.Fields {
		add(value)
	}
	for _, value := range signed.Credentials {
		add(value)
		for piece := range strings.SplitSeq(value, "=") { // the signature in an Authorization
			add(piece)
		}
	}
	if u, err := url.Parse(signed.URL); err == nil {
		for pair := range strings.SplitSeq(u.RawQuery, "&") {
			_, value, _ := strings.Cut(pair, "=")
			add(value)
			if plain, err := url.QueryUnescape(value); err == nil && plain != value {
				add(plain)
			}
		}
	}
	// The longest first: one may be a piece of another.
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return out
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
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.code
	}
	return ""
}
