package wire

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// proxied is the proxy of this process's environment, which net/http reads
// once. Loopback goes past it, and so do the addresses of NO_PROXY below.
var proxied = &testProxy{backends: map[string]string{}}

func TestMain(m *testing.M) {
	server := httptest.NewServer(proxied)
	for name, value := range map[string]string{
		"HTTPS_PROXY": server.URL, "HTTP_PROXY": server.URL,
		"https_proxy": "", "http_proxy": "", "no_proxy": "",
		"NO_PROXY":      "0.0.0.0,203.0.113.0/24,169.254.0.0/16,nowhere.invalid",
		"AWS_CA_BUNDLE": "",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent())
}

// testProxy is an HTTP proxy that finds its targets in a table, since no name
// but localhost resolves in a test.
type testProxy struct {
	mu       sync.Mutex
	backends map[string]string // HOST:PORT as asked for → address
	seen     []string
}

func (p *testProxy) route(t *testing.T, hostport, backend string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backends[hostport] = backend
	p.seen = nil
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.backends, hostport)
	})
}

func (p *testProxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.seen...)
}

func (p *testProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	backend, ok := p.backends[r.Host]
	p.seen = append(p.seen, r.Method+" "+r.Host)
	p.mu.Unlock()
	switch {
	case !ok:
		w.WriteHeader(http.StatusProxyAuthRequired)
	case r.Method == http.MethodConnect:
		tunnel(w, backend)
	default:
		_, _ = io.WriteString(w, "by way of the proxy")
	}
}

func tunnel(w http.ResponseWriter, backend string) {
	target, err := net.Dial("tcp", backend)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer target.Close()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connected\r\n\r\n"); err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(target, client)
		_ = target.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, target)
	_ = client.Close()
	<-done
}

// newClient returns a client whose connections end with the test.
func newClient(t *testing.T, opts Options) *http.Client {
	t.Helper()
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// failure returns the error of a request that must fail.
func failure(t *testing.T, c *http.Client, req *http.Request) error {
	t.Helper()
	resp, err := c.Do(req)
	if err == nil {
		_ = resp.Body.Close()
		t.Fatalf("%s %s: status %d", req.Method, Redact(req.URL.String()), resp.StatusCode)
	}
	return err
}

func newRequest(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func newServer(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}
