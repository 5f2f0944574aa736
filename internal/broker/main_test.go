package broker_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/hoist-cli/hoist/internal/broker"
	"github.com/hoist-cli/hoist/internal/local"
	"github.com/hoist-cli/hoist/internal/local/localtest"
	"github.com/hoist-cli/hoist/internal/s3"
)

func TestMain(m *testing.M) {
	localtest.Prepare()
	if p := (place{os.Getenv(childRoot), os.Getenv(childBucket)}); p != (place{}) {
		os.Exit(child(p, os.Getenv(childStop)))
	}
	os.Exit(m.Run())
}

// The secrets of the tokens that every broker here knows.
const (
	mine   = "hoist_MINE"   // user_123, workspace 123, app APP, business b1
	theirs = "hoist_THEIRS" // somebody else's
	only   = "hoist_ONLY"   // mine, for ctxfy alone
	small  = "hoist_SMALL"  // mine, of at most 10 bytes
)

func tokens() []broker.Token {
	own := broker.Token{
		Name: "mine", Hash: broker.HashToken(mine), User: "user_123", Workspace: "123", App: "APP", Business: "b1",
	}
	other := broker.Token{
		Name: "theirs", Hash: broker.HashToken(theirs), User: "user_456", Workspace: "456", App: "OTHER", Business: "b2",
	}
	one, ten := own, own
	one.Name, one.Hash, one.APIs = "only", broker.HashToken(only), []broker.API{broker.Ctxfy}
	ten.Name, ten.Hash, ten.MaxSize = "small", broker.HashToken(small), 10
	return []broker.Token{own, other, one, ten}
}

// world is a store and the brokers in front of it.
type world struct {
	store *s3.Store
	url   string // of a broker
	log   *bytes.Buffer
}

// place is where a store is, for this process and its children.
type place struct {
	root   string // the folder of an embedded store, or
	bucket string // one of MinIO
}

// open returns the store, and what closes it.
func (p place) open(ctx context.Context) (*s3.Store, func() error, error) {
	if p.bucket != "" {
		store, err := s3.New(ctx, minio(p.bucket))
		return store, func() error { return nil }, err
	}
	running, err := local.Open(ctx, p.root)
	if err != nil {
		return nil, nil, err
	}
	store, err := storeOf(ctx, running)
	return store, running.Close, err
}

func minio(bucket string) s3.Config {
	return s3.Config{
		Endpoint: os.Getenv("HOIST_TEST_MINIO_ENDPOINT"), AccessKeyID: os.Getenv("HOIST_TEST_MINIO_ACCESS_KEY"),
		SecretAccessKey: os.Getenv("HOIST_TEST_MINIO_SECRET_KEY"), Region: "us-east-1", Bucket: bucket, Prefix: "in/here",
	}
}

// eachPlace runs test with a new embedded store and, where .ci/servers has started it, a new bucket of MinIO.
func eachPlace(t *testing.T, test func(t *testing.T, p place)) {
	t.Run("local", func(t *testing.T) { test(t, place{root: t.TempDir()}) })
	t.Run("minio", func(t *testing.T) {
		cfg := minio("b" + strings.ToLower(rand.Text()))
		if cfg.Endpoint == "" {
			t.Skip("HOIST_TEST_MINIO_ENDPOINT is not set: .ci/servers starts one")
		}
		client := sdk.New(sdk.Options{
			BaseEndpoint: &cfg.Endpoint, UsePathStyle: true, Region: cfg.Region,
			Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, ""),
		})
		if _, err := client.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &cfg.Bucket}); err != nil {
			t.Fatal(err)
		}
		test(t, place{bucket: cfg.Bucket})
	})
}

func eachStore(t *testing.T, test func(t *testing.T, store *s3.Store)) {
	eachPlace(t, func(t *testing.T, p place) { test(t, openStore(t, p)) })
}

func newStore(t *testing.T) *s3.Store {
	t.Helper()
	return openStore(t, place{root: t.TempDir()})
}

// openStore opens a store until the test ends.
func openStore(t *testing.T, p place) *s3.Store {
	t.Helper()
	store, closeStore, err := p.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeStore(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func storeOf(ctx context.Context, running *local.Store) (*s3.Store, error) {
	return s3.New(ctx, s3.Config{
		Base: "local:", Bucket: running.Bucket, Region: running.Region, Endpoint: running.Endpoint,
		AccessKeyID: running.AccessKeyID, SecretAccessKey: running.SecretAccessKey, CheckKey: running.CheckKey,
	})
}

func serve(t *testing.T, store *s3.Store, change func(*broker.Config)) *world {
	t.Helper()
	log := new(bytes.Buffer)
	cfg := broker.Config{Bucket: store, Tokens: tokens(), Log: slog.New(slog.NewJSONHandler(log, nil))}
	if change != nil {
		change(&cfg)
	}
	b, err := broker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(b)
	t.Cleanup(srv.Close)
	return &world{store: store, url: srv.URL, log: log}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// json decodes the body.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return v
}

// do sends a request, of JSON where body is not a string or bytes, and follows no redirect.
func do(t *testing.T, method, url string, header map[string]string, body any) answer {
	t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, said}
}

type object = map[string]any

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json"}
}

// at returns the value at a path of keys.
func at(t *testing.T, v any, path ...string) any {
	t.Helper()
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%v has no %q", v, key)
		}
		v = m[key]
	}
	return v
}

// text is at for a string that must be there.
func text(t *testing.T, v any, path ...string) string {
	t.Helper()
	s, _ := at(t, v, path...).(string)
	if s == "" {
		t.Fatalf("no %v in %v", path, v)
	}
	return s
}

func want(t *testing.T, a answer, status int) map[string]any {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if a.header.Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
	return a.json(t)
}
