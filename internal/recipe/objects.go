package recipe

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/wire"
)

// pageAnswer is what the programs of list and list_parts yield. Next, where the
// API has one, is handed to the next request as $page.next; null ends the list.
type pageAnswer struct {
	Objects []objectAnswer  `json:"objects"`
	Parts   []receiptAnswer `json:"parts"`
	Next    json.RawMessage `json:"next"`
}

type receiptAnswer struct {
	Number int    `json:"number"`
	Size   int64  `json:"size"`
	ETag   string `json:"etag"`
}

// maxPages bounds a list whose API never ends it.
const maxPages = 100_000

// pages asks for one page after another until the API has no more: it says so
// by what comes next or, where it has no such thing, by a page that is not full.
func (c *Client) pages(ctx context.Context, k call, yield func(pageAnswer) (more bool)) error {
	page := map[string]any{"number": 1, "limit": k.verb.Page, "offset": 0, "next": nil}
	k.vars["$page"] = page
	offset := 0
	var before string // how the page before began
	for number := 1; number <= maxPages; number++ {
		page["number"] = number
		var got pageAnswer
		if _, err := c.ask(ctx, k, &got); err != nil {
			return err
		}
		count := len(got.Objects) + len(got.Parts)
		began, err := json.Marshal([]any{got.Objects, got.Parts, got.Next})
		if err != nil {
			return c.failed(k.verb, "returned a page that cannot be read")
		}
		if count > 0 && string(began) == before {
			return c.failed(k.verb, "returned the same page twice: does it heed $page?")
		}
		before = string(began)
		if !yield(got) {
			return nil
		}
		switch {
		case known(got.Next):
			next, err := parseJSON(got.Next)
			if err != nil {
				return c.failed(k.verb, "returned a next that cannot be read")
			}
			page["next"] = next
		case got.Next != nil, k.verb.Page == 0, count < k.verb.Page:
			return nil
		}
		offset += count
		page["offset"] = offset
	}
	return c.failed(k.verb, "did not end after %d pages", maxPages)
}

// List yields what the API lists whose path begins with prefix. An API has no folders.
func (c *Client) List(ctx context.Context, prefix string, _ bool) iter.Seq2[object.Object, error] {
	return func(yield func(object.Object, error) bool) {
		v, err := c.able(c.recipe.List, "list")
		if err != nil {
			yield(object.Object{}, err)
			return
		}
		wanted := true
		err = c.pages(ctx, call{verb: v, said: c.said, vars: values{"$path": prefix}}, func(page pageAnswer) bool {
			for _, found := range page.Objects {
				o, err := c.object(v, found)
				if err == nil && !strings.HasPrefix(o.Path, prefix) {
					continue
				}
				if wanted = yield(o, err); !wanted || err != nil {
					wanted = false
					return false
				}
			}
			return true
		})
		if err != nil && wanted {
			yield(object.Object{}, err)
		}
	}
}

// object is what a verb found, which has to say where it is.
func (c *Client) object(v *Verb, found objectAnswer) (object.Object, error) {
	if found.Path == nil || *found.Path == "" {
		return object.Object{}, c.failed(v, "returned no path of an object")
	}
	o := object.Object{Size: -1}
	found.over(&o)
	o.Location = c.location(o.Path)
	return o, nil
}

// Stat returns what the API knows of an object. Of an API that does not tell,
// but hands objects out, it is what such a download says of itself.
func (c *Client) Stat(ctx context.Context, path, versionID string) (*object.Object, error) {
	if c.recipe.Stat == nil && c.recipe.Get != nil {
		o, err := c.probe(ctx, c.recipe.Get, func() (*ticket.Request, error) { return c.SignGet(ctx, path, versionID, 0) })
		o.Path, o.Key, o.Location = path, path, c.location(path)
		return &o, err
	}
	v, err := c.able(c.recipe.Stat, "tell about an object")
	if err == nil {
		err = c.noVersion(versionID)
	}
	if err != nil {
		return nil, err
	}
	var got objectAnswer
	if _, err := c.ask(ctx, call{verb: v, said: c.said, vars: values{"$path": path}}, &got); err != nil {
		return nil, err
	}
	o, err := c.object(v, got)
	return &o, err
}

func (c *Client) noVersion(id string) error {
	if id == "" {
		return nil
	}
	return fault.New(fault.Usage, "%s has no versions: it cannot honour --version-id", c.recipe.Name)
}

// SignGet returns a GET of an object. The one of an API that hands the object
// out itself carries its credentials, and leads to the profile's own address.
func (c *Client) SignGet(ctx context.Context, path, versionID string, expires time.Duration) (*ticket.Request, error) {
	v, err := c.able(c.recipe.Get, "hand out objects")
	if err == nil {
		err = c.noVersion(versionID)
	}
	if err == nil && expires != 0 {
		err = fault.New(fault.Usage, "%s cannot honour --expires", c.recipe.Name)
	}
	if err != nil {
		return nil, err
	}
	return c.download(ctx, call{verb: v, said: c.said, vars: values{"$path": path}})
}

// GetURL returns a URL that gets the object with no header of its own. An API
// that hands objects out itself has none: its credentials would have to go along.
func (c *Client) GetURL(ctx context.Context, path, versionID string, expires time.Duration) (string, error) {
	if c.recipe.Get != nil && c.recipe.Get.By == byAnswer {
		return "", fault.WithHint(fault.New(fault.Usage, "%s has no download URLs: it hands objects out itself, to who holds its key", c.recipe.Name),
			"hoist get %s", c.location(path))
	}
	signed, err := c.SignGet(ctx, path, versionID, expires)
	if err != nil {
		return "", err
	}
	if len(signed.Header) > 0 {
		return "", fault.New(fault.Usage, "%s has no download URLs that work without headers", c.recipe.Name)
	}
	return signed.URL, nil
}

// StatVariant returns what a download of a variant says of itself.
func (c *Client) StatVariant(ctx context.Context, path, variant string) (*object.Object, error) {
	o, err := c.probe(ctx, c.recipe.Variant, func() (*ticket.Request, error) { return c.SignGetVariant(ctx, path, variant) })
	o.Path, o.Location = path, c.location(path)
	return &o, err
}

// SignGetVariant returns a GET of a variant of an object, such as its thumbnail.
func (c *Client) SignGetVariant(ctx context.Context, path, variant string) (*ticket.Request, error) {
	v, err := c.able(c.recipe.Variant, "make variants")
	if err != nil {
		return nil, err
	}
	return c.download(ctx, call{verb: v, said: c.said, vars: values{"$path": path, "$variant": variant}})
}

func (c *Client) download(ctx context.Context, k call) (*ticket.Request, error) {
	switch k.verb.By {
	case byAnswer:
		request, err := c.request(ctx, k)
		if err != nil {
			return nil, err
		}
		header := make(map[string]string)
		for name := range request.Header {
			header[name] = request.Header.Get(name)
		}
		return &ticket.Request{Method: http.MethodGet, URL: request.URL.String(), Header: header}, nil
	case byRedirect:
		return c.redirected(ctx, k)
	}
	var got struct {
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
	}
	if _, err := c.ask(ctx, k, &got); err != nil {
		return nil, err
	}
	if got.URL == "" {
		return nil, c.failed(k.verb, "returned no URL")
	}
	if err := c.checkURL(got.URL); err != nil {
		return nil, c.failed(k.verb, "returned a URL that is not used: %w", err)
	}
	return &ticket.Request{Method: http.MethodGet, URL: got.URL, Header: got.Headers}, nil
}

// redirected returns the GET that the API redirects to, without what was sent
// to the API itself.
func (c *Client) redirected(ctx context.Context, k call) (*ticket.Request, error) {
	a, err := c.do(ctx, k)
	if err != nil {
		return nil, err
	}
	if a.status/100 != 3 {
		return nil, c.failed(k.verb, "did not redirect to the object (HTTP status %d)", a.status)
	}
	where, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.header.Get("Location") == "" {
		return nil, c.failed(k.verb, "redirected to no Location that can be read")
	}
	to := a.url.ResolveReference(where)
	if to.Host == a.url.Host && to.EscapedPath() == a.url.EscapedPath() {
		return nil, c.failed(k.verb, "redirected in a circle (Location)")
	}
	if err := c.checkURL(to.String()); err != nil {
		return nil, c.failed(k.verb, "redirected to a Location that is not used: %w", err)
	}
	return &ticket.Request{Method: http.MethodGet, URL: to.String()}, nil
}

// Remove removes the objects, one request each. One that is not there is no error.
func (c *Client) Remove(ctx context.Context, paths iter.Seq[string]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		v, err := c.able(c.recipe.Remove, "remove")
		for path := range paths {
			outcome := err
			if outcome == nil {
				_, outcome = c.ask(ctx, call{verb: v, said: c.said, vars: values{"$path": path}}, &struct{}{})
			}
			if fault.KindOf(outcome) == fault.NotFound {
				outcome = nil
			}
			if !yield(path, outcome) {
				return
			}
		}
	}
}

// CORS returns the rules of the API's bucket.
func (c *Client) CORS(ctx context.Context) ([]object.CORSRule, error) {
	v, err := c.able(c.recipe.CORS, "show CORS rules")
	if err != nil {
		return nil, err
	}
	var got struct {
		Rules []object.CORSRule `json:"rules"`
	}
	_, err = c.ask(ctx, call{verb: v, said: c.said}, &got)
	return got.Rules, err
}

// SetCORS replaces the rules, by the API's own where rules is nil.
func (c *Client) SetCORS(ctx context.Context, rules []object.CORSRule) error {
	v, err := c.able(c.recipe.SetCORS, "apply CORS rules")
	if err != nil {
		return err
	}
	if rules != nil && !v.Rules {
		return fault.WithHint(fault.New(fault.Usage, "%s applies its own default rules and takes no others", c.recipe.Name), "leave out the file")
	}
	if rules == nil && v.Rules {
		return fault.New(fault.Usage, "%s has no default rules: a file is needed", c.recipe.Name)
	}
	text, err := json.Marshal(rules)
	if err != nil {
		return err
	}
	value, err := parseJSON(text)
	if err != nil {
		return err
	}
	_, err = c.ask(ctx, call{verb: v, said: c.said, vars: values{"$rules": value}}, &struct{}{})
	return err
}

// ListParts returns the parts that the API says it has. Of an API without such
// a list the ticket's own receipts are all there is to go by.
func (c *Client) ListParts(ctx context.Context, t *ticket.Ticket) ([]ticket.Receipt, error) {
	v := c.recipe.ListParts
	if v == nil {
		return t.Receipts, nil
	}
	st, err := c.state(t)
	if err != nil {
		return nil, err
	}
	vars, err := st.values(t.File)
	if err != nil {
		return nil, err
	}
	var receipts []ticket.Receipt
	err = c.pages(ctx, call{verb: v, said: st.Options, vars: vars}, func(page pageAnswer) bool {
		for _, p := range page.Parts {
			receipts = append(receipts, ticket.Receipt{Number: p.Number, Size: p.Size, ETag: strings.Trim(p.ETag, `"`)})
		}
		return len(receipts) <= ticket.MaxParts
	})
	if err == nil && len(receipts) > ticket.MaxParts {
		err = c.failed(v, "returned more than %d parts", ticket.MaxParts)
	}
	return receipts, err
}

// probe asks what a download would bring, by one byte of it: its size, ETag and type.
func (c *Client) probe(ctx context.Context, v *Verb, sign func() (*ticket.Request, error)) (found object.Object, err error) {
	err = c.again(ctx, func() (became outcome) {
		signed, err := sign()
		if err != nil {
			return outcome{err: err}
		}
		found, became = c.tryProbe(ctx, v, signed)
		return became
	})
	return found, err
}

func (c *Client) tryProbe(ctx context.Context, v *Verb, signed *ticket.Request) (object.Object, outcome) {
	found := object.Object{Size: -1}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, signed.Method, signed.URL, http.NoBody)
	if err != nil {
		return found, outcome{err: c.failed(v, "returned a URL that cannot be read")}
	}
	for name, value := range signed.Header {
		request.Header.Set(name, value)
	}
	request.Header.Set("Range", "bytes=0-0")
	response, err := c.http.Do(request)
	if err != nil {
		err = wire.Fault(err, c.recipe.Name+": "+v.name)
		return found, outcome{err: err, again: fault.KindOf(err) == fault.Temporary}
	}
	defer response.Body.Close()
	h := response.Header
	_, total, _ := strings.Cut(h.Get("Content-Range"), "/")
	switch response.StatusCode {
	case http.StatusOK:
		found.Size = response.ContentLength
	case http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
		if found.Size, err = strconv.ParseInt(total, 10, 64); err != nil || found.Size < 0 {
			found.Size = -1
		}
	default:
		body, _ := wire.ReadBody(response, 1<<20) // the status says enough
		return found, c.refused(ctx, v, response, body)
	}
	if found.Size < 0 {
		return found, outcome{err: c.failed(v, "told no size")}
	}
	found.ETag, found.ContentType = strings.Trim(h.Get("ETag"), `"`), h.Get("Content-Type")
	found.Modified, _ = http.ParseTime(h.Get("Last-Modified"))
	return found, outcome{}
}
