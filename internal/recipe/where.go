package recipe

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lineError is an error at a line of the recipe's file.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }

// fieldError is an error of a field, such as start.request.method; of a list
// the members are numbered from 0.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

func at(field, format string, args ...any) error {
	return &fieldError{field, fmt.Errorf(format, args...)}
}

// fieldLine returns the line of a field or, if that is not there, of what it
// should be in; 0 is the file as a whole.
func fieldLine(text []byte, field string) int {
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

var (
	yamlLine     = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )`)
	unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)
	goType       = regexp.MustCompile(`cannot unmarshal !!(\S+) (.*?)into (\S+)`)
)

// lineOf takes the line out of an error of reading text: of this package, or of
// yaml, whose errors have it in their words.
func lineOf(err error, text []byte) (int, string) {
	if at := (*lineError)(nil); errors.As(err, &at) {
		return at.line, err.Error()
	}
	if wrong := (*fieldError)(nil); errors.As(err, &wrong) {
		return fieldLine(text, wrong.field), err.Error()
	}
	said := err.Error()
	if many := (*yaml.TypeError)(nil); errors.As(err, &many) {
		said = many.Errors[0]
	}
	line := 0
	if m := yamlLine.FindStringSubmatch(said); m != nil {
		line, _ = strconv.Atoi(m[1])
		said = said[len(m[0]):]
	}
	said = unknownField.ReplaceAllString(strings.TrimPrefix(said, "yaml: "), "there is no field $1 here")
	if m := goType.FindStringSubmatch(said); m != nil {
		said = fmt.Sprintf("%s is wanted here, and not %s", wantedType(m[3]), strings.TrimSpace(yamlType(m[1])+" "+m[2]))
	}
	return line, strings.TrimSpace(said)
}

// wantedType says what a Go type is in YAML.
func wantedType(name string) string {
	switch {
	case name == "bool":
		return "true or false"
	case name == "int":
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

// yamlType says what a tag of YAML stands for.
func yamlType(tag string) string {
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
