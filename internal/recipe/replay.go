package recipe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/strictyaml"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// recording is a conversation with an API as its document or a trace has it.
// docs/recipes.md documents the format.
type recording struct {
	About   string            `yaml:"about"`
	BaseURL string            `yaml:"base_url"`
	Options map[string]any    `yaml:"options"`
	Secrets map[string]string `yaml:"secrets"`
	File    struct {
		Name string `yaml:"name"`
		Size int64  `yaml:"size"`
		Type string `yaml:"type"`
	} `yaml:"file"`
	Steps []step `yaml:"steps"`
}

// step is one verb: what is asked, answered, and made of it.
type step struct {
	Do        string         `yaml:"do"`
	Path      string         `yaml:"path"`
	Variant   string         `yaml:"variant"`
	Part      int            `yaml:"part"`
	ETags     []string       `yaml:"etags"` // by which all parts are stored
	Exchanges []exchange     `yaml:"exchanges"`
	Gives     map[string]any `yaml:"gives"`
	Fails     string         `yaml:"fails"`
	Exit      int            `yaml:"exit"`
}

type exchange struct {
	Request struct {
		Method  string            `yaml:"method"`
		Path    string            `yaml:"path"`
		Query   map[string]string `yaml:"query"`
		Headers map[string]string `yaml:"headers"`
		JSON    any               `yaml:"json"`
		Form    map[string]string `yaml:"form"`
	} `yaml:"request"`
	Answer struct {
		Status  int               `yaml:"status"`
		Headers map[string]string `yaml:"headers"`
		JSON    any               `yaml:"json"`
		Text    string            `yaml:"text"`
	} `yaml:"answer"`
}

// Replay holds the recipe to the recorded exchanges in the YAML files of dir,
// without a network: it has to ask what is recorded, and to make of the answers what
// the recording says. It returns how many steps it did.
func Replay(ctx context.Context, r *Recipe, dir string) (int, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return 0, err
	}
	done := 0
	for _, name := range files {
		n, err := replayFile(ctx, r, name)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func replayFile(ctx context.Context, r *Recipe, name string) (int, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, fault.New(fault.Usage, "%w", err)
	}
	var rec recording
	if err := strictyaml.Decode(text, &rec); err != nil {
		return 0, fault.New(fault.Usage, "%s", strictyaml.In(name, err))
	}
	p, err := newPlayer(r, rec)
	if err != nil {
		return 0, fault.New(fault.Usage, "%s: %w", name, err)
	}
	for i, s := range rec.Steps {
		if err := p.play(ctx, s); err != nil {
			// Its words alone: what kind of error a verb ended with is not the check's.
			return i, fault.New(fault.Failed, "%s:%d: %s: %s", name, strictyaml.Line(text, fmt.Sprintf("steps.%d", i)), s.Do, err.Error())
		}
	}
	return len(rec.Steps), nil
}

// player is a client whose network is a recording.
type player struct {
	client *Client
	file   ticket.File
	ticket *ticket.Ticket

	exchanges []exchange // of the step, not yet asked for
	bad       error      // what was asked otherwise than it is recorded
}

func newPlayer(r *Recipe, rec recording) (*player, error) {
	p := &player{file: ticket.File{Name: rec.File.Name, Size: rec.File.Size, Type: rec.File.Type}}
	secrets := make(map[string]func(context.Context) (string, error))
	for name, value := range rec.Secrets {
		secrets[name] = func(context.Context) (string, error) { return value, nil }
	}
	base := rec.BaseURL
	if base == "" && r.BaseURL == "" {
		base = "https://api.example"
	}
	var err error
	p.client, err = New(r, Config{
		Profile: r.Name, BaseURL: base, Options: rec.Options, Secrets: secrets, HTTP: &http.Client{Transport: p},
	})
	return p, err
}

// play does one step and compares.
func (p *player) play(ctx context.Context, s step) error {
	p.exchanges, p.bad = s.Exchanges, nil
	got, err := p.do(ctx, s)
	switch {
	case p.bad != nil:
		return p.bad
	case s.Fails != "" && err == nil:
		return fmt.Errorf("it succeeded, and should fail with %q", s.Fails)
	case s.Fails != "" && !strings.Contains(err.Error(), s.Fails):
		return fmt.Errorf("it failed, and should with %q: %w", s.Fails, err)
	case s.Fails != "" && s.Exit != 0 && int(fault.KindOf(err))+1 != s.Exit:
		return fmt.Errorf("it failed with exit code %d, and should with %d", int(fault.KindOf(err))+1, s.Exit)
	case s.Fails == "" && err != nil:
		return err
	case len(p.exchanges) > 0:
		return fmt.Errorf("%d recorded requests were not made", len(p.exchanges))
	}
	return compare("gives", s.Gives, got)
}

// do runs the step's verb and returns what it gives, as JSON has it.
func (p *player) do(ctx context.Context, s step) (any, error) {
	c := p.client
	if p.ticket == nil && slices.Contains([]string{"sign", "finish", "abort", "list_parts"}, s.Do) {
		return nil, errors.New("a step start is wanted before it")
	}
	var (
		got any
		err error
	)
	switch s.Do {
	case "start":
		p.ticket, err = c.Start(ctx, object.Spec{File: p.file})
		if err == nil {
			err = p.ticket.Validate()
		}
		got = p.ticket
	case "sign":
		if s.Part < 1 || s.Part > len(p.ticket.Parts) {
			return nil, fmt.Errorf("part: %d is none of the ticket's %d", s.Part, len(p.ticket.Parts))
		}
		got, err = c.Sign(ctx, p.ticket, p.ticket.Parts[s.Part-1], nil)
	case "finish":
		if len(s.ETags) != len(p.ticket.Parts) {
			return nil, fmt.Errorf("etags: %d, and there are %d parts", len(s.ETags), len(p.ticket.Parts))
		}
		p.ticket.Receipts = nil
		for i, part := range p.ticket.Parts {
			p.ticket.AddReceipt(ticket.Receipt{Number: part.Number, Size: part.Size, ETag: s.ETags[i]})
		}
		var o *object.Object
		if o, err = c.Finish(ctx, p.ticket); err == nil {
			got = shown(*o)
		}
	case "abort":
		err = c.Abort(ctx, p.ticket)
	case "list_parts":
		got, err = c.ListParts(ctx, p.ticket)
	case "list":
		all := []any{}
		for o, failed := range c.List(ctx, s.Path, true) {
			if failed != nil {
				return nil, failed
			}
			all = append(all, shown(o))
		}
		got = all
	case "stat":
		var o *object.Object
		if o, err = c.Stat(ctx, s.Path, ""); err == nil {
			got = shown(*o)
		}
	case "get":
		got, err = c.SignGet(ctx, s.Path, "", 0)
	case "variant":
		got, err = c.SignGetVariant(ctx, s.Path, s.Variant)
	case "remove":
		for _, failed := range c.Remove(ctx, slices.Values([]string{s.Path})) {
			err = failed
		}
	case "cors":
		got, err = c.CORS(ctx)
	case "set_cors":
		err = c.SetCORS(ctx, nil)
	default:
		return nil, fmt.Errorf("do: %q is no verb", s.Do)
	}
	if err != nil {
		return nil, err
	}
	return generic(got)
}

// shown is an object by the names that programs have for it.
func shown(o object.Object) map[string]any {
	return map[string]any{
		"location": o.Location, "path": o.Path, "key": o.Key, "url": o.URL, "size": o.Size, "etag": o.ETag,
		"content_type": o.ContentType, "version_id": o.VersionID, "record": o.Record,
	}
}

// generic returns v as encoding/json reads it: what can be compared with YAML.
// A list is an object with its members under "items".
func generic(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, err
	}
	if list, ok := out.([]any); ok {
		return map[string]any{"items": list}, nil
	}
	return out, nil
}

// compare says where got differs from want; of an object only what want names is compared.
func compare(where string, want, got any) error {
	if wanted, ok := want.(map[string]any); ok {
		have, ok := got.(map[string]any)
		if !ok && len(wanted) > 0 {
			return fmt.Errorf("%s: it is %v, and should be an object", where, got)
		}
		for _, name := range slices.Sorted(maps.Keys(wanted)) {
			if err := compare(where+"."+name, wanted[name], have[name]); err != nil {
				return err
			}
		}
		return nil
	}
	if wanted, ok := want.([]any); ok {
		have, _ := got.([]any)
		if len(have) != len(wanted) {
			return fmt.Errorf("%s: it has %d members, and should have %d", where, len(have), len(wanted))
		}
		for i := range wanted {
			if err := compare(fmt.Sprintf("%s[%d]", where, i), wanted[i], have[i]); err != nil {
				return err
			}
		}
		return nil
	}
	return equal(where, want, got)
}

// equal compares what YAML and what JSON has, whose numbers differ in type.
func equal(where string, want, got any) error {
	a, err := generic(want)
	if err != nil {
		return err
	}
	b, err := generic(got)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(a, b) {
		had, _ := json.Marshal(got)
		should, _ := json.Marshal(want)
		return fmt.Errorf("%s: it is %s, and should be %s", where, had, should)
	}
	return nil
}

// RoundTrip answers the next recorded request, if it is the one that is asked.
func (p *player) RoundTrip(request *http.Request) (*http.Response, error) {
	fail := func(err error) (*http.Response, error) {
		if p.bad == nil {
			p.bad = err
		}
		return nil, err
	}
	if len(p.exchanges) == 0 {
		return fail(fmt.Errorf("%s %s is asked, and not recorded", request.Method, request.URL.Path))
	}
	x := p.exchanges[0]
	p.exchanges = p.exchanges[1:]
	if err := x.matches(request, p.client.base); err != nil {
		return fail(err)
	}
	response := &http.Response{
		StatusCode: x.Answer.Status, Header: make(http.Header), Request: request,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if response.StatusCode == 0 {
		response.StatusCode = http.StatusOK
	}
	body := []byte(x.Answer.Text)
	if x.Answer.JSON != nil {
		var err error
		if body, err = json.Marshal(x.Answer.JSON); err != nil {
			return fail(err)
		}
		response.Header.Set("Content-Type", "application/json")
	}
	for name, value := range x.Answer.Headers {
		response.Header.Set(name, value)
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, nil
}

// matches says how a request differs from the recorded one. Headers may be more than recorded.
func (x *exchange) matches(request *http.Request, base *url.URL) error {
	want := &x.Request
	method := want.Method
	if method == "" {
		method = http.MethodGet
	}
	if path := strings.TrimPrefix(request.URL.EscapedPath(), base.EscapedPath()); request.Method != method || path != want.Path {
		return fmt.Errorf("request: it is %s %s, and should be %s %s", request.Method, path, method, want.Path)
	}
	query := make(map[string]string)
	for name, list := range request.URL.Query() {
		query[name] = strings.Join(list, ",")
	}
	if err := sameText("request.query", want.Query, query); err != nil {
		return err
	}
	for name, value := range want.Headers {
		if got := request.Header.Get(name); got != value {
			return fmt.Errorf("request.headers: %s is %q, and should be %q", name, got, value)
		}
	}
	var body []byte
	if request.Body != nil {
		var err error
		if body, err = io.ReadAll(request.Body); err != nil {
			return err
		}
	}
	if want.Form != nil {
		form := make(map[string]string)
		pairs, err := url.ParseQuery(string(body))
		if err != nil {
			return err
		}
		for name := range pairs {
			form[name] = pairs.Get(name)
		}
		return sameText("request.form", want.Form, form)
	}
	if want.JSON == nil && len(body) > 0 {
		return fmt.Errorf("request: it has a body, and should have none")
	}
	if want.JSON == nil {
		return nil
	}
	value, err := parseJSON(body)
	if err != nil {
		return fmt.Errorf("request: its body is not JSON")
	}
	return equal("request.json", want.JSON, value)
}

func sameText(where string, want, got map[string]string) error {
	if len(want) == 0 && len(got) == 0 {
		return nil
	}
	return equal(where, want, got)
}
