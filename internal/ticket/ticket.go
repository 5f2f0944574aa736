// Package ticket is the document that ties the three steps of an upload:
// presign makes it, upload adds receipts to it, complete uses them.
//
// A ticket is a bearer secret, since whoever holds its signed requests may
// send them, and it is untrusted input on both sides: see Validate.
package ticket

import (
	"encoding/json"
	"time"
)

// Version is the only version of the document that this program reads and writes.
const Version = 1

// Ticket is one upload: the file's facts, its parts, and what is already sent.
type Ticket struct {
	Version int `json:"version"`
	// Profile is the name of the profile that finishes it; "" for s3://.
	// Endpoint, credentials and bucket come from that profile, never from here.
	Profile string `json:"profile,omitempty"`
	// Location is where the object ends up, as a person would type it.
	Location string `json:"location"`
	// Method is how the parts are sent.
	Method Method `json:"method"`
	File   File   `json:"file"`
	Parts  []Part `json:"parts"`
	// State is the provider's own and opaque to everybody else.
	State json.RawMessage `json:"state,omitempty"`
	// Expires is when the signed requests end; nil where nothing is signed.
	Expires  *time.Time `json:"expires,omitempty"`
	Receipts []Receipt  `json:"receipts,omitempty"`
}

// Method is how the parts of an upload are sent.
type Method string

// The methods.
const (
	Put       Method = "put"       // one PUT
	Post      Method = "post"      // one POST of a form, the file its last field
	Multipart Method = "multipart" // a PUT for each part, then a finish
)

// File holds the facts of the source.
type File struct {
	Name string `json:"name"`
	// Size in bytes; -1 only inside the program, for a stream of unknown length.
	Size     int64      `json:"size"`
	Type     string     `json:"type,omitempty"` // RFC 9110 media type
	Modified *time.Time `json:"modified,omitempty"`
	// Checksum of the whole file, where it is known.
	Checksum *Checksum `json:"checksum,omitempty"`
}

// Part is one section of the file. The parts of a ticket tile it exactly.
type Part struct {
	Number int   `json:"number"` // from 1
	Offset int64 `json:"offset"` // bytes
	Size   int64 `json:"size"`   // bytes; 0 only for the one part of an empty file
	// Request is how to send it; nil if it is signed just in time.
	Request *Request `json:"request,omitempty"`
}

// Request is a signed HTTP request without its body. For a POST the body is a
// multipart/form-data with Fields first and the section as its last field, "file".
type Request struct {
	Method string            `json:"method"` // PUT or POST
	URL    string            `json:"url"`
	Header map[string]string `json:"headers,omitempty"`
	Fields map[string]string `json:"fields,omitempty"`

	// Credentials are the headers that sign the request where its URL does not, and
	// Trailer is the algorithm of the checksum that follows its body. Such a request
	// is for the process that signed it: neither is in a document.
	Credentials map[string]string `json:"-"`
	Trailer     string            `json:"-"`
}

// Receipt is the store's word that a part arrived.
type Receipt struct {
	Number   int       `json:"number"`
	Size     int64     `json:"size"`
	ETag     string    `json:"etag,omitempty"` // without quotes
	Checksum *Checksum `json:"checksum,omitempty"`
	// VersionID is the x-amz-version-id of the answer to a single PUT or POST.
	VersionID string `json:"version_id,omitempty"`
}

// Checksum is a digest as S3 writes it.
type Checksum struct {
	Algorithm string `json:"algorithm"` // crc64nvme, crc32, crc32c, sha1, sha256 or md5
	Value     string `json:"value"`     // base64 of the big-endian bytes
}

// Receipt returns the receipt of the numbered part.
func (t *Ticket) Receipt(number int) (Receipt, bool) {
	for _, r := range t.Receipts {
		if r.Number == number {
			return r, true
		}
	}
	return Receipt{}, false
}
