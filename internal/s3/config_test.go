package s3

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

func keys(cfg Config) Config {
	cfg.AccessKeyID, cfg.SecretAccessKey = "AKEXAMPLE", "SKEXAMPLE"
	return cfg
}

// signedURL is the URL of a PUT of the key "k".
func signedURL(t *testing.T, s *Store) *url.URL {
	t.Helper()
	tk, err := s.Start(t.Context(), spec("k", nil))
	if err != nil {
		t.Fatal(err)
	}
	request, err := s.Sign(t.Context(), tk, tk.Parts[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(request.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestAddresses(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		name string
		cfg  Config
		env  map[string]string
		want string
	}{
		{"AWS", Config{Region: "eu-central-1"}, nil, "https://bucket.s3.eu-central-1.amazonaws.com/k eu-central-1"},
		{"AWS, region of the environment", Config{}, map[string]string{"AWS_REGION": "us-west-2"}, "https://bucket.s3.us-west-2.amazonaws.com/k us-west-2"},
		{"AWS, path style", Config{Region: "eu-central-1", PathStyle: &yes}, nil, "https://s3.eu-central-1.amazonaws.com/bucket/k eu-central-1"},
		{"custom", Config{Endpoint: "https://store.example/"}, nil, "https://store.example/bucket/k us-east-1"},
		{"custom with a path", Config{Endpoint: "https://store.example/storage/v1/s3"}, nil, "https://store.example/storage/v1/s3/bucket/k us-east-1"},
		{"custom, virtual host", Config{Endpoint: "https://store.example", PathStyle: &no, Region: "auto"}, nil, "https://bucket.store.example/k auto"},
		{"environment", Config{}, map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1/bucket/k us-east-1"},
		{"environment of S3", Config{}, map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2"}, "http://127.0.0.1:2/bucket/k us-east-1"},
		{"before the environment", Config{Endpoint: "http://127.0.0.1:3"}, map[string]string{"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:2"}, "http://127.0.0.1:3/bucket/k us-east-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			c.cfg.Bucket = "bucket"
			u := signedURL(t, open(t, keys(c.cfg)))
			region := strings.Split(u.Query().Get("X-Amz-Credential"), "/")[2]
			if got := u.Scheme + "://" + u.Host + u.Path + " " + region; got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	for _, endpoint := range []string{"store.example", "ftp://store.example", "https://", "https://user:secret@store.example", "https://store.example?key=secret"} {
		_, err := New(t.Context(), keys(Config{Bucket: "bucket", Endpoint: endpoint}))
		if fault.KindOf(err) != fault.Usage || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestRegionIsFound(t *testing.T) {
	var asked atomic.Int32
	status := http.StatusMovedPermanently
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Method != http.MethodHead || r.URL.Path != "/bucket" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		if status != http.StatusNotFound {
			w.Header().Set(regionHeader, "ap-south-1")
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	s := open(t, keys(Config{Bucket: "bucket"}))
	s.regionURL = server.URL + "/"
	for range 2 {
		if u := signedURL(t, s); u.Host != "bucket.s3.ap-south-1.amazonaws.com" {
			t.Errorf("host %s", u.Host)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	status = http.StatusNotFound
	s = open(t, keys(Config{Bucket: "bucket"}))
	s.regionURL = server.URL + "/"
	if _, err := s.Stat(t.Context(), "k", ""); fault.KindOf(err) != fault.NotFound {
		t.Errorf("stat in a missing bucket: %v", err)
	}
}

// AWS's answers to a request in a region that is not the bucket's.
func TestWrongRegion(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"header": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(regionHeader, "eu-west-1")
			w.WriteHeader(http.StatusMovedPermanently)
		},
		"message": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `<Error><Code>AuthorizationHeaderMalformed</Code>`+
				`<Message>The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'</Message><Region>eu-west-1</Region></Error>`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			s := open(t, keys(Config{Bucket: "bucket", Endpoint: server.URL}))
			for _, err := range s.List(t.Context(), "", true) {
				if fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "--region eu-west-1") {
					t.Errorf("%v (%s)", err, fault.HintOf(err))
				}
			}
		})
	}
}

func TestErrorsSayWhatAScriptNeeds(t *testing.T) {
	eachStore(t, func(t *testing.T, cfg Config) {
		wrongSecret, wrongKey, noBucket, unreachable := cfg, cfg, cfg, cfg
		wrongSecret.SecretAccessKey = "not-the-secret"
		wrongKey.AccessKeyID = "NOTTHEKEY"
		noBucket.Bucket = "b-that-is-not-there"
		unreachable.Endpoint = "http://" + closedPort(t)
		for _, c := range []struct {
			name string
			cfg  Config
			want fault.Kind
		}{
			{"wrong secret", wrongSecret, fault.Denied},
			{"wrong key", wrongKey, fault.Denied},
			{"no bucket", noBucket, fault.NotFound},
			{"unreachable", unreachable, fault.Temporary},
		} {
			t.Run(c.name, func(t *testing.T) {
				s := open(t, c.cfg)
				sp := spec("k", nil)
				sp.Method = ticket.Multipart
				_, started := s.Start(t.Context(), sp)
				_, stated := s.Stat(t.Context(), "k", "")
				var listed, removed error
				for _, err := range s.List(t.Context(), "", true) {
					listed = err
				}
				for _, err := range s.Remove(t.Context(), func(yield func(string) bool) { yield("k") }) {
					removed = err
				}
				for step, err := range map[string]error{"start": started, "list": listed, "stat": stated, "remove": removed} {
					if fault.KindOf(err) != c.want {
						t.Errorf("%s: %v", step, err)
						continue
					}
					if fault.HintOf(err) == "" {
						t.Errorf("%s: no hint: %v", step, err)
					}
					if strings.ContainsAny(err.Error(), "\n\r") {
						t.Errorf("%s: more than a line: %v", step, err)
					}
					for _, secret := range []string{cfg.SecretAccessKey, c.cfg.SecretAccessKey, "X-Amz-Signature", "Signature="} {
						if strings.Contains(err.Error()+fault.HintOf(err), secret) {
							t.Errorf("%s: a secret is in it: %v", step, err)
						}
					}
				}
			})
		}
	})
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestCancelledCall(t *testing.T) {
	s := open(t, keys(Config{Bucket: "bucket", Endpoint: "http://" + closedPort(t)}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Stat(ctx, "k", ""); !strings.Contains(fmt.Sprint(err), context.Canceled.Error()) || fault.KindOf(err) != fault.Failed {
		t.Errorf("stat: %v", err)
	}
}

func TestNoCredentials(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+closedPort(t))
	s := open(t, Config{Bucket: "bucket", Region: "us-east-1"})
	tk, err := s.Start(t.Context(), spec("k", nil))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Sign(t.Context(), tk, tk.Parts[0], nil)
	if fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "AWS_ACCESS_KEY_ID") {
		t.Errorf("sign: %v (%s)", err, fault.HintOf(err))
	}
	if _, err := s.Stat(t.Context(), "k", ""); fault.KindOf(err) != fault.Usage {
		t.Errorf("stat: %v", err)
	}
}

func TestAnonymous(t *testing.T) {
	s := open(t, Config{Bucket: "bucket", Endpoint: "http://127.0.0.1:1", Anonymous: true})
	sp := spec("k", nil)
	sp.Eager = true
	tk, err := s.Start(t.Context(), sp)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SignAll(t.Context(), tk); err != nil {
		t.Fatal(err)
	}
	if request := tk.Parts[0].Request; request.URL != "http://127.0.0.1:1/bucket/k" || tk.Expires != nil {
		t.Errorf("%+v, expires %v", request, tk.Expires)
	}
}

// Credentials that end are fetched again while parts are still to be signed,
// and no request outlives them.
func TestCredentialsOfAContainer(t *testing.T) {
	var fetched atomic.Int32
	var left atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		ends := time.Now().Add(time.Duration(left.Load())).UTC().Format(time.RFC3339)
		fmt.Fprintf(w, `{"AccessKeyId":"AK%d","SecretAccessKey":"SK","Token":"T","Expiration":%q}`, fetched.Add(1), ends)
	}))
	defer server.Close()
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.URL)
	sign := func(s *Store) (key string, lifetime time.Duration) {
		q := signedURL(t, s).Query()
		if q.Get("X-Amz-Security-Token") != "T" {
			t.Error("no session token")
		}
		seconds, err := strconv.Atoi(q.Get("X-Amz-Expires"))
		if err != nil {
			t.Fatal(err)
		}
		key, _, _ = strings.Cut(q.Get("X-Amz-Credential"), "/")
		return key, time.Duration(seconds) * time.Second
	}

	left.Store(int64(10 * time.Minute))
	s := open(t, Config{Bucket: "bucket", Region: "us-east-1"})
	for range 2 {
		key, lifetime := sign(s)
		if key != "AK1" || lifetime < 9*time.Minute || lifetime >= 10*time.Minute {
			t.Errorf("signed by %s for %v", key, lifetime)
		}
	}
	left.Store(int64(45 * time.Second))
	s = open(t, Config{Bucket: "bucket", Region: "us-east-1"})
	for _, want := range []string{"AK2", "AK3"} {
		key, lifetime := sign(s)
		if key != want || lifetime > 45*time.Second {
			t.Errorf("signed by %s for %v, want %s", key, lifetime, want)
		}
	}
}

func TestSharedConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(`
[profile keys]
aws_access_key_id = AKPROFILE
aws_secret_access_key = SK
region = eu-north-1
[profile mfa]
role_arn = arn:aws:iam::123456789012:role/r
source_profile = keys
mfa_serial = arn:aws:iam::123456789012:mfa/u
`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", path)
	u := signedURL(t, open(t, Config{Bucket: "bucket", AWSProfile: "keys"}))
	if u.Host != "bucket.s3.eu-north-1.amazonaws.com" || !strings.HasPrefix(u.Query().Get("X-Amz-Credential"), "AKPROFILE/") {
		t.Errorf("signed %s", u.Host)
	}
	for name, want := range map[string]string{"mfa": "MFA", "missing": `"missing"`} {
		_, err := New(t.Context(), Config{Bucket: "bucket", AWSProfile: name})
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), want) || fault.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCABundle(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	cfg := keys(Config{Bucket: "bucket", Endpoint: server.URL, HTTP: server.Client()})
	if _, err := open(t, cfg).Stat(t.Context(), "k", ""); fault.KindOf(err) != fault.NotFound {
		t.Errorf("stat: %v", err)
	}
	t.Setenv("AWS_CA_BUNDLE", "")
	cfg.HTTP = nil
	if _, err := open(t, cfg).Stat(t.Context(), "k", ""); fault.KindOf(err) != fault.Usage {
		t.Errorf("stat without the authority: %v", err)
	}
}

func TestHalfOfTheCredentials(t *testing.T) {
	if _, err := New(t.Context(), Config{Bucket: "bucket", AccessKeyID: "AK"}); fault.KindOf(err) != fault.Usage {
		t.Error(err)
	}
}
