package provider

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/local"
	"github.com/hoist-cli/hoist/internal/s3"
)

// Bucket is a bucket, or the part of one below a prefix, for a server that
// signs for others.
type Bucket struct {
	*s3.Store

	// Behind is the address of a local store that its signed requests do not
	// name: the server has to hand on to it, with their Host, the requests whose paths begin with
	// the bucket's name. It is nil where clients reach the store themselves.
	Behind *url.URL
	close  func() error
}

// Close gives the bucket up.
func (b *Bucket) Close() error { return b.close() }

// OpenBucket opens what is below prefix of a profile. A local store, which is
// on a loopback address, signs for the address public where that is not "".
func OpenBucket(ctx context.Context, p config.Profile, s config.Settings, client *http.Client, prefix, public string) (*Bucket, error) {
	b := &Bucket{close: func() error { return nil }}
	var cfg s3.Config
	switch p.Kind {
	case config.S3:
		var err error
		if cfg, err = s3Config(ctx, p, s, client); err != nil {
			return nil, err
		}
	case config.Local:
		running, err := local.Open(ctx, p.Root)
		if err != nil {
			return nil, err
		}
		b.close = running.Close
		cfg = localConfig(running, p, s, client)
		if public != "" {
			if b.Behind, err = url.Parse(running.Endpoint); err != nil {
				return nil, err
			}
			cfg.Endpoint = public
			cfg.HTTP = &http.Client{Transport: behind{client.Transport, b.Behind}, CheckRedirect: client.CheckRedirect}
		}
	default:
		return nil, fault.WithHint(fault.New(fault.Usage, "profile %q is of kind %s: a bucket is needed", p.Name, p.Kind),
			"name one: s3://BUCKET, a profile of kind s3, or local:")
	}
	cfg.Base = cmp.Or(cfg.Base, "s3://"+cfg.Bucket+"/")
	if prefix != "" {
		cfg.Prefix = joinPrefix(cfg.Prefix, prefix)
		cfg.Base += joinPrefix("", prefix)
	}
	store, err := s3.New(ctx, cfg)
	if err != nil {
		_ = b.close()
		return nil, err
	}
	b.Store = store
	return b, nil
}

// joinPrefix returns a prefix of keys that ends in a slash.
func joinPrefix(above, below string) string {
	for _, p := range []*string{&above, &below} {
		if n := len(*p); n > 0 && (*p)[n-1] != '/' {
			*p += "/"
		}
	}
	return above + below
}

// behind sends requests to a server under the name that clients know it by, since that is signed.
type behind struct {
	next   http.RoundTripper
	server *url.URL
}

func (t behind) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Host = cmp.Or(req.Host, req.URL.Host)
	out.URL.Scheme, out.URL.Host = t.server.Scheme, t.server.Host
	return t.next.RoundTrip(out)
}

// CloseIdleConnections lets http.Client reach the transport below.
func (t behind) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
