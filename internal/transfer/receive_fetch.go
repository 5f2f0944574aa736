package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/wire"
)

// bufferSize is how many bytes are gathered from a connection before they are
// written: large writes cost a file system much less than many small ones. It
// is less where many requests would take more than gatherRoom together.
const (
	bufferSize = 2 << 20
	gatherRoom = 32 << 20
)

// gathers is how many bytes each request gathers now.
func (e *Engine) gathers() int { return min(bufferSize, gatherRoom/e.slots.limit()) }

// errChanged is an object of which other bytes are there now than those that
// a download began with.
var errChanged = fault.WithHint(fault.New(fault.Integrity, "the object changed during the download"),
	"run the same command again to get what is there now")

// span is a section of an object, in bytes.
type span struct{ offset, size int64 }

// incoming is an object on its way, by one request or by several.
type incoming struct {
	sign func(ctx context.Context) (*ticket.Request, error)
	size int64

	mu      sync.Mutex
	etag    string
	request *ticket.Request
}

func newIncoming(d Download) (*incoming, error) {
	if d.Size < 0 {
		return nil, fault.New(fault.Usage, "the object's size is not known")
	}
	return &incoming{sign: d.Sign, size: d.Size, etag: strong(d.ETag)}, nil
}

// signed returns the request that all tries share until one of them is refused.
func (in *incoming) signed(ctx context.Context) (*ticket.Request, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.request != nil {
		return in.request, nil
	}
	request, err := in.sign(ctx)
	if err != nil {
		return nil, fault.At(fault.Sign, err)
	}
	if request.Method != http.MethodGet {
		return nil, fault.New(fault.Usage, "method %q is not GET", request.Method)
	}
	if err := ticket.ValidURL(request.URL); err != nil {
		return nil, fault.New(fault.Usage, "%w", err)
	}
	in.request = request
	return request, nil
}

// refused gives up a request, unless another try did so before.
func (in *incoming) refused(request *ticket.Request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.request == request {
		in.request = nil
	}
}

// fetch asks once for a span and hands its bytes to sink, in order, each with
// its place in the object: least to most of them at a time, but for the last.
// It returns how many sink has taken; the engine's Moved counts them, also when
// an error follows.
func (e *Engine) fetch(
	ctx context.Context, in *incoming, s span, least, most int, sink func(p []byte, at int64) error,
) (n int64, err error) {
	signed, err := in.signed(ctx)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Not exchange's watch: the time that sink takes is not the store's.
	stall := time.AfterFunc(e.options.Stall, func() {
		cancel(fault.New(fault.Temporary, "no progress for %s", e.options.Stall))
	})
	defer stall.Stop()
	broken := func(err error) error {
		cancel(wire.Fault(err, "")) // does nothing if the watchdog or the caller was first
		return context.Cause(ctx)
	}

	request, err := in.newRequest(ctx, signed, s)
	if err != nil {
		return 0, err
	}
	response, err := e.client.Do(request)
	if err != nil {
		return 0, broken(err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		text, _ := wire.ReadBody(response, maxAnswer) // the status says enough
		in.refused(signed)
		return 0, refusedGet(response, text, signed)
	}
	if err := in.check(response, s); err != nil {
		return 0, err
	}

	buffer, _ := e.buffers.Get().(*[bufferSize]byte) // which is all that the pool makes
	defer e.buffers.Put(buffer)
	have := 0 // of the buffer, which sink has not
	defer func() { e.options.Moved.Add(-int64(have)) }()
	for {
		p := buffer[have:min(int64(most), s.size-n)]
		if e.limiter != nil {
			p = p[:min(len(p), burst)]
		}
		if len(p) == 0 {
			return n, in.ended(response, s)
		}
		stall.Reset(e.options.Stall)
		got, err := response.Body.Read(p)
		stall.Stop()
		if got > 0 && e.limiter != nil && e.limiter.WaitN(ctx, got) != nil {
			return n, context.Cause(ctx)
		}
		have += got
		e.options.Moved.Add(int64(got))
		if last := n+int64(have) == s.size; have > 0 && (have >= least || last) {
			if err := sink(buffer[:have], s.offset+n); err != nil {
				return n, err
			}
			n += int64(have)
			have = 0
		}
		switch {
		case err == io.EOF && n < s.size:
			return n, fault.New(fault.Temporary, "the answer ended after %d of %d bytes", n+int64(have), s.size)
		case err != nil && err != io.EOF:
			return n, broken(err)
		}
	}
}

// newRequest returns the signed request as it was signed, with the conditions
// that this span needs.
func (in *incoming) newRequest(ctx context.Context, signed *ticket.Request, s span) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, signed.Method, signed.URL, http.NoBody)
	if err != nil {
		return nil, fault.New(fault.Usage, "the signed URL cannot be read")
	}
	for name, value := range signed.Header {
		request.Header.Set(name, value)
	}
	if s.size < in.size {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", s.offset, s.offset+s.size-1))
	}
	if etag := in.known(); etag != "" {
		request.Header.Set("If-Match", `"`+etag+`"`)
	}
	return request, nil
}

// check says whether the answer is what was asked for: this span, of this object.
func (in *incoming) check(r *http.Response, s span) error {
	length := s.size
	switch {
	case r.StatusCode == http.StatusPartialContent:
		// RFC 9110, 14.4. A size that the server does not know is a "*".
		have := r.Header.Get("Content-Range")
		want := fmt.Sprintf("bytes %d-%d/", s.offset, s.offset+s.size-1)
		if total, ok := strings.CutPrefix(have, want); !ok {
			return fault.New(fault.Integrity, "the store answered with the range %q instead of %q", have, want)
		} else if total != "*" && total != strconv.FormatInt(in.size, 10) {
			return errChanged
		}
	case r.StatusCode == http.StatusOK && s.offset == 0:
		length = in.size // of which no more than the span is read
	case r.StatusCode == http.StatusOK:
		return fault.WithHint(fault.New(fault.Usage, "the server answers with the whole object where a part of it was asked for"),
			"get it in one piece, with - as the destination: hoist get LOCATION - >FILE")
	default:
		return fault.New(fault.Failed, "the server answered a GET with %d %s", r.StatusCode, http.StatusText(r.StatusCode))
	}
	if r.ContentLength >= 0 && r.ContentLength != length {
		return errChanged
	}
	return in.same(strong(strings.Trim(r.Header.Get("ETag"), `"`)))
}

// ended says whether an answer of unknown length has no more than it should.
func (in *incoming) ended(r *http.Response, s span) error {
	if r.ContentLength >= 0 || s.offset+s.size < in.size {
		return nil
	}
	if n, _ := io.ReadFull(r.Body, make([]byte, 1)); n > 0 {
		return errChanged
	}
	return nil
}

// same compares the ETag of an answer, also where the server takes no notice
// of If-Match. What was not known before is that of the first answer.
func (in *incoming) same(etag string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case etag == "" || etag == in.etag:
		return nil
	case in.etag == "":
		in.etag = etag
		return nil
	}
	return errChanged
}

func (in *incoming) known() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.etag
}

// strong returns an ETag that If-Match can take: a weak one never matches
// (RFC 9110, 13.1.1).
func strong(etag string) string {
	if strings.HasPrefix(etag, "W/") {
		return ""
	}
	return etag
}

// refusedGet is newRefusal with the words for who receives.
func refusedGet(response *http.Response, text []byte, signed *ticket.Request) error {
	r := newRefusal(response, text, signed)
	switch response.StatusCode {
	case http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
		return errChanged
	case http.StatusForbidden:
		var said *fault.Error
		if !errors.As(r.cause, &said) {
			break
		}
		switch {
		case said.Kind == fault.Incomplete:
			said.Hint = "the credentials have ended: log in again, then run the same command again"
		case strings.HasPrefix(said.Message, "policy: "):
			said.Hint = "these credentials may not read the object"
		}
	}
	return r
}
