package wire

import (
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/hoist-cli/hoist/internal/fault"
)

func TestIsPrivate(t *testing.T) {
	for ip, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"10.0.0.1": true, "172.16.0.1": true, "172.31.255.255": true, "192.168.1.1": true, "fd00::1": true,
		"::ffff:10.0.0.1": true,

		"172.32.0.1": false, "8.8.8.8": false, "2001:db8::1": false, "::ffff:8.8.8.8": false,
		"169.254.169.254": false, "fe80::1%eth0": false, "100.64.0.1": false, "0.0.0.0": false, "::": false,
	} {
		if got := isPrivate(netip.MustParseAddr(ip)); got != want {
			t.Errorf("isPrivate(%s) = %v, want %v", ip, got, want)
		}
	}
}

func TestPlainHTTPIsRefused(t *testing.T) {
	proxied.route(t, "unused", "")
	for _, tt := range []struct{ url, host, where string }{
		{"http://203.0.113.7/b/k", "203.0.113.7", "at 203.0.113.7"},
		{"http://169.254.169.254/latest", "169.254.169.254", "at 169.254.169.254"},
		{"http://store.example:9000/b/k", "store.example", "through a proxy"},
		{"http://8.8.8.8/b/k", "8.8.8.8", "through a proxy"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			closed := false
			req := newRequest(t, "PUT", tt.url+"?X-Amz-Signature=s3cret", closeFunc(func() { closed = true }))
			c := newClient(t, Options{AllowHTTP: []string{"another.example"}})
			err := Fault(failure(t, c, req), "s3://b/k")
			if fault.KindOf(err) != fault.Usage {
				t.Errorf("kind %d", fault.KindOf(err))
			}
			if want := "s3://b/k: plain http to " + tt.host + " (" + tt.where + ")"; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%q does not begin with %q", err, want)
			}
			if want := "--allow-http " + tt.host; !strings.HasSuffix(fault.HintOf(err), want) {
				t.Errorf("hint %q does not end in %q", fault.HintOf(err), want)
			}
			if !closed {
				t.Error("the body was not closed")
			}
		})
	}
	if seen := proxied.requests(); len(seen) > 0 {
		t.Errorf("the proxy saw %v", seen)
	}
}

func TestPlainHTTPToPrivateAddresses(t *testing.T) {
	s := newServer(t, func(http.ResponseWriter, *http.Request) {})
	_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
	c := newClient(t, Options{})
	get(t, c, s.URL, "")
	get(t, c, "http://localhost:"+port, "")

	proxied.route(t, "10.1.2.3:9000", "")
	get(t, c, "http://10.1.2.3:9000/", "by way of the proxy")
}

func TestAllowHTTP(t *testing.T) {
	proxied.route(t, "store.example:9000", "")
	for _, allow := range []string{"store.example", "Store.Example.", "store.example:9000"} {
		get(t, newClient(t, Options{AllowHTTP: []string{allow}}), "http://store.example:9000/", "by way of the proxy")
	}
	c := newClient(t, Options{AllowHTTP: []string{"store.example:1"}})
	if err := failure(t, c, newRequest(t, "GET", "http://store.example:9000/", nil)); fault.KindOf(err) != fault.Usage {
		t.Errorf("another port: %v", err)
	}
}

func TestAllowHTTPDialsAnyAddress(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("0.0.0.0 cannot be connected to on Windows")
	}
	s := newServer(t, func(http.ResponseWriter, *http.Request) {})
	_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
	url := "http://0.0.0.0:" + port
	if err := failure(t, newClient(t, Options{}), newRequest(t, "GET", url, nil)); fault.KindOf(err) != fault.Usage {
		t.Errorf("not allowed: %v", err)
	}
	get(t, newClient(t, Options{AllowHTTP: []string{"0.0.0.0"}}), url, "")
}

func TestOtherSchemesAreRefused(t *testing.T) {
	for _, url := range []string{"file:///etc/passwd", "ftp://example.com/", "//example.com/"} {
		if err := failure(t, newClient(t, Options{}), newRequest(t, "GET", url, nil)); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// closeFunc is an empty body that says when it is closed.
type closeFunc func()

func (closeFunc) Read([]byte) (int, error) { panic("read although refused") }

func (f closeFunc) Close() error {
	f()
	return nil
}
