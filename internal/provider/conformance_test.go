package provider_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/hoist-cli/hoist/internal/broker"
	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/local/localtest"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
	"github.com/hoist-cli/hoist/internal/upload"
	"github.com/hoist-cli/hoist/internal/wire"
)

func TestMain(m *testing.M) {
	localtest.Prepare()
	os.Exit(m.Run())
}

// subject is a provider, and what it takes to hold it to the suite.
type subject struct {
	provider.Provider
	client   *http.Client
	profile  config.Profile
	settings config.Settings
	// name is a file that the provider takes, and path where it goes.
	name, path string
	// lacks are the verbs that the API has no way to do.
	lacks []string
}

// TestConformance holds every provider to what the commands rely on: the real
// stores over the wire, and the recipes against the real broker.
func TestConformance(t *testing.T) {
	for name, open := range providers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite(t, open(t))
		})
	}
}

func suite(t *testing.T, s subject) {
	t.Run("sizes", func(t *testing.T) { s.sizes(t) })
	t.Run("ticket", func(t *testing.T) { s.ticket(t) })
	t.Run("foreign ticket", func(t *testing.T) { s.foreign(t) })
	t.Run("missing receipts", func(t *testing.T) { s.missing(t) })
	t.Run("abort", func(t *testing.T) { s.abort(t) })
	t.Run("finish again", func(t *testing.T) { s.finishAgain(t) })
	t.Run("not there", func(t *testing.T) { s.notThere(t) })
	t.Run("remove", func(t *testing.T) { s.remove(t) })
	t.Run("cancelled", func(t *testing.T) { s.cancelled(t) })
}

// sizes uploads the sizes at which something changes, and compares what comes back.
func (s subject) sizes(t *testing.T) {
	for _, size := range []int{0, 1, 1000, ticket.DefaultPartSize + 1} {
		data := random(size)
		stored, err := s.upload(t, data)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if stored.Location == "" || stored.Size != int64(size) {
			t.Errorf("%d bytes: stored as %q with %d", size, stored.Location, stored.Size)
		}
		if got, ok := s.read(t, stored); ok && !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %d other ones came back", size, len(got))
		}
	}
}

// ticket looks at the document that leaves this machine.
func (s subject) ticket(t *testing.T) {
	spec := s.spec(1000)
	spec.Eager = true
	doc, err := s.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SignAll(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	var line bytes.Buffer
	if err := ticket.Write(&line, doc); err != nil {
		t.Fatal(err)
	}
	if _, err := ticket.Read(&line); err != nil {
		t.Errorf("a sender would refuse it: %v", err)
	}
	for _, p := range doc.Parts {
		if p.Request == nil {
			t.Errorf("part %d is not signed", p.Number)
		}
	}
	if doc.Expires == nil || time.Until(*doc.Expires) < time.Minute {
		t.Errorf("it expires %v", doc.Expires)
	}
}

// foreign changes what the provider keeps in a ticket: nothing may be signed,
// finished or aborted by it.
func (s subject) foreign(t *testing.T) {
	doc := s.start(t, 1000)
	for _, state := range []string{`{}`, `[]`, `null`, `{"bucket":"other","key":"k","expires_in":60,"nonce":""}`} {
		forged := *doc
		forged.State = json.RawMessage(state)
		forged.Receipts = receipts(doc)
		if _, err := s.Sign(t.Context(), &forged, doc.Parts[0], nil); err == nil {
			t.Errorf("state %s: signed", state)
		}
		if _, err := s.Finish(t.Context(), &forged); err == nil {
			t.Errorf("state %s: finished", state)
		}
	}
}

// missing finishes what was never sent.
func (s subject) missing(t *testing.T) {
	doc := s.start(t, 1000)
	if _, err := s.Finish(t.Context(), doc); err == nil {
		t.Error("finished without a receipt")
	}
	doc.Receipts = receipts(doc)
	if got, err := s.Finish(t.Context(), doc); err == nil && s.canStat() {
		t.Errorf("finished with made-up receipts: %+v", got)
	}
}

func (s subject) abort(t *testing.T) {
	doc := s.start(t, ticket.DefaultPartSize+1)
	for i := range 2 {
		err := s.Abort(t.Context(), doc)
		if err != nil && fault.KindOf(err) != fault.Usage { // what an API cannot do
			t.Errorf("abort %d: %v", i+1, err)
		}
	}
}

// finishAgain finishes twice, as after an answer that was lost.
func (s subject) finishAgain(t *testing.T) {
	data := random(ticket.DefaultPartSize + 1)
	file := s.file(t, data)
	doc := s.start(t, int64(len(data)))
	engine := transfer.New(s.client, transfer.Options{})
	if err := upload.SendTicket(t.Context(), engine, s.Provider, file, doc); err != nil {
		t.Fatal(err)
	}
	first, err := s.Finish(t.Context(), doc)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Finish(t.Context(), doc)
	if err != nil {
		t.Skipf("the API takes no second finish, and says: %v", err)
	}
	if again.Location != first.Location || again.Size != first.Size {
		t.Errorf("first %s of %d bytes, then %s of %d", first.Location, first.Size, again.Location, again.Size)
	}
}

func (s subject) notThere(t *testing.T) {
	if !s.canStat() {
		t.Skip("it cannot tell about objects")
	}
	_, err := s.Provider.(provider.Stater).Stat(t.Context(), "nothing-is-here", "")
	if fault.KindOf(err) != fault.NotFound {
		t.Errorf("kind %v: %v", fault.KindOf(err), err)
	}
}

func (s subject) remove(t *testing.T) {
	remover, ok := s.Provider.(provider.Remover)
	if !ok || !s.can("remove") {
		t.Skip("it cannot remove")
	}
	stored, err := s.upload(t, random(10))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is not there, which is no error
		for path, err := range remover.Remove(t.Context(), slices.Values([]string{s.pathOf(stored)})) {
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if s.canStat() {
		if _, err := s.Provider.(provider.Stater).Stat(t.Context(), s.pathOf(stored), ""); fault.KindOf(err) != fault.NotFound {
			t.Errorf("after its removal: %v", err)
		}
	}
}

// cancelled checks that nothing goes on after Ctrl-C.
func (s subject) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	doc := s.start(t, ticket.DefaultPartSize+1)
	doc.Receipts = receipts(doc)
	cancel()
	if _, err := s.Finish(ctx, doc); err == nil && s.can("finish") {
		t.Error("finished")
	}
	if s.canStat() {
		if _, err := s.Provider.(provider.Stater).Stat(ctx, s.path, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("stat: %v", err)
		}
	}
}

// upload takes data all the way.
func (s subject) upload(t *testing.T, data []byte) (*upload.Result, error) {
	t.Helper()
	u := &upload.Uploader{Provider: s.Provider, Engine: transfer.New(s.client, transfer.Options{Retries: 1})}
	return u.File(t.Context(), s.file(t, data), s.spec(int64(len(data))))
}

func (s subject) file(t *testing.T, data []byte) *transfer.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), s.name)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := transfer.NewFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func (s subject) spec(size int64) object.Spec {
	return object.Spec{Path: s.path, File: ticket.File{Name: s.name, Size: size, Type: "image/png"}}
}

func (s subject) start(t *testing.T, size int64) *ticket.Ticket {
	t.Helper()
	doc, err := s.Start(t.Context(), s.spec(size))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// read gets an object as the engine does; ok is false where an API has no way.
func (s subject) read(t *testing.T, stored *upload.Result) (data []byte, ok bool) {
	t.Helper()
	getter, able := s.Provider.(provider.Getter)
	if !able || !s.can("get") {
		return nil, false
	}
	request, err := getter.SignGet(t.Context(), s.pathOf(stored), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, request.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range request.Header {
		r.Header.Set(name, value)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err = io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", answer.Status, err)
	}
	return data, true
}

// pathOf is what follows the profile or bucket in the location of an object.
func (s subject) pathOf(stored *upload.Result) string {
	if stored.Path != "" {
		return stored.Path
	}
	loc, _ := location.Parse(stored.Location)
	return loc.Path
}

func (s subject) canStat() bool {
	_, ok := s.Provider.(provider.Stater)
	return ok && s.can("stat")
}

func (s subject) can(verb string) bool { return !slices.Contains(s.lacks, verb) }

// receipts are ones that nobody gave.
func receipts(doc *ticket.Ticket) []ticket.Receipt {
	var out []ticket.Receipt
	for _, p := range doc.Parts {
		out = append(out, ticket.Receipt{Number: p.Number, Size: p.Size, ETag: "00000000000000000000000000000000"})
	}
	return out
}

func random(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(data)
	return data
}

func newClient(t *testing.T, authority string) *http.Client {
	t.Helper()
	client, err := wire.New(wire.Options{CACert: authority})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// open opens a profile as a command does.
func open(t *testing.T, p config.Profile, s config.Settings, set map[string]string) subject {
	t.Helper()
	client := newClient(t, s.CACert)
	found, closeStore, err := provider.Open(t.Context(), p, s, client, provider.Options{Set: set, Warn: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeStore(); err != nil {
			t.Error(err)
		}
	})
	return subject{Provider: found, profile: p, settings: s, client: client, name: "file.png", path: fmt.Sprintf("conformance/%s/file.png", t.Name())}
}

func providers() map[string]func(*testing.T) subject {
	all := map[string]func(*testing.T) subject{
		"local": func(t *testing.T) subject {
			return open(t, config.Profile{Name: "local", Kind: config.Local, Root: t.TempDir()}, config.Settings{}, nil)
		},
		"embedded": embedded,
	}
	for _, name := range []string{"MINIO", "VERSITYGW"} {
		all[strings.ToLower(name)] = func(t *testing.T) subject { return server(t, name) }
	}
	for name, store := range map[string]func(*testing.T) subject{
		"embedded": embedded, "minio": all["minio"], "versitygw": all["versitygw"],
	} {
		all[name+" by TLS"] = func(t *testing.T) subject { return byTLS(t, store(t)) }
	}
	for _, a := range []struct {
		name, secret string
		options      map[string]string
		lacks        []string
	}{
		{"gitfolio", "token", map[string]string{"type": "profile"}, []string{"stat", "get", "remove", "finish"}},
		{"ctxfy", "key", nil, []string{"stat", "get", "remove", "finish"}},
		{"gipity", "key", map[string]string{"app": "APP"}, []string{"remove"}},
		{"workspace", "token", map[string]string{"workspace": "123"}, []string{"stat"}},
		{"presigned-post", "key", map[string]string{"source": "public_image"}, []string{"stat", "get", "remove"}},
	} {
		for over, store := range map[string]func(*testing.T) subject{
			"embedded": embedded, "minio": func(t *testing.T) subject { return server(t, "MINIO") },
		} {
			all[a.name+" over "+over] = func(t *testing.T) subject {
				s := api(t, store(t), a.name, a.secret, a.options)
				s.lacks = a.lacks
				return s
			}
		}
	}
	return all
}

func embedded(t *testing.T) subject {
	t.Helper()
	store := localtest.Open(t)
	return s3(t, store.Bucket, store.Endpoint, store.AccessKeyID, store.SecretAccessKey)
}

// server is a new bucket of a store that .ci/servers starts: MINIO or VERSITYGW.
func server(t *testing.T, name string) subject {
	t.Helper()
	env := "HOIST_TEST_" + name
	endpoint := os.Getenv(env + "_ENDPOINT")
	if endpoint == "" {
		t.Skipf("%s_ENDPOINT is not set: .ci/servers starts one", env)
	}
	key, secret := os.Getenv(env+"_ACCESS_KEY"), os.Getenv(env+"_SECRET_KEY")
	return s3(t, newBucket(t, endpoint, key, secret), endpoint, key, secret)
}

func s3(t *testing.T, bucket, endpoint, key, secret string) subject {
	t.Helper()
	return open(t, config.Profile{
		Kind: config.S3, Bucket: bucket, AccessKeyID: config.Secret(key), SecretAccessKey: config.Secret(secret),
	}, config.Settings{Bucket: bucket, EndpointURL: endpoint, Retries: 1}, nil)
}

// byTLS is the store behind a proxy that ends the TLS, and expects the large
// parts of an upload to come with their checksum behind them.
func byTLS(t *testing.T, store subject) subject {
	t.Helper()
	to, err := url.Parse(store.settings.EndpointURL)
	if err != nil {
		t.Fatal(err)
	}
	var parts, trailers atomic.Int64
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		if r.In.URL.Query().Has("partNumber") && r.In.ContentLength >= ticket.DefaultPartSize {
			parts.Add(1)
			if r.In.Header.Get("X-Amz-Trailer") != "" {
				trailers.Add(1)
			}
		}
		r.SetURL(to)
		r.Out.Host = r.In.Host // which is signed
	}}
	listening := httptest.NewTLSServer(proxy)
	t.Cleanup(listening.Close)
	t.Cleanup(func() {
		if parts.Load() == 0 || trailers.Load() != parts.Load() {
			t.Errorf("%d parts were sent, %d with a trailer", parts.Load(), trailers.Load())
		}
	})
	authority := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: listening.Certificate().Raw})
	if err := os.WriteFile(authority, block, 0o600); err != nil {
		t.Fatal(err)
	}
	settings := store.settings
	settings.EndpointURL, settings.CACert = listening.URL, authority
	return open(t, store.profile, settings, nil)
}

// api is a built-in recipe against the broker over a store.
func api(t *testing.T, store subject, name, secret string, options map[string]string) subject {
	t.Helper()
	const token = "hoist_CONFORMANCE"
	served, err := broker.New(broker.Config{Bucket: store.Provider.(broker.Bucket), Tokens: []broker.Token{{
		Name: "t", Hash: broker.HashToken(token), User: "u", Workspace: "123", App: "APP", Business: "b",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(served)
	t.Cleanup(listening.Close)
	s := open(t, config.Profile{Name: name, Kind: config.API, Recipe: name, Secrets: map[string]config.Secret{secret: token}},
		config.Settings{BaseURL: listening.URL, Retries: 1}, options)
	s.path = s.name // an API knows no folders
	return s
}

func newBucket(t *testing.T, endpoint, key, secret string) string {
	t.Helper()
	name := "conformance-" + strings.ToLower(fmt.Sprintf("%x", rand.Uint64()))
	api := sdk.New(sdk.Options{
		BaseEndpoint: &endpoint, UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	})
	if _, err := api.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	return name
}
