package ticket

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Validate says what is wrong with a ticket that came from outside: a version
// or method this program does not know, parts that do not tile the file
// exactly, receipts of parts that do not exist, requests that must not be sent.
func (t *Ticket) Validate() error {
	if t.Version != Version {
		return fmt.Errorf("ticket version %d: this program knows version %d", t.Version, Version)
	}
	if t.Location == "" {
		return errors.New(`ticket: "location" is missing`)
	}
	for _, text := range []string{t.Location, t.Profile, t.File.Name, t.File.Type} {
		if !utf8.ValidString(text) {
			return errors.New("ticket: a text in it is not UTF-8")
		}
	}
	switch t.Method {
	case Put, Post:
		if len(t.Parts) != 1 {
			return fmt.Errorf("ticket: method %q takes one part, and there are %d", t.Method, len(t.Parts))
		}
	case Multipart:
	default:
		return fmt.Errorf("ticket: method %q is none of put, post, multipart", t.Method)
	}
	if err := t.validateParts(); err != nil {
		return fmt.Errorf("ticket: %w", err)
	}
	return t.validateReceipts()
}

func (t *Ticket) validateParts() error {
	if t.File.Size < 0 || t.File.Size > MaxObjectSize {
		return fmt.Errorf("a file of %d bytes is outside 0 to 48.8 TiB", t.File.Size)
	}
	if len(t.Parts) == 0 || len(t.Parts) > MaxParts {
		return fmt.Errorf("%d parts are outside 1 to 10,000", len(t.Parts))
	}
	var offset int64
	for i, p := range t.Parts {
		switch {
		case p.Number != i+1:
			return fmt.Errorf("part %d stands at place %d", p.Number, i+1)
		case p.Offset != offset:
			return fmt.Errorf("part %d starts at byte %d, not at %d", p.Number, p.Offset, offset)
		case p.Size < 0 || p.Size > MaxPartSize, p.Size == 0 && t.File.Size != 0:
			return fmt.Errorf("part %d has a size of %d bytes", p.Number, p.Size)
		}
		offset += p.Size
		if p.Request == nil {
			continue
		}
		if err := p.Request.Validate(); err != nil {
			return fmt.Errorf("part %d: %w", p.Number, err)
		}
		if (len(p.Request.Fields) > 0) != (t.Method == Post) {
			return fmt.Errorf("part %d: form fields and method %q do not go together", p.Number, t.Method)
		}
	}
	if offset != t.File.Size {
		return fmt.Errorf("the parts hold %d bytes, the file %d", offset, t.File.Size)
	}
	return nil
}

func (t *Ticket) validateReceipts() error {
	seen := make(map[int]bool, len(t.Receipts))
	for _, r := range t.Receipts {
		switch {
		case r.Number < 1 || r.Number > len(t.Parts):
			return fmt.Errorf("ticket: a receipt is for part %d of %d", r.Number, len(t.Parts))
		case seen[r.Number]:
			return fmt.Errorf("ticket: part %d has two receipts", r.Number)
		case r.Size != t.Parts[r.Number-1].Size:
			return fmt.Errorf("ticket: the receipt of part %d is for %d bytes, the part has %d",
				r.Number, r.Size, t.Parts[r.Number-1].Size)
		case hasControl(r.ETag) || hasControl(r.VersionID):
			return fmt.Errorf("ticket: the receipt of part %d holds control characters", r.Number)
		}
		seen[r.Number] = true
	}
	return nil
}

// Validate says why a request must not be sent: only PUT and POST, only http
// and https, only the headers that an upload needs. Whether plain http is
// allowed is judged where it is dialled.
func (r *Request) Validate() error {
	if r.Method != "PUT" && r.Method != "POST" {
		return fmt.Errorf("method %q is neither PUT nor POST", r.Method)
	}
	if err := ValidURL(r.URL); err != nil {
		return err
	}
	for name, value := range r.Header {
		if !allowedHeader(name) {
			return fmt.Errorf("header %q is not one that an upload may send", name)
		}
		if hasControl(value) {
			return fmt.Errorf("header %q holds control characters", name)
		}
	}
	for name := range r.Fields {
		if name == "" || hasControl(name) || strings.EqualFold(name, "file") {
			return fmt.Errorf("form field %q is not allowed", name)
		}
	}
	return nil
}

// ValidURL says why nothing must be sent to raw. Its text is not in the error:
// it may hold a signature.
func ValidURL(raw string) error {
	if hasControl(raw) {
		return errors.New("the URL holds control characters")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("the URL cannot be read")
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("the URL's scheme %q is neither https nor http", u.Scheme)
	case u.Hostname() == "":
		return errors.New("the URL names no host")
	case u.User != nil:
		return errors.New("the URL holds a user name")
	}
	return nil
}

// allowedHeader is the allow-list of what a ticket may make an upload send.
// Authorization, Cookie and Host in particular are not on it.
func allowedHeader(name string) bool {
	switch name = strings.ToLower(name); name {
	case "content-type", "content-md5", "content-disposition", "content-encoding",
		"content-language", "cache-control", "if-none-match":
		return true
	}
	rest, amz := strings.CutPrefix(name, "x-amz-")
	return amz && rest != "" && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }
