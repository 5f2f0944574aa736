package recipe_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/recipe"
	"github.com/hoist-cli/hoist/internal/transfer"
	"github.com/hoist-cli/hoist/internal/upload"
	"github.com/hoist-cli/hoist/internal/wire"
)

// The client is what the commands take for a provider of any kind.
var (
	_ provider.Provider      = (*recipe.Client)(nil)
	_ provider.PartLister    = (*recipe.Client)(nil)
	_ provider.Lister        = (*recipe.Client)(nil)
	_ provider.Stater        = (*recipe.Client)(nil)
	_ provider.Getter        = (*recipe.Client)(nil)
	_ provider.Linker        = (*recipe.Client)(nil)
	_ provider.VariantGetter = (*recipe.Client)(nil)
	_ provider.Remover       = (*recipe.Client)(nil)
	_ provider.CORSKeeper    = (*recipe.Client)(nil)
	_ provider.Sizer         = (*recipe.Client)(nil)
)

const apiKey = "api-key-that-must-not-leak"

// server is an API and the storage that its URLs lead to, on one address.
type server struct {
	*httptest.Server
	api *http.ServeMux

	mu       sync.Mutex
	stored   map[string][]byte // by path
	requests []string          // METHOD path?query of the API, in order
	refuse   func(path string) int
}

// newServer answers PUTs to /store/… as S3 does, and everything else as api says.
func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{api: http.NewServeMux(), stored: make(map[string][]byte)}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/store/") {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
		s.mu.Unlock()
		s.api.ServeHTTP(w, r)
		return
	}
	for _, header := range []string{"Authorization", "X-Token", "X-Api-Key", "Cookie"} {
		if r.Header.Get(header) != "" {
			http.Error(w, "credentials reached the store", http.StatusTeapot)
			return
		}
	}
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	if refuse != nil {
		if status := refuse(r.URL.Path); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	content := io.Reader(r.Body)
	if r.Method == http.MethodPost { // a form
		file, _, err := r.FormFile("file")
		if err != nil {
			http.Error(w, "no file", http.StatusBadRequest)
			return
		}
		content = file
	}
	body, err := io.ReadAll(content)
	if err != nil {
		return
	}
	s.mu.Lock()
	s.stored[r.URL.Path] = body
	s.mu.Unlock()
	sum := md5.Sum(body)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
}

// refuses has the store answer with the status that f gives; 0 is to store.
func (s *server) refuses(f func(path string) int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

// example returns the client of a recipe of docs/examples.
func example(t *testing.T, name string, s *server) *recipe.Client {
	t.Helper()
	r, err := recipe.LoadFile(filepath.Join("..", "..", "docs", "examples", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return client(t, r, s.URL)
}

func client(t *testing.T, r *recipe.Recipe, base string) *recipe.Client {
	t.Helper()
	plain, err := wire.New(wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	secrets := make(map[string]func(context.Context) (string, error))
	for _, a := range r.Auth {
		secrets[a.Secret] = func(context.Context) (string, error) { return apiKey, nil }
	}
	c, err := recipe.New(r, recipe.Config{Profile: r.Name, BaseURL: base, Secrets: secrets, HTTP: plain, Retries: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// send uploads content by way of c, as the command does.
func send(t *testing.T, c *recipe.Client, journals, name string, content []byte) (*upload.Result, error) {
	t.Helper()
	path := filepath.Join(journals, name)
	if _, err := os.Stat(path); err != nil {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := transfer.NewFile(path)
	if err != nil {
		t.Fatal(err)
	}
	u := uploader(t, c, filepath.Join(journals, "state"))
	spec, err := upload.Describe(object.Spec{Path: name}, file, name)
	if err != nil {
		t.Fatal(err)
	}
	return u.File(t.Context(), file, spec)
}

func uploader(t *testing.T, c *recipe.Client, journals string) *upload.Uploader {
	t.Helper()
	plain, err := wire.New(wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &upload.Uploader{
		Provider: c, Journals: journals,
		// One part at a time: what was stored when a later one fails is then certain.
		Engine: transfer.New(plain, transfer.Options{Concurrency: 1, Retries: 1}),
	}
}

func md5Hex(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}
