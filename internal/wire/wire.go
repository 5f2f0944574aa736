// Package wire is the one HTTP transport of the program: to storage, to APIs
// and below the AWS SDK the same proxies, certificates and address rules hold.
//
// It follows no redirect, since Go carries headers of one's own (API keys)
// over every redirect, to other hosts too, and speaks HTTP/1.1 only, since
// HTTP/2 costs half as much CPU again for the same bytes.
package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
)

// Options are what a user can say about connections.
type Options struct {
	// CACert is a PEM file of certificate authorities, added to those of the
	// system (or of SSL_CERT_FILE) and of AWS_CA_BUNDLE. Empty for none.
	CACert string
	// AllowHTTP names the hosts, HOST or HOST:PORT, that plain http may go to
	// although they are neither loopback nor private.
	AllowHTTP []string
	// Log takes one redacted line for every request once its answer has begun.
	// It is called from several goroutines. Nil is off.
	Log func(line string)
	// UserAgent is sent where a request names none.
	UserAgent string
}

// New returns the client. A certificate file that cannot be read or holds no
// certificate is a fault.Usage that names it.
//
// A request to an address that the rule of plain http refuses fails with a
// fault.Usage before a connection is made. Requests have no time limit of
// their own: the caller's context bounds them.
func New(opts Options) (*http.Client, error) {
	roots, err := rootCAs(os.Getenv("AWS_CA_BUNDLE"), opts.CACert)
	if err != nil {
		return nil, err
	}
	free := newTransport(roots)
	free.Proxy = proxy
	free.DialContext = dial(nil)
	private := newTransport(roots)
	private.DialContext = dial(onlyPrivate)

	var rt http.RoundTripper = &gate{
		free:      free,
		private:   private,
		allowed:   hostSet(opts.AllowHTTP),
		userAgent: opts.UserAgent,
	}
	if opts.Log != nil {
		rt = &logger{next: rt, log: opts.Log}
	}
	return &http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func newTransport(roots *x509.CertPool) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Protocols: protocols,
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: roots,
			DynamicRecordSizingDisabled: true, // small records first are for pages that are read as they come
		},
		TLSHandshakeTimeout: 10 * time.Second,
		// The default of 2 would close all but two connections after every round of parts.
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		// An object is to arrive as it is stored.
		DisableCompression:     true,
		OnProxyConnectResponse: tunnelled,
	}
}

// tunnelled gives the proxy's refusal of a CONNECT its kind; net/http would
// report the bare text of its status.
func tunnelled(_ context.Context, _ *url.URL, connect *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &fault.Error{
		Kind: KindOf(resp.StatusCode),
		Hint: "check the proxy and its user in HTTPS_PROXY, or name the host in NO_PROXY",
		Err:  fmt.Errorf("the proxy refuses to connect to %s (HTTP status %d)", connect.Host, resp.StatusCode),
	}
}

// proxy is that of HTTPS_PROXY, HTTP_PROXY and NO_PROXY; loopback goes past it.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		// The error quotes the variable, which may hold a password.
		return nil, fault.New(fault.Usage, "the proxy address for %s in the environment is not a URL", req.URL.Host)
	}
	return u, nil
}

// rootCAs returns nil, which is the system's own, if no file is named.
func rootCAs(files ...string) (*x509.CertPool, error) {
	var pool *x509.CertPool
	for _, file := range files {
		if file == "" {
			continue
		}
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, badCA(fmt.Errorf("cannot read the certificates: %w", err))
		}
		if pool == nil {
			if pool, err = x509.SystemCertPool(); err != nil {
				pool = x509.NewCertPool() // a container without any still has the user's
			}
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, badCA(fmt.Errorf("%s holds no PEM certificate", file))
		}
	}
	return pool, nil
}

func badCA(err error) error {
	return &fault.Error{
		Kind: fault.Usage,
		Hint: "--ca-cert and AWS_CA_BUNDLE each take a file of PEM certificates",
		Err:  err,
	}
}
