package transfer

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// Upload is a ticket and what it takes to send its parts.
type Upload struct {
	// Ticket is the upload; Send adds the receipts to it.
	Ticket *ticket.Ticket
	// Sign signs a part that has no request, and signs one again whose
	// request expired. It is nil where nobody holds the keys.
	Sign SignFunc
	// SignTrailing signs a part whose checksum follows its bytes. It is nil
	// where that is not possible, or of no use.
	SignTrailing SignTrailingFunc
	// Algorithm is of the checksum that Sign takes and that the store then
	// verifies; "" if Sign takes none.
	Algorithm string
	// Keep is told of each receipt, by one goroutine at a time; what it
	// returns ends the upload. It may be nil.
	Keep func(ticket.Receipt) error

	mu sync.Mutex
}

// Send sends every part of u that has no receipt yet.
func (e *Engine) Send(ctx context.Context, u *Upload, src Source) error {
	if len(u.Ticket.Parts) == 1 && len(u.Ticket.Receipts) == 0 {
		if err := e.slots.acquire(ctx); err != nil {
			return err
		}
		return e.sendFrom(ctx, u, u.Ticket.Parts[0], src)
	}
	have := make(map[int]bool, len(u.Ticket.Receipts))
	for _, r := range u.Ticket.Receipts {
		have[r.Number] = true
	}
	parts, sending := errgroup.WithContext(ctx)
	for _, part := range u.Ticket.Parts {
		if have[part.Number] {
			continue
		}
		if err := e.slots.acquire(sending); err != nil {
			break // for the reason that Wait returns, or ctx
		}
		parts.Go(func() error { return e.sendFrom(sending, u, part, src) })
	}
	if err := parts.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// sendFrom sends one part in the slot that the caller has acquired.
func (e *Engine) sendFrom(ctx context.Context, u *Upload, part ticket.Part, src Source) (err error) {
	defer func() { e.slots.release(part.Size, err) }()
	section, err := src.Section(part.Offset, part.Size)
	if err != nil {
		return err
	}
	defer section.Close()
	file, ok := section.(*fileSection)
	if !ok {
		return e.sendPart(ctx, u, part, section)
	}
	loaded, err := e.load(ctx, file)
	if err != nil {
		return err
	}
	if loaded == nil {
		return e.sendPart(ctx, u, part, section)
	}
	defer e.unload(loaded)
	return e.sendPart(ctx, u, part, loaded)
}

// sendPart sends one part until the store has it, and keeps the receipt.
func (e *Engine) sendPart(ctx context.Context, u *Upload, part ticket.Part, section Section) error {
	if _, ok := section.(*fileSection); ok && part.Request == nil && u.SignTrailing != nil && !e.declined.Load() {
		receipt, err := e.deliver(ctx, u, delivery{part: part, section: section, sign: func() (*ticket.Request, error) {
			request, err := u.SignTrailing(ctx, part)
			return request, fault.At(fault.Sign, err)
		}})
		if !declined(err) {
			return u.keep(receipt, err)
		}
		e.declined.Store(true)
	}
	sums, err := e.digest(ctx, section, u.Algorithm)
	if err != nil {
		return err
	}
	if part.Request != nil {
		if err := e.promised(ctx, part.Request, section); err != nil {
			return fmt.Errorf("part %d: %w", part.Number, err)
		}
	}
	return u.keep(e.deliver(ctx, u, delivery{
		part: part, section: section, request: part.Request, sums: sums,
		sign: func() (*ticket.Request, error) { return u.sign(ctx, part, sums) },
	}))
}

// delivery is a part on its way to the store.
type delivery struct {
	part    ticket.Part
	section Section
	request *ticket.Request // nil is signed first
	sign    func() (*ticket.Request, error)
	sums    sums // nil if a trailer brings them
}

// deliver sends a part until the store has it.
func (e *Engine) deliver(ctx context.Context, u *Upload, d delivery) (ticket.Receipt, error) {
	var receipt ticket.Receipt
	renewed := false
	err := e.retry(ctx, d.part.Number, func() (err error) {
		if d.request == nil {
			if d.request, err = d.sign(); err != nil {
				return err
			}
		}
		answer, digest, err := e.exchange(ctx, u.Ticket, d.request, d.section, d.part.Size)
		if err == nil {
			have := d.sums
			if digest != nil {
				have = sums{checksum.Sum(d.request.Trailer, digest)}
			}
			if receipt, err = e.receipt(ctx, d.part, answer, d.request, have, d.section); err != nil {
				e.options.Moved.Add(-d.part.Size) // the try has failed after all
			}
			return err
		}
		if r, ok := errors.AsType[*refusal](err); ok && r.stale {
			// A new signature cures it, or a second refusal confirms it.
			r.retry = u.Sign != nil && !renewed
			d.request, renewed = nil, true
		}
		return err
	})
	return receipt, err
}

// keep adds a receipt, unless there is none because of err.
func (u *Upload) keep(receipt ticket.Receipt, err error) error {
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.Ticket.AddReceipt(receipt)
	if u.Keep == nil {
		return nil
	}
	return u.Keep(receipt)
}

func (u *Upload) sign(ctx context.Context, part ticket.Part, have sums) (*ticket.Request, error) {
	if u.Sign == nil {
		return nil, fault.WithHint(fault.New(fault.Usage, "part %d of the ticket is not signed", part.Number),
			"presign it without --lazy, or with --eager for an API")
	}
	request, err := u.Sign(ctx, part, have.of(u.Algorithm))
	return request, fault.At(fault.Sign, err)
}

// sums holds a section's checksums.
type sums []*ticket.Checksum

func (s sums) of(algorithm string) *ticket.Checksum {
	for _, sum := range s {
		if sum.Algorithm == algorithm {
			return sum
		}
	}
	return nil
}

// digestBuffer is how many bytes are hashed at a time: as many as stay in a
// core's cache between being read and being hashed.
const digestBuffer = 64 << 10

// digest computes the section's CRC64NVME, which costs next to nothing and
// goes into every receipt, and the checksum of the algorithm asked for.
func (e *Engine) digest(ctx context.Context, section Section, algorithm string) (sums, error) {
	wanted := []string{checksum.CRC64NVME}
	if algorithm != "" && algorithm != checksum.CRC64NVME {
		wanted = append(wanted, algorithm)
	}
	out := make(sums, 0, len(wanted))
	for _, name := range wanted {
		sum, err := e.sumOf(ctx, section, name)
		if err != nil {
			return nil, err
		}
		out = append(out, sum)
	}
	return out, nil
}

func (e *Engine) sumOf(ctx context.Context, section Section, algorithm string) (*ticket.Checksum, error) {
	h, err := checksum.New(algorithm)
	if err != nil {
		return nil, err
	}
	if m, ok := section.(memory); ok {
		h.Write(m)
		return checksum.Sum(algorithm, h), nil
	}
	r, err := section.Reader()
	if err != nil {
		return nil, err
	}
	select {
	case e.hashing <- struct{}{}:
		defer func() { <-e.hashing }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	buffer, _ := e.digests.Get().(*[digestBuffer]byte) // which is all that the pool makes
	defer e.digests.Put(buffer)
	if _, err := io.CopyBuffer(h, readUntil(ctx, r), buffer[:]); err != nil {
		return nil, err
	}
	return checksum.Sum(algorithm, h), nil
}

// promised refuses to send a section that is not the one whose checksum was
// signed: the store would refuse it too, but only after all of it.
func (e *Engine) promised(ctx context.Context, request *ticket.Request, section Section) error {
	for name, value := range request.Header {
		for _, algorithm := range append(checksum.Algorithms(), checksum.MD5) {
			if !equalHeader(name, checksum.Header(algorithm)) {
				continue
			}
			sum, err := e.sumOf(ctx, section, algorithm)
			if err != nil {
				return err
			}
			if subtle.ConstantTimeCompare([]byte(sum.Value), []byte(value)) != 1 {
				return fault.New(fault.Integrity, "the %s checksum that was signed is not the file's", algorithm)
			}
		}
	}
	return nil
}
