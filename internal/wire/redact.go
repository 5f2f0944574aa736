package wire

import (
	"net/url"
	"strings"
)

const redacted = "REDACTED"

// harmless names the query parameters whose values may be shown: what is
// asked for, never what proves the right to ask. An allow-list, since every
// store and CDN has its own name for a signature.
func harmless(name string) bool {
	switch name {
	case "X-Amz-Algorithm", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
		"attributes", "cors", "delete", "delimiter", "encoding-type", "key-marker", "list-type", "location",
		"max-keys", "max-parts", "max-uploads", "part-number-marker", "partNumber", "prefix",
		"start-after", "uploads", "versionId", "x-id":
		return true
	}
	return false
}

// Redact returns rawURL in a form that can be logged: without userinfo and
// fragment, and with the values of harmless query parameters only.
func Redact(rawURL string) string {
	const unreadable = "(unreadable URL)"
	u, err := url.Parse(rawURL)
	if err != nil || u.Opaque != "" || u.Scheme == "" {
		return unreadable
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if u.RawQuery != "" {
		pairs := strings.Split(u.RawQuery, "&")
		for i, pair := range pairs {
			pairs[i] = redactPair(pair)
		}
		shown.RawQuery = strings.Join(pairs, "&")
	}
	return shown.String()
}

func redactPair(pair string) string {
	rawName, rawValue, hasValue := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(rawName)
	if err != nil {
		return redacted
	}
	if !harmless(name) {
		if !hasValue {
			return redacted // a token may stand there without a name
		}
		return url.QueryEscape(name) + "=" + redacted
	}
	if !hasValue {
		return name
	}
	value, err := url.QueryUnescape(rawValue)
	if err != nil {
		value = redacted
	}
	return name + "=" + url.QueryEscape(value)
}
