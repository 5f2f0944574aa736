package broker_test

import (
	"strings"
	"testing"
)

// What is of another type is named, and not repeated: neither to the client nor in the log.
func TestWrongTypes(t *testing.T) {
	w := serve(t, newStore(t), nil)
	init := w.url + "/api/APP/uploads/init"
	digits := strings.Repeat("9", 1<<20)
	for _, tt := range []struct{ body, says string }{
		{`{"filename":"a","content_type":"a/b","size":` + digits + `}`, "size must be of another type than number"},
		{`{"filename":"a","content_type":"a/b","size":1,"record_id":42}`, "record_id must be of another type than number"},
		{`{"filename":["a"]}`, "filename must be of another type than array"},
		{digits, "The body must be a JSON object, and not of type number"},
		{`["a"]`, "The body must be a JSON object, and not of type array"},
		{`{"filename":`, "The body is not valid JSON"},
	} {
		a := do(t, "POST", init, app(mine), tt.body)
		if got := text(t, want(t, a, 400), "error", "message"); got != tt.says {
			t.Errorf("%.40s: %q, want %q", tt.body, got, tt.says)
		}
	}
	if got := w.log.String(); len(got) > 10_000 || strings.Contains(got, "99999") {
		t.Errorf("the log has %d bytes", len(got))
	}
}

// A URL in an answer is as the documents have it, with its & unescaped.
func TestPlainURLs(t *testing.T) {
	w := serve(t, newStore(t), nil)
	a := signers(w, mine)["ctxfy"](t, "a.txt", "text/plain", 1)
	if !strings.Contains(string(a.body), "&X-Amz-Signature=") {
		t.Errorf("%s", a.body)
	}
	if a.header.Get("Vary") != "Origin" {
		t.Error("a cache would give this answer to every page")
	}
}
