package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/wire"
)

const (
	hintBucket = "check the name; hoist ls s3:// lists your buckets"
	hintClock  = "set this machine's clock"
)

// class is what one of S3's error codes means for a script, and what to do about it.
type class struct {
	kind fault.Kind
	hint string
}

// classes holds the error codes of the S3 API reference ("Error responses"),
// and those that other stores use for the same.
func classes(code string) (class, bool) {
	switch code {
	case "AccessDenied", "AllAccessDisabled", "AccountProblem", "NotSignedUp", "UnauthorizedAccess", "Forbidden", "InvalidPayer":
		return class{fault.Denied, "check that the policy allows this on this bucket and key"}, true
	case "InvalidAccessKeyId", "XAdminUserNotFound", "XAdminUserDisabled":
		return class{fault.Denied, "the store does not know this access key: check AWS_ACCESS_KEY_ID, the profile and --endpoint-url"}, true
	case "SignatureDoesNotMatch":
		return class{fault.Denied, "the secret key does not belong to the access key: check AWS_SECRET_ACCESS_KEY"}, true
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "InvalidSecurity":
		return class{fault.Denied, "the session has ended: log in again, or refresh AWS_SESSION_TOKEN"}, true
	case "RequestTimeTooSkewed", "RequestExpired":
		return class{fault.Denied, hintClock}, true
	case "NoSuchBucket":
		return class{fault.NotFound, hintBucket}, true
	case "NoSuchKey", "NoSuchVersion", "NotFound":
		return class{fault.NotFound, "hoist ls shows what is there"}, true
	case "NoSuchUpload":
		return class{fault.NotFound, "the upload was aborted, expired or finished: run the upload again"}, true
	case "PreconditionFailed":
		return class{fault.Exists, "leave out --no-clobber to overwrite it"}, true
	case "ConditionalRequestConflict", "OperationAborted":
		return class{fault.Temporary, "another request was changing the same object: try again"}, true
	case "BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch", "ChecksumMismatch":
		return class{fault.Integrity, "what arrived is not what was sent: run it again"}, true
	case "InvalidPart", "InvalidPartOrder":
		return class{fault.Integrity, "the store holds other parts than those sent: run the same command again"}, true
	case "IncompleteBody", "RequestTimeout", "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "ThrottlingException",
		"TooManyRequests", "RequestLimitExceeded", "BandwidthLimitExceeded", "InternalError", "ServiceUnavailable", "TemporaryRedirect":
		return class{fault.Temporary, "try again later"}, true
	case "XMinioInvalidObjectName", "XMinioInvalidResourceName":
		return class{fault.Usage, "this store cannot hold that key: give it another name"}, true
	case "NotImplemented", "MethodNotAllowed", "XNotImplemented":
		return class{fault.Usage, "this store cannot do that"}, true
	case "InvalidBucketName":
		return class{fault.Usage, hintBucket}, true
	case "InvalidStorageClass":
		return class{fault.Usage, "leave out --storage-class, or name one that this store has"}, true
	case "EntityTooLarge", "EntityTooSmall", "KeyTooLongError", "InvalidTag",
		"MetadataTooLarge", "InvalidArgument", "InvalidRequest", "AccessControlListNotSupported", "InvalidEncryptionAlgorithmError":
		return class{fault.Usage, ""}, true
	}
	return class{}, false
}

// byStatus classifies an answer whose code says nothing: a HEAD has no body, and codes differ from store to store.
func byStatus(status int) class {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		c, _ := classes("AccessDenied")
		return c
	case http.StatusNotFound:
		c, _ := classes("NoSuchKey")
		return c
	case http.StatusPreconditionFailed:
		c, _ := classes("PreconditionFailed")
		return c
	case http.StatusNotImplemented, http.StatusMethodNotAllowed:
		c, _ := classes("NotImplemented")
		return c
	}
	return class{kind: wire.KindOf(status)}
}

// explain turns an error of the SDK into a fault that names where it happened.
// It is the only place that does.
func (s *Store) explain(err error, where string) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return fmt.Errorf("%s: %w", where, known)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", where, context.Canceled)
	}
	if code, message := apiCode(err); code != "" || statusOf(err) != 0 {
		return s.explainAnswer(err, where, code, message)
	}
	if isNetwork(err) {
		return wire.Fault(err, where)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &fault.Error{Kind: fault.Temporary, Err: fmt.Errorf("%s: %w", where, context.DeadlineExceeded), Hint: "try again, or allow more time"}
	}
	if answer, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return &fault.Error{Err: fmt.Errorf("%s: this is not an answer of S3: %w", where, answer.Err), Hint: "check --endpoint-url"}
	}
	return &fault.Error{Err: fmt.Errorf("%s: %w", where, err)}
}

func (s *Store) explainAnswer(err error, where, code, message string) error {
	status := statusOf(err)
	if code == "" || code == "UnknownError" {
		code = fmt.Sprintf("status %d", status)
	}
	text := where + ": " + code
	if message = oneLine(message); message != "" && message != code {
		text += ": " + message
	}
	c, ok := classes(code)
	if !ok {
		c = byStatus(status)
	}
	if region := s.otherRegion(err, code, message); region != "" {
		c = class{fault.Usage, "the bucket is in another region: use --region " + region}
	}
	return &fault.Error{Kind: c.kind, Message: text, Hint: c.hint}
}

var expecting = regexp.MustCompile(`expecting '([a-z0-9-]+)'`)

// otherRegion returns the region that the answer names as the bucket's, where it is not the one that was asked.
func (s *Store) otherRegion(err error, code, message string) string {
	r := s.remote.Load()
	if r == nil {
		return ""
	}
	region := ""
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && answer.Response != nil {
		region = answer.Response.Header.Get(regionHeader)
	}
	if m := expecting.FindStringSubmatch(message); m != nil && code == "AuthorizationHeaderMalformed" {
		region = m[1]
	}
	if region == r.region || strings.ContainsFunc(region, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return ""
	}
	return region
}

// apiCode returns S3's code and message of err, or "".
func apiCode(err error) (code, message string) {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode(), api.ErrorMessage()
	}
	return "", ""
}

// statusOf returns the HTTP status of the answer in err, or 0.
func statusOf(err error) int {
	if answer, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return answer.HTTPStatusCode()
	}
	if plain, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return plain.HTTPStatusCode()
	}
	return 0
}

// isNetwork says whether there was no answer.
func isNetwork(err error) bool {
	var (
		send *smithyhttp.RequestSendError
		u    *url.Error
	)
	return errors.As(err, &send) || errors.As(err, &u)
}

// redactURL returns raw without user, query and fragment.
func redactURL(raw string) string {
	raw, _, _ = strings.Cut(raw, "#")
	raw, _, _ = strings.Cut(raw, "?")
	if scheme, rest, ok := strings.Cut(raw, "://"); ok {
		if _, host, ok := strings.Cut(rest, "@"); ok {
			return scheme + "://" + host
		}
	}
	return raw
}

// oneLine makes a store's message fit on an error line: no control characters, and a bounded length.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	return strings.TrimSpace(s)
}
