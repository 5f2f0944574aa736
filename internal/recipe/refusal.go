package recipe

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/wire"
)

// complaint is what the recipe's errors program makes of a refusal's body.
type complaint struct {
	Code      string   `json:"code"`
	Message   string   `json:"message"`
	Details   []string `json:"details"`
	RequestID string   `json:"request_id"`
	Hint      string   `json:"hint"`
	// Gone says whether the API knows the upload no more. Null leaves it to the
	// status: finish has a 404 for that.
	Gone *bool `json:"gone"`
}

// refused says what an answer other than 2xx means. Its status decides the
// kind; the API's own words refine message and hint.
func (c *Client) refused(ctx context.Context, v *Verb, response *http.Response, body []byte) outcome {
	status := response.StatusCode
	var said complaint
	if c.recipe.Errors != nil {
		input, err := parseJSON(body)
		if err != nil {
			input = string(body)
		}
		// A body that the program cannot read leaves the status, which says enough.
		if c.recipe.Errors.into(ctx, input, values{"$status": status, "$headers": headersOf(response.Header)}, &said) != nil {
			said = complaint{}
		}
	}
	kind, hint := kindOfStatus(status), said.Hint
	message := said.Message
	if message == "" {
		message = http.StatusText(status)
	}
	switch {
	case status/100 == 3:
		message = "answered with a redirect, which is not followed: credentials would go along"
		if hint == "" {
			hint = "check --base-url, also whether it is http or https"
		}
	case kind == fault.Denied && hint == "":
		hint = fmt.Sprintf("check the secret of %s, and what its owner may do", c.cfg.Profile)
	case kind == fault.Usage:
		message = "would not take it: " + message
	}
	gone := v.name == "finish" && kind == fault.NotFound
	if said.Gone != nil {
		gone = *said.Gone
	}
	if gone && hint == "" {
		hint = "the upload is gone at the API: run the same command again to start over"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s (", c.recipe.Name, v.name, message)
	if said.Code != "" && said.Code != message {
		b.WriteString(said.Code + ", ")
	}
	fmt.Fprintf(&b, "HTTP status %d)", status)
	for _, detail := range said.Details {
		b.WriteString("; " + detail)
	}
	if said.RequestID != "" {
		b.WriteString("; request " + said.RequestID)
	}
	after, asked := wire.RetryAfter(response, time.Now())
	var err error = &fault.Error{Kind: kind, Message: oneLine(b.String(), c.hidden()), Hint: oneLine(hint, c.hidden())}
	if gone {
		err = fault.StartOver(err)
	}
	temporary := kind == fault.Temporary
	return outcome{
		err: err, after: after,
		// A 429 was not acted on, and who says when to come again wants it.
		again: status == http.StatusTooManyRequests || temporary && (asked || v.retries()) ||
			status == http.StatusUnauthorized && c.renewCredential(),
	}
}

// kindOfStatus is wire.KindOf, and for an API's 400 and 422: what it would not take.
func kindOfStatus(status int) fault.Kind {
	if status == http.StatusBadRequest || status == http.StatusUnprocessableEntity {
		return fault.Usage
	}
	return wire.KindOf(status)
}

// headersOf is $headers: the first value of each, by its name in lower case.
func headersOf(h http.Header) map[string]any {
	out := make(map[string]any, len(h))
	for name := range h {
		out[strings.ToLower(name)] = h.Get(name)
	}
	return out
}

// hidden returns what must not be repeated although the API may say it: the
// secret, in the forms that it has.
func (c *Client) hidden() []string {
	c.authMu.Lock()
	defer c.authMu.Unlock()
	if c.auth == nil || c.auth.secret == "" {
		return nil
	}
	return []string{c.auth.value, c.auth.secret}
}

// maxSaid bounds in bytes what is repeated of an API's words.
const maxSaid = 600

// oneLine makes an API's words fit to be shown: one line of a bounded length,
// without secrets and without the queries of URLs.
func oneLine(said string, hidden []string) string {
	for _, secret := range hidden {
		said = strings.ReplaceAll(said, secret, "REDACTED")
	}
	words := strings.FieldsFunc(said, func(r rune) bool { return unicode.IsControl(r) || r == ' ' })
	for i, word := range words {
		if strings.Contains(word, "://") {
			words[i], _, _ = strings.Cut(word, "?")
		}
	}
	said = strings.Join(words, " ")
	if len(said) > maxSaid {
		said = strings.ToValidUTF8(said[:maxSaid], "") + "…"
	}
	return said
}
