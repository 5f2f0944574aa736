package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"

	"github.com/hoist-cli/hoist/internal/fault"
)

// Fault turns an error of the client, or of reading an answer's body, into one
// that can be shown: it names the host and the cause, and the URL with its
// signed query is nowhere in its chain. What says what was being done, such as
// "s3://bucket/key". Fault of nil is nil.
//
// The kind is Temporary for whatever may go better the next time, Usage for a
// certificate or address that will not, and that of the cause where it names
// one. context.Canceled and DeadlineExceeded stay visible to errors.Is; a
// connection that took too long is a DeadlineExceeded as well, so whether the
// caller's own time is over is for its context to say.
func Fault(err error, what string) error {
	if err == nil {
		return nil
	}
	host := hostOf(err)
	err = cause(err)
	out := &fault.Error{Message: what, Err: err}

	var (
		known   *fault.Error
		dns     *net.DNSError
		badCert *tls.CertificateVerificationError
		op      *net.OpError
		timeout net.Error
		file    *fs.PathError
	)
	switch {
	case errors.As(err, &known):
		out.Err = known
	case errors.Is(err, context.Canceled):
		out.Err = err
	case errors.Is(err, context.DeadlineExceeded):
		out.Kind = fault.Temporary
		out.Err = fmt.Errorf("timed out waiting for %s: %w", host, err)
	case errors.As(err, &file):
		out.Err = file // the source could not be read: no matter of the network
	case errors.As(err, &dns):
		out.Kind = fault.Temporary
		out.Hint = "check the address and the network's name service"
		out.Err = fmt.Errorf("cannot find the host %s: %s", dns.Name, dns.Err)
	case errors.As(err, &badCert):
		out.Kind = fault.Usage
		out.Hint = certificateHint(err)
		out.Err = fmt.Errorf("cannot trust %s: %w", host, badCert.Err)
	case errors.Is(err, http.ErrSchemeMismatch):
		out.Kind = fault.Usage
		out.Hint = "write the address with http://"
		out.Err = fmt.Errorf("%s speaks plain http, not https", host)
	case errors.As(err, &op) && op.Op == "proxyconnect":
		out.Kind = fault.Temporary
		out.Hint = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
		out.Err = fmt.Errorf("cannot reach the proxy for %s: %w", host, op.Err)
	case errors.As(err, &op) && op.Op == "dial":
		out.Kind = fault.Temporary
		out.Hint = "check the address, and that this machine can reach it"
		out.Err = fmt.Errorf("cannot connect to %s: %w", host, op.Err)
	case errors.As(err, &timeout) && timeout.Timeout():
		out.Kind = fault.Temporary
		out.Err = fmt.Errorf("timed out waiting for %s: %w", host, err)
	default:
		out.Kind = fault.Temporary
		out.Err = fmt.Errorf("lost the connection to %s: %w", host, err)
	}
	return out
}

func certificateHint(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &unknown):
		return "if its certificate is signed by an authority of your own, name that with --ca-cert FILE"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has ended, or this machine's clock is wrong"
	default:
		return "check the address; a proxy on the way may answer in its place"
	}
}

// hostOf returns the host of the URL that err carries.
func hostOf(err error) string {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		if u, perr := url.Parse(ue.URL); perr == nil && u.Host != "" {
			return u.Host
		}
	}
	return "the server"
}

// cause returns what is below the *url.Errors of err, which quote whole URLs.
func cause(err error) error {
	for {
		ue, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = ue.Err
	}
}
