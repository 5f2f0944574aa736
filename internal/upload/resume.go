package upload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/journal"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// openJournal opens the journal of the file, aborts what an earlier run began
// of another state of it, and takes over what it began of this one.
func (s *session) openJournal(ctx context.Context) error {
	source, err := filepath.Abs(s.file.Path)
	if err != nil {
		return fault.At(fault.Plan, err)
	}
	options, err := Fingerprint(s.spec)
	if err != nil {
		return fault.At(fault.Plan, err)
	}
	s.journal, err = journal.Open(s.Journals, journal.Identity{
		Source: source, Size: s.file.Size(), Modified: s.file.Modified(),
		Location: s.spec.Path, Address: s.Provider.Address(), Options: options,
	})
	if err != nil {
		return fault.At(fault.Plan, err)
	}
	for _, stale := range s.journal.Stale() {
		if err := abort(ctx, s.Provider, stale); err != nil {
			s.inform("%v", err)
		} else {
			s.inform("%s: it or its options changed since it was interrupted: starting over", s.file.Path)
		}
	}
	found := s.journal.Ticket()
	if found == nil {
		return nil
	}
	if err := s.takeOver(ctx, found); err != nil {
		_ = s.journal.Close() // nothing was written to it
		return err
	}
	return nil
}

// takeOver goes on with an upload that was interrupted, with the receipts that
// the store confirms. One that the store has forgotten is left, and a new one
// is started in its place. Whoever may send and not list goes on with the
// receipts as they are: the store checks them when it puts the parts together.
func (s *session) takeOver(ctx context.Context, found *ticket.Ticket) error {
	if lister, ok := s.Provider.(provider.PartLister); ok {
		held, err := lister.ListParts(ctx, found)
		switch kind := fault.KindOf(err); {
		case err == nil:
			found.Receipts = confirmed(found.Receipts, held)
		case kind == fault.NotFound, kind == fault.Usage:
			s.inform("%s: the interrupted upload cannot be gone on with: %v", s.file.Path, err)
			return nil
		case kind != fault.Denied:
			s.ticket = found
			return s.ended(ctx, fault.At(fault.Start, fmt.Errorf("asking for the parts that are stored: %w", err)))
		}
	}
	if found.Expires != nil && time.Now().After(*found.Expires) {
		for i := range found.Parts {
			found.Parts[i].Request = nil
		}
		found.Expires = nil
	}
	s.ticket, s.inherited = found, true
	if len(found.Receipts) == 0 {
		return nil
	}
	s.resumed = true
	s.count(1)
	s.inform("%s: going on: %d of %d parts are stored", s.file.Path, len(found.Receipts), len(found.Parts))
	return nil
}

// startOver gives up a ticket of which nothing can be used any more.
func (s *session) startOver() {
	s.count(-1)
	s.ticket, s.inherited, s.resumed = nil, false, false
	s.inform("%s: the upload cannot be gone on with, as the store has forgotten it or its URLs have ended: starting over", s.file.Path)
}

// count tells what the receipts stand for, or takes it back.
func (s *session) count(sign int64) {
	var sent int64
	for _, r := range s.ticket.Receipts {
		sent += r.Size
	}
	if s.Resumed != nil {
		s.Resumed(sign * sent)
	}
}

// confirmed returns the receipts whose ETag the store holds for their part. A
// part's listed size proves nothing: some stores list a part that was cut
// short at the size that was declared.
func confirmed(receipts, held []ticket.Receipt) []ticket.Receipt {
	etags := make(map[int]string, len(held))
	for _, h := range held {
		etags[h.Number] = h.ETag
	}
	var out []ticket.Receipt
	for _, r := range receipts {
		if r.ETag != "" && etags[r.Number] == r.ETag {
			out = append(out, r)
		}
	}
	return out
}

// Fingerprint is equal for specs that store the same file alike.
func Fingerprint(spec object.Spec) (string, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return "", fmt.Errorf("fingerprint: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
