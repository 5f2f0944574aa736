// Package object is the vocabulary that all providers share: what is to be
// stored, what is stored, and what is unfinished.
package object

import (
	"encoding/json"
	"time"

	"github.com/hoist-cli/hoist/internal/ticket"
)

// Spec says what an upload is to store, and how.
type Spec struct {
	// Path is where it goes, as it stands after the profile's colon or the
	// bucket's slash: a key below the profile's prefix, or a name at an API.
	Path string
	// File holds the source's facts; a Size of -1 is a stream of unknown length.
	File ticket.File
	// PartSize in bytes asks for parts of that size; 0 leaves it to the provider.
	PartSize int64
	// Method asks for one of the ticket.Method values; "" leaves it to the provider.
	Method ticket.Method
	// MaxSize in bytes bounds what a form may store; 0 is exactly File.Size. Form only.
	MaxSize int64
	// Expires is how long signed requests are asked to live; 0 leaves it to the provider.
	Expires time.Duration
	// Eager says that SignAll will sign every part, without knowing its bytes.
	Eager bool
	Attributes
}

// Attributes are what a store keeps beside the bytes. The names are S3's.
type Attributes struct {
	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	ContentLanguage    string
	Metadata           map[string]string
	Tags               map[string]string
	ACL                string
	StorageClass       string
	SSE                string
	SSEKMSKeyID        string
	// ChecksumAlgorithm is the one asked for with --checksum; "" leaves it to the provider.
	ChecksumAlgorithm string
	// NoClobber refuses to overwrite (If-None-Match: *).
	NoClobber bool
	// Options are the API's own, given with --set.
	Options map[string]string
}

// Object is what is known of a stored object. Zero values are "not known",
// except Size, whose unknown is -1.
type Object struct {
	Location    string // what get, stat and rm take
	Path        string // what follows the profile or bucket in Location
	Key         string
	URL         string // as the API gives it
	Size        int64  // bytes
	Modified    time.Time
	ETag        string // without quotes
	ContentType string
	VersionID   string
	Checksum    *ticket.Checksum // of the full object
	// Prefix marks a common prefix of a listing: a folder, not an object.
	Prefix bool
	// MD5ETag says that the ETag of an object stored in one piece is its MD5:
	// not so under SSE-KMS, SSE-C or a store that makes them up.
	MD5ETag bool
	// Record is the API's own answer without its envelope.
	Record json.RawMessage
}

// Upload is a multipart upload that was started and neither finished nor aborted.
type Upload struct {
	Location string
	Path     string
	Key      string
	ID       string
	Started  time.Time
}

// Bucket is one of the account's.
type Bucket struct {
	Name    string
	Created time.Time
}

// CORSRule is one rule of a bucket, with the names of S3's CORSRule.
type CORSRule struct {
	ID             string   `json:"ID,omitempty"`
	AllowedHeaders []string `json:"AllowedHeaders,omitempty"`
	AllowedMethods []string `json:"AllowedMethods"`
	AllowedOrigins []string `json:"AllowedOrigins"`
	ExposeHeaders  []string `json:"ExposeHeaders,omitempty"`
	MaxAgeSeconds  int32    `json:"MaxAgeSeconds,omitempty"`
}
