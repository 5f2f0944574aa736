package wire

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hoist-cli/hoist/internal/fault"
)

func TestRedirectsAreNotFollowed(t *testing.T) {
	var asked []string
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	resp, err := newClient(t, Options{}).Get(s.URL + "/here")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadBody(resp, 1<<10); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusTemporaryRedirect || !slices.Equal(asked, []string{"/here"}) {
		t.Errorf("status %d after asking for %v", resp.StatusCode, asked)
	}
}

func TestUserAgent(t *testing.T) {
	var got []string
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.UserAgent()) })
	c := newClient(t, Options{UserAgent: "hoist/1"})
	for _, own := range []string{"", "own"} {
		req := newRequest(t, "GET", s.URL, nil)
		if own != "" {
			req.Header.Set("User-Agent", own)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if req.Header.Get("User-Agent") != own {
			t.Error("the caller's request was changed")
		}
	}
	if want := []string{"hoist/1", "own"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// tlsServer returns a server that can do HTTP/2, for example.com and
// loopback, and a PEM file of its authority.
func tlsServer(t *testing.T) (s *httptest.Server, caFile string) {
	t.Helper()
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = discardLog()
	s.StartTLS()
	t.Cleanup(s.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	if err := os.WriteFile(caFile, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return s, caFile
}

func TestCertificateAuthorities(t *testing.T) {
	s, caFile := tlsServer(t)

	t.Run("flag", func(t *testing.T) {
		get(t, newClient(t, Options{CACert: caFile}), s.URL, "HTTP/1.1")
	})
	t.Run("AWS_CA_BUNDLE", func(t *testing.T) {
		t.Setenv("AWS_CA_BUNDLE", caFile)
		get(t, newClient(t, Options{}), s.URL, "HTTP/1.1")
	})
	t.Run("unknown", func(t *testing.T) {
		err := Fault(failure(t, newClient(t, Options{}), newRequest(t, "GET", s.URL, nil)), "stat of x")
		if fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), "--ca-cert") {
			t.Errorf("%v (kind %d, hint %q)", err, fault.KindOf(err), fault.HintOf(err))
		}
	})
}

func TestBadCertificateFileIsNamed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing.pem")
	for _, file := range []string{empty, missing} {
		_, err := New(Options{CACert: file})
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), file) {
			t.Errorf("CACert %s: %v", file, err)
		}
		t.Setenv("AWS_CA_BUNDLE", file)
		if _, err := New(Options{}); fault.KindOf(err) != fault.Usage {
			t.Errorf("AWS_CA_BUNDLE %s: %v", file, err)
		}
		t.Setenv("AWS_CA_BUNDLE", "")
	}
}

func TestHTTPSGoesThroughTheProxy(t *testing.T) {
	s, caFile := tlsServer(t)
	proxied.route(t, "example.com:443", s.Listener.Addr().String())
	c := newClient(t, Options{CACert: caFile})

	get(t, c, "https://example.com/", "HTTP/1.1")
	get(t, c, s.URL, "HTTP/1.1") // loopback: past the proxy
	if got, want := proxied.requests(), []string{"CONNECT example.com:443"}; !slices.Equal(got, want) {
		t.Errorf("the proxy saw %v, want %v", got, want)
	}

	err := Fault(failure(t, c, newRequest(t, "GET", "https://other.example/?X-Amz-Signature=s3cret", nil)), "stat of x")
	if fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "proxy refuses to connect to other.example:443") {
		t.Errorf("kind %d: %v", fault.KindOf(err), err)
	}
}

func get(t *testing.T, c *http.Client, url, want string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := ReadBody(resp, 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	if string(body) != want {
		t.Errorf("GET %s: %q, want %q", url, body, want)
	}
}

func TestLogShowsNoSecret(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "REQ1")
		_, _ = io.WriteString(w, "four")
	})
	var lines []string
	c := newClient(t, Options{Log: func(l string) { lines = append(lines, l) }})

	query := "?partNumber=3&uploadId=s3cret&X-Amz-Signature=s3cret&X-Amz-Expires=60"
	for _, url := range []string{s.URL + "/b/k%20y" + query, "http://203.0.113.7/b/k" + query} {
		req := newRequest(t, "PUT", url, strings.NewReader("a body"))
		for _, h := range []string{"Authorization", "Cookie", "X-Api-Key", "X-App-Token", "X-Amz-Security-Token"} {
			req.Header.Set(h, "s3cret")
		}
		if resp, err := c.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}
	all := strings.Join(lines, "\n")
	if strings.Contains(all, "s3cret") || len(lines) != 2 {
		t.Errorf("%d lines:\n%s", len(lines), all)
	}
	shown := "/b/k%20y?partNumber=3&uploadId=REDACTED&X-Amz-Signature=REDACTED&X-Amz-Expires=60"
	for _, want := range []string{"PUT " + s.URL + shown + " (6 bytes): 200 in ", `4 bytes back, request id "REQ1"`, "failed after"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
}
