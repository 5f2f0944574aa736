// Package mediatype tells the media type of a file, the same on every host.
package mediatype

import (
	"io"
	"mime"
	"path"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// Unknown is the type of what nothing is known about (RFC 2046, 4.5.1).
const Unknown = "application/octet-stream"

// ByName returns the type that the extension of name stands for, or "". The
// table is the program's own: the host's differ (.ts is a video on some), and
// what a file is stored as must not depend on where it was uploaded.
func ByName(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if known, ok := extensions[ext]; ok {
		return known
	}
	return ""
}

// OfContent returns the type that the first bytes of r look like. It reads at
// most 3 KiB.
func OfContent(r io.Reader) (string, error) {
	found, err := mimetype.DetectReader(r)
	if err != nil {
		return "", err
	}
	return found.String(), nil
}

// Valid says whether s can stand in a Content-Type header.
func Valid(s string) bool {
	_, _, err := mime.ParseMediaType(s)
	return err == nil && strings.Contains(s, "/")
}
