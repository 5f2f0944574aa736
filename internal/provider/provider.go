// Package provider turns a profile into what signs its requests.
//
// A provider does one thing: it hands out signed requests. The engine in
// internal/transfer moves the bytes and never sees a provider.
package provider

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// Provider takes an upload from its start to its end. All methods may be
// called from several goroutines.
type Provider interface {
	// Start makes a ticket. Its parts tile the file; for a stream of unknown
	// length it is a multipart ticket without parts.
	Start(ctx context.Context, spec object.Spec) (*ticket.Ticket, error)
	// Sign returns the request that sends part. A checksum, where the sender
	// knows it, is of the part's bytes; it may be nil.
	Sign(ctx context.Context, t *ticket.Ticket, part ticket.Part, sum *ticket.Checksum) (*ticket.Request, error)
	// Finish makes the object of the receipts and checks what was stored.
	// It may be called again after an answer that was lost.
	Finish(ctx context.Context, t *ticket.Ticket) (*object.Object, error)
	// Abort gives an upload up; one that is already gone is no error.
	Abort(ctx context.Context, t *ticket.Ticket) error
	// SignAll signs every part now, for a sender who cannot ask, and sets the
	// ticket's Expires.
	SignAll(ctx context.Context, t *ticket.Ticket) error
	// PartChecksum returns the algorithm of the checksum that Sign takes for
	// the parts of t, or "" if it takes none.
	PartChecksum(t *ticket.Ticket) string
	// Stateful says whether Start makes something at the other end, which can
	// be gone on with and has to be finished or aborted.
	Stateful(spec object.Spec) bool
	// Address names the place that the provider's uploads belong to. It holds no secret.
	Address() string
}

// Trailer is a provider whose parts can be sent with their checksum behind
// them, so that they are read only once.
type Trailer interface {
	// Trails says whether that goes for the parts of t, and is worth it.
	Trails(t *ticket.Ticket) bool
	// SignTrailing returns the request that sends part so: at once, and from this process.
	SignTrailing(ctx context.Context, t *ticket.Ticket, part ticket.Part) (*ticket.Request, error)
}

// PartLister is a provider that knows which parts have arrived.
type PartLister interface {
	// ListParts returns a receipt for every part that the store holds.
	ListParts(ctx context.Context, t *ticket.Ticket) ([]ticket.Receipt, error)
}

// Lister is a provider that can list.
type Lister interface {
	// List yields the objects whose path starts with prefix, and common
	// prefixes ending in a slash unless recursive. It stops at the first error.
	List(ctx context.Context, prefix string, recursive bool) iter.Seq2[object.Object, error]
}

// Stater is a provider that can tell what it knows of an object.
type Stater interface {
	Stat(ctx context.Context, path, versionID string) (*object.Object, error)
}

// Getter is a provider that hands out signed GET requests.
type Getter interface {
	// SignGet returns a GET that the engine may send with a Range and an If-Match.
	SignGet(ctx context.Context, path, versionID string, expires time.Duration) (*ticket.Request, error)
}

// Linker is a provider that hands out URLs which a browser can open.
type Linker interface {
	// GetURL returns a URL that gets the object with no header of its own.
	GetURL(ctx context.Context, path, versionID string, expires time.Duration) (string, error)
}

// Sender is a provider that wants to see the answers to its signed requests,
// as S3 does to learn the store's clock.
type Sender interface {
	// Client returns the client to send them with.
	Client() *http.Client
}

// VariantGetter is a provider whose objects have variants, such as thumbnails.
type VariantGetter interface {
	StatVariant(ctx context.Context, path, variant string) (*object.Object, error)
	SignGetVariant(ctx context.Context, path, variant string) (*ticket.Request, error)
}

// Sizer is a provider that may have to know a stream's size before its start.
type Sizer interface {
	NeedsSize() bool
}

// Remover is a provider that can remove.
type Remover interface {
	// Remove removes the objects at paths and yields each path with its
	// outcome. A missing one is no error.
	Remove(ctx context.Context, paths iter.Seq[string]) iter.Seq2[string, error]
}

// UploadLister is a provider that knows its unfinished uploads.
type UploadLister interface {
	ListUploads(ctx context.Context, prefix string) iter.Seq2[object.Upload, error]
	AbortUpload(ctx context.Context, u object.Upload) error
}

// BucketLister is a provider of an account with buckets.
type BucketLister interface {
	ListBuckets(ctx context.Context) iter.Seq2[object.Bucket, error]
}

// CORSKeeper is a provider whose bucket has CORS rules.
type CORSKeeper interface {
	CORS(ctx context.Context) ([]object.CORSRule, error)
	// SetCORS replaces the rules; nil rules are the default ones of the provider.
	SetCORS(ctx context.Context, rules []object.CORSRule) error
}
