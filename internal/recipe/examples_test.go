package recipe_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// The recipes of docs/examples, each against a server that does what the
// recipe's comment says of its API: nobody runs these APIs.

func TestBareURL(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.api.HandleFunc("POST /sign", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != apiKey {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "%s/store/%s?X-Amz-Signature=secret&type=%s\n", s.URL, r.FormValue("name"), r.FormValue("type"))
	})
	got, err := send(t, example(t, "bare-url", s), t.TempDir(), "a b.png", []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	if want := s.URL + "/store/a b.png"; got.URL != want || got.Location != "bare-url:a b.png" {
		t.Errorf("got URL %q and location %q, want %q", got.URL, got.Location, want)
	}
	if !bytes.Equal(s.stored["/store/a b.png"], []byte("content")) {
		t.Errorf("stored is %q", s.stored)
	}
}

func TestPutFinish(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.api.HandleFunc("POST /v2/files", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"id": "f/1", "put_to": "%s/store/f1"}`, s.URL)
	})
	tries := 0
	s.api.HandleFunc("PUT /v2/files/{id}", func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if r.ContentLength != 0 || r.PathValue("id") != "f/1" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	got, err := send(t, example(t, "put-finish", s), t.TempDir(), "a.txt", []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Location != "put-finish:f/1" || got.Size != 7 {
		t.Errorf("got %+v", got.Object)
	}
	finish := "PUT /v2/files/f%2F1?etag=9a0364b9e99bb480dd25e1f0284c8555&status=ready"
	if diff := cmp.Diff([]string{"POST /v2/files", finish, finish}, s.asked()); diff != "" {
		t.Error(diff)
	}
}

// batchAPI is the server of docs/examples/batch.yaml, with parts of 5 bytes.
func batchAPI(s *server) {
	etag := func(part int) string {
		s.mu.Lock()
		defer s.mu.Unlock()
		if body, ok := s.stored[fmt.Sprintf("/store/%d", part)]; ok {
			return md5Hex(body)
		}
		return ""
	}
	s.api.HandleFunc("POST /uploads", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"id": "u1", "part_size": 5}`)
	})
	s.api.HandleFunc("POST /uploads/u1/urls", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Parts []int }
		_ = json.NewDecoder(r.Body).Decode(&in)
		urls := []map[string]any{}
		for _, n := range slices.Backward(in.Parts) { // the order is of no account
			urls = append(urls, map[string]any{"part": n, "url": fmt.Sprintf("%s/store/%d?sig=secret", s.URL, n)})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"urls": urls, "ttl": 600})
	})
	s.api.HandleFunc("GET /uploads/u1/parts", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("after") == "" { // two pages: part 1, and the rest
			fmt.Fprintf(w, `{"parts": [{"part": 1, "size": 5, "etag": "\"%s\""}], "next": "1"}`, etag(1))
			return
		}
		parts := []map[string]any{}
		for n := 2; n <= 8; n++ {
			if e := etag(n); e != "" {
				parts = append(parts, map[string]any{"part": n, "size": 5, "etag": e})
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"parts": parts, "next": nil})
	})
	s.api.HandleFunc("POST /uploads/u1/complete", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Parts []struct {
				Part int
				ETag string
			}
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		for i, p := range in.Parts {
			if p.Part != i+1 || p.ETag != etag(p.Part) {
				w.WriteHeader(http.StatusConflict)
				return
			}
		}
		fmt.Fprintf(w, `{"file": {"id": "f1", "url": "https://files.example/f1", "size": %d}}`, 38)
	})
	s.api.HandleFunc("DELETE /uploads/u1", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	s.api.HandleFunc("DELETE /files/f1", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	s.api.HandleFunc("GET /files", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			fmt.Fprint(w, `{"files": [{"id": "f1", "size": 1, "changed": "2026-01-02T15:04:05Z"}], "next": 2}`)
			return
		}
		fmt.Fprint(w, `{"files": [{"id": "f2"}], "next": null}`)
	})
}

// TestBatch signs three parts at a time, is interrupted, and goes on in
// another process with the parts that the API has.
func TestBatch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	batchAPI(s)
	content := []byte("0123456789abcdefghijklmnopqrstuvwxyzAB") // 8 parts
	folder := t.TempDir()
	s.refuses(func(path string) int {
		if path == "/store/6" {
			return http.StatusInternalServerError
		}
		return 0
	})
	_, err := send(t, example(t, "batch", s), folder, "a.bin", content)
	if fault.KindOf(err) != fault.Incomplete {
		t.Fatalf("the interrupted upload ended with %v", err)
	}
	before := len(s.asked())
	s.refuses(nil)
	got, err := send(t, example(t, "batch", s), folder, "a.bin", content)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Resumed || got.URL != "https://files.example/f1" || got.Location != "batch:f1" {
		t.Errorf("got %+v", got)
	}
	var whole []byte
	for n := 1; n <= 8; n++ {
		whole = append(whole, s.stored[fmt.Sprintf("/store/%d", n)]...)
	}
	if !bytes.Equal(whole, content) {
		t.Errorf("stored is %q", whole)
	}
	for _, request := range s.asked()[before:] {
		if request == "POST /uploads" {
			t.Error("it was started again")
		}
	}
	signs := 0
	for _, request := range s.asked()[:before] {
		if strings.HasSuffix(request, "/urls") {
			signs++
		}
	}
	if signs < 2 || signs > 4 { // 8 parts in batches of 3, and one again
		t.Errorf("%d requests signed the parts", signs)
	}
}

func TestBatchObjects(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	batchAPI(s)
	c := example(t, "batch", s)
	var paths []string
	for o, err := range c.List(t.Context(), "", true) {
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, o.Path)
	}
	if diff := cmp.Diff([]string{"f1", "f2"}, paths); diff != "" {
		t.Error(diff)
	}
	for path, err := range c.Remove(t.Context(), slices.Values([]string{"f1"})) {
		if err != nil {
			t.Errorf("%s: one that is not there is no error: %v", path, err)
		}
	}
	if _, err := c.Stat(t.Context(), "f1", ""); fault.KindOf(err) != fault.Usage {
		t.Errorf("a verb that the API lacks: %v", err)
	}
}

// TestSignAll has all parts signed at once, several batches at a time.
func TestSignAll(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	batchAPI(s)
	c := example(t, "batch", s)
	made, err := c.Start(t.Context(), object.Spec{File: ticket.File{Name: "a.bin", Size: 38}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SignAll(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	for _, p := range made.Parts {
		if want := fmt.Sprintf("%s/store/%d?sig=secret", s.URL, p.Number); p.Request == nil || p.Request.URL != want {
			t.Errorf("part %d is sent by %+v", p.Number, p.Request)
		}
	}
	if made.Expires == nil {
		t.Error("the ticket says no end of its requests")
	}
	if n := count(s.asked(), "POST /uploads/u1/urls"); n > 5 {
		t.Errorf("%d requests signed 8 parts in batches of 3", n)
	}
}
