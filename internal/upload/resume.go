package upload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"

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
	if found := s.journal.Ticket(); found != nil {
		s.takeOver(ctx, found)
	}
	return nil
}

// takeOver goes on with an upload that was interrupted, with the receipts that
// the store confirms where it can be asked. What cannot be gone on with is
// left, and a new one is started in its place.
func (s *session) takeOver(ctx context.Context, found *ticket.Ticket) {
	if lister, ok := s.Provider.(provider.PartLister); ok {
		held, err := lister.ListParts(ctx, found)
		if err != nil {
			s.inform("%s: the interrupted upload cannot be gone on with: %v", s.file.Path, err)
			return
		}
		found.Receipts = confirmed(found.Receipts, held)
	}
	s.ticket = found
	if len(found.Receipts) == 0 {
		return
	}
	s.resumed = true
	var sent int64
	for _, r := range found.Receipts {
		sent += r.Size
	}
	if s.Resumed != nil {
		s.Resumed(sent)
	}
	s.inform("%s: going on: %d of %d parts are stored", s.file.Path, len(found.Receipts), len(found.Parts))
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
