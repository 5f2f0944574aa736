package recipe_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/recipe"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// every is an API with all verbs, each at a path of its name.
const every = `
name: every
auth: [{secret: key, header: X-Token}]
start: {request: {method: POST, path: /start}, answer: '{method: "multipart", part_size: 5, state: {id: "u"}}'}
sign: {request: {method: POST, path: /sign}, answer: '{url: .url}'}
finish: {request: {method: POST, path: /finish}}
abort: {request: {method: DELETE, path: /abort}}
list_parts: {request: {path: /list_parts}, answer: '{parts: []}'}
list: {request: {path: /list}, answer: '{objects: []}'}
stat: {request: {path: /stat}, answer: '{path: "o"}'}
get: {request: {path: /get}, answer: '{url: .url}'}
variant: {by: redirect, request: {path: /variant}}
remove: {request: {method: DELETE, path: /remove}}
cors: {request: {path: /cors}, answer: '{rules: []}'}
set_cors: {request: {method: PUT, path: /set_cors}}
`

// hands is every, but hands out objects itself and is asked about them by that.
const hands = `
name: hands
auth: [{secret: key, header: X-Token}]
start: {request: {method: POST, path: /start}, answer: '{url: .url}'}
get: {by: answer, request: {path: /download}}
`

func load(t *testing.T, text string, s *server) *recipe.Client {
	t.Helper()
	r, err := recipe.Load([]byte(text), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return client(t, r, s.URL)
}

// TestWaitsOnEveryVerb: who says 429 and when to come again is obeyed whatever was asked.
func TestWaitsOnEveryVerb(t *testing.T) {
	t.Parallel()
	begun := func(t *testing.T, c *recipe.Client) *ticket.Ticket {
		t.Helper()
		made, err := c.Start(t.Context(), object.Spec{File: ticket.File{Name: "a", Size: 1}})
		if err != nil {
			t.Fatal(err)
		}
		made.AddReceipt(ticket.Receipt{Number: 1, Size: 1, ETag: "e"})
		return made
	}
	for _, test := range []struct {
		verb, recipe string
		after        int // seconds
		do           func(*testing.T, *recipe.Client) func(context.Context) error
	}{
		{"start", every, 1, func(_ *testing.T, c *recipe.Client) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := c.Start(ctx, object.Spec{File: ticket.File{Name: "a", Size: 1}})
				return err
			}
		}},
		{"sign", every, 0, func(t *testing.T, c *recipe.Client) func(context.Context) error {
			made := begun(t, c)
			return func(ctx context.Context) error { _, err := c.Sign(ctx, made, made.Parts[0], nil); return err }
		}},
		{"finish", every, 0, func(t *testing.T, c *recipe.Client) func(context.Context) error {
			made := begun(t, c)
			return func(ctx context.Context) error { _, err := c.Finish(ctx, made); return err }
		}},
		{"abort", every, 0, func(t *testing.T, c *recipe.Client) func(context.Context) error {
			made := begun(t, c)
			return func(ctx context.Context) error { return c.Abort(ctx, made) }
		}},
		{"list_parts", every, 0, func(t *testing.T, c *recipe.Client) func(context.Context) error {
			made := begun(t, c)
			return func(ctx context.Context) error { _, err := c.ListParts(ctx, made); return err }
		}},
		{"list", every, 0, func(_ *testing.T, c *recipe.Client) func(context.Context) error {
			return func(ctx context.Context) (failed error) {
				for _, err := range c.List(ctx, "", true) {
					failed = err
				}
				return failed
			}
		}},
		{"stat", every, 0, func(_ *testing.T, c *recipe.Client) func(context.Context) error {
			return func(ctx context.Context) error { _, err := c.Stat(ctx, "o", ""); return err }
		}},
		{"get", every, 0, func(_ *testing.T, c *recipe.Client) func(context.Context) error {
			return func(ctx context.Context) error { _, err := c.SignGet(ctx, "o", "", 0); return err }
		}},
		{"variant", every, 0, func(_ *testing.T, c *recipe.Client) func(context.Context) error {
			return func(ctx context.Context) error { _, err := c.SignGetVariant(ctx, "o", "small"); return err }
		}},
		{"remove", every, 0, func(_ *testing.T, c *recipe.Client) func(context.Context) error {
			return func(ctx context.Context) (failed error) {
				for _, err := range c.Remove(ctx, slices.Values([]string{"o"})) {
					failed = err
				}
				return failed
			}
		}},
		{"cors", every, 0, func(_ *testing.T, c *recipe.Client) func(context.Context) error {
			return func(ctx context.Context) error { _, err := c.CORS(ctx); return err }
		}},
		{"set_cors", every, 0, func(_ *testing.T, c *recipe.Client) func(context.Context) error {
			return func(ctx context.Context) error { return c.SetCORS(ctx, nil) }
		}},
		{"download", hands, 1, func(_ *testing.T, c *recipe.Client) func(context.Context) error {
			return func(ctx context.Context) error { _, err := c.Stat(ctx, "o", ""); return err }
		}},
	} {
		t.Run(test.verb, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			var refused atomic.Pointer[time.Time]
			s.api.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/"+test.verb && refused.Load() == nil:
					now := time.Now()
					refused.Store(&now)
					w.Header().Set("Retry-After", strconv.Itoa(test.after))
					w.WriteHeader(http.StatusTooManyRequests)
					return
				case r.URL.Path == "/variant":
					w.Header().Set("Location", s.URL+"/store/x")
					w.WriteHeader(http.StatusFound)
					return
				}
				fmt.Fprintf(w, `{"url": "%s/store/x"}`, s.URL)
			})
			do := test.do(t, load(t, test.recipe, s))
			if err := do(t.Context()); err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(*refused.Load()); waited < time.Duration(test.after)*time.Second {
				t.Errorf("asked again after %s", waited)
			}
			tries := 0
			for _, asked := range s.asked() {
				if strings.HasSuffix(asked, " /"+test.verb) {
					tries++
				}
			}
			if tries != 2 {
				t.Errorf("asked %d times: %v", tries, s.asked())
			}
		})
	}
}

// TestStartIsSentOnce: net/http would send a GET again whose kept connection was
// closed, and one that makes state must not be.
func TestStartIsSentOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var starts atomic.Int64
	s.api.HandleFunc("GET /s3/getBucketConfig", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"CORSRules": []}`) })
	s.api.HandleFunc("GET /s3/start-upload", func(http.ResponseWriter, *http.Request) {
		starts.Add(1)
		panic(http.ErrAbortHandler)
	})
	c := builtin(t, "workspace", s.URL, map[string]any{"workspace": "w"})
	if _, err := c.CORS(t.Context()); err != nil { // which leaves a connection
		t.Fatal(err)
	}
	_, err := c.Start(t.Context(), object.Spec{File: ticket.File{Name: "a", Size: 1}})
	if fault.KindOf(err) != fault.Temporary {
		t.Errorf("it ended with %v", err)
	}
	if n := starts.Load(); n != 1 {
		t.Errorf("%d uploads were started", n)
	}
}

// TestFinishAnswerLost: finish is sent again, and no byte is.
func TestFinishAnswerLost(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gipity", "workspace", "presigned-post", "gitfolio"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			var finished, sent atomic.Int64
			answer := func(w http.ResponseWriter, text string) { fmt.Fprint(w, strings.ReplaceAll(text, "%s", s.URL)) }
			s.api.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/api/A/uploads/init":
					answer(w, `{"data": {"upload_guid": "g", "method": "PUT", "url": "%s/store/x", "headers": {}, "expires_in": 600}}`)
				case "/s3/start-upload":
					answer(w, `{"uploadId": "u", "assetId": "a"}`)
				case "/s3/get-upload-url":
					answer(w, `{"url": "%s/store/x", "expiresIn": 3600}`)
				case "/api/s3/presigned-post":
					answer(w, `{"url": "%s/store/x", "fields": {"key": "k"}, "s3object_id": "i", "max_file_size": 100, "expires_at": "2099-01-01T00:00:00Z"}`)
				case "/api/v1/s3/generatePreSignedURL":
					answer(w, `{"status": "success", "data": {"uploadURL": "%s/store/x", "fileURL": "https://f.example/a", "key": "k", "expiresIn": 300}}`)
				default:
					if finished.Add(1) == 1 {
						panic(http.ErrAbortHandler)
					}
					answer(w, `{"data": {"guid": "g"}, "success": true, "key": "k"}`)
				}
			})
			s.refuses(func(string) int { sent.Add(1); return 0 })
			c := builtin(t, name, s.URL, map[string]any{
				"app": "A", "workspace": "w", "source": "public_image", "type": "profile", "attach": "profileImg",
			})
			if _, err := send(t, c, t.TempDir(), "a.png", []byte("content")); err != nil {
				t.Fatal(err)
			}
			if finished.Load() != 2 || sent.Load() != 1 {
				t.Errorf("finish was sent %d times, and the bytes %d times", finished.Load(), sent.Load())
			}
		})
	}
}

// TestRefusedFinish: the bytes are stored, and the way to finish later is told,
// unless the API knows nothing of them any more.
func TestRefusedFinish(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		recipe string
		status int
		kind   fault.Kind
		says   []string
	}{
		{"gipity", http.StatusForbidden, fault.Denied, []string{"is stored, but not confirmed", "check the secret of gipity", "; then: hoist complete "}},
		{"gitfolio", http.StatusUnauthorized, fault.Denied, []string{"sign in to GitFolio again", "; then: hoist complete "}},
		{"gipity", http.StatusConflict, fault.Incomplete, []string{"is stored, but not confirmed", "hoist complete "}},
		{"gipity", http.StatusNotFound, fault.NotFound, []string{"gipity: finish: Not Found", "run the same command again to start over"}},
		{"gitfolio", http.StatusNotFound, fault.Incomplete, []string{"is stored, but not confirmed", "hoist complete "}},
	} {
		t.Run(fmt.Sprintf("%s %d", test.recipe, test.status), func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			gipityAPI(s, func(int64) int { return test.status })
			s.api.HandleFunc("POST /api/v1/s3/generatePreSignedURL", func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"status": "success", "data": {"uploadURL": "%s/store/x", "fileURL": "https://f.example/a", "key": "k"}}`, s.URL)
			})
			s.api.HandleFunc("POST /api/v1/dashboard/user/update", func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "not what the document has", test.status)
			})
			c := builtin(t, test.recipe, s.URL, map[string]any{"app": "A", "type": "profile", "attach": "profileImg"})
			_, err := send(t, c, t.TempDir(), "a.png", []byte("0123456789"))
			if fault.KindOf(err) != test.kind {
				t.Errorf("it ended with kind %d: %v", fault.KindOf(err), err)
			}
			mustSay(t, err, test.says...)
		})
	}
}

// TestExpired: where the URL has ended, the upload goes on with a new one: a new
// start, whose object is the one that is finished, or the part signed again.
func TestExpired(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		recipe                  string
		starts, signs, finishes int64
		location                string
	}{
		{"gitfolio", 2, 0, 1, "gitfolio:k2"},
		{"ctxfy", 2, 0, 0, "ctxfy:k2"},
		{"presigned-post", 2, 0, 1, "presigned-post:k2"},
		{"workspace", 1, 2, 1, "workspace:w/digital_assets/k1"},
		{"gipity", 2, 0, 1, "gipity:k2"}, // which signs nothing again, so the whole upload is begun anew
	} {
		t.Run(test.recipe, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			var starts, signs, finishes atomic.Int64
			s.api.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return
				}
				var text string
				switch r.URL.Path {
				case "/api/v1/s3/generatePreSignedURL":
					starts.Add(1)
					text = `{"status": "success", "data": {"uploadURL": "HERE", "fileURL": "https://f.example/kN", "key": "kN", "expiresIn": 300}}`
				case "/v1/upload/s3":
					starts.Add(1)
					text = `{"uploadUrl": "HERE", "publicUrl": "https://f.example/kN", "fileKey": "kN"}`
				case "/api/s3/presigned-post":
					starts.Add(1)
					text = `{"url": "HERE", "fields": {"key": "kN"}, "s3object_id": "iN", "max_file_size": 100, "expires_at": "2099-01-01T00:00:00Z"}`
				case "/api/A/uploads/init":
					starts.Add(1)
					text = `{"data": {"upload_guid": "kN", "method": "PUT", "url": "HERE", "headers": {}, "expires_in": 600}}`
				case "/s3/start-upload":
					starts.Add(1)
					text = `{"uploadId": "u", "assetId": "kN"}`
				case "/s3/get-upload-url":
					signs.Add(1)
					text = `{"url": "HERE", "expiresIn": 3600}`
				default:
					finishes.Add(1)
					if test.recipe != "workspace" && !strings.Contains(string(body), "2") {
						t.Errorf("finished is another upload: %s", body)
					}
					text = `{"success": true, "data": {"guid": "kN"}}`
				}
				number := strconv.FormatInt(starts.Load(), 10)
				url := fmt.Sprintf("%s/store/%d", s.URL, starts.Load()+signs.Load())
				fmt.Fprint(w, strings.NewReplacer("HERE", url, "kN", "k"+number, "iN", "i"+number).Replace(text))
			})
			first := "/store/1"
			if test.signs > 0 {
				first = "/store/2"
			}
			s.refuses(func(path string) int {
				if path == first {
					return http.StatusForbidden
				}
				return 0
			})
			s.Config.Handler = expired(s.Config.Handler)
			c := builtin(t, test.recipe, s.URL, map[string]any{
				"app": "A", "workspace": "w", "source": "public_image", "type": "profile", "attach": "profileImg",
			})
			got, err := send(t, c, t.TempDir(), "a.png", []byte("content"))
			if err != nil {
				t.Fatal(err)
			}
			if got.Location != test.location {
				t.Errorf("stored is %s, want %s", got.Location, test.location)
			}
			if starts.Load() != test.starts || signs.Load() != test.signs || finishes.Load() != test.finishes {
				t.Errorf("%d starts, %d signed, %d finished", starts.Load(), signs.Load(), finishes.Load())
			}
		})
	}
}
