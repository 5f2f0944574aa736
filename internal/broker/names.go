package broker

import (
	"mime"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName in bytes is what file systems take for a name.
const maxName = 255

// checkName says why a client's file name is refused, or "". A name that is
// taken is a single segment of a key that reads the same to everybody.
func checkName(name string) string {
	switch {
	case name == "":
		return "is required"
	case len(name) > maxName:
		return "is longer than 255 bytes"
	case !utf8.ValidString(name):
		return "is not UTF-8"
	case strings.Trim(name, ". ") == "":
		return "consists of dots"
	case strings.TrimSpace(name) != name:
		return "begins or ends with a space"
	}
	for _, r := range name {
		switch {
		case r == '/', r == '\\':
			return "has a slash: it is a name, not a path"
		case unicode.IsControl(r), r == 0xfffe, r == 0xffff, r == utf8.RuneError, unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			return "has a control character"
		case isDisguise(r):
			return "has a character that looks like another one"
		}
	}
	return ""
}

// isDisguise says whether r looks like a slash, a backslash or a dot and is none, or
// changes the order or the look of what is around it (Unicode TR 36, 3.1).
func isDisguise(r rune) bool {
	switch r {
	case '\u2044', '\u2215', '\u29f8', '\uff0f', // slashes
		'\u2216', '\u29f5', '\u29f9', '\ufe68', '\uff3c', // backslashes
		'\u2024', '\u2025', '\ufe52', '\uff0e', // dots
		'\u200b', '\u2060', '\ufeff', '\u00ad': // nothing to see
		return true
	}
	return unicode.Is(unicode.Bidi_Control, r)
}

// checkText says why a client's text is refused that becomes no part of a key, or "".
func checkText(text string, most int) string {
	switch {
	case len(text) > most:
		return "is too long"
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "has a control character"
	}
	return ""
}

// checkType says why a client's media type is refused, or "". It need not be one
// that RFC 9110 knows: the documents' own examples are not.
func checkType(kind string) string {
	switch {
	case kind == "":
		return "is required"
	case strings.TrimSpace(kind) != kind || strings.ContainsFunc(kind, func(r rune) bool { return r > unicode.MaxASCII }):
		return "is no media type"
	}
	return checkText(kind, 255)
}

// harmless says whether browsers may show what is stored as kind: what they would run
// in the name of the site that serves it (HTML, SVG, XML), and what they would
// guess about, is not.
func (b *Broker) harmless(kind string) bool {
	plain, _, err := mime.ParseMediaType(kind)
	if err != nil {
		return false
	}
	if slices.Contains(b.cfg.Inline, plain) {
		return true
	}
	switch plain {
	case "text/plain", "text/csv", "application/pdf", "application/json", "application/octet-stream", "application/zip", "application/gzip":
		return true
	}
	family, subtype, _ := strings.Cut(plain, "/")
	return (family == "image" || family == "audio" || family == "video" || family == "font") && !strings.Contains(subtype, "xml")
}

// disposition is the Content-Disposition of what is stored as kind under name (RFC
// 6266), or "" where there is nothing to say.
func (b *Broker) disposition(kind, name string) string {
	how := "attachment"
	if b.harmless(kind) {
		if name == "" {
			return ""
		}
		how = "inline"
	}
	if name == "" {
		return how
	}
	if whole := mime.FormatMediaType(how, map[string]string{"filename": name}); whole != "" {
		return whole
	}
	return how
}

// escapePath makes a key a part of a URL.
func escapePath(key string) string {
	parts := strings.Split(key, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}
