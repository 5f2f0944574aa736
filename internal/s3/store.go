// Package s3 is the provider of S3 and of everything that speaks its protocol.
//
// It hands out signed requests and makes the calls around them; the bytes of
// an upload are moved by others. It is the only importer of the AWS SDK.
package s3

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/wire"
)

// Config says which bucket, as whom, and how.
type Config struct {
	// Base is what locations start with: "s3://bucket/", "media:" or "local:".
	// "" is s3:// and the bucket.
	Base string
	// Profile is the name that tickets carry; "" for s3://.
	Profile string
	// Bucket may be empty for a Store that only lists buckets.
	Bucket string
	// Prefix stands before every path; a slash is added where it ends in none.
	Prefix string
	// Region "" is found: by the AWS chain, for a custom endpoint us-east-1,
	// and on AWS itself by asking for the bucket's at first use.
	Region string
	// Endpoint is the URL of a store that is not AWS; "" takes AWS_ENDPOINT_URL_S3 or
	// AWS_ENDPOINT_URL, and without these AWS itself.
	Endpoint string
	// Address is what tickets record as the store's address, where the endpoint
	// changes from run to run although the store is the same; "" is the endpoint.
	Address string
	// PathStyle puts the bucket in the path; nil does so for custom endpoints.
	PathStyle *bool

	// AWSProfile names a profile of the shared config. Static keys go before it,
	// Anonymous before both.
	AWSProfile      string
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Anonymous       bool

	// HTTP makes the calls to the store, not those of the credential chain; nil is one of
	// package wire. Redirects are not followed.
	HTTP *http.Client
	// Retries of a call, after its first attempt.
	Retries int
	// CheckKey refuses what the store cannot hold before anything is sent; it may be nil.
	CheckKey func(key string) error
	// CheckAttributes refuses what the store does not keep beside the bytes, likewise.
	CheckAttributes func(object.Attributes) error
}

// Store is one bucket below one prefix. Its methods may be called from several goroutines.
type Store struct {
	cfg     Config
	address string
	custom  bool // an endpoint was named, so it may be a store that is not AWS
	options sdk.Options
	signer  *v4.Signer
	clock   *clock
	http    *http.Client
	// regionURL is asked for a bucket's region; AWS answers it without credentials.
	regionURL string

	// started holds the uploads that this process started, each with the
	// checksum that its one PUT was signed with. See proven.
	started sync.Map // nonce → *ticket.Checksum
	// decoded are the states of these, which are asked for again and again.
	decoded sync.Map // string(ticket.State) → state
	// keeps is whether the store keeps CRC64NVME checksums, once it is known.
	keeps atomic.Int32

	connecting sync.Mutex
	remote     atomic.Pointer[remote]
}

// The values of Store.keeps.
const (
	unknown int32 = iota
	yes
	no
)

// remote is a Store's bucket once its region is known.
type remote struct {
	api    *sdk.Client
	base   *url.URL // of the bucket; nil where no bucket is named
	region string
}

// New returns a Store. It reads the AWS configuration and makes no request.
func New(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Base == "" {
		cfg.Base = "s3://" + cfg.Bucket + "/"
	}
	if cfg.Prefix != "" && !strings.HasSuffix(cfg.Prefix, "/") {
		cfg.Prefix += "/"
	}
	if strings.HasSuffix(cfg.Bucket, "--x-s3") {
		return nil, fault.WithHint(
			fault.New(fault.Usage, "bucket %s: directory buckets (S3 Express) are not supported", cfg.Bucket),
			"use a general purpose bucket")
	}
	if cfg.HTTP == nil || cfg.HTTP.Transport == nil {
		var err error
		if cfg.HTTP, err = wire.New(wire.Options{}); err != nil {
			return nil, err
		}
	}
	chain, err := loadChain(ctx, cfg)
	if err != nil {
		return nil, err
	}

	s := &Store{cfg: cfg, signer: v4.NewSigner(), regionURL: "https://s3.us-east-1.amazonaws.com/"}
	s.clock = &clock{next: cfg.HTTP.Transport}
	client := *cfg.HTTP
	client.Transport = s.clock
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.http = &client

	// The SDK resolves AWS_ENDPOINT_URL* and the services section of the shared config.
	s.options = sdk.NewFromConfig(chain, func(o *sdk.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
		o.HTTPClient = s.http
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = max(cfg.Retries, 0) + 1 })
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
	}).Options()
	if s.options.BaseEndpoint != nil {
		s.custom = true
		endpoint := strings.TrimRight(*s.options.BaseEndpoint, "/")
		u, err := url.Parse(endpoint)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return nil, fault.WithHint(fault.New(fault.Usage, "endpoint %q is not a URL", redactURL(endpoint)),
				"write it as https://HOST or http://HOST:PORT")
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, fault.WithHint(fault.New(fault.Usage, "endpoint %s: credentials, query and fragment have no place in it", redactURL(endpoint)),
				"write it as https://HOST or http://HOST:PORT")
		}
		s.options.BaseEndpoint = &endpoint
		s.address = endpoint
		// Stores from before AWS's newer checksums want the older one where a body must have one.
		s.options.APIOptions = append(slices.Clip(s.options.APIOptions), addContentMD5)
	}
	if cfg.Address != "" {
		s.address = cfg.Address
	}
	s.options.UsePathStyle = s.custom
	if cfg.PathStyle != nil {
		s.options.UsePathStyle = *cfg.PathStyle
	}
	return s, nil
}

// connect returns the bucket's client and address. It makes a request only
// where the region is still to be found, and then once.
func (s *Store) connect(ctx context.Context) (*remote, error) {
	if r := s.remote.Load(); r != nil {
		return r, nil
	}
	s.connecting.Lock()
	defer s.connecting.Unlock()
	if r := s.remote.Load(); r != nil {
		return r, nil
	}
	options := s.options.Copy()
	if options.Region == "" {
		options.Region = "us-east-1"
		if !s.custom && s.cfg.Bucket != "" {
			region, err := s.findRegion(ctx)
			if err != nil {
				return nil, err
			}
			options.Region = region
		}
	}
	r := &remote{api: sdk.New(options), region: options.Region}
	if s.cfg.Bucket != "" {
		params := sdk.EndpointParameters{
			Bucket:         aws.String(s.cfg.Bucket),
			Region:         aws.String(options.Region),
			Endpoint:       options.BaseEndpoint,
			ForcePathStyle: aws.Bool(options.UsePathStyle),
			UseFIPS:        aws.Bool(options.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
			UseDualStack:   aws.Bool(options.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
			Accelerate:     aws.Bool(options.UseAccelerate),
		}
		endpoint, err := options.EndpointResolverV2.ResolveEndpoint(ctx, params)
		if err != nil {
			return nil, &fault.Error{
				Kind: fault.Usage, Message: fmt.Sprintf("bucket %q in region %q has no address", s.cfg.Bucket, options.Region),
				Hint: "check the bucket's name, --region and --endpoint-url", Err: err,
			}
		}
		r.base = &endpoint.URI
	}
	s.remote.Store(r)
	return r, nil
}

// bucket is connect for what needs a bucket.
func (s *Store) bucket(ctx context.Context) (*remote, error) {
	if s.cfg.Bucket == "" {
		return nil, fault.WithHint(fault.New(fault.Usage, "no bucket is named"), "write s3://BUCKET/KEY, or set AWS_BUCKET")
	}
	return s.connect(ctx)
}

// findRegion asks AWS where the bucket is. The answer's header says so whatever
// its status: 200, 301, 400 or 403 (S3 API reference, HeadBucket).
func (s *Store) findRegion(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, s.regionURL+url.PathEscape(s.cfg.Bucket), nil)
	if err != nil {
		return "", fault.New(fault.Usage, "bucket %q: %w", s.cfg.Bucket, err)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return "", s.explain(err, "region of bucket "+s.cfg.Bucket)
	}
	defer resp.Body.Close()
	if region := resp.Header.Get(regionHeader); region != "" {
		return region, nil
	}
	if resp.StatusCode == http.StatusNotFound {
		return "", fault.WithHint(fault.New(fault.NotFound, "bucket %s does not exist", s.cfg.Bucket), hintBucket)
	}
	return "", fault.WithHint(fault.New(fault.Usage, "bucket %s: its region is not known", s.cfg.Bucket), "name it with --region")
}

const regionHeader = "X-Amz-Bucket-Region"

// path is key below the Store's prefix.
func (s *Store) path(key string) string { return strings.TrimPrefix(key, s.cfg.Prefix) }

// location is what a person types to name key.
func (s *Store) location(key string) string { return s.cfg.Base + s.path(key) }

// addContentMD5 adds the Content-MD5 of RFC 1864 to operations that demand a checksum
// of their body.
func addContentMD5(stack *middleware.Stack) error {
	switch stack.ID() {
	case "DeleteObjects", "PutBucketCors":
		return smithyhttp.AddContentChecksumMiddleware(stack)
	}
	return nil
}
