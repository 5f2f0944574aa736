package s3

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
)

// The copy in parts is that of objects above 5 GiB; here its parts are small ones.
func TestCopy(t *testing.T) {
	eachStore(t, func(t *testing.T, cfg Config) {
		cfg.Prefix = "in"
		s := open(t, cfg)
		body := random(t, 11<<20)
		put(t, s, spec("from here", body), body)
		from := stat(t, s, "from here")
		as := spec("to/one", nil)
		as.File.Type, as.ContentDisposition = "text/html", `attachment; filename="a b.html"`
		parts := as
		parts.Path = "to/parts"
		key, err := s.key(parts.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Copy(t.Context(), from, as); err != nil {
			t.Fatal(err)
		}
		if err := s.copyParts(t.Context(), from, key, parts, 5<<20); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{as.Path, parts.Path} {
			o := stat(t, s, path)
			if !bytes.Equal(get(t, s, path), body) || o.ContentType != "text/html" || !strings.Contains(string(o.Record), "attachment; filename=") {
				t.Errorf("%s: %+v %s", path, o, o.Record)
			}
		}
		if !strings.HasSuffix(stat(t, s, parts.Path).ETag, "-3") {
			t.Errorf("%+v is not of three parts", stat(t, s, parts.Path))
		}

		// What has changed since it was looked at is not copied, and nothing is left of the attempt.
		body[0]++
		put(t, s, spec("from here", body), body)
		if err := s.Copy(t.Context(), from, spec("to/late", nil)); fault.KindOf(err) != fault.Exists {
			t.Errorf("one request: %v", err)
		}
		late, err := s.key("to/late")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.copyParts(t.Context(), from, late, spec("to/late", nil), 5<<20); fault.KindOf(err) != fault.Exists {
			t.Errorf("in parts: %v", err)
		}
		if _, err := s.Stat(t.Context(), "to/late", ""); fault.KindOf(err) != fault.NotFound {
			t.Errorf("to/late: %v", err)
		}
		for u, err := range s.ListUploads(t.Context(), "to/") {
			t.Errorf("left behind: %+v, %v", u, err)
		}
	})
}

// An empty object's PUT carries nothing else.
func TestSignEmpty(t *testing.T) {
	eachStore(t, func(t *testing.T, cfg Config) {
		s := open(t, cfg)
		request, ends, err := s.SignPut(t.Context(), object.Spec{
			Path: "a+b c/é&.txt", File: file("f", nil), Expires: time.Minute,
			Attributes: object.Attributes{CacheControl: "no-store", Metadata: map[string]string{"by": "me"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if left := time.Until(ends); left <= 0 || left > time.Minute {
			t.Errorf("it ends in %v", left)
		}
		if status, said, _ := send(t, request, []byte("x")); status != http.StatusForbidden {
			t.Errorf("a byte: %d %s", status, said)
		}
		if status, said, _ := send(t, request, nil); status != http.StatusOK {
			t.Errorf("nothing: %d %s", status, said)
		}
		if o := stat(t, s, "a+b c/é&.txt"); o.Size != 0 || !strings.Contains(string(o.Record), "no-store") {
			t.Errorf("%+v", o)
		}
	})
}
