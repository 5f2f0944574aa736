package transfer

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"sync/atomic"

	"github.com/minio/crc64nvme"
	"golang.org/x/sync/errgroup"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// rangeSize is how many bytes of an object one request asks for: what a kill
// loses at most of each range in flight.
const rangeSize = ticket.DefaultPartSize

// restart is how many bytes a request of a stream must bring for the one that
// follows it to have all its tries again.
const restart = 1 << 20

// Download is an object and where it goes.
type Download struct {
	// Sign returns a GET of the object, to which Range and If-Match can be
	// added. It is called again when the one before was refused.
	Sign func(ctx context.Context) (*ticket.Request, error)
	// Size in bytes and ETag, without quotes, are of the object that is meant:
	// an answer with others is a fault.Integrity. Without an ETag nothing is
	// resumed by another run.
	Size int64
	ETag string
	// Checksum is of the full object, as the store knows it; nil if it does not.
	Checksum *ticket.Checksum
	// MD5ETag says that the ETag is the object's MD5, if it reads as one.
	MD5ETag bool

	// Dir is the folder that nothing is written outside of, and Path the file
	// in it. Nothing is there before all of the object is, and is verified.
	Dir  *os.Root
	Path string
	// NoClobber refuses to replace a file: a fault.Exists.
	NoClobber bool
	// Publish, which may be nil, is called when the file is complete and
	// verified, with what gives it its name.
	Publish func(rename func() error) error
	// Journal is the folder where the ranges that are on disk are noted, for
	// another run of the same download; "" if none is to go on.
	Journal string
	// Resumed, which may be nil, counts those of the engine's Moved bytes that
	// an earlier run had brought.
	Resumed *atomic.Int64
}

// Received is what came of a download.
type Received struct {
	ETag     string // without quotes, as the answers had it
	Size     int64
	Verified bool  // against the object's checksum or MD5
	Resumed  int64 // bytes that an earlier run had brought
}

// Receive brings an object into a file, in ranges at the same time.
//
// The file has the permissions of the one that it replaces, else those that
// the umask leaves, and the time of its writing, as with cp and curl.
func (e *Engine) Receive(ctx context.Context, d Download) (Received, error) {
	in, err := newIncoming(d)
	if err != nil {
		return Received{}, err
	}
	p, err := openPartial(d)
	if err != nil {
		return Received{}, err
	}
	if err = e.receiveRanges(ctx, in, p); err != nil {
		return Received{}, p.fail(err)
	}
	verified, err := e.verify(ctx, d, p)
	if err == nil {
		err = p.commit(d)
	}
	if err != nil {
		return Received{}, p.fail(err)
	}
	return Received{ETag: in.etag, Size: d.Size, Verified: verified, Resumed: p.resumed.Load()}, nil
}

// receiveRanges brings all ranges that are not there yet.
func (e *Engine) receiveRanges(ctx context.Context, in *incoming, p *partial) error {
	ranges, running := errgroup.WithContext(ctx)
	for i := range p.sums {
		if e.slots.acquire(running) != nil {
			break // one has failed, or ctx is done
		}
		ranges.Go(func() error {
			err := e.receiveRange(running, in, p, i)
			e.slots.release(p.span(i).size, err)
			return err
		})
	}
	if err := ranges.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func (e *Engine) receiveRange(ctx context.Context, in *incoming, p *partial, i int) error {
	s := p.span(i)
	if there, err := p.holds(ctx, i); err != nil {
		return err
	} else if there {
		e.options.Moved.Add(s.size)
		p.resume(s.size)
		return nil
	}
	err := e.retry(ctx, i+1, func() error {
		var sum uint64
		gathers := e.gathers()
		n, err := e.fetch(ctx, in, s, gathers, gathers, func(b []byte, at int64) error {
			sum = crc64nvme.Update(sum, b)
			return p.write(b, at, e.slots.idled)
		})
		if err != nil {
			e.options.Moved.Add(-n)
			return err
		}
		p.sums[i] = sum
		return nil
	})
	if err != nil {
		return err
	}
	return p.note(i)
}

// ReceiveTo writes an object to w, in order and as it comes; what Download says
// of a file means nothing to it. A connection that breaks is taken up again at
// the byte where it broke, so w gets every byte once; but it has them all by
// the time that they turn out not to be the object's.
func (e *Engine) ReceiveTo(ctx context.Context, d Download, w io.Writer) (Received, error) {
	in, err := newIncoming(d)
	if err != nil {
		return Received{}, err
	}
	var digest hash.Hash
	want := e.wanted(d)
	if want != nil {
		if digest, err = checksum.New(want.Algorithm); err != nil {
			return Received{}, err
		}
		w = io.MultiWriter(w, digest)
	}
	if err := e.slots.acquire(ctx); err != nil {
		return Received{}, err
	}
	err = e.stream(ctx, in, w)
	e.slots.release(d.Size, err)
	if err != nil {
		return Received{}, err
	}
	if want != nil {
		if err := compare(want, checksum.Sum(want.Algorithm, digest)); err != nil {
			return Received{}, err
		}
	}
	return Received{ETag: in.etag, Size: d.Size, Verified: want != nil}, nil
}

// stream brings the object from its start to its end. A request that brought
// something before it broke does not count as a try that failed: how often a
// long stream breaks depends on its length, and on how long w takes.
func (e *Engine) stream(ctx context.Context, in *incoming, w io.Writer) error {
	at := int64(0)
	for {
		err := e.retry(ctx, 1, func() error {
			n, err := e.fetch(ctx, in, span{at, in.size - at}, 1, bufferSize, func(b []byte, _ int64) error {
				_, err := w.Write(b)
				return err
			})
			at += n
			if n >= restart && err != nil && ctx.Err() == nil && retryable(err) {
				return nil
			}
			return err
		})
		if err != nil || at == in.size {
			return err
		}
	}
}

// wanted returns what an object is verified against; nil if it cannot be, or
// is not to be.
func (e *Engine) wanted(d Download) *ticket.Checksum {
	if e.options.NoVerify {
		return nil
	}
	if d.Checksum != nil {
		if _, err := checksum.New(d.Checksum.Algorithm); err == nil { // stores learn new ones
			return d.Checksum
		}
	}
	if !d.MD5ETag || !isMD5(d.ETag, nil) {
		return nil
	}
	sum, err := hex.DecodeString(d.ETag)
	if err != nil {
		return nil
	}
	return &ticket.Checksum{Algorithm: checksum.MD5, Value: base64.StdEncoding.EncodeToString(sum)}
}

// verify says whether the file is the object, by what is known of that. The
// CRC64NVMEs of the ranges make up that of the file; all else is another pass over it.
func (e *Engine) verify(ctx context.Context, d Download, p *partial) (bool, error) {
	want := e.wanted(d)
	switch {
	case want == nil:
		return false, nil
	case want.Algorithm == checksum.CRC64NVME:
		return true, compare(want, p.sum())
	default:
		have, _, err := checksum.Of(readUntil(ctx, io.NewSectionReader(p.file, 0, d.Size)), want.Algorithm)
		if err != nil {
			return false, err
		}
		return true, compare(want, have)
	}
}

func compare(want, have *ticket.Checksum) error {
	if want.Value == have.Value {
		return nil
	}
	return fault.WithHint(
		fault.New(fault.Integrity, "what arrived has the %s %s, the object %q", have.Algorithm, have.Value, want.Value),
		"get it again; if the store's checksums are wrong, --no-verify leaves this check out")
}

// reader is a function as an io.Reader.
type reader func(p []byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// readUntil returns a reader of r, which is a file, that hears Ctrl-C.
func readUntil(ctx context.Context, r io.Reader) io.Reader {
	return reader(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(p)
	})
}
