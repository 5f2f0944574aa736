// Package signature reads what a presigned URL tells of itself (AWS Signature
// Version 4, "Authenticating requests: using query parameters").
package signature

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Signed is what a presigned URL allows, without what is secret in it.
type Signed struct {
	Target    string    // scheme, host and path
	Host      string    // with the port, if there is one
	Path      string    // decoded
	KeyID     string    // the access key's id, which names the signer
	Region    string    // as signed
	Headers   []string  // that must be sent as they were signed, in lower case
	At        time.Time // when it was signed
	Expires   time.Time // when it ends
	Temporary bool      // signed with a session token, whose own end may come first
}

// amzTime is the format of X-Amz-Date.
const amzTime = "20060102T150405Z"

// Parse reads a URL. Of one that is not signed this way only the target is known.
func Parse(raw string) Signed {
	u, err := url.Parse(raw)
	if err != nil {
		return Signed{}
	}
	s := Signed{Target: u.Scheme + "://" + u.Host + u.EscapedPath(), Host: u.Host, Path: u.Path}
	query := make(map[string]string)
	for name, values := range u.Query() {
		query[strings.ToLower(name)] = values[0]
	}
	if names := query["x-amz-signedheaders"]; names != "" {
		s.Headers = strings.Split(strings.ToLower(names), ";")
	}
	// KEYID/DATE/REGION/s3/aws4_request
	if scope := strings.Split(query["x-amz-credential"], "/"); len(scope) == 5 {
		s.KeyID, s.Region = scope[0], scope[2]
	}
	s.Temporary = query["x-amz-security-token"] != ""
	at, err := time.Parse(amzTime, query["x-amz-date"])
	if err != nil {
		return s
	}
	s.At = at
	if seconds, err := strconv.ParseInt(query["x-amz-expires"], 10, 32); err == nil {
		s.Expires = at.Add(time.Duration(seconds) * time.Second)
	}
	return s
}
