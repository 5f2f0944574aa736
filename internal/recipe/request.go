package recipe

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/cenkalti/backoff/v5"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/wire"
)

const (
	// maxAnswer in bytes bounds what is read of an answer: 10,000 presigned
	// parts with session tokens are about 30 MB.
	maxAnswer = 32 << 20
	// answerTime bounds one try of a request. To finish may take longer, since
	// stores assemble what was sent: finishTime, and a second for each GiB.
	answerTime = 2 * time.Minute
	finishTime = 10 * time.Minute
	// maxWait bounds what a Retry-After is obeyed to.
	maxWait = 5 * time.Minute
	// longWait is a wait that a person wonders about.
	longWait = 2 * time.Second
)

// call is one use of a verb.
type call struct {
	verb *Verb
	said map[string]any // options
	vars values
	size int64 // bytes of the file, which finishing takes its time for
}

// answer is what the API said, with a 2xx or, where it is asked for, a 3xx status.
type answer struct {
	status int
	header http.Header
	url    *url.URL // that was asked
	date   time.Time
	value  any // the body as jq sees it
}

// do sends the verb's request, again where that is safe, and returns its answer.
func (c *Client) do(ctx context.Context, k call) (a *answer, err error) {
	err = c.again(ctx, func() (became outcome) {
		a, became = c.try(ctx, k)
		return became
	})
	return a, err
}

// again does once, and again as long as its outcome says so and retries last.
func (c *Client) again(ctx context.Context, once func() outcome) error {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval = 200 * time.Millisecond
	waits.MaxInterval = 20 * time.Second
	for try := 0; ; try++ {
		became := once()
		if became.err == nil || ctx.Err() != nil || !became.again || try >= c.cfg.Retries {
			return became.err
		}
		wait := waits.NextBackOff() + became.after
		if wait > maxWait {
			return fault.WithHint(became.err, "the API asks to wait %s: run the same command again then", wait.Round(time.Second))
		}
		if wait >= longWait {
			c.cfg.Warn("%v: trying again in %s", became.err, wait.Round(time.Second))
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// outcome is what became of one try.
type outcome struct {
	err   error
	again bool
	after time.Duration // that the API asks to wait
}

func (c *Client) try(ctx context.Context, k call) (*answer, outcome) {
	if err := c.paced(k.verb).wait(ctx); err != nil {
		return nil, outcome{err: err}
	}
	limit := answerTime
	if k.verb.name == "finish" {
		limit = finishTime + time.Duration(k.size>>30)*time.Second
	}
	trying, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := c.request(trying, k)
	if err != nil {
		return nil, outcome{err: err}
	}
	response, err := c.http.Do(request)
	if err != nil {
		again := k.verb.retries() || neverSent(err)
		err = wire.Fault(err, c.recipe.Name+": "+k.verb.name)
		return nil, outcome{err: err, again: again && fault.KindOf(err) == fault.Temporary}
	}
	if response.StatusCode < http.StatusBadRequest && k.verb.By == byRedirect {
		_ = response.Body.Close() // what matters is in the header
		return &answer{status: response.StatusCode, header: response.Header, url: request.URL}, outcome{}
	}
	body, err := wire.ReadBody(response, maxAnswer)
	if response.StatusCode/100 == 2 && err != nil {
		err = fmt.Errorf("%s: %s: %w", c.recipe.Name, k.verb.name, err)
		return nil, outcome{err: err, again: k.verb.retries() && fault.KindOf(err) == fault.Temporary}
	}
	if response.StatusCode/100 != 2 {
		return nil, c.refused(ctx, k.verb, response, body)
	}
	a := &answer{status: response.StatusCode, header: response.Header, url: request.URL}
	a.date, _ = wire.ServerTime(response)
	if k.verb.Text {
		a.value = strings.TrimSpace(string(body))
		return a, outcome{}
	}
	if a.value, err = parseJSON(body); err != nil {
		kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
		if kind == "" {
			kind = "of no type"
		}
		return nil, outcome{err: fault.WithHint(
			fault.New(fault.Failed, "%s: %s answered with what is not JSON (%s)", c.recipe.Name, k.verb.name, oneLine(kind, c.hidden())),
			"check --base-url: is %s the API?", c.base.Host)}
	}
	return a, outcome{}
}

// paced returns the window of a verb whose requests count.
func (c *Client) paced(v *Verb) *window {
	if c.window == nil || len(c.recipe.Rate.Verbs) > 0 && !slices.Contains(c.recipe.Rate.Verbs, v.name) {
		return nil
	}
	return c.window
}

// neverSent says whether a request failed before anything of it was sent.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// request makes the verb's request, with credentials, which go to the
// profile's address and nowhere else.
func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	opt, err := c.recipe.opt(k.verb, k.said)
	if err != nil {
		return nil, err
	}
	vars := values{"$opt": opt}
	maps.Copy(vars, k.vars)
	q := &k.verb.Request
	bad := func(p *Program, what string, err error) error {
		return c.pointTo(p, fault.New(fault.Usage, "%s: %s: %s: %w", c.recipe.Name, k.verb.name, what, err))
	}
	target, err := c.target(ctx, q, vars)
	if err != nil {
		return nil, bad(&q.Path.Program, "path", err)
	}
	if q.Query != nil {
		pairs, err := q.Query.pairs(ctx, vars)
		if err != nil {
			return nil, bad(q.Query, "query", err)
		}
		target.RawQuery = pairs.Encode()
	}
	body, contentType, err := q.body(ctx, vars)
	if err != nil {
		return nil, bad(cmp.Or(q.JSON, q.Form), "body", err)
	}
	request, err := http.NewRequestWithContext(ctx, q.Method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, bad(nil, "request", errors.New("it cannot be made"))
	}
	if q.Method == http.MethodGet && !k.verb.retries() {
		// net/http sends a GET again by itself when a connection that was kept turns
		// out to be closed, unless it has a body that cannot be had twice.
		request.Body, request.GetBody = io.NopCloser(bytes.NewReader(body)), nil
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if !k.verb.Text && k.verb.By != byAnswer {
		request.Header.Set("Accept", "application/json")
	}
	for _, p := range []*Program{c.recipe.Headers, q.Headers} {
		if p == nil {
			continue
		}
		headers, err := p.pairs(ctx, vars)
		if err != nil {
			return nil, bad(p, "headers", err)
		}
		for name, list := range headers {
			request.Header.Del(name)
			for _, value := range list {
				if !headerName.MatchString(name) || strings.ContainsFunc(value, unicode.IsControl) {
					return nil, bad(p, "headers", fmt.Errorf("%q cannot be sent", name))
				}
				request.Header.Add(name, value)
			}
		}
	}
	auth, err := c.credential(ctx)
	if err != nil {
		return nil, err
	}
	if auth.header != "" {
		request.Header.Set(auth.header, auth.value)
	}
	return request, nil
}

// target returns the address of the verb's path. A path that would lead
// elsewhere, by way of what was put into it, is an error.
func (c *Client) target(ctx context.Context, q *Request, vars values) (*url.URL, error) {
	value, err := q.Path.one(ctx, nil, vars)
	if err != nil {
		return nil, err
	}
	path, isText := value.(string)
	if !isText || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#\\") || strings.ContainsFunc(path, unicode.IsControl) {
		return nil, errors.New(`a path that begins with "/", without ? and #, is wanted`)
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if plain, err := url.PathUnescape(segment); err != nil || plain == "" || plain == "." || plain == ".." {
			return nil, fmt.Errorf("%q has a segment that leads elsewhere: is an option or the location empty?", path)
		}
	}
	target, err := url.Parse(c.base.String() + path)
	if err != nil || target.Host != c.base.Host || target.Scheme != c.base.Scheme {
		return nil, fmt.Errorf("%q is no path of the API", path)
	}
	return target, nil
}

// body returns the request's body and its media type; both may be empty.
func (q *Request) body(ctx context.Context, vars values) ([]byte, string, error) {
	switch {
	case q.JSON != nil:
		value, err := q.JSON.one(ctx, nil, vars)
		if err != nil {
			return nil, "", err
		}
		text, err := json.Marshal(value)
		return text, "application/json", err
	case q.Form != nil:
		pairs, err := q.Form.pairs(ctx, vars)
		return []byte(pairs.Encode()), "application/x-www-form-urlencoded", err
	}
	return nil, "", nil
}

// pairs runs a program that yields names with strings, numbers or bools; a
// list is a name several times, and null leaves one out.
func (p *Program) pairs(ctx context.Context, vars values) (url.Values, error) {
	value, err := p.one(ctx, nil, vars)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("an object is wanted")
	}
	out := make(url.Values)
	for name, value := range object {
		list, isList := value.([]any)
		if !isList {
			list = []any{value}
		}
		for _, item := range list {
			switch item := item.(type) {
			case nil:
			case string:
				out.Add(name, item)
			case map[string]any, []any:
				return nil, fmt.Errorf("%s: a string, a number or a bool is wanted", name)
			default:
				text, err := json.Marshal(item)
				if err != nil {
					return nil, err
				}
				out.Add(name, string(text))
			}
		}
	}
	return out, nil
}
