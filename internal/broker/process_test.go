package broker_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/broker"
	"github.com/hoist-cli/hoist/internal/config"
	stored "github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/s3"
)

// In the environment of a child of the test binary, which serves the store of a test.
const (
	childRoot   = "BROKER_TEST_ROOT"
	childBucket = "BROKER_TEST_BUCKET"
	// childStop is where it stops for ever: "copy" or "record", after which the answer is not sent.
	childStop = "BROKER_TEST_STOP"
)

// child serves the store of a test, prints its address, and stops where it is told
// to, saying so. It never opens another child: the test holds the store.
func child(p place, stop string) int {
	ctx := context.Background()
	store, closeStore, err := p.open(ctx)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = closeStore() }() // the process ends with it
	b, err := broker.New(broker.Config{Bucket: stopping{store, stop}, Tokens: tokens()})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("http://" + ln.Addr().String())
	if err := broker.Serve(ctx, ln, b, "", ""); err != nil {
		return 1
	}
	return 0
}

// stopping is a store whose caller never gets on after a step.
type stopping struct {
	*s3.Store

	after string
}

func (s stopping) stop() {
	fmt.Println("stopped")
	select {}
}

func (s stopping) Copy(ctx context.Context, from *stored.Object, spec stored.Spec) error {
	err := s.Store.Copy(ctx, from, spec)
	if s.after == "copy" {
		s.stop()
	}
	return err
}

func (s stopping) PutSmall(ctx context.Context, path, contentType string, body []byte) error {
	err := s.Store.PutSmall(ctx, path, contentType, body)
	if s.after == "record" && strings.HasPrefix(path, "app-records/") {
		s.stop()
	}
	return err
}

// startChild returns a broker in a process of its own, and the lines that it prints.
func startChild(t *testing.T, p place, stop string) (cmd *exec.Cmd, address string, lines *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), exe, "-test.run=^$")
	cmd.Env = append(os.Environ(), childRoot+"="+p.root, childBucket+"="+p.bucket, childStop+"="+stop)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines = bufio.NewScanner(out)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "http://") {
		t.Fatalf("the child says %q", lines.Text())
	}
	return cmd, lines.Text(), lines
}

// guids are those that a list shows.
func guids(t *testing.T, base string) []string {
	t.Helper()
	list, _ := want(t, do(t, "GET", base+"/api/APP/files", app(mine), nil), 200)["data"].([]any)
	var found []string
	for _, f := range list {
		found = append(found, text(t, f, "guid"))
	}
	return found
}

// A broker that is killed loses nothing: another one goes on, and shows only what is complete.
func TestKill(t *testing.T) { eachPlace(t, testKill) }

func testKill(t *testing.T, p place) {
	other := serve(t, openStore(t, p), nil)
	var all []string
	for _, after := range []string{"init", "copy", "record"} {
		t.Run(after, func(t *testing.T) {
			cmd, address, lines := startChild(t, p, after)
			init := want(t, signers(&world{url: address}, mine)["gipity"](t, "a.txt", "text/plain", 5), 200)
			guid := text(t, init, "data", "upload_guid")
			if a := do(t, "PUT", text(t, init, "data", "url"), map[string]string{"Content-Type": "text/plain"}, "12345"); a.status != 200 {
				t.Fatalf("PUT: %d %s", a.status, a.body)
			}
			if after != "init" {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() {
					req, _ := http.NewRequestWithContext(ctx, "POST", address+"/api/APP/uploads/complete", strings.NewReader(`{"upload_guid":"`+guid+`"}`))
					req.Header.Set("X-App-Token", mine)
					if resp, err := http.DefaultClient.Do(req); err == nil {
						resp.Body.Close()
						t.Errorf("an answer: %s", resp.Status)
					}
				}()
				if !lines.Scan() || lines.Text() != "stopped" {
					t.Fatalf("the child says %q", lines.Text())
				}
			}
			cmd.Process.Kill()
			cmd.Wait()
			if shown := guids(t, other.url); after != "record" && slices.Contains(shown, guid) {
				t.Errorf("shown before it is complete: %v", shown)
			}
			for range 2 {
				done := want(t, do(t, "POST", other.url+"/api/APP/uploads/complete", app(mine), object{"upload_guid": guid}), 200)
				if a := do(t, "GET", text(t, done, "data", "url"), nil, nil); a.status != 200 || string(a.body) != "12345" {
					t.Errorf("the file: %d %s", a.status, a.body)
				}
			}
			all = append(all, guid)
			slices.Sort(all)
			if shown := guids(t, other.url); !slices.Equal(shown, all) {
				t.Errorf("shown: %v, want %v", shown, all)
			}
		})
	}
}

// Two processes know nothing of each other but the bucket.
func TestTwoBrokers(t *testing.T) {
	eachPlace(t, func(t *testing.T, p place) {
		openStore(t, p) // the children's, while there are any
		start := func() *world {
			_, address, _ := startChild(t, p, "")
			return &world{url: address}
		}
		one, two := start(), start()
		alone := want(t, signers(one, mine)["gipity"](t, "alone.txt", "text/plain", 1), 200)
		do(t, "PUT", text(t, alone, "data", "url"), map[string]string{"Content-Type": "text/plain"}, "x")
		want(t, do(t, "POST", two.url+"/api/APP/uploads/complete", app(mine), object{"upload_guid": text(t, alone, "data", "upload_guid")}), 200)
		all := []string{text(t, alone, "data", "upload_guid")}
		for i := range 4 {
			init := want(t, signers(one, mine)["gipity"](t, fmt.Sprintf("%d.txt", i), "text/plain", 1), 200)
			do(t, "PUT", text(t, init, "data", "url"), map[string]string{"Content-Type": "text/plain"}, "x")
			guid := text(t, init, "data", "upload_guid")
			// Both at once: one of them makes the file, and both say so.
			var both sync.WaitGroup
			for _, w := range []*world{one, two} {
				both.Go(func() {
					if a := do(t, "POST", w.url+"/api/APP/uploads/complete", app(mine), object{"upload_guid": guid}); a.status != 200 {
						t.Errorf("complete: %d %s", a.status, a.body)
					}
				})
			}
			both.Wait()
			all = append(all, guid)
		}
		slices.Sort(all)
		for _, w := range []*world{one, two} {
			if shown := guids(t, w.url); !slices.Equal(shown, all) {
				t.Errorf("%v, want %v", shown, all)
			}
		}
		page := want(t, do(t, "GET", two.url+"/api/APP/files?limit=2&offset=3", app(mine), nil), 200)
		if list, _ := page["data"].([]any); len(list) != 2 || text(t, list[0], "guid") != all[3] {
			t.Errorf("a page: %v", page)
		}
		complete, _ := asset(t, one, mine, "123", "text/plain", []byte("x"))
		want(t, do(t, "POST", two.url+"/s3/complete-upload", bearer(mine), complete), 200)
	})
}

// listenAndServe runs Serve until the test or end ends it. A wait that is not 0 is all that clients have.
func listenAndServe(t *testing.T, bucket broker.Bucket, wait time.Duration) (address string, end context.CancelFunc, ended chan error) {
	t.Helper()
	b, err := broker.New(broker.Config{Bucket: bucket, Tokens: tokens()})
	if err != nil {
		t.Fatal(err)
	}
	if wait > 0 {
		broker.Hurry(b, wait)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- broker.Serve(ctx, ln, b, "", "") }()
	t.Cleanup(cancel)
	return ln.Addr().String(), cancel, ended
}

// held is a store whose copies wait.
type held struct {
	*s3.Store

	copying, release chan struct{}
}

func (h held) Copy(ctx context.Context, from *stored.Object, spec stored.Spec) error {
	close(h.copying)
	select {
	case <-h.release:
		return h.Store.Copy(ctx, from, spec)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// What is in flight when the end is asked for is answered; what comes later is not taken.
func TestEnd(t *testing.T) {
	store := held{newStore(t), make(chan struct{}), make(chan struct{})}
	address, end, ended := listenAndServe(t, store, 0)
	w := &world{url: "http://" + address}
	init := want(t, signers(w, mine)["gipity"](t, "a.txt", "text/plain", 1), 200)
	do(t, "PUT", text(t, init, "data", "url"), map[string]string{"Content-Type": "text/plain"}, "x")
	answered := make(chan answer, 1)
	go func() {
		answered <- do(t, "POST", w.url+"/api/APP/uploads/complete", app(mine), object{"upload_guid": text(t, init, "data", "upload_guid")})
	}()
	<-store.copying
	end()
	for { // until it takes no more
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			break
		}
		c.Close()
	}
	select {
	case err := <-ended:
		t.Fatalf("it ended with a request in flight: %v", err)
	default:
	}
	close(store.release)
	if a := <-answered; a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A thousand clients that say nothing more leave the others alone.
func TestSlowConnections(t *testing.T) {
	address, _, _ := listenAndServe(t, newStore(t), 0)
	var slow []net.Conn
	defer func() {
		for _, c := range slow {
			c.Close()
		}
	}()
	for i := range 1000 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
		header := "POST /v1/upload/s3 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + mine
		if i%2 == 0 {
			header += "\r\nContent-Length: 100\r\n\r\n{" // a body that does not come
		}
		if _, err := c.Write([]byte(header)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	want(t, signers(&world{url: "http://" + address}, mine)["ctxfy"](t, "a", "text/plain", 1), 200)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Clients that stop in the middle are let go; work that takes longer than they may is not.
func TestWaits(t *testing.T) {
	const wait = 200 * time.Millisecond
	store := held{newStore(t), make(chan struct{}), make(chan struct{})}
	address, _, _ := listenAndServe(t, store, wait)
	for name, request := range map[string]string{
		"a header":                 "POST /v1/upload/s3 HTTP/1.1\r\nHost: x\r\n",
		"a body":                   "POST /v1/upload/s3 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + mine + "\r\nContent-Length: 100\r\n\r\n{",
		"a body that nobody reads": "POST /v1/upload/s3 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(20 * wait))
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("half of %s is waited for: %v", name, err)
		}
		c.Close()
	}

	w := &world{url: "http://" + address}
	init := want(t, signers(w, mine)["gipity"](t, "a.txt", "text/plain", 1), 200)
	do(t, "PUT", text(t, init, "data", "url"), map[string]string{"Content-Type": "text/plain"}, "x")
	go func() {
		<-store.copying
		time.Sleep(3 * wait) // the time itself is what is tested
		close(store.release)
	}()
	done := want(t, do(t, "POST", w.url+"/api/APP/uploads/complete", app(mine), object{"upload_guid": text(t, init, "data", "upload_guid")}), 200)

	// The deadline of one answer is not that of the next on the same connection.
	time.Sleep(2 * wait)
	if a := do(t, "GET", w.url+"/api/APP/files/"+text(t, done, "data", "guid")+"/content", app(mine), nil); a.status != 302 {
		t.Errorf("a redirect: %d %s", a.status, a.body)
	}
}

// A local store behind the broker: its signed requests name the broker, which hands them on.
func TestBehind(t *testing.T) {
	front := httptest.NewUnstartedServer(nil)
	public := "http://" + front.Listener.Addr().String()
	bucket, err := provider.OpenBucket(t.Context(), config.Profile{Name: "local", Kind: config.Local, Root: t.TempDir()},
		config.Settings{}, &http.Client{Transport: http.DefaultTransport}, "", public)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bucket.Close(); err != nil {
			t.Error(err)
		}
	})
	b, err := broker.New(broker.Config{Bucket: bucket, Tokens: tokens(), PublicURL: public, Behind: bucket.Behind})
	if err != nil {
		t.Fatal(err)
	}
	front.Config.Handler = b
	front.Start()
	t.Cleanup(front.Close)
	w := &world{url: public}

	got := want(t, signers(w, mine)["ctxfy"](t, "a b.txt", "text/plain", 5), 200)
	to := text(t, got, "uploadUrl")
	if !strings.HasPrefix(to, public+"/local/") {
		t.Fatalf("signed for %s", to)
	}
	if a := do(t, "PUT", to, map[string]string{"Content-Type": "text/plain"}, "12345"); a.status != 200 {
		t.Fatalf("PUT: %d %s", a.status, a.body)
	}
	if a := follow(t, text(t, got, "publicUrl")); a.status != 200 || string(a.body) != "12345" {
		t.Errorf("%d %s", a.status, a.body)
	}
	form := want(t, signers(w, mine)["presigned-post"](t, "a.txt", "text/plain", 0), 200)
	fields, _ := form["fields"].(map[string]any)
	if a := post(t, text(t, form, "url"), fields, []byte("12345")); a.status/100 != 2 || !strings.HasPrefix(text(t, form, "url"), public) {
		t.Errorf("form to %v: %d %s", form["url"], a.status, a.body)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	u.RawQuery = ""
	for _, unsigned := range []string{u.String(), public + "/local", public + "/local/"} {
		if a := do(t, "GET", unsigned, nil, nil); a.status != 404 {
			t.Errorf("%s: %d %s", unsigned, a.status, a.body)
		}
	}
	if a := do(t, "GET", to+"0", nil, nil); a.status != 403 {
		t.Errorf("a forged signature: %d %s", a.status, a.body)
	}
}

func TestConfig(t *testing.T) {
	store := newStore(t)
	for name, change := range map[string]func(*broker.Config){
		"no bucket":          func(c *broker.Config) { c.Bucket = nil },
		"no hash":            func(c *broker.Config) { c.Tokens[0].Hash = [32]byte{} },
		"no user":            func(c *broker.Config) { c.Tokens[0].User = "" },
		"any user":           func(c *broker.Config) { c.Tokens[0].User = broker.Any },
		"a user with a path": func(c *broker.Config) { c.Tokens[0].User = "../a" },
		"an unknown API":     func(c *broker.Config) { c.Tokens[0].APIs = []broker.API{"s3"} },
		"one hash twice":     func(c *broker.Config) { c.Tokens[1].Hash = c.Tokens[0].Hash },
		"a page for origin":  func(c *broker.Config) { c.Origins = []string{"https://app.example/"} },
		"any origin":         func(c *broker.Config) { c.Origins = []string{"*"} },
		"a public path":      func(c *broker.Config) { c.PublicURL = "/uploads" },
	} {
		cfg := broker.Config{Bucket: store, Tokens: tokens()}
		change(&cfg)
		if _, err := broker.New(cfg); err == nil {
			t.Errorf("%s: served", name)
		}
	}
}

func TestTLS(t *testing.T) {
	lender := httptest.NewTLSServer(nil)
	defer lender.Close()
	lent := lender.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(lent.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: lent.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := broker.New(broker.Config{Bucket: newStore(t), Tokens: tokens()})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- broker.Serve(ctx, ln, b, certFile, keyFile) }()
	address := "https://" + ln.Addr().String()
	req, err := http.NewRequestWithContext(t.Context(), "POST", address+"/v1/upload/s3", strings.NewReader(`{"filename":"a","contentType":"a/b","size":1}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+mine)
	client := lender.Client()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != 200 || !strings.Contains(string(said), `"publicUrl":"`+address+`/public/`) {
		t.Errorf("%s %s %v", resp.Status, said, err)
	}
	client.CloseIdleConnections()
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
