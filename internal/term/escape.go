package term

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Escape returns s with everything that could drive or deceive a terminal
// written out: control characters and invalid UTF-8 as \n, \t, \r or \xNN, C1
// controls, line separators and the marks that turn text around (Unicode's
// Bidi_Control) as \uNNNN. Anything else, backslashes too, stays as it is: the
// result is for reading and cannot be turned back.
func Escape(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, unsafeRune) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < utf8.RuneSelf && unsafeRune(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case unsafeRune(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

func unsafeRune(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// EncodeJSON returns v as one line that ends in a newline. URLs stay readable
// (no \u0026), and what Escape would write out is a JSON escape, so that the
// line is safe on a terminal and means the same.
func EncodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	line := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if bytes.IndexFunc(line, unsafeRune) < 0 {
		return append(line, '\n'), nil
	}
	safe := make([]byte, 0, len(line)+16)
	for _, r := range string(line) {
		switch {
		case !unsafeRune(r):
			safe = utf8.AppendRune(safe, r)
		case r > 0xFFFF:
			hi, lo := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, hi, lo)
		default:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		}
	}
	return append(safe, '\n'), nil
}
