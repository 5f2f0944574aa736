package transfer

import (
	"context"
	"hash"
	"net/http"
	"time"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/wire"
)

// maxAnswer bounds in bytes what is read of an answer to a PUT or POST.
const maxAnswer = 1 << 20

// exchange sends one section with a signed request, once, and returns the
// header of a 2xx answer. Any other answer is a *refusal. When it returns,
// nobody reads from the section any more. Where the request has a trailer,
// digest is of the bytes that went out.
func (e *Engine) exchange(
	ctx context.Context, t *ticket.Ticket, signed *ticket.Request, section Section, size int64,
) (header http.Header, digest hash.Hash, err error) {
	if err := signed.Validate(); err != nil {
		return nil, nil, fault.New(fault.Usage, "%w", err)
	}
	if signed.Trailer != "" {
		if digest, err = checksum.New(signed.Trailer); err != nil {
			return nil, nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	count := &counter{total: e.options.Moved}

	content, err := section.body(ctx, count, e.limiter)
	if err != nil {
		return nil, nil, err
	}
	request, err := newRequest(ctx, t, signed, content, size, digest)
	if err != nil {
		return nil, nil, err
	}
	go e.watch(ctx, count, size, cancel)
	header, err = e.do(request, signed)
	if err != nil {
		cancel(err) // does nothing if the watchdog or the caller was first
		err = context.Cause(ctx)
	}
	<-content.Closed()
	if sent := count.sent.Load(); err == nil && sent < size {
		err = fault.New(fault.Temporary, "%s took %d bytes of %d and answered as if it had all", request.URL.Host, sent, size)
	}
	if err != nil {
		count.giveBack()
	}
	return header, digest, err
}

// do sends the request and reads the answer to its end, so that the connection
// is used again.
func (e *Engine) do(request *http.Request, signed *ticket.Request) (http.Header, error) {
	response, err := e.client.Do(request) //nolint:bodyclose // ReadBody closes it
	if err != nil {
		return nil, wire.Fault(err, "")
	}
	text, err := wire.ReadBody(response, maxAnswer)
	if response.StatusCode/100 != 2 {
		return nil, newRefusal(response, text, signed)
	}
	if err != nil {
		return nil, err
	}
	return response.Header, nil
}

// newRequest turns a signed request into one of net/http, with exactly the
// headers that were signed.
func newRequest(
	ctx context.Context, t *ticket.Ticket, signed *ticket.Request, content requestBody, size int64, digest hash.Hash,
) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, signed.Method, signed.URL, http.NoBody)
	if err != nil {
		_ = content.Close()
		return nil, fault.New(fault.Usage, "the signed URL cannot be read")
	}
	for name, value := range signed.Header {
		request.Header.Set(name, value)
	}
	for name, value := range signed.Credentials {
		request.Header.Set(name, value)
	}
	switch {
	case t.Method == ticket.Post:
		request.Body, request.ContentLength = form(signed, t.File, content, size)
		request.Header.Set("Content-Type", formType(signed))
	case signed.Trailer != "":
		request.Body, request.ContentLength = trailing(content, size, signed.Trailer, digest)
	case size == 0:
		// A body of a known length 0 must be NoBody, or net/http sends it chunked.
		_ = content.Close()
	default:
		request.Body, request.ContentLength = content, size
	}
	return request, nil
}

// watch cancels the request when it stands still: when nothing of the body
// passes for options.Stall, or no answer comes for options.Answer after its
// end. What is slow but moves is left alone. It ends with ctx.
func (e *Engine) watch(ctx context.Context, count *counter, size int64, cancel context.CancelCauseFunc) {
	const looks = 10 // in a limit, which is kept to a tenth
	tick := time.NewTicker(max(min(e.options.Stall, e.options.Answer)/looks, time.Millisecond))
	defer tick.Stop()
	seen, since := int64(0), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := count.sent.Load()
		limit, what := e.options.Stall, "no progress"
		if now >= size {
			limit, what = e.options.Answer, "no answer"
		}
		if now != seen {
			seen, since = now, time.Now()
		} else if time.Since(since) > limit {
			cancel(fault.New(fault.Temporary, "%s for %s", what, limit))
			return
		}
	}
}
