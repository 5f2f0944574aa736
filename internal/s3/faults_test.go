package s3

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// between puts a proxy in front of the store of cfg that gives every request
// to handle, which may pass it on.
func between(t *testing.T, cfg Config, handle func(w http.ResponseWriter, r *http.Request, pass http.Handler)) Config {
	t.Helper()
	target, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
		r.Out.URL.RawPath, r.Out.URL.Path = r.In.URL.RawPath, r.In.URL.Path
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, pass) }))
	t.Cleanup(server.Close)
	cfg.Endpoint = server.URL
	return cfg
}

func isCompletion(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
}

func isCreation(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("uploads")
}

// loseAnswer passes the request on and then drops the connection instead of answering.
func loseAnswer(r *http.Request, pass http.Handler) {
	pass.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

func sendMultipart(t *testing.T, s *Store, body []byte, change func(*object.Spec)) *ticket.Ticket {
	t.Helper()
	sp := spec("k", body)
	sp.Method, sp.PartSize = ticket.Multipart, 5<<20
	if change != nil {
		change(&sp)
	}
	tk, err := s.Start(t.Context(), sp)
	if err != nil {
		t.Fatal(err)
	}
	sendAll(t, s, tk, body)
	return tk
}

func TestCompletionWhoseAnswerIsLost(t *testing.T) {
	eachStore(t, func(t *testing.T, cfg Config) {
		body := random(t, 6<<20)
		for _, c := range []struct {
			name      string
			retries   int
			noClobber bool
		}{
			{"asked again", 2, false}, {"asked once", 0, false}, {"no clobber", 2, true},
		} {
			t.Run(c.name, func(t *testing.T) {
				var lost atomic.Bool
				cfg := between(t, cfg, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
					if isCompletion(r) && lost.CompareAndSwap(false, true) {
						loseAnswer(r, pass)
					}
					pass.ServeHTTP(w, r)
				})
				cfg.Retries = c.retries
				s := open(t, cfg)
				tk := sendMultipart(t, s, body, func(sp *object.Spec) { sp.NoClobber, sp.Path = c.noClobber, c.name })
				obj, err := s.Finish(t.Context(), tk)
				if err != nil {
					t.Fatal(err)
				}
				if !lost.Load() || obj.Size != int64(len(body)) {
					t.Errorf("finished as %+v", obj)
				}
				if c.noClobber {
					return // now it is there already
				}
				if obj, err = s.Finish(t.Context(), tk); err != nil || obj.Size != int64(len(body)) {
					t.Errorf("finishing again: %+v, %v", obj, err)
				}
			})
		}
	})
}

func TestCompletionOfAnAbortedUpload(t *testing.T) {
	s := open(t, newBucket(t, localStore(t)))
	body := random(t, 6<<20)
	other := random(t, 6<<20)
	put(t, s, spec("k", other), other)
	tk := sendMultipart(t, s, body, nil)
	if err := s.Abort(t.Context(), tk); err != nil {
		t.Fatal(err)
	}
	// versitygw answers with the object that is there already.
	if obj, err := s.Finish(t.Context(), tk); fault.KindOf(err) != fault.NotFound && fault.KindOf(err) != fault.Integrity {
		t.Errorf("finish: %+v, %v", obj, err)
	}
}

func TestCompletionThatFailsWithStatus200(t *testing.T) {
	var failures atomic.Int32
	cfg := between(t, newBucket(t, localStore(t)), func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if isCompletion(r) && failures.Add(-1) >= 0 {
			_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n   \n"+
				`<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>`)
			return
		}
		pass.ServeHTTP(w, r)
	})
	s := open(t, cfg)
	tk := sendMultipart(t, s, random(t, 6<<20), nil)
	failures.Store(1)
	if obj, err := s.Finish(t.Context(), tk); fault.KindOf(err) != fault.Temporary || !strings.Contains(err.Error(), "InternalError") {
		t.Fatalf("finish: %+v, %v", obj, err)
	}
	if _, err := s.Finish(t.Context(), tk); err != nil {
		t.Errorf("finishing again: %v", err)
	}
}

func TestThrottledCallsAreTriedAgain(t *testing.T) {
	var refusals atomic.Int32
	cfg := between(t, newBucket(t, localStore(t)), func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if isCreation(r) && refusals.Add(-1) >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`)
			return
		}
		pass.ServeHTTP(w, r)
	})
	cfg.Retries = 1
	s := open(t, cfg)
	refusals.Store(1)
	if tk := sendMultipart(t, s, []byte("x"), nil); tk == nil {
		t.Error("no ticket")
	}
	refusals.Store(2)
	sp := spec("k", nil)
	sp.Method = ticket.Multipart
	if _, err := s.Start(t.Context(), sp); fault.KindOf(err) != fault.Temporary {
		t.Errorf("start: %v", err)
	}
}

// A store that refuses CRC64NVME at the start, and one that overlooks it.
func TestStoreWithoutChecksums(t *testing.T) {
	backend := newBucket(t, localStore(t))
	signer := v4.NewSigner()
	forget := func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		q := r.URL.Query()
		for name := range q {
			if strings.HasPrefix(name, "X-Amz-") {
				q.Del(name)
			}
		}
		r.URL.RawQuery = q.Encode()
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Amz-Checksum") || strings.HasPrefix(name, "X-Amz-Sdk-Checksum") {
				r.Header.Del(name)
			}
		}
		r.Header.Set("X-Amz-Content-Sha256", unsignedPayload)
		creds := aws.Credentials{AccessKeyID: backend.AccessKeyID, SecretAccessKey: backend.SecretAccessKey}
		if err := signer.SignHTTP(r.Context(), creds, r, unsignedPayload, "s3", backend.Region, time.Now()); err != nil {
			t.Error(err)
		}
		answer := httptest.NewRecorder()
		pass.ServeHTTP(answer, r)
		for name, values := range answer.Header() {
			if !strings.HasPrefix(name, "X-Amz-Checksum") {
				w.Header()[name] = values
			}
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}
	refuse := func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Header.Get("X-Amz-Checksum-Algorithm") != "" && isCreation(r) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `<Error><Code>InvalidArgument</Code><Message>x-amz-checksum-algorithm</Message></Error>`)
			return
		}
		forget(w, r, pass)
	}
	for name, handle := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){"refuses": refuse, "overlooks": forget} {
		t.Run(name, func(t *testing.T) {
			body := random(t, 6<<20)
			s := open(t, between(t, backend, handle))
			sp := spec("k"+name, body)
			first, err := s.Start(t.Context(), sp)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.PartChecksum(first); got != checksum.CRC64NVME {
				t.Errorf("before anything is known: %q", got)
			}
			sp.Method, sp.PartSize = ticket.Multipart, 5<<20
			tk, err := s.Start(t.Context(), sp)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.PartChecksum(tk); got != checksum.MD5 {
				t.Errorf("parts carry %q", got)
			}
			request, err := s.Sign(t.Context(), tk, tk.Parts[0], sum(t, checksum.MD5, body[:5<<20]))
			if err != nil {
				t.Fatal(err)
			}
			if request.Header["Content-Md5"] == "" {
				t.Errorf("headers %v", request.Header)
			}
			if status, said, _ := send(t, request, random(t, 5<<20)); status/100 != 4 || !strings.Contains(said, "BadDigest") {
				t.Errorf("other bytes: %d %s", status, said)
			}
			sendAll(t, s, tk, body)
			if _, err := s.Finish(t.Context(), tk); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(get(t, s, sp.Path), body) {
				t.Error("came back different")
			}
			later, err := s.Start(t.Context(), spec("later", nil))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.PartChecksum(later); got != checksum.MD5 {
				t.Errorf("what comes later carries %q", got)
			}
			asked := spec("asked", body)
			asked.Method, asked.ChecksumAlgorithm = ticket.Multipart, checksum.CRC64NVME
			if _, err := s.Start(t.Context(), asked); fault.KindOf(err) != fault.Usage {
				t.Errorf("asked for: %v", err)
			}
		})
	}
}

// One PUT that this process signed with a checksum is told as done without a
// request, once the store is known to keep checksums.
func TestProofNeedsNoRequest(t *testing.T) {
	var heads atomic.Int32
	s := open(t, between(t, newBucket(t, localStore(t)), func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method != http.MethodPut {
			heads.Add(1)
		}
		pass.ServeHTTP(w, r)
	}))
	for _, path := range []string{"first", "second", "third"} {
		put(t, s, spec(path, []byte(path)), []byte(path))
	}
	if n := heads.Load(); n != 1 {
		t.Errorf("%d requests beside the PUTs, want the first's check", n)
	}
}

func TestStoreClock(t *testing.T) {
	ahead := 3 * time.Hour
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	s := open(t, Config{Endpoint: server.URL, Bucket: "b", AccessKeyID: "AK", SecretAccessKey: "SK"})
	signed := func() time.Time {
		request, err := s.SignGet(t.Context(), "k", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(request.URL)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse("20060102T150405Z", u.Query().Get("X-Amz-Date"))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if off := time.Until(signed()).Abs(); off > time.Minute {
		t.Errorf("off by %v before any answer", off)
	}
	if _, err := s.Stat(t.Context(), "k", ""); fault.KindOf(err) != fault.NotFound {
		t.Fatal(err)
	}
	if off := (time.Until(signed()) - ahead).Abs(); off > time.Minute {
		t.Errorf("off by %v from the store's clock", off)
	}
}
