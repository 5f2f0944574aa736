package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/signature"
	"github.com/hoist-cli/hoist/internal/term"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// maxURLs bounds in bytes a list of presigned URLs.
const maxURLs = 16 << 20

func (a *app) inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect [TICKET|-]",
		Short: "Show what a ticket or signed URL allows, and until when",
		Long: long(`
Shows what tickets or presigned URLs (one a line) allow and until when, by this
machine's clock. They are read from a file or, by default, from standard input.
Signatures, tokens and form policies are not shown, so what is printed can be
passed on.

With --json, a line each; null is not known:

  {"v", "kind": "ticket", "location", "profile", "method",
   "file": {"name", "size", "type", "checksum"},
   "parts": {"total", "signed", "sent"}, "hosts": […], "headers": […],
   "fields": […], "signers": […], "expires", "expired"}
  {"v", "kind": "url", "host", "path", "operation", "headers": […], "signer",
   "region", "session", "signed", "expires", "expired"}

"hosts" are where parts are sent, with their scheme; "headers" and form "fields"
are names; a signer is an access key's id, shortened; "session" says that its
credentials may end earlier.`),
		Example: `  hoist presign build.zip s3://bucket/ | hoist inspect
  hoist inspect build.ticket`,
		Args: takes(0, 1, "one file, or - for standard input"),
		RunE: func(_ *cobra.Command, args []string) error {
			name := "-"
			if len(args) == 1 {
				name = args[0]
			}
			return a.inspect(name)
		},
	}
}

func (a *app) inspect(name string) error {
	var tickets []*ticket.Ticket
	var urls []string
	err := a.readSecret(name, func(r io.Reader) error {
		in := bufio.NewReader(r)
		head, err := start(in)
		switch {
		case err != nil:
		case strings.HasPrefix(head, "{"):
			tickets, err = ticket.Read(in)
		case strings.EqualFold(head, "http"):
			urls, err = readURLs(in)
		default:
			err = fault.WithHint(errors.New("neither a ticket nor a presigned URL"),
				"hoist presign makes tickets; URLs start with https:// and stand one a line")
		}
		return err
	})
	if err != nil {
		return err
	}
	now := time.Now()
	for i, t := range tickets {
		if err := a.showInspected(i, newTicketJSON(t, now), func() [][2]string { return ticketFacts(t, now) }); err != nil {
			return err
		}
	}
	for i, u := range urls {
		if err := a.showInspected(i, newURLJSON(u, now), func() [][2]string { return urlFacts(u, now) }); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) showInspected(i int, line any, facts func() [][2]string) error {
	if a.json() {
		return a.printer.PrintJSON(line)
	}
	if i > 0 {
		if err := a.printer.Print(""); err != nil {
			return err
		}
	}
	return a.printFacts(facts())
}

// start returns the first bytes that are no white space, by which a URL is told
// from JSON, and leaves them to be read.
func start(in *bufio.Reader) (string, error) {
	for {
		head, err := in.Peek(len("http"))
		if err != nil && err != io.EOF {
			return "", err
		}
		if len(head) == 0 || !unicode.IsSpace(rune(head[0])) {
			return string(head), nil
		}
		_, _ = in.Discard(1) // it has just been seen
	}
}

// readURLs reads presigned URLs, one a line. No error repeats one.
func readURLs(in io.Reader) ([]string, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxURLs+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxURLs {
		return nil, fmt.Errorf("more than %d MiB of URLs", maxURLs>>20)
	}
	urls := strings.Fields(string(text))
	for i, u := range urls {
		if err := ticket.ValidURL(u); err != nil {
			return nil, fmt.Errorf("URL %d: %w", i+1, err)
		}
	}
	return urls, nil
}

type inspectedTicketJSON struct {
	V        int     `json:"v"`
	Kind     string  `json:"kind"`
	Location string  `json:"location"`
	Profile  *string `json:"profile"`
	Method   string  `json:"method"`
	File     struct {
		Name     string           `json:"name"`
		Size     int64            `json:"size"` // bytes
		Type     *string          `json:"type"`
		Checksum *ticket.Checksum `json:"checksum"`
	} `json:"file"`
	Parts struct {
		Total  int `json:"total"`
		Signed int `json:"signed"`
		Sent   int `json:"sent"`
	} `json:"parts"`
	Hosts   []string   `json:"hosts"`
	Headers []string   `json:"headers"`
	Fields  []string   `json:"fields"`
	Signers []string   `json:"signers"`
	Expires *time.Time `json:"expires"`
	Expired *bool      `json:"expired"`
}

func newTicketJSON(t *ticket.Ticket, now time.Time) inspectedTicketJSON {
	s := sumUp(t)
	out := inspectedTicketJSON{
		V: 1, Kind: "ticket", Location: t.Location, Profile: known(t.Profile), Method: string(t.Method),
		Hosts: s.hosts.sorted(), Headers: s.headers.sorted(), Fields: s.fields.sorted(), Signers: s.signers.sorted(),
	}
	out.File.Name, out.File.Size, out.File.Type, out.File.Checksum = t.File.Name, t.File.Size, known(t.File.Type), t.File.Checksum
	out.Parts.Total, out.Parts.Signed, out.Parts.Sent = len(t.Parts), s.signed, len(t.Receipts)
	out.Expires, out.Expired = expiryJSON(s.expires, now)
	return out
}

// expiryJSON returns a time and whether it has passed, or nulls where it is not known.
func expiryJSON(at, now time.Time) (*time.Time, *bool) {
	if at.IsZero() {
		return nil, nil
	}
	expired := !now.Before(at)
	return &at, &expired
}

// summary is what the requests of a ticket have between them.
type summary struct {
	signed                          int // parts
	hosts, headers, fields, signers names
	expires                         time.Time // the earliest; zero is not known
}

// names is a set; sorted of an empty one is no nil, which JSON would write as null.
type names map[string]bool

func (n names) sorted() []string {
	all := slices.AppendSeq(make([]string, 0, len(n)), maps.Keys(n))
	slices.Sort(all)
	return all
}

func sumUp(t *ticket.Ticket) summary {
	s := summary{hosts: names{}, headers: names{}, fields: names{}, signers: names{}}
	if t.Expires != nil {
		s.expires = *t.Expires
	}
	for _, part := range t.Parts {
		if part.Request == nil {
			continue
		}
		s.signed++
		if u, err := url.Parse(part.Request.URL); err == nil {
			s.hosts[u.Scheme+"://"+u.Host] = true
		}
		for name := range part.Request.Header {
			s.headers[strings.ToLower(name)] = true
		}
		signed := signature.Parse(part.Request.URL)
		signer := signed.KeyID
		for name, value := range part.Request.Fields {
			s.fields[name] = true
			if strings.EqualFold(name, "x-amz-credential") {
				signer, _, _ = strings.Cut(value, "/")
			}
		}
		if signer != "" {
			s.signers[shortKeyID(signer)] = true
		}
		// The ticket says when it ends, and a signature may say otherwise.
		if !signed.Expires.IsZero() && (s.expires.IsZero() || signed.Expires.Before(s.expires)) {
			s.expires = signed.Expires
		}
	}
	return s
}

// ticketFacts are the lines of a ticket for people.
func ticketFacts(t *ticket.Ticket, now time.Time) [][2]string {
	s := sumUp(t)
	checksum := ""
	if c := t.File.Checksum; c != nil {
		checksum = c.Algorithm + " " + c.Value
	}
	unknown := "not known"
	if s.signed == 0 {
		unknown = "nothing is signed yet"
	}
	return [][2]string{
		{"ticket", t.Location},
		{"profile", t.Profile},
		{"method", string(t.Method)},
		{"file", t.File.Name},
		{"size", fmt.Sprintf("%d (%s)", t.File.Size, term.Size(t.File.Size))},
		{"type", t.File.Type},
		{"checksum", checksum},
		{"parts", fmt.Sprintf("%d, %d signed, %d sent", len(t.Parts), s.signed, len(t.Receipts))},
		{"sends to", strings.Join(s.hosts.sorted(), ", ")},
		{"headers", strings.Join(s.headers.sorted(), ", ")},
		{"form fields", strings.Join(s.fields.sorted(), ", ")},
		{"signed by", strings.Join(s.signers.sorted(), ", ")},
		{"expires", cmp.Or(untilWhen(s.expires, now), unknown)},
	}
}

type inspectedURLJSON struct {
	V         int        `json:"v"`
	Kind      string     `json:"kind"`
	Host      string     `json:"host"`
	Path      string     `json:"path"`
	Operation *string    `json:"operation"`
	Headers   []string   `json:"headers"`
	Signer    *string    `json:"signer"`
	Region    *string    `json:"region"`
	Session   bool       `json:"session"`
	Signed    *time.Time `json:"signed"`
	Expires   *time.Time `json:"expires"`
	Expired   *bool      `json:"expired"`
}

func newURLJSON(raw string, now time.Time) inspectedURLJSON {
	s := signature.Parse(raw)
	out := inspectedURLJSON{
		V: 1, Kind: "url", Host: s.Host, Path: s.Path, Operation: known(operation(raw)), Headers: s.Headers,
		Signer: known(shortKeyID(s.KeyID)), Region: known(s.Region), Session: s.Temporary,
	}
	if out.Headers == nil {
		out.Headers = []string{}
	}
	if !s.At.IsZero() {
		out.Signed = &s.At
	}
	out.Expires, out.Expired = expiryJSON(s.Expires, now)
	return out
}

// urlFacts are the lines of a presigned URL for people.
func urlFacts(raw string, now time.Time) [][2]string {
	s := signature.Parse(raw)
	by := shortKeyID(s.KeyID)
	switch {
	case by == "":
		by = "not known: this is no signature of AWS (version 4)"
	case s.Temporary:
		by += ", of a session that may end earlier"
	}
	signed := ""
	if !s.At.IsZero() {
		signed = timestamp(s.At)
	}
	return [][2]string{
		{"url", s.Target},
		{"host", s.Host},
		{"path", s.Path},
		{"operation", cmp.Or(operation(raw), "not told: the method is part of the signature alone")},
		{"headers", strings.Join(s.Headers, ", ")},
		{"region", s.Region},
		{"signed by", by},
		{"signed at", signed},
		{"expires", cmp.Or(untilWhen(s.Expires, now), "not known")},
	}
}

// operation returns the S3 operation that the AWS SDKs write into what they
// presign, such as GetObject, or "". The signature covers it.
func operation(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	name := u.Query().Get("x-id")
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }) || len(name) > 40 {
		return "" // it could be anything, a secret too
	}
	return name
}

// shortKeyID leaves of an access key's id as much as tells which one it is.
func shortKeyID(id string) string {
	const ends = 4
	if len(id) <= 2*ends {
		return id
	}
	return id[:ends] + "…" + id[len(id)-ends:]
}

// untilWhen says when something ends, and how far away that is; "" is not known.
func untilWhen(at, now time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case now.Before(at):
		return timestamp(at) + " (in " + term.Duration(at.Sub(now)) + ")"
	default:
		return timestamp(at) + " (EXPIRED " + term.Duration(now.Sub(at)) + " ago)"
	}
}
