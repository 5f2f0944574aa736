package s3

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// errXML is a document that breaks off or is none.
var errXML = errors.New("it is no whole XML document")

// scanner reads the XML of a listing: elements and text. Attributes, comments
// and instructions are passed over, a name space's prefix is taken off, and
// there are no entities but XML's own five, since a document type, which could
// define others, is refused.
//
// After each has called with the name of an element, one of text, each and
// skip has to read the element to its end.
type scanner struct {
	in    []byte
	empty bool // the element that was begun is <such/>
	depth int
	buf   []byte // of text in which something was escaped
}

// maxDepth bounds how deep elements are within each other.
const maxDepth = 32

// root returns the name of the outermost element.
func (s *scanner) root() ([]byte, error) {
	s.in = bytes.TrimPrefix(s.in, []byte("\xef\xbb\xbf"))
	_, name, end, err := s.tag()
	if err == nil && end {
		err = errXML
	}
	return name, err
}

// each calls do with the name of every element in the one that was begun.
func (s *scanner) each(do func(name []byte) error) error {
	if s.empty {
		s.empty = false
		return nil
	}
	if s.depth++; s.depth > maxDepth {
		return errXML
	}
	defer func() { s.depth-- }()
	for {
		_, name, end, err := s.tag()
		if err != nil || end {
			return err
		}
		if err := do(name); err != nil {
			return err
		}
	}
}

// skip reads to the end of the element that was begun.
func (s *scanner) skip() error {
	return s.each(func([]byte) error { return s.skip() })
}

// text returns the text of the element that was begun. It is valid until the
// next call of a method.
func (s *scanner) text() ([]byte, error) {
	if s.empty {
		s.empty = false
		return nil, nil
	}
	text, _, end, err := s.tag()
	if err != nil || end {
		return text, err
	}
	return nil, fmt.Errorf("an element is where text should be: %w", errXML)
}

// tag reads up to the next tag and over it. It returns the text before it, its
// name, and whether it ends an element.
func (s *scanner) tag() (text, name []byte, end bool, err error) {
	first := true // text is still a piece of the input
	for {
		i := bytes.IndexByte(s.in, '<')
		if i < 0 || i+1 == len(s.in) {
			return nil, nil, false, errXML
		}
		piece := s.in[:i]
		s.in = s.in[i:]
		if bytes.IndexByte(piece, '&') >= 0 || bytes.IndexByte(piece, '\r') >= 0 {
			if first {
				s.buf = append(s.buf[:0], text...)
				first = false
			}
			if s.buf, err = unescape(s.buf, piece); err != nil {
				return nil, nil, false, err
			}
			text = s.buf
		} else if len(piece) > 0 {
			text, first = s.join(text, piece, first)
		}
		switch {
		case s.in[1] == '?':
			err = s.over("?>")
		case bytes.HasPrefix(s.in, []byte("<!--")):
			s.in = s.in[4:] // <!--> does not end itself
			err = s.over("-->")
		case bytes.HasPrefix(s.in, []byte("<![CDATA[")):
			s.in = s.in[9:]
			j := bytes.Index(s.in, []byte("]]>"))
			if j < 0 {
				return nil, nil, false, errXML
			}
			text, first = s.join(text, s.in[:j], first)
			s.in = s.in[j+3:]
		case s.in[1] == '!':
			err = errors.New("it has a document type")
		default:
			name, end, err = s.element()
			return text, name, end, err
		}
		if err != nil {
			return nil, nil, false, err
		}
	}
}

// join appends piece to text, which it copies only if there are two pieces.
func (s *scanner) join(text, piece []byte, first bool) ([]byte, bool) {
	if first && len(text) == 0 {
		return piece, true
	}
	if first {
		s.buf = append(s.buf[:0], text...)
	}
	s.buf = append(s.buf, piece...)
	return s.buf, false
}

func (s *scanner) over(end string) error {
	i := bytes.Index(s.in, []byte(end))
	if i < 0 {
		return errXML
	}
	s.in = s.in[i+len(end):]
	return nil
}

// element reads a tag that begins or ends an element.
func (s *scanner) element() (name []byte, end bool, err error) {
	end = s.in[1] == '/'
	rest := s.in[1:]
	if end {
		rest = rest[1:]
	}
	i := bytes.IndexAny(rest, " \t\r\n/>")
	if i <= 0 {
		return nil, false, errXML
	}
	name, rest = rest[:i], rest[i:]
	if j := bytes.IndexByte(name, ':'); j >= 0 {
		name = name[j+1:]
	}
	for {
		switch i := bytes.IndexAny(rest, `>"'`); {
		case i < 0:
			return nil, false, errXML
		case rest[i] == '>':
			s.empty = !end && i > 0 && rest[i-1] == '/'
			s.in = rest[i+1:]
			return name, end, nil
		default: // an attribute's value, which may hold a >
			quote := rest[i]
			rest = rest[i+1:]
			j := bytes.IndexByte(rest, quote)
			if j < 0 {
				return nil, false, errXML
			}
			rest = rest[j+1:]
		}
	}
}

// unescape appends text to b as it is meant: with its references resolved
// (XML 1.0, 4.1) and its line ends as XML has them (2.11).
func unescape(b, text []byte) ([]byte, error) {
	for len(text) > 0 {
		i := bytes.IndexAny(text, "&\r")
		if i < 0 {
			return append(b, text...), nil
		}
		b = append(b, text[:i]...)
		if text[i] == '\r' {
			text = bytes.TrimPrefix(text[i+1:], []byte{'\n'})
			b = append(b, '\n')
			continue
		}
		text = text[i+1:]
		j := bytes.IndexByte(text, ';')
		if j < 0 || j > 10 {
			return nil, errXML
		}
		r, err := reference(string(text[:j]))
		if err != nil {
			return nil, err
		}
		b = utf8.AppendRune(b, r)
		text = text[j+1:]
	}
	return b, nil
}

func reference(name string) (rune, error) {
	switch name {
	case "amp":
		return '&', nil
	case "lt":
		return '<', nil
	case "gt":
		return '>', nil
	case "quot":
		return '"', nil
	case "apos":
		return '\'', nil
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, fmt.Errorf("&%s; is not of XML", name)
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune {
		return 0, fmt.Errorf("&%s; is no character", name)
	}
	return rune(n), nil
}
