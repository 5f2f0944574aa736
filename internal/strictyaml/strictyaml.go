// Package strictyaml reads YAML files that people write by hand, and says what
// is wrong with them and at which line, in the terms of YAML and not of Go.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrEmpty is what errors.Is finds where there is no document at all.
var ErrEmpty = errors.New("the file is empty")

// Error is what is wrong at a line; 0 is the file as a whole.
type Error struct {
	Line int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// In is what err says with its place: FILE:LINE: what is wrong.
func In(file string, err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Line > 0 {
		file = fmt.Sprintf("%s:%d", file, e.Line)
	}
	return file + ": " + err.Error()
}

// Decode reads the one document of text into v, and refuses fields that v does not
// have. Its errors, also those that UnmarshalYAML of a type returns with "line
// N: " before them, are *Errors.
func Decode(text []byte, v any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	err := d.Decode(v)
	switch {
	case errors.Is(err, io.EOF):
		return &Error{0, ErrEmpty}
	case err != nil:
		return explain(err)
	}
	var more yaml.Node
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return &Error{more.Line, errors.New("more than one YAML document")}
	}
	return nil
}

// Line returns the line of a field, such as start.request.method, or, if that is not there,
// of what it should be in; of a list the members are numbered from 0. 0 is the
// file as a whole.
func Line(text []byte, field string) int {
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return 0
	}
	line, node := 0, doc.Content[0]
	for name := range strings.SplitSeq(field, ".") {
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		found := false
		for i, child := range node.Content {
			switch {
			case node.Kind == yaml.SequenceNode && strconv.Itoa(i) == name:
				line, node, found = child.Line, child, true
			case node.Kind == yaml.MappingNode && i%2 == 0 && child.Value == name:
				line, node, found = child.Line, node.Content[i+1], true
			}
			if found {
				break
			}
		}
		if !found {
			break
		}
	}
	return line
}

// explain takes the line out of the words of yaml's errors, and Go's types. Its
// patterns are compiled here, since most commands never need them.
func explain(err error) *Error {
	lineBefore := regexp.MustCompile(`^(?:yaml: )?line (\d+): `)
	unknownField := regexp.MustCompile(`field (\S+) not found in type \S+`)
	goType := regexp.MustCompile(`cannot unmarshal !!(\S+) (.*?)into (\S+)`)
	said := err.Error()
	if many, ok := errors.AsType[*yaml.TypeError](err); ok && len(many.Errors) > 0 {
		said = many.Errors[0]
	}
	line := 0
	if m := lineBefore.FindStringSubmatch(said); m != nil {
		line, _ = strconv.Atoi(m[1])
		said = said[len(m[0]):]
	}
	said = unknownField.ReplaceAllString(strings.TrimPrefix(said, "yaml: "), "there is no field $1 here")
	if m := goType.FindStringSubmatch(said); m != nil {
		said = fmt.Sprintf("%s is wanted here, and not %s", wanted(m[3]), strings.TrimSpace(given(m[1])+" "+m[2]))
	}
	return &Error{line, errors.New(strings.TrimSpace(said))}
}

// wanted says what a Go type is in YAML.
func wanted(name string) string {
	switch {
	case name == "bool":
		return "true or false"
	case strings.HasPrefix(name, "int"):
		return "a whole number"
	case name == "string":
		return "a text"
	case name == "time.Duration":
		return "a time such as 1m or 30s"
	case strings.HasPrefix(name, "[]"):
		return "a list"
	}
	return "a mapping"
}

// given says what a tag of YAML stands for.
func given(tag string) string {
	switch tag {
	case "seq":
		return "a list"
	case "map":
		return "a mapping"
	case "str":
		return "the text"
	}
	return "the value"
}
