package recipe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/itchyny/gojq"
	"go.yaml.in/yaml/v3"

	"github.com/hoist-cli/hoist/internal/strictyaml"
)

// programTime bounds one run of a program: a recipe may loop.
const programTime = 10 * time.Second

// Program is a jq program of a recipe, compiled when the recipe is loaded. It
// cannot read the environment, files or other input.
type Program struct {
	source string
	line   int // of the recipe's file at which the source begins
	code   *gojq.Code
	vars   []string // names with $, in the order of compilation
}

// UnmarshalYAML takes any scalar; what it is compiled with depends on where it stands.
func (p *Program) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.ScalarNode || node.ShortTag() == "!!null" {
		return fmt.Errorf("line %d: a jq program is wanted here", node.Line)
	}
	p.source, p.line = node.Value, node.Line
	if node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		p.line++ // the text begins below the | or >
	}
	return nil
}

// compile makes p ready to run with vars, which it may use and nothing else.
// options are the members of $opt.
func (p *Program) compile(options []string, vars ...string) error {
	query, err := gojq.Parse(p.source)
	if err != nil {
		offset := len(p.source)
		if bad := (*gojq.ParseError)(nil); errors.As(err, &bad) {
			offset = max(0, bad.Offset-len(bad.Token))
		}
		return p.at(offset, err)
	}
	p.vars = vars
	p.code, err = gojq.Compile(query, gojq.WithVariables(vars), gojq.WithFunction("given", 0, 0, given))
	if err == nil {
		return p.checkMembers(options)
	}
	// The compiler says what it misses and not where.
	_, name, _ := strings.Cut(err.Error(), "not defined: ")
	name, _, _ = strings.Cut(name, "/")
	if strings.HasPrefix(name, "$") {
		err = fmt.Errorf("%w: here are %s", err, strings.Join(vars, ", "))
	}
	offset := 0
	if found := regexp.MustCompile(`(?:^|[^\w.$])(` + regexp.QuoteMeta(name) + `)(?:\W|$)`).FindStringSubmatchIndex(p.source); found != nil {
		offset = found[2]
	}
	return p.at(offset, err)
}

var member = regexp.MustCompile(`(\$(?:opt|file|part|page))\.([A-Za-z_]\w*)`)

// checkMembers refuses a member of a variable that never has it: jq would take
// it for null. A program's own variable of the same name is let be.
func (p *Program) checkMembers(options []string) error {
	known := map[string][]string{
		"$opt": options, "$file": {"name", "size", "type"},
		"$part": {"number", "offset", "size"}, "$page": {"number", "limit", "offset", "next"},
	}
	for _, found := range member.FindAllStringSubmatchIndex(p.source, -1) {
		name, field := p.source[found[2]:found[3]], p.source[found[4]:found[5]]
		if slices.Contains(known[name], field) {
			continue
		}
		own := regexp.MustCompile(`\b(?:as\b[^|]*|def\b[^:]*)` + regexp.QuoteMeta(name) + `\b`)
		if own.MatchString(p.source) {
			continue
		}
		has := "has no members"
		if len(known[name]) > 0 {
			has = "has " + strings.Join(known[name], ", ")
		}
		return p.at(found[0], fmt.Errorf("there is no %s.%s: %s %s", name, field, name, has))
	}
	return nil
}

func (p *Program) at(offset int, err error) error {
	return &strictyaml.Error{Line: p.line + strings.Count(p.source[:min(offset, len(p.source))], "\n"), Err: err}
}

// uses says whether the program mentions the option.
func (p *Program) uses(option string) bool {
	return p != nil && regexp.MustCompile(`\$opt\.`+regexp.QuoteMeta(option)+`\b`).MatchString(p.source)
}

// given is the function of that name: an object without the members that are null.
func given(v any, _ []any) any {
	in, ok := v.(map[string]any)
	if !ok {
		return errors.New("given: an object is wanted")
	}
	out := make(map[string]any, len(in))
	for name, value := range in {
		if value != nil {
			out[name] = value
		}
	}
	return out
}

// values are what the variables of a program stand for, by name with $. What is missing is null.
type values map[string]any

// each runs the program and hands out what it yields.
func (p *Program) each(ctx context.Context, input any, vars values, yield func(any) error) error {
	bounded, cancel := context.WithTimeout(ctx, programTime)
	defer cancel()
	args := make([]any, len(p.vars))
	for i, name := range p.vars {
		args[i] = vars[name]
	}
	for results := p.code.RunWithContext(bounded, input, args...); ; {
		v, more := results.Next()
		if !more {
			return nil
		}
		if err, failed := v.(error); failed {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return harmlessError(err)
		}
		if err := yield(v); err != nil {
			return err
		}
	}
}

// one runs the program, which has to yield one value.
func (p *Program) one(ctx context.Context, input any, vars values) (any, error) {
	var out []any
	err := p.each(ctx, input, vars, func(v any) error {
		if out = append(out, v); len(out) > 1 {
			return errors.New("the program yields more than one value")
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = errors.New("the program yields nothing")
	}
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// into runs the program and decodes the value that it yields into v, strictly.
func (p *Program) into(ctx context.Context, input any, vars values, v any) error {
	out, err := p.one(ctx, input, vars)
	if err != nil {
		return err
	}
	return decode(out, v)
}

// decode turns a value of jq into v and refuses members that v does not have.
// The error names the member and never its value.
func decode(value, v any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false) // the & of a URL stays readable in a record
	if e.Encode(value) != nil {
		return errors.New("a value that JSON cannot hold")
	}
	d := json.NewDecoder(&text)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if bad := (*json.UnmarshalTypeError)(nil); errors.As(err, &bad) {
		if bad.Field == "" {
			return fmt.Errorf("a %s where an object is wanted", bad.Value)
		}
		return fmt.Errorf("%s: a %s is no %s", bad.Field, kindOf(bad.Value), typeName(bad.Type.Kind().String()))
	}
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// kindOf is the kind of a JSON value without the value, which encoding/json
// appends to numbers.
func kindOf(value string) string {
	kind, _, _ := strings.Cut(value, " ")
	return kind
}

func typeName(kind string) string {
	switch kind {
	case "int", "int64":
		return "whole number"
	case "struct", "map":
		return "object"
	case "slice":
		return "list"
	}
	return kind
}

// harmlessError takes the values out of an error of jq: they are of an answer,
// which holds signed URLs. What the recipe itself says with error("…") stays.
func harmlessError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the program did not end within %s: %w", programTime, err)
	}
	if said, ok := err.(gojq.ValueError); ok { //nolint:errorlint // gojq wraps nothing
		if text, ok := said.Value().(string); ok && strings.HasPrefix(err.Error(), "error: ") {
			return errors.New(text)
		}
	}
	text, _, _ := strings.Cut(err.Error(), " (")
	return errors.New(text)
}

// parseJSON reads an answer as jq sees it, with whole numbers exact.
func parseJSON(body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one value")
	}
	return v, nil
}
