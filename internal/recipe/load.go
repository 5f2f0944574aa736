package recipe

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/strictyaml"
)

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

// Load reads a recipe strictly and compiles its programs. filename is for
// errors, which are of kind Usage and begin with FILE:LINE.
func Load(text []byte, filename string) (*Recipe, error) {
	r := new(Recipe)
	err := strictyaml.Decode(text, r)
	if err == nil {
		err = r.check()
	}
	if err == nil {
		return r, nil
	}
	if wrong, ok := errors.AsType[*fieldError](err); ok {
		err = &strictyaml.Error{Line: strictyaml.Line(text, wrong.field), Err: err}
	}
	return nil, fault.At(fault.Config, fault.New(fault.Usage, "%s", strictyaml.In(filename, err)))
}

var (
	recipeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]+$`)
	optionName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	envName    = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	// literalPath is one that was meant to be, and would be a program.
	literalPath = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]*)+$`)
	headerName  = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
)

// check completes the recipe with its defaults, says what is wrong with it, and
// compiles its programs.
func (r *Recipe) check() error {
	switch {
	case !recipeName.MatchString(r.Name):
		return at("name", "name: %q is no letter with letters, digits, _ and - after it", r.Name)
	case r.Start == nil:
		return errors.New("start is missing: how an upload begins")
	}
	if r.BaseURL != "" {
		if _, err := parseBase(r.BaseURL); err != nil {
			return at("base_url", "base_url: %w", err)
		}
	}
	if err := oneOf("parts", "parts", &r.Parts, partsOfAPI, partsOfClient); err != nil {
		return err
	}
	if err := oneOf("resend", "resend", &r.Resend, resendNone, resendStart, resendSign); err != nil {
		return err
	}
	switch {
	case r.Resend == resendSign && r.Sign == nil:
		return at("resend", "resend: sign needs the verb sign")
	case r.Parts == partsOfClient && r.Sign == nil:
		return at("parts", "parts: client needs the verb sign")
	case r.Rate != nil && (r.Rate.Requests < 1 || r.Rate.Per <= 0):
		return at("rate", "rate: requests and per (such as 1m) are wanted")
	}
	if r.Rate != nil {
		for _, name := range r.Rate.Verbs {
			if _, known := variables[name]; !known {
				return at("rate.verbs", "rate: there is no verb %q", name)
			}
		}
	}
	if err := r.checkOptions(); err != nil {
		return err
	}
	for i := range r.Auth {
		if err := r.Auth[i].check(fmt.Sprintf("auth.%d", i)); err != nil {
			return err
		}
	}
	return r.compile()
}

func oneOf(field, name string, value *string, allowed ...string) error {
	if *value == "" {
		*value = allowed[0]
	}
	if !slices.Contains(allowed, *value) {
		return at(field, "%s: %q is none of %s", name, *value, strings.Join(allowed, ", "))
	}
	return nil
}

func (r *Recipe) checkOptions() error {
	for _, name := range r.OptionNames() {
		o, field := r.Options[name], "options."+name
		if !optionName.MatchString(name) {
			return at(field, "option %q: small letters, digits and _ are wanted", name)
		}
		if err := oneOf(field+".type", "option "+name+": type", &o.Type, "string", "bool", "int"); err != nil {
			return err
		}
		if len(o.Allowed) > 0 && o.Type != "string" {
			return at(field+".allowed", "option %s: allowed goes with type string", name)
		}
		if o.Default != nil {
			if _, err := o.value(o.Default); err != nil {
				return at(field+".default", "option %s: default: %w", name, err)
			}
		}
		r.Options[name] = o
	}
	return nil
}

func (a *Auth) check(field string) error {
	switch {
	case !optionName.MatchString(a.Secret):
		return at(field+".secret", "auth: secret %q: small letters, digits and _ are wanted", a.Secret)
	case a.Env != "" && !envName.MatchString(a.Env):
		return at(field+".env", "auth: env %q is no name of a variable", a.Env)
	case !headerName.MatchString(a.Header):
		return at(field+".header", "auth: header %q is no name of a header", a.Header)
	}
	if a.Value == nil {
		a.Value = &Program{source: "$secret"}
	}
	return a.Value.compile(nil, "$secret")
}

// compile compiles each program with the variables of its place.
func (r *Recipe) compile() error {
	for _, p := range []struct {
		program *Program
		vars    []string
	}{
		{r.Headers, []string{"$opt"}},
		{r.Refuse, []string{"$file", "$opt"}},
		{r.Advise, []string{"$file", "$opt"}},
		{r.Errors, []string{"$status", "$headers"}},
	} {
		if p.program == nil {
			continue
		}
		if err := p.program.compile(r.OptionNames(), p.vars...); err != nil {
			return err
		}
	}
	for _, v := range r.verbs() {
		if err := v.check(r.OptionNames()); err != nil {
			return err
		}
	}
	return nil
}

// variables are those of a verb's programs, beside $opt.
var variables = map[string][]string{ //nolint:gochecknoglobals // a table
	"start":      {"$file", "$parts"},
	"sign":       {"$file", "$state", "$part", "$parts"},
	"finish":     {"$file", "$state", "$parts"},
	"abort":      {"$file", "$state"},
	"list_parts": {"$file", "$state", "$page"},
	"list":       {"$path", "$page"},
	"stat":       {"$path"},
	"get":        {"$path"},
	"variant":    {"$path", "$variant"},
	"remove":     {"$path"},
	"cors":       nil,
	"set_cors":   {"$rules"},
}

// check compiles a verb. Its programs see the verb's variables, and that of
// the answer the answer's status and headers too.
func (v *Verb) check(options []string) error {
	q := &v.Request
	if q.Method == "" {
		q.Method = http.MethodGet
	}
	switch {
	case !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, q.Method):
		return at(v.name+".request.method", "%s: method %q is none of GET, POST, PUT, PATCH, DELETE", v.name, q.Method)
	case q.Path.source == "":
		return at(v.name+".request", "%s: path is missing", v.name)
	case literalPath.MatchString(q.Path.source):
		return at(v.name+".request.path", "%s: path: a literal path begins with /", v.name)
	case q.JSON != nil && q.Form != nil:
		return at(v.name+".request.form", "%s: json and form exclude each other", v.name)
	case v.Batch != 0 && (v.name != "sign" || v.Batch < 1 || v.Batch > 10_000):
		return at(v.name+".batch", "%s: batch goes with sign, and is 1 to 10000", v.name)
	case v.Page != 0 && (v.name != "list" && v.name != "list_parts" || v.Page < 1):
		return at(v.name+".page", "%s: page goes with list and list_parts", v.name)
	case v.Rules && v.name != "set_cors":
		return at(v.name+".rules", "%s: rules goes with set_cors", v.name)
	case v.When != nil && v.name != "finish":
		return at(v.name+".when", "%s: when goes with finish", v.name)
	case v.By != "" && v.name != "get" && v.name != "variant":
		return at(v.name+".by", "%s: by goes with get and variant", v.name)
	}
	if v.name == "get" || v.name == "variant" {
		if err := oneOf(v.name+".by", v.name+": by", &v.By, byURL, byRedirect, byAnswer); err != nil {
			return err
		}
	}
	optional := slices.Contains([]string{"finish", "abort", "remove", "set_cors"}, v.name) || v.By == byRedirect || v.By == byAnswer
	if v.Answer == nil && !optional {
		return at(v.name, "%s: answer is missing: what the answer means", v.name)
	}
	vars := append([]string{"$opt"}, variables[v.name]...)
	for _, p := range []*Program{&q.Path.Program, q.Query, q.Headers, q.JSON, q.Form, v.When} {
		if p == nil {
			continue
		}
		if err := p.compile(options, vars...); err != nil {
			return err
		}
	}
	if v.Answer == nil {
		return nil
	}
	return v.Answer.compile(options, append(vars, "$status", "$headers")...)
}

// parseBase reads an API's address: https or http, without credentials, query
// and fragment.
func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("a URL such as https://host is wanted")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("a URL without credentials, query and fragment is wanted")
	}
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	return u, nil
}
