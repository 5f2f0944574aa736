package recipe_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/recipe"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// public answers for an API at a public address, which no test can be.
type public func(*http.Request) (status int, header http.Header, body io.Reader)

func (p public) RoundTrip(r *http.Request) (*http.Response, error) {
	status, header, body := p(r)
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(body), ContentLength: -1, Request: r}, nil
}

func gipity(t *testing.T, answer public) *recipe.Client {
	t.Helper()
	r, err := recipe.Find("gipity", "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := recipe.New(r, recipe.Config{
		Profile: "gip", Options: map[string]any{"app": "A"}, HTTP: &http.Client{Transport: answer},
		Secrets: map[string]func(context.Context) (string, error){"key": func(context.Context) (string, error) { return apiKey, nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func says(body string) public {
	return func(*http.Request) (int, http.Header, io.Reader) { return http.StatusOK, nil, strings.NewReader(body) }
}

// endless is a body that goes on for 10 GB.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = '['
	}
	e.left -= int64(len(p))
	return len(p), nil
}

const secretQuery = "X-Amz-Signature=c0ffee"

func put(url string) string {
	return fmt.Sprintf(`{"data": {"upload_guid": "g", "method": "PUT", "url": %q, "headers": {}, "expires_in": 600}}`, url)
}

func multipart(partSize, parts string) string {
	return fmt.Sprintf(`{"data": {"upload_guid": "g", "method": "multipart", "part_size": %s, "parts": [%s], "expires_in": 600}}`, partSize, parts)
}

func part(n int, url string) string { return fmt.Sprintf(`{"partNumber": %d, "url": %q}`, n, url) }

func TestHostileStart(t *testing.T) {
	t.Parallel()
	const good = "https://s3.example/k?" + secretQuery
	tests := []struct{ name, body, says string }{
		{"HTML", "<html>login</html>", "gipity: start answered with what is not JSON"},
		{"two values", `{} {}`, "what is not JSON"},
		{"nothing", "", "gipity: start returned what the recipe cannot use"},
		{"another shape", `{"data": [1, 2]}`, "gipity: start returned what the recipe cannot use: expected an object but got: array"},
		{"no URL", `{"data": {"upload_guid": "g", "method": "PUT", "expires_in": 600}}`, "gipity: start returned no upload URL"},
		{"no guid", `{"data": {"method": "PUT", "url": "` + good + `"}}`, "gipity: start returned no upload_guid"},
		{"URL of another type", `{"data": {"upload_guid": "g", "method": "PUT", "url": ["` + good + `"]}}`, "url: a array is no string"},
		{"headers of another type", `{"data": {"upload_guid": "g", "method": "PUT", "url": "` + good + `", "headers": "x"}}`, "headers: a string is no object"},
		{"unknown method", `{"data": {"upload_guid": "g", "method": "DELETE", "url": "` + good + `"}}`, "an unknown method"},
		{"life of another type", `{"data": {"upload_guid": "g", "method": "PUT", "url": "` + good + `", "expires_in": "long"}}`, "expires_in: a string is no whole number"},
		{"negative life", `{"data": {"upload_guid": "g", "method": "PUT", "url": "` + good + `", "expires_in": -1}}`, "expires_in of -1 seconds"},
		{"file URL", put("file:///etc/passwd"), `scheme "file"`},
		{"http to a public host", put("http://s3.example/k?" + secretQuery), "plain http to s3.example"},
		{"loopback", put("https://127.0.0.1/k?" + secretQuery), "private address 127.0.0.1"},
		{"private", put("https://10.1.2.3/k"), "private address"},
		{"metadata service", put("https://169.254.169.254/latest"), "private address"},
		{"IPv6 loopback", put("https://[::1]/k"), "private address"},
		{"localhost", put("https://localhost:8080/k"), "private address"},
		{"another spelling of loopback", put("https://2130706433/k"), "private address"},
		{"loopback in wide digits", put("https://１２７.０.０.１/k?" + secretQuery), "letters other than ASCII"},
		{"localhost in wide letters", put("https://ｌｏｃａｌｈｏｓｔ/k"), "letters other than ASCII"},
		{"loopback with other dots", put("https://127。0。0。1/k"), "letters other than ASCII"},
		{"IPv4 in IPv6", put("https://[::ffff:10.0.0.1]/k"), "private address"},
		{"userinfo", put("https://u:p@s3.example/k"), "the URL holds a user name"},
		{"control characters", put("https://s3.example/k\r\nX: y"), "control characters"},
		{"a life beyond all numbers", `{"data": {"upload_guid": "g", "method": "PUT", "url": "` + good + `", "expires_in": 1e999999}}`, "expires_in"},
		{"a life of 300 digits", `{"data": {"upload_guid": "g", "method": "PUT", "url": "` + good + `", "expires_in": 1` + strings.Repeat("0", 300) + `}}`, "expires_in: a number is no whole number"},
		{"a life of ages", `{"data": {"upload_guid": "g", "method": "PUT", "url": "` + good + `", "expires_in": 9223372036854775807}}`, "expires_in of 9223372036854775807 seconds"},
		{"a URL twice, the second for this machine", `{"data": {"upload_guid": "g", "method": "PUT", "url": "` + good + `", "url": "https://127.0.0.1/"}}`, "private address"},
		{"10,000 levels", strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), "what is not JSON"},
		{"a header with a line break", `{"data": {"upload_guid": "g", "method": "PUT", "url": "` + good + `", "headers": {"Content-Type": "a\r\nX-Evil: b"}}}`, "control characters"},
		{"a header for elsewhere", `{"data": {"upload_guid": "g", "method": "PUT", "url": "` + good + `", "headers": {"Authorization": "x"}}}`, `header "Authorization"`},
		{"a gap", multipart("5", part(1, good)+","+part(3, good)), "returned no part 2 of 2"},
		{"a part twice", multipart("5", part(1, good)+","+part(1, good)), "returned part 1 twice"},
		{"too few parts", multipart("5", part(1, good)), "returned no part 2 of 2"},
		{"too many parts", multipart("10", part(1, good)+","+part(2, good)), "returned 2 parts"},
		{"a part without URL", multipart("5", part(1, good)+`,{"partNumber": 2}`), "returned no upload URL for part 2"},
		{"a part for this machine", multipart("5", part(1, good)+","+part(2, "https://127.0.0.1/")), "URL for part 2 that is not used: the URL leads to the private address"},
		{"part sizes beyond all numbers", multipart("1e400", part(1, good)), "part_size: a number is no whole number"},
		{"a part of a huge number", multipart("5", `{"partNumber": 18446744073709551617, "url": "`+good+`"}`), "parts.number: a number is no whole number"},
		{"no part size", multipart("0", part(1, good)), "returned no part_size"},
		{"negative part size", multipart("-1", part(1, good)), "returned no part_size"},
		{"no parts", multipart("5", ""), "returned no parts"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := gipity(t, says(test.body)).Start(t.Context(), object.Spec{File: ticket.File{Name: "a.bin", Size: 10}})
			mustSay(t, err, "gipity", "start", test.says)
		})
	}
}

// mustSay checks an error's words, and that none of them is a secret.
func mustSay(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it succeeded")
	}
	text := err.Error() + "\n" + fault.HintOf(err)
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not say %q", text, word)
		}
	}
	for _, secret := range []string{"c0ffee", apiKey} {
		if strings.Contains(text, secret) {
			t.Errorf("%q holds a secret", text)
		}
	}
}

func TestManyParts(t *testing.T) {
	t.Parallel()
	c := gipity(t, says(multipart("1", part(1, "https://s3.example/k"))))
	_, err := c.Start(t.Context(), object.Spec{File: ticket.File{Name: "a.bin", Size: 1e9}})
	mustSay(t, err, "gipity: start", "makes 1000000000 parts")
}

func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	c := gipity(t, func(*http.Request) (int, http.Header, io.Reader) { return 200, nil, &endless{10e9} })
	_, err := c.Start(t.Context(), object.Spec{File: ticket.File{Name: "a.bin", Size: 1}})
	mustSay(t, err, "gipity: start", "is longer than")
}

func TestSaidSecrets(t *testing.T) {
	t.Parallel()
	c := gipity(t, func(*http.Request) (int, http.Header, io.Reader) {
		return 403, nil, strings.NewReader(`{"error": {"code": "X", "message": "key ` + apiKey + ` may not\n\u001b[31m https://s3.example/k?` + secretQuery + `"}}`)
	})
	_, err := c.Start(t.Context(), object.Spec{File: ticket.File{Name: "a.bin", Size: 1}})
	mustSay(t, err, "gipity: start: key REDACTED may not", "https://s3.example/k")
	if fault.KindOf(err) != fault.Denied || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("%q of kind %d", err, fault.KindOf(err))
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, location, says string }{
		{"circle", "/api/A/files/g/content", "redirected in a circle"},
		{"nowhere", "", "no Location"},
		{"this machine", "https://127.0.0.1/x", "private address"},
		{"plain http", "http://s3.example/x?" + secretQuery, "plain http"},
		{"file", "file:///etc/passwd", `scheme "file"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := gipity(t, func(*http.Request) (int, http.Header, io.Reader) {
				return 302, http.Header{"Location": {test.location}}, strings.NewReader("")
			})
			_, err := c.SignGet(t.Context(), "g", "", 0)
			mustSay(t, err, "gipity: get", test.says)
		})
	}
	t.Run("of another verb", func(t *testing.T) {
		t.Parallel()
		asked := 0
		c := gipity(t, func(*http.Request) (int, http.Header, io.Reader) {
			asked++
			return 307, http.Header{"Location": {"https://evil.example/"}}, strings.NewReader("")
		})
		_, err := c.Start(t.Context(), object.Spec{File: ticket.File{Name: "a.bin", Size: 1}})
		mustSay(t, err, "gipity: start", "redirect, which is not followed")
		if asked != 1 {
			t.Errorf("%d requests were made", asked)
		}
	})
}

func TestHostileLists(t *testing.T) {
	t.Parallel()
	full := `{"data": [` + strings.Repeat(`{"guid": "g"},`, 199) + `{"guid": "g"}]}`
	for name, test := range map[string]struct{ body, says string }{
		"the same page":    {full, "returned the same page twice"},
		"no path":          {`{"data": [{"size": 1}]}`, "returned no path"},
		"another line":     {`{"data": [{"guid": "g", "url": "https://a/\nb"}]}`, "url: it has control characters"},
		"url of a number":  {`{"data": [{"guid": "g", "url": 1}]}`, "a number is no string"},
		"size of a string": {`{"data": [{"guid": "g", "size": "big"}]}`, "size: a string is no whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failed error
			for _, err := range gipity(t, says(test.body)).List(t.Context(), "", true) {
				if err != nil {
					failed = err
				}
			}
			mustSay(t, failed, "gipity: list", test.says)
		})
	}
}

// TestPaths holds what is put into a path to one segment of it.
func TestPaths(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"..", ".", ""} {
		c := gipity(t, func(r *http.Request) (int, http.Header, io.Reader) {
			t.Errorf("%s was asked", r.URL)
			return 404, nil, strings.NewReader("")
		})
		_, err := c.Stat(t.Context(), path, "")
		mustSay(t, err, "gipity: stat: path")
	}
	c := gipity(t, func(r *http.Request) (int, http.Header, io.Reader) {
		if got := r.URL.EscapedPath(); got != "/api/A/files/..%2Fx%3Fy%23z" {
			t.Errorf("asked is %s", got)
		}
		return 404, nil, strings.NewReader("")
	})
	if _, err := c.Stat(t.Context(), "../x?y#z", ""); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}

// TestTampered refuses tickets that would send this side's keys elsewhere, or
// another upload than they name.
func TestTampered(t *testing.T) {
	t.Parallel()
	c := gipity(t, says(put("https://s3.example/k")))
	for name, change := range map[string]func(*ticket.Ticket){
		"another address": func(t *ticket.Ticket) { replaceState(t, "https://a.gipity.ai", "https://evil.example") },
		"another recipe":  func(t *ticket.Ticket) { replaceState(t, `"recipe":"gipity"`, `"recipe":"ctxfy"`) },
		"another app":     func(t *ticket.Ticket) { replaceState(t, `"app":"A"`, `"app":"B"`) },
		"unknown option":  func(t *ticket.Ticket) { replaceState(t, `"app":"A"`, `"app":"A","x":"y"`) },
		"unknown member":  func(t *ticket.Ticket) { replaceState(t, `"recipe"`, `"host":"evil","recipe"`) },
		"another profile": func(t *ticket.Ticket) { t.Profile = "other" },
		"another place":   func(t *ticket.Ticket) { t.Location = "gip:other" },
		"no state":        func(t *ticket.Ticket) { t.State = nil },
	} {
		tampered, err := c.Start(t.Context(), object.Spec{File: ticket.File{Name: "a.bin", Size: 1}})
		if err != nil {
			t.Fatal(err)
		}
		tampered.AddReceipt(ticket.Receipt{Number: 1, Size: 1, ETag: "e"})
		change(tampered)
		if _, err := c.Finish(t.Context(), tampered); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func replaceState(t *ticket.Ticket, old, with string) {
	t.State = []byte(strings.Replace(string(t.State), old, with, 1))
}

// TestSlowAnswer ends with its context.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.api.HandleFunc("POST /sign", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that the client has gone
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := example(t, "bare-url", s).Start(ctx, object.Spec{File: ticket.File{Name: "a", Size: 1}}); err == nil {
		t.Error("it succeeded")
	}
}

// TestOptionsAreNoHeaders: what a person or a file name says cannot become another
// header, field or line of a request.
func TestOptionsAreNoHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.api.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was asked", r.URL) })
	for _, evil := range []string{"u\r\nX-Evil: 1", "u\nX-Evil: 1", "u\x00"} {
		c := builtin(t, "presigned-post", s.URL, map[string]any{"source": "public_image", "user": evil})
		_, err := c.Start(t.Context(), object.Spec{File: ticket.File{Name: "a", Size: 1}})
		mustSay(t, err, "presigned-post: start: headers", `"X-USER-ID" cannot be sent`)
	}

	name := "a&source=x\r\nX-Evil: 1\".png"
	s = newServer(t)
	s.api.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("filename") != name || len(q["source"]) != 1 || r.Header.Get("X-Evil") != "" {
			t.Errorf("asked is %s with %v", r.URL, r.Header)
		}
		w.WriteHeader(http.StatusBadRequest)
	})
	c := builtin(t, "presigned-post", s.URL, map[string]any{"source": "public_image"})
	if _, err := c.Start(t.Context(), object.Spec{Path: name, File: ticket.File{Name: name, Size: 1}}); fault.KindOf(err) != fault.Usage {
		t.Error(err)
	}
}

// TestEndlessProgram ends with its context, wherever it stands.
func TestEndlessProgram(t *testing.T) {
	t.Parallel()
	const loop = `def f: f; f`
	for name, text := range map[string]string{
		"path":   `{request: {path: "` + loop + `"}, answer: "{url: .}"}`,
		"query":  `{request: {path: /x, query: "` + loop + `"}, answer: "{url: .}"}`,
		"answer": `{request: {path: /x}, answer: "` + loop + `"}`,
		"many":   `{request: {path: /x}, answer: "range(infinite) | select(. < 0)"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
			c := load(t, "name: loop\nstart: "+text, s)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err := c.Start(ctx, object.Spec{File: ticket.File{Name: "a", Size: 1}})
			if err == nil || time.Since(began) > 5*time.Second {
				t.Errorf("after %s: %v", time.Since(began), err)
			}
		})
	}
}
