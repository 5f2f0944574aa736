// Package recipe speaks to the APIs that hand out presigned URLs. What tells
// one from the other is data: a recipe is a YAML file whose values are jq
// programs, and this package is the client of all of them.
package recipe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Recipe is an API as data. docs/recipes.md documents the format, and its tags
// are the names there.
type Recipe struct {
	Name     string   `yaml:"name"`
	About    string   `yaml:"about"`
	Document string   `yaml:"document"`
	BaseURL  string   `yaml:"base_url"`
	Notes    []string `yaml:"notes"`

	Auth    []Auth            `yaml:"auth"`
	Headers *Program          `yaml:"headers"`
	Options map[string]Option `yaml:"options"`
	Limits  Limits            `yaml:"limits"`
	Refuse  *Program          `yaml:"refuse"`
	Advise  *Program          `yaml:"advise"`
	Rate    *Rate             `yaml:"rate"`
	Parts   string            `yaml:"parts"`
	Resend  string            `yaml:"resend"`
	Errors  *Program          `yaml:"errors"`

	Start     *Verb `yaml:"start"`
	Sign      *Verb `yaml:"sign"`
	Finish    *Verb `yaml:"finish"`
	Abort     *Verb `yaml:"abort"`
	ListParts *Verb `yaml:"list_parts"`
	List      *Verb `yaml:"list"`
	Stat      *Verb `yaml:"stat"`
	Get       *Verb `yaml:"get"`
	Variant   *Verb `yaml:"variant"`
	Remove    *Verb `yaml:"remove"`
	CORS      *Verb `yaml:"cors"`
	SetCORS   *Verb `yaml:"set_cors"`

	// Path is the file's name, "" for a built-in recipe.
	Path string `yaml:"-"`
}

// Who decides how large the parts are, and what an expired or failed send needs.
const (
	partsOfAPI    = "api"
	partsOfClient = "client"

	resendStart = "start"
	resendSign  = "sign"
	resendNone  = "none"
)

// Auth is one way to prove who asks. The first whose secret is set is used.
type Auth struct {
	Secret   string   `yaml:"secret"` // its name in a profile's secrets
	Env      string   `yaml:"env"`    // the variable that a built-in profile takes it from
	Header   string   `yaml:"header"`
	Value    *Program `yaml:"value"`    // default $secret
	Optional bool     `yaml:"optional"` // requests may go without
}

// Option is something of the API's own that a person may say with --set.
type Option struct {
	Type     string   `yaml:"type"` // string (default), bool or int
	Required bool     `yaml:"required"`
	Allowed  []string `yaml:"allowed"`
	Default  any      `yaml:"default"`
	Help     string   `yaml:"help"`
}

// Limits are checked before anything is sent.
type Limits struct {
	MaxSize    Size     `yaml:"max_size"`   // bytes; 0 is none
	Extensions []string `yaml:"extensions"` // without dot, lower case
	Types      []string `yaml:"types"`      // media types; image/* for all of a kind
}

// Rate is how many requests the API takes in any stretch of time.
type Rate struct {
	Requests int           `yaml:"requests"`
	Per      time.Duration `yaml:"per"`
	Verbs    []string      `yaml:"verbs"` // which ones count; none is all
}

// Verb is one thing that the API can do: a request, and what its answer means.
type Verb struct {
	Request Request  `yaml:"request"`
	Answer  *Program `yaml:"answer"`
	When    *Program `yaml:"when"`
	Retry   *bool    `yaml:"retry"`
	Text    bool     `yaml:"text"`
	By      string   `yaml:"by"`
	Page    int      `yaml:"page"`
	Batch   int      `yaml:"batch"`
	Rules   bool     `yaml:"rules"`

	name string
}

// Request is how a verb asks.
type Request struct {
	Method  string   `yaml:"method"` // default GET
	Path    Path     `yaml:"path"`
	Query   *Program `yaml:"query"`
	Headers *Program `yaml:"headers"`
	JSON    *Program `yaml:"json"`
	Form    *Program `yaml:"form"`
}

// The ways in which a download is handed out.
const (
	byURL      = "url"      // the answer names a signed URL
	byRedirect = "redirect" // the answer redirects to one
	byAnswer   = "answer"   // the answer is the object
)

// Path is the path of a request: literal if it begins with a slash, else a jq program.
type Path struct{ Program }

// UnmarshalYAML turns a literal path into the program that yields it.
func (p *Path) UnmarshalYAML(node *yaml.Node) error {
	if err := p.Program.UnmarshalYAML(node); err != nil {
		return err
	}
	if strings.HasPrefix(p.source, "/") {
		p.source = strings.ReplaceAll(strconv.Quote(p.source), `\x`, `\u00`)
	}
	return nil
}

// Size is a number of bytes: 5GiB, 100MB or a bare number.
type Size int64

// UnmarshalYAML reads a size.
func (s *Size) UnmarshalYAML(node *yaml.Node) error {
	units := []struct {
		name  string
		bytes int64
	}{
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"TiB", 1 << 40},
		{"KB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"TB", 1e12},
		{"", 1},
	}
	for _, u := range units {
		digits, found := strings.CutSuffix(node.Value, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.bytes {
			break
		}
		*s = Size(n * u.bytes)
		return nil
	}
	return fmt.Errorf("line %d: %q is no size such as 5GiB, 100MB or 1048576", node.Line, node.Value)
}

func (s Size) String() string {
	for _, u := range []struct {
		name  string
		bytes Size
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s >= u.bytes && s%u.bytes == 0 {
			return fmt.Sprintf("%d %s", s/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", int64(s))
}

// verbs returns the recipe's verbs, in the order of the format.
func (r *Recipe) verbs() []*Verb {
	all := []struct {
		name string
		verb *Verb
	}{
		{"start", r.Start},
		{"sign", r.Sign},
		{"finish", r.Finish},
		{"abort", r.Abort},
		{"list_parts", r.ListParts},
		{"list", r.List},
		{"stat", r.Stat},
		{"get", r.Get},
		{"variant", r.Variant},
		{"remove", r.Remove},
		{"cors", r.CORS},
		{"set_cors", r.SetCORS},
	}
	var out []*Verb
	for _, v := range all {
		if v.verb != nil {
			v.verb.name = v.name
			out = append(out, v.verb)
		}
	}
	return out
}

// Verbs returns the names of what the API can do.
func (r *Recipe) Verbs() []string {
	var names []string
	for _, v := range r.verbs() {
		names = append(names, v.name)
	}
	return names
}

// retries says whether the verb's request may be sent again when nobody knows
// what became of it. One that was refused with a 429 always may.
func (v *Verb) retries() bool {
	if v.Retry != nil {
		return *v.Retry
	}
	return !slices.Contains([]string{"start", "finish", "set_cors"}, v.name)
}

// uses says whether a program of the verb mentions the option.
func (v *Verb) uses(option string) bool {
	q := &v.Request
	for _, p := range []*Program{&q.Path.Program, q.Query, q.Headers, q.JSON, q.Form, v.Answer, v.When} {
		if p.uses(option) {
			return true
		}
	}
	return false
}
