package wire

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
)

// gate sends a request over the transport that the rule of addresses asks for:
// https goes anywhere; plain http only to loopback and private addresses,
// judged on the address that is dialled, or to a host that the user allowed.
//
// The two transports never share a connection, so one that was dialled freely
// is never used for a request that may only go to a private address.
type gate struct {
	free      *http.Transport
	private   *http.Transport
	allowed   map[string]bool
	userAgent string
}

func (g *gate) RoundTrip(req *http.Request) (*http.Response, error) {
	rt, err := g.choose(req)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // RoundTrip closes the body also when it fails
		}
		return nil, err
	}
	if g.userAgent != "" && req.Header.Get("User-Agent") == "" {
		req = req.WithContext(req.Context()) // a RoundTripper may not change its request
		req.Header = req.Header.Clone()
		req.Header.Set("User-Agent", g.userAgent)
	}
	return rt.RoundTrip(req)
}

func (g *gate) choose(req *http.Request) (*http.Transport, error) {
	switch req.URL.Scheme {
	case "https":
		return g.free, nil
	case "http":
	default:
		return nil, fault.New(fault.Usage, "%s: only https and http addresses can be used, not %q", Redact(req.URL.String()), req.URL.Scheme)
	}
	if g.allowed[canonicalHost(req.URL.Hostname())] || g.allowed[canonicalHost(req.URL.Host)] {
		return g.free, nil
	}
	via, err := proxy(req)
	if err != nil {
		return nil, err
	}
	if via == nil {
		return g.private, nil
	}
	// The proxy resolves the name, so what it dials cannot be seen here.
	if ip, err := netip.ParseAddr(req.URL.Hostname()); err == nil && isPrivate(ip) {
		return g.free, nil
	}
	return nil, refusal(req.URL.Hostname(), "through a proxy")
}

// CloseIdleConnections is what http.Client.CloseIdleConnections looks for.
func (g *gate) CloseIdleConnections() {
	g.free.CloseIdleConnections()
	g.private.CloseIdleConnections()
}

// dial returns a Transport.DialContext; check, which may be nil, is asked about
// each address, once the name is resolved and before it is connected to.
func dial(check func(host string, ip netip.Addr) error) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
		if check != nil {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			d.ControlContext = func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
				ap, err := netip.ParseAddrPort(resolved)
				if err != nil {
					return err
				}
				return check(host, ap.Addr())
			}
		}
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			return conn{tcp}, nil
		}
		return c, nil
	}
}

func onlyPrivate(host string, ip netip.Addr) error {
	if isPrivate(ip) {
		return nil
	}
	return refusal(host, "at "+ip.String())
}

// isPrivate says whether plain http may go to ip: loopback, RFC 1918 and
// fc00::/7. Link-local is not among them: it is where clouds keep the
// credentials of a machine (169.254.169.254), and never storage.
func isPrivate(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsPrivate()
}

func refusal(host, where string) error {
	return &fault.Error{
		Kind: fault.Usage,
		Hint: "use https, or allow this host with --allow-http " + host,
		Err:  fmt.Errorf("plain http to %s (%s), which is not a private address, is refused: anyone on the way could read it", host, where),
	}
}

func hostSet(hosts []string) map[string]bool {
	set := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		set[canonicalHost(h)] = true
	}
	return set
}

// canonicalHost makes the spellings of a HOST or HOST:PORT alike.
func canonicalHost(h string) string {
	h = strings.ToLower(h)
	if u := (url.URL{Host: h}); u.Port() == "" {
		return strings.TrimSuffix(u.Hostname(), ".")
	}
	return h
}
