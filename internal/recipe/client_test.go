package recipe_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/recipe"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
	"github.com/hoist-cli/hoist/internal/upload"
)

func builtin(t *testing.T, name, base string, options map[string]any) *recipe.Client {
	t.Helper()
	r, err := recipe.Find(name, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range options {
		if o, ok := r.Options[name]; ok {
			o.Default = value
			r.Options[name] = o
		}
	}
	return client(t, r, base)
}

// gipityAPI answers as Gipity does, with parts of 5 bytes.
func gipityAPI(s *server, complete func(try int64) int) {
	var started, completed atomic.Int64
	s.api.HandleFunc("POST /api/A/uploads/init", func(w http.ResponseWriter, _ *http.Request) {
		n := started.Add(1)
		fmt.Fprintf(w, `{"data": {"upload_guid": "g%[1]d", "method": "multipart", "part_size": 5, "expires_in": 600,
			"parts": [{"partNumber": 1, "url": "%[2]s/store/%[1]d/1"}, {"partNumber": 2, "url": "%[2]s/store/%[1]d/2"}]}}`, n, s.URL)
	})
	s.api.HandleFunc("POST /api/A/uploads/complete", func(w http.ResponseWriter, _ *http.Request) {
		if status := complete(completed.Add(1)); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		fmt.Fprintf(w, `{"data": {"guid": "g%d", "size": 10, "url": "https://media.example/g"}}`, started.Load())
	})
}

func count(requests []string, prefix string) int {
	n := 0
	for _, r := range requests {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

// TestUnconfirmed is an upload whose finish fails when all is stored: the journal
// stays, "hoist complete" finishes from it, and no byte is sent again.
func TestUnconfirmed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	broken := atomic.Bool{}
	broken.Store(true)
	gipityAPI(s, func(int64) int {
		if broken.Load() {
			return http.StatusBadGateway
		}
		return http.StatusOK
	})
	c := builtin(t, "gipity", s.URL, map[string]any{"app": "A"})
	folder := t.TempDir()
	_, err := send(t, c, folder, "a.bin", []byte("0123456789"))
	if fault.KindOf(err) != fault.Incomplete {
		t.Fatalf("it ended with %v", err)
	}
	mustSay(t, err, "is stored, but not confirmed", "hoist complete ")
	if n := count(s.asked(), "POST /api/A/uploads/complete"); n != 2 {
		t.Errorf("finish was tried %d times, want 2", n)
	}
	broken.Store(false)
	s.refuses(func(path string) int {
		t.Errorf("%s was sent again", path)
		return http.StatusInternalServerError
	})
	journal := strings.TrimPrefix(fault.HintOf(err), "hoist complete ")
	f, err := os.Open(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tickets, err := ticket.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := upload.Complete(t.Context(), builtin(t, "gipity", s.URL, map[string]any{"app": "A"}), tickets[0])
	if err != nil {
		t.Fatal(err)
	}
	if got.Location != "gipity:g1" || got.URL != "https://media.example/g" {
		t.Errorf("got %+v", got.Object)
	}
	// The same command does as well.
	if _, err := send(t, c, folder, "a.bin", nil); err != nil {
		t.Error(err)
	}
}

// TestStartOver is an upload whose URLs end before it is sent, of an API that
// signs no part again.
func TestStartOver(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	gipityAPI(s, func(int64) int { return http.StatusOK })
	s.refuses(func(path string) int {
		if path == "/store/1/2" {
			return http.StatusForbidden
		}
		return 0
	})
	s.Config.Handler = expired(s.Config.Handler)
	got, err := send(t, builtin(t, "gipity", s.URL, map[string]any{"app": "A"}), t.TempDir(), "a.bin", []byte("0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Location != "gipity:g2" {
		t.Errorf("got %s", got.Location)
	}

	// It ends at last: with 7, and with nothing left to go on with.
	s.refuses(func(path string) int {
		if strings.HasSuffix(path, "/2") {
			return http.StatusForbidden
		}
		return 0
	})
	_, err = send(t, builtin(t, "gipity", s.URL, map[string]any{"app": "A"}), t.TempDir(), "a.bin", []byte("0123456789"))
	if fault.KindOf(err) != fault.Temporary {
		t.Errorf("it ended with kind %d: %v", fault.KindOf(err), err)
	}
}

// expired gives every 403 the body by which S3 says that a URL has ended.
func expired(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(explained{w}, r)
	})
}

type explained struct{ http.ResponseWriter }

func (e explained) WriteHeader(status int) {
	e.ResponseWriter.WriteHeader(status)
	if status == http.StatusForbidden {
		fmt.Fprint(e, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
	}
}

// TestRetries: who asks to wait is obeyed on every verb, and only what is safe
// is sent again after an answer that says nothing.
func TestRetries(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		recipe string
		first  func(http.ResponseWriter)
		tries  int
	}{
		{"429 of a start that makes state", "gipity", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 2},
		{"500 of a start that makes state", "gipity", func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, 1},
		{"500 of a start that makes nothing", "ctxfy", func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, 2},
		{"a lost answer", "ctxfy", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 2},
		{"a longer wait than is useful", "ctxfy", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			s.api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
				if len(s.asked()) == 1 {
					test.first(w)
					return
				}
				fmt.Fprintf(w, `{"uploadUrl": "%[1]s/x", "fileKey": "k", "data": {"upload_guid": "g", "method": "PUT", "url": "%[1]s/x", "headers": {}}}`, s.URL)
			})
			c := builtin(t, test.recipe, s.URL, map[string]any{"app": "A"})
			_, err := c.Start(t.Context(), object.Spec{File: ticket.File{Name: "a", Size: 1}})
			if (err == nil) != (test.tries == 2) {
				t.Errorf("it ended with %v", err)
			}
			if err != nil && fault.KindOf(err) != fault.Temporary {
				t.Errorf("kind %d", fault.KindOf(err))
			}
			if n := len(s.asked()); n != test.tries {
				t.Errorf("%d requests, want %d", n, test.tries)
			}
		})
	}
}

// TestRate keeps to a recipe's rate over any number of goroutines.
func TestRate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.api.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `"%s/x"`, s.URL) })
	r, err := recipe.Load([]byte(`
name: slow
rate: {requests: 5, per: 200ms}
start: {request: {path: /sign}, answer: '{url: .}'}
`), "slow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, r, s.URL)
	began := time.Now()
	done := make(chan error)
	for range 12 {
		go func() {
			_, err := c.Start(t.Context(), object.Spec{File: ticket.File{Name: "a", Size: 1}})
			done <- err
		}()
	}
	for range 12 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("12 requests at 5 in 200ms took %s", took)
	}
}

// TestUnconfirmedStream keeps the ticket of a stream that is stored, but not confirmed.
func TestUnconfirmedStream(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	broken := atomic.Bool{}
	broken.Store(true)
	s.api.HandleFunc("POST /v2/files", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"id": "f1", "put_to": "%s/store/f1"}`, s.URL)
	})
	s.api.HandleFunc("PUT /v2/files/f1", func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusConflict)
		}
	})
	c := example(t, "put-finish", s)
	u := uploader(t, c, t.TempDir())
	_, err := u.Stream(t.Context(), upload.Stream{Reader: strings.NewReader("content")}, object.Spec{Path: "a", File: ticket.File{Name: "a", Size: -1}})
	if fault.KindOf(err) != fault.Incomplete {
		t.Fatalf("it ended with %v", err)
	}
	f, err := os.Open(strings.TrimPrefix(fault.HintOf(err), "hoist complete "))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tickets, err := ticket.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	broken.Store(false)
	if _, err := upload.Complete(t.Context(), c, tickets[0]); err != nil {
		t.Error(err)
	}
}

// TestResumeWithoutList goes on from the journal alone, as workspace has no list of parts.
func TestResumeWithoutList(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.api.HandleFunc("GET /s3/start-upload", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"uploadId": "u", "assetId": "a"}`)
	})
	s.api.HandleFunc("GET /s3/get-upload-url", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"url": "%s/store/%s", "expiresIn": 3600}`, s.URL, r.URL.Query().Get("PartNumber"))
	})
	s.api.HandleFunc("POST /s3/complete-upload", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"success": true, "location": "s3://b/w/digital_assets/a", "key": "w/digital_assets/a"}`)
	})
	s.refuses(func(path string) int {
		if path == "/store/2" {
			return http.StatusServiceUnavailable
		}
		return 0
	})
	folder, content := t.TempDir(), make([]byte, 17<<20)
	options := map[string]any{"workspace": "w"}
	if _, err := send(t, builtin(t, "workspace", s.URL, options), folder, "a.bin", content); fault.KindOf(err) != fault.Incomplete {
		t.Fatalf("the interrupted upload ended with %v", err)
	}
	s.refuses(func(path string) int {
		if path == "/store/1" {
			t.Error("part 1 was sent again")
		}
		return 0
	})
	got, err := send(t, builtin(t, "workspace", s.URL, options), folder, "a.bin", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Resumed || got.Location != "workspace:w/digital_assets/a" {
		t.Errorf("got %+v", got)
	}
	if n := count(s.asked(), "GET /s3/start-upload"); n != 1 {
		t.Errorf("it was started %d times", n)
	}
}

// TestPace says before byte one how fast a file has to be sent whose URLs end.
func TestPace(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	gipityAPI(s, func(int64) int { return http.StatusOK })
	folder := t.TempDir()
	path := folder + "/a.bin"
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := transfer.NewFile(path)
	if err != nil {
		t.Fatal(err)
	}
	u := uploader(t, builtin(t, "gipity", s.URL, map[string]any{"app": "A"}), folder)
	var said []string
	u.Inform = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	if _, err := u.File(t.Context(), file, object.Spec{Path: "a.bin", File: ticket.File{Name: "a.bin", Size: 10}}); err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 || !strings.Contains(said[0], "its 2 URLs end in 9m5") || !strings.Contains(said[0], "are needed to send it in time") {
		t.Errorf("said is %q", said)
	}
}
