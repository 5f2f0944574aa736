package s3

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// state is what this provider keeps in a ticket. It comes back from outside,
// so all of it is checked by Store.state before it is used.
type state struct {
	// Endpoint is the store's address; "" is AWS itself.
	Endpoint string `json:"endpoint,omitempty"`
	Bucket   string `json:"bucket"`
	Key      string `json:"key"`
	UploadID string `json:"upload_id,omitempty"`
	// Started is when the multipart upload was, in Unix seconds of the store's clock.
	Started int64 `json:"started,omitempty"`
	// Checksum is the algorithm of the parts' checksums, one of package
	// checksum's; "" is none.
	Checksum string `json:"checksum,omitempty"`
	// ExpiresIn is how long a signed request lives, in seconds.
	ExpiresIn int64 `json:"expires_in"`
	// Headers of a PUT, or Fields of a form, that carry the object's attributes. Of
	// a multipart upload, which was created with them, those that heeded looks at.
	Headers   map[string]string `json:"headers,omitempty"`
	Fields    map[string]string `json:"fields,omitempty"`
	MaxSize   int64             `json:"max_size,omitempty"` // bytes; forms only
	NoClobber bool              `json:"no_clobber,omitempty"`
	// Nonce tells the uploads of one process apart. See proven.
	Nonce string `json:"nonce"`
}

// The lifetimes that S3 gives to a presigned request.
const (
	defaultExpires = time.Hour
	maxExpires     = 7 * 24 * time.Hour
)

func (st state) expires() time.Duration { return time.Duration(st.ExpiresIn) * time.Second }

// key returns the key of path, or why it cannot be one.
func (s *Store) key(path string) (string, error) {
	key := s.cfg.Prefix + path
	if err := s.validKey(key); err != nil {
		return "", err
	}
	if path == "" {
		return "", fault.WithHint(fault.New(fault.Usage, "%s names no object", s.cfg.Base), "write a key after it")
	}
	return key, nil
}

func (s *Store) validKey(key string) error {
	switch {
	case !utf8.ValidString(key):
		return fault.WithHint(fault.New(fault.Usage, "the key %q is not UTF-8", key), "give it another name")
	case len(key) > 1024:
		return fault.WithHint(fault.New(fault.Usage, "a key of %d bytes is longer than S3's 1,024", len(key)), "give it a shorter name")
	case leadsOut(key):
		// S3 and the stores like it answer 400, and a proxy on the way could make another bucket of it.
		return fault.WithHint(fault.New(fault.Usage, `the key %q leads out of its bucket by ".."`, key), "give it another name")
	case s.cfg.Prefix != "" && hasDots(key):
		// A store on a file system could resolve them to a place outside the prefix.
		return fault.WithHint(fault.New(fault.Usage, `the key %q has a segment "." or "..", which could lead out of the prefix %q`, key, s.cfg.Prefix),
			"give it another name")
	case s.cfg.CheckKey != nil:
		return s.cfg.CheckKey(key)
	}
	return nil
}

// leadsOut says whether the key, read as a path, goes above where it starts.
func leadsOut(key string) bool {
	depth := 0
	for segment := range strings.SplitSeq(key, "/") {
		switch segment {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

func hasDots(key string) bool {
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// state reads what the ticket says of the upload and refuses whatever this
// Store did not, or could not have, put there: the ticket comes from outside, and
// what is signed here carries the keys of this side.
func (s *Store) state(t *ticket.Ticket) (state, error) {
	st, err := s.decode(t.State)
	if err != nil {
		return st, err
	}
	switch {
	case st.Endpoint != s.address:
		return st, refuse("it is for the endpoint %q, and this is %q", redactURL(st.Endpoint), s.address)
	case st.Bucket != s.cfg.Bucket || st.Bucket == "":
		return st, refuse("it is for the bucket %q, and this is %q", st.Bucket, s.cfg.Bucket)
	case !strings.HasPrefix(st.Key, s.cfg.Prefix) || st.Key == s.cfg.Prefix:
		return st, refuse("its key %q is not below %q", st.Key, s.cfg.Prefix)
	case s.location(st.Key) != t.Location:
		// Whoever pins where a ticket leads looks at the location.
		return st, refuse("it says that it is for %q, and its key is %q", t.Location, st.Key)
	case t.Method != ticket.Put && t.Method != ticket.Post && t.Method != ticket.Multipart:
		return st, refuse("its method %q is not one of S3", t.Method)
	case (t.Method == ticket.Multipart) != (st.UploadID != ""):
		return st, refuse("an upload id and the method %q do not go together", t.Method)
	case t.Method != ticket.Multipart && len(t.Parts) != 1:
		return st, refuse("the method %q has one part, and there are %d", t.Method, len(t.Parts))
	case st.ExpiresIn <= 0 || st.expires() > maxExpires || st.ExpiresIn > int64(maxExpires/time.Second):
		return st, refuse("its requests are to live %d seconds", st.ExpiresIn)
	case st.MaxSize < 0:
		return st, refuse("its size limit is negative")
	}
	if _, err := checksum.New(st.Checksum); st.Checksum != "" && err != nil {
		return st, refuse("%v", err)
	}
	for name, value := range st.Headers {
		if !isAttribute(name) || strings.ContainsFunc(value, unicode.IsControl) {
			return st, refuse("the header %q is not signed here", name)
		}
	}
	for name := range st.Fields {
		if !isAttribute(name) {
			return st, refuse("the form field %q is not signed here", name)
		}
	}
	if err := s.validKey(st.Key); err != nil {
		return st, err
	}
	return st, nil
}

// decode reads a state, unless it is of an upload that this process started.
func (s *Store) decode(raw json.RawMessage) (state, error) {
	if known, ok := s.decoded.Load(string(raw)); ok {
		if st, ok := known.(state); ok {
			return st, nil
		}
	}
	var st state
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&st); err != nil {
		return st, refuse("its state is not one of S3: %v", err)
	}
	return st, nil
}

func refuse(format string, args ...any) error {
	return fault.WithHint(fault.New(fault.Usage, "the ticket is not one for here: %w", fmt.Errorf(format, args...)),
		"complete it where it was made, with the same profile and endpoint")
}

func (st state) encode() (json.RawMessage, error) {
	raw, err := json.Marshal(st)
	if err != nil {
		return nil, fault.New(fault.Failed, "ticket of %s: %w", st.Key, err)
	}
	return raw, nil
}
