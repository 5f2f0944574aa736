// Package broker is the server side of the five upload APIs: it keeps the keys
// of a bucket and hands out presigned requests to those who have a token.
//
// It keeps no state but the bucket's, so that any number of processes can serve one
// bucket: what a later request needs of an earlier one is in the keys, or in a
// small JSON object beside the bytes. The bytes themselves go between client
// and store.
//
// Each API is in a file of its own. Where its document is silent or contradicts
// itself, the choice that was made stands beside the handler.
package broker

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// Bucket is the storage. Paths are those of objects below one prefix that only
// the Bucket knows. Errors are of package fault: NotFound where there is no such object or
// upload, Exists where a condition is not met, Integrity where parts are not those that
// the store holds, Usage where the store refuses for good.
type Bucket interface {
	// CheckPath says why there can be no object at path.
	CheckPath(path string) error
	// SignPut returns a PUT of exactly spec.File.Size bytes, or of any number if that is -1.
	SignPut(ctx context.Context, spec object.Spec) (*ticket.Request, time.Time, error)
	// SignForm returns a POST form of at most spec.MaxSize bytes.
	SignForm(ctx context.Context, spec object.Spec) (*ticket.Request, time.Time, error)
	// SignPart returns the PUT of one part, of exactly size bytes, or of any number if that is -1.
	SignPart(ctx context.Context, path, uploadID string, number int, size int64, expires time.Duration) (*ticket.Request, error)
	// SignView returns a URL of the object whose answer has the given disposition, where it is not "".
	SignView(ctx context.Context, path, disposition string, expires time.Duration) (string, error)

	CreateUpload(ctx context.Context, spec object.Spec) (uploadID string, err error)
	CheckUpload(ctx context.Context, path, uploadID string) error
	CompleteUpload(ctx context.Context, path, uploadID string, receipts []ticket.Receipt) error
	// MultipartETag is the ETag of an object of these parts, or "" where that cannot be known.
	MultipartETag(receipts []ticket.Receipt) string

	Stat(ctx context.Context, path, versionID string) (*object.Object, error)
	// Fetch gets the object with a header of the caller's, such as Range.
	Fetch(ctx context.Context, path string, header http.Header) (*http.Response, error)
	// Copy copies what Stat said of an object, and fails with Exists if that has changed.
	Copy(ctx context.Context, from *object.Object, spec object.Spec) error
	PutSmall(ctx context.Context, path, contentType string, body []byte) error
	ReadSmall(ctx context.Context, path string, limit int64) ([]byte, error)
	Delete(ctx context.Context, path string) error
	List(ctx context.Context, prefix string, recursive bool) iter.Seq2[object.Object, error]

	CORS(ctx context.Context) ([]object.CORSRule, error)
	SetCORS(ctx context.Context, rules []object.CORSRule) error

	// BucketKey returns the bucket, and the whole key of the object at path in it.
	BucketKey(path string) (bucket, key string)
}

// Config is what an operator decides.
type Config struct {
	Bucket Bucket
	Tokens []Token
	// PublicURL is how clients reach the broker, such as "https://uploads.example.com".
	// "" takes it from each request, which a proxy in front may have changed.
	PublicURL string
	// PublicBase is the address of the bucket (and prefix) for everybody, such as that of a
	// CDN. "" serves public objects by signed redirects of the broker's own.
	PublicBase string
	// Behind is the address of a store that signs for PublicURL and is reached through the
	// broker alone. Nil where clients reach it themselves.
	Behind *url.URL
	// MaxFormSize in bytes is presigned-post's max_file_size; 0 is 100 MiB.
	MaxFormSize int64
	// Inline are media types that browsers may show, beside those that can do no harm:
	// everything else is served as an attachment.
	Inline []string
	// Origins are the sites whose pages may call the APIs with a browser's cookies;
	// any page may call them with a token of its own.
	Origins []string
	// Log takes one line for every request. Nil is off.
	Log *slog.Logger
}

const defaultMaxForm = 100 << 20

// Broker serves the APIs. It is an http.Handler; see Serve.
type Broker struct {
	cfg     Config
	bucket  Bucket
	handler http.Handler
	inits   map[*Token]*window // gipity's rate, by token
	parts   partPlan           // gipity's
	waits   waits
	origins *http.CrossOriginProtection // who may use a browser's cookies
	ending  atomic.Bool                 // no longer ready
}

// New returns a Broker, or why the Config cannot be served.
func New(cfg Config) (*Broker, error) {
	if cfg.Bucket == nil {
		return nil, errors.New("no bucket")
	}
	for _, base := range []string{cfg.PublicURL, cfg.PublicBase} {
		if u, err := url.Parse(base); base != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.User != nil) {
			return nil, fmt.Errorf("public address %q: want a URL such as https://host", base)
		}
	}
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	cfg.PublicBase = strings.TrimRight(cfg.PublicBase, "/")
	cfg.MaxFormSize = cmp.Or(cfg.MaxFormSize, defaultMaxForm)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	b := &Broker{cfg: cfg, bucket: cfg.Bucket, waits: defaultWaits(), parts: partPlan{gipityMultipart, gipityPartSize}, inits: map[*Token]*window{}}
	b.origins = http.NewCrossOriginProtection()
	for _, origin := range cfg.Origins {
		if err := b.origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("origin %q: want one such as https://app.example.com, without a path", origin)
		}
	}
	hashes := make(map[[sha256.Size]byte]string, len(cfg.Tokens))
	for i := range cfg.Tokens {
		t := &cfg.Tokens[i]
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("token %q: %w", t.Name, err)
		}
		if other, twice := hashes[t.Hash]; twice {
			return nil, fmt.Errorf("token %q: it has the sha256 of %q, and only one of them could be meant", t.Name, other)
		}
		hashes[t.Hash] = t.Name
		b.inits[t] = newWindow(initsPerMinute, time.Minute)
	}
	mux := http.NewServeMux()
	b.gitfolio(mux)
	b.ctxfy(mux)
	b.gipity(mux)
	b.workspace(mux)
	b.presignedPost(mux)
	b.public(mux)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { b.writeJSON(w, http.StatusOK, health{"ok"}) })
	mux.HandleFunc("GET /readyz", b.ready)
	outer := http.NewServeMux()
	outer.Handle("/", b.allowBrowsers(mux))
	if cfg.Behind != nil {
		name, _ := b.bucket.BucketKey("")
		outer.Handle("/"+name, b.behind(cfg.Behind))
		outer.Handle("/"+name+"/", b.behind(cfg.Behind))
	}
	b.handler = b.observe(outer)
	return b, nil
}

func (b *Broker) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.handler.ServeHTTP(w, r) }

type health struct {
	Status string `json:"status"`
}

// readyWait bounds what a balancer waits for.
const readyWait = 5 * time.Second

// ready says whether requests should come here: not while the process is
// ending, and not while the bucket does not answer.
func (b *Broker) ready(w http.ResponseWriter, r *http.Request) {
	if b.ending.Load() {
		b.writeJSON(w, http.StatusServiceUnavailable, health{"ending"})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyWait)
	defer cancel()
	for _, err := range b.bucket.List(ctx, "readyz/", false) {
		if err != nil {
			b.cfg.Log.Error("not ready", "error", err.Error())
			b.writeJSON(w, http.StatusServiceUnavailable, health{"storage unavailable"})
			return
		}
		break
	}
	b.writeJSON(w, http.StatusOK, health{"ready"})
}

// base is the broker's own address as the client of r sees it.
func (b *Broker) base(r *http.Request) string {
	if b.cfg.PublicURL != "" {
		return b.cfg.PublicURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
