// Package transfer moves bytes: it sends the sections of a file or a stream
// with requests that somebody else signed, and receives objects the same way.
//
// It knows HTTP and what S3 answers, and nothing of providers or terminals.
package transfer

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/hoist-cli/hoist/internal/ticket"
)

// The engine's defaults.
const (
	DefaultConcurrency = 8
	// defaultStall is how long a request may make no progress while its body is sent.
	defaultStall = 30 * time.Second
	// defaultAnswer is how long the store may take to answer after the last
	// byte was handed to the kernel, which may still hold a few MiB of it.
	defaultAnswer = 2 * time.Minute
	// firstWait is about how long the first retry of a request waits; each further one waits longer.
	firstWait = 200 * time.Millisecond
)

// Options are what a person may change about an engine.
type Options struct {
	Concurrency int        // requests at a time, over all files; 0 adapts, from DefaultConcurrency on
	Retries     int        // further tries of one request
	Limit       rate.Limit // bytes a second over all requests; 0 is no limit
	NoVerify    bool       // do not compare ETags
	Stall       time.Duration
	Answer      time.Duration
	// Moved counts the bytes handed over. It goes down when a try failed.
	Moved *atomic.Int64
	// OnRetry is told of each request that is about to be tried again, by
	// several goroutines at a time.
	OnRetry func(Retry)
}

// Retry is a request that is about to be tried again.
type Retry struct {
	Part int
	Try  int // the one that failed, from 1
	Wait time.Duration
	Err  error
}

// Engine sends and receives, with one bound on the requests at a time for all
// that is going on. It may be used by several goroutines.
type Engine struct {
	client  *http.Client
	options Options
	limiter *rate.Limiter
	slots   *slots
	buffers sync.Pool     // of *[bufferSize]byte
	digests sync.Pool     // of *[digestBuffer]byte
	hashing chan struct{} // bounds what their buffers take, however many requests there are
	parts   sync.Pool     // of *[small]byte
	// inMemory is the largest part in bytes of a stream that is held in memory.
	inMemory  int64
	firstWait time.Duration
	declined  atomic.Bool // a trailing checksum, by the store: the files after it are not tried with one
}

// New returns an engine that sends with client.
func New(client *http.Client, o Options) *Engine {
	if o.Stall <= 0 {
		o.Stall = defaultStall
	}
	if o.Answer <= 0 {
		o.Answer = defaultAnswer
	}
	if o.Moved == nil {
		o.Moved = new(atomic.Int64)
	}
	if o.OnRetry == nil {
		o.OnRetry = func(Retry) {}
	}
	e := &Engine{
		client: client, options: o, slots: newSlots(o.Concurrency),
		hashing: make(chan struct{}, DefaultConcurrency), inMemory: maxInMemory, firstWait: firstWait,
	}
	e.buffers.New = func() any { return new([bufferSize]byte) }
	e.digests.New = func() any { return new([digestBuffer]byte) }
	e.parts.New = func() any { return new([small]byte) }
	if o.Limit > 0 {
		e.limiter = rate.NewLimiter(o.Limit, burst)
	}
	return e
}

// Concurrency returns how many requests the engine has under way at the most
// by now: if it adapts, the number changes.
func (e *Engine) Concurrency() int { return e.slots.limit() }

// Retries returns how often the engine tries a request again.
func (e *Engine) Retries() int { return e.options.Retries }

// SignFunc returns the request that sends a part whose checksum is sum; sum is
// nil if the upload has no algorithm. It is called by several goroutines, while
// the ticket gets its receipts and, of a stream, its parts.
type SignFunc func(ctx context.Context, part ticket.Part, sum *ticket.Checksum) (*ticket.Request, error)
