package recipe

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// Config is what a profile adds to a recipe.
type Config struct {
	// Profile is the name that locations begin with.
	Profile string
	// BaseURL is the API's address; "" is the recipe's.
	BaseURL string
	// Secrets resolves the secrets that the profile names, by name; it is not
	// called before a request needs one.
	Secrets map[string]func(context.Context) (string, error)
	// Options are the profile's own, and Set those of the command line, which go before them.
	Options map[string]any
	Set     map[string]string
	// HTTP carries the requests. It is asked to follow no redirect.
	HTTP    *http.Client
	Retries int
	// AllowHTTP names hosts, HOST or HOST:PORT, that may be reached by plain
	// http although the API itself is public.
	AllowHTTP []string
	// Warn is told what a person should know. It may be nil.
	Warn func(format string, args ...any)
}

// Client speaks to one API. It may be used by several goroutines. What the API
// has no verb for is a fault.Usage.
type Client struct {
	recipe *Recipe
	cfg    Config
	base   *url.URL
	said   map[string]any // options of the profile and the command line
	http   *http.Client
	window *window // nil if the API names no rate

	authMu sync.Mutex
	auth   *credential // nil until a request needs it

	signedMu sync.Mutex
	signed   map[string]*batch // by the ticket's state
}

// New returns the client of a recipe. It makes no request. What is wrong with
// the profile or the options is a fault.Usage.
func New(r *Recipe, cfg Config) (*Client, error) {
	address := cfg.BaseURL
	if address == "" {
		address = r.BaseURL
	}
	if address == "" {
		return nil, fault.WithHint(fault.New(fault.Usage, "%s: the API's address is not known", cfg.Profile),
			"add --base-url https://HOST, or write base_url into the profile")
	}
	base, err := parseBase(address)
	if err != nil {
		return nil, fault.New(fault.Usage, "%s: base URL: %w", cfg.Profile, err)
	}
	said, err := r.set(nil, cfg.Options)
	if err == nil {
		said, err = r.set(said, anyOf(cfg.Set))
	}
	if err != nil {
		return nil, err
	}
	for name := range cfg.Secrets {
		if !slices.ContainsFunc(r.Auth, func(a Auth) bool { return a.Secret == name }) {
			return nil, fault.New(fault.Usage, "%s has no secret %q: it has %s", r.Name, name, strings.Join(r.secrets(), ", "))
		}
	}
	if cfg.Warn == nil {
		cfg.Warn = func(string, ...any) {}
	}
	client := *cfg.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := &Client{recipe: r, cfg: cfg, base: base, said: said, http: &client, signed: make(map[string]*batch)}
	if r.Rate != nil {
		c.window = newWindow(r.Rate.Requests, r.Rate.Per)
	}
	return c, nil
}

// Address names the API and what its profile says of it, without a secret.
func (c *Client) Address() string {
	return fmt.Sprintf("%s at %s %v", c.recipe.Name, c.base, c.said)
}

// PartChecksum is "": what a presigned URL has to be sent with is the API's to say.
func (c *Client) PartChecksum(*ticket.Ticket) string { return "" }

// Stateful says whether an upload is more than one request: it has parts, or
// has to be finished or given up.
func (c *Client) Stateful(object.Spec) bool {
	return c.recipe.Sign != nil || c.recipe.Finish != nil || c.recipe.Abort != nil
}

// NeedsSize says whether Start takes no stream of unknown length.
func (c *Client) NeedsSize() bool { return c.recipe.Parts != partsOfClient }

// able returns the verb, or why it cannot be done.
func (c *Client) able(v *Verb, what string) (*Verb, error) {
	if v == nil {
		return nil, fault.WithHint(fault.New(fault.Usage, "%s cannot %s", c.recipe.Name, what),
			"hoist recipe show %s lists what its API can do", c.recipe.Name)
	}
	return v, nil
}

// failed is what is said of an answer that is not what the recipe wants.
func (c *Client) failed(v *Verb, format string, args ...any) error {
	return c.pointTo(v.Answer, fault.New(fault.Failed, "%s: %s %w", c.recipe.Name, v.name, fmt.Errorf(format, args...)))
}

// pointTo adds where in a user's own recipe the program stands that made err.
func (c *Client) pointTo(p *Program, err error) error {
	if p == nil || c.recipe.Path == "" {
		return err
	}
	return fault.WithHint(err, "see %s:%d", c.recipe.Path, p.line)
}

func (c *Client) location(path string) string { return c.cfg.Profile + ":" + path }

// secrets returns the names of the recipe's secrets.
func (r *Recipe) secrets() []string {
	var names []string
	for _, a := range r.Auth {
		names = append(names, a.Secret)
	}
	return names
}

// credential is the header that proves who asks. Of none all are empty.
type credential struct {
	header, value, secret string
	resolved              time.Time
}

// credentialAge is how old a credential is that may have ended meanwhile.
const credentialAge = 10 * time.Second

// renewCredential says whether the credential may be another one by now, such as
// what a program prints, and has it resolved again.
func (c *Client) renewCredential() bool {
	c.authMu.Lock()
	defer c.authMu.Unlock()
	if c.auth == nil || c.auth.secret == "" || time.Since(c.auth.resolved) < credentialAge {
		return false
	}
	c.auth = nil
	return true
}

// credential resolves the first secret that is set, and keeps it.
func (c *Client) credential(ctx context.Context) (credential, error) {
	c.authMu.Lock()
	defer c.authMu.Unlock()
	if c.auth != nil {
		return *c.auth, nil
	}
	optional := len(c.recipe.Auth) == 0
	var envs []string
	for _, a := range c.recipe.Auth {
		optional = optional || a.Optional
		if a.Env != "" {
			envs = append(envs, a.Env)
		}
		resolve := c.cfg.Secrets[a.Secret]
		if resolve == nil {
			continue
		}
		secret, err := resolve(ctx)
		if err != nil {
			return credential{}, fault.At(fault.Config, err)
		}
		value, err := a.Value.one(ctx, nil, values{"$secret": secret})
		text, isText := value.(string)
		if err != nil || !isText || strings.ContainsAny(text, "\r\n\x00") {
			return credential{}, fault.At(fault.Config, fault.New(fault.Usage, "%s: the secret %s makes no header %s", c.recipe.Name, a.Secret, a.Header))
		}
		c.auth = &credential{a.Header, text, secret, time.Now()}
		return *c.auth, nil
	}
	if optional {
		c.auth = &credential{}
		return *c.auth, nil
	}
	return credential{}, fault.At(fault.Config, fault.WithHint(
		fault.New(fault.Usage, "%s: no credentials: the API takes %s", c.recipe.Name, strings.Join(c.recipe.secrets(), " or ")),
		"set %s, or write secrets: {%s: \"env:NAME\"} into the profile", strings.Join(envs, " or "), c.recipe.Auth[0].Secret))
}
