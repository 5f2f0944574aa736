// Package upload takes files and streams all the way: start, send, finish. It
// goes on where an earlier run was interrupted, and leaves nothing behind that
// nobody will finish.
package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/journal"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
)

// abortTime bounds the giving up of an upload, which goes on after the command
// was told to stop.
const abortTime = 30 * time.Second

// Uploader takes uploads through one provider. It may be used by several goroutines.
type Uploader struct {
	Provider provider.Provider
	Engine   *transfer.Engine
	// Journals is the folder that holds what is sent of unfinished uploads;
	// "" keeps nothing, so that a failed upload is given up.
	Journals string
	// Found and Resumed are told of bytes that are to be sent, and of those
	// among them that an earlier run had sent; Resumed takes back with a
	// negative number what turns out to be lost. They may be nil.
	Found, Resumed func(bytes int64)
	// Inform is told what a person may want to know, and Warn what a person
	// should. They may be nil.
	Inform, Warn func(format string, args ...any)
	// Complete returns the command that finishes an upload from its journal. It may be nil.
	Complete func(journal string) string
}

// Result is an object that was stored.
type Result struct {
	object.Object
	Source  string
	Parts   int
	Took    time.Duration
	Resumed bool
}

// File uploads one file as spec says. The file must not change meanwhile.
func (u *Uploader) File(ctx context.Context, file *transfer.File, spec object.Spec) (*Result, error) {
	began := time.Now()
	s := &session{Uploader: u, file: file, spec: spec}
	if u.Journals != "" && u.Provider.Stateful(spec) {
		if err := s.openJournal(ctx); err != nil {
			return nil, err
		}
		defer s.journal.Close()
	}
	stored, err := s.run(ctx)
	for tries := 0; err != nil && tries < max(1, u.Engine.Retries()) && s.mustStartOver(err); tries++ {
		s.startOver()
		stored, err = s.run(ctx)
	}
	if err != nil {
		return nil, s.ended(ctx, err)
	}
	return &Result{
		Object: *stored, Source: file.Path, Parts: len(s.ticket.Parts),
		Took: time.Since(began), Resumed: s.resumed,
	}, nil
}

// session is the upload of one file.
type session struct {
	*Uploader
	file    *transfer.File
	spec    object.Spec
	journal *journal.Journal // nil if nothing is kept
	ticket  *ticket.Ticket   // nil until it is started
	// inherited says that an earlier run began the upload, and resumed that
	// the store has parts of it.
	inherited, resumed bool
}

func (s *session) run(ctx context.Context) (*object.Object, error) {
	if s.ticket == nil {
		t, err := s.Provider.Start(ctx, s.spec)
		if err != nil {
			return nil, fault.At(fault.Start, err)
		}
		s.ticket = t
		if s.journal != nil {
			if err := s.journal.Begin(t, isSigned(t)); err != nil {
				return nil, fault.At(fault.Start, err)
			}
		}
	}
	if err := send(ctx, s.Engine, s.transfer(), s.file); err != nil {
		return nil, fault.At(fault.Send, err)
	}
	if err := s.file.Unchanged(); err != nil {
		return nil, fault.At(fault.Finish, err)
	}
	stored, err := s.Provider.Finish(ctx, s.ticket)
	if err != nil {
		return nil, fault.At(fault.Finish, err)
	}
	if s.journal != nil {
		if err := s.journal.Remove(); err != nil {
			s.inform("%s is stored, but its journal stays: %v", stored.Location, err)
		}
	}
	return stored, nil
}

// send sends the file. A digest that the store found wrong is the file's own
// doing if it has changed since it was read.
func send(ctx context.Context, engine *transfer.Engine, up *transfer.Upload, file *transfer.File) error {
	err := engine.Send(ctx, up, file)
	if fault.KindOf(err) == fault.Integrity {
		if changed := file.Unchanged(); changed != nil {
			return changed
		}
	}
	return err
}

// mustStartOver says whether nothing of the upload can be used any more, and a
// new one is worth its bytes: not for a finish that failed after they were sent.
func (s *session) mustStartOver(err error) bool {
	if s.inherited && transfer.Gone(err) {
		return true
	}
	return errors.Is(err, fault.ErrStartOver) && (s.inherited || fault.StageOf(err) != fault.Finish)
}

// isSigned says whether t came with requests, which nobody may be able to sign again.
func isSigned(t *ticket.Ticket) bool {
	return slices.ContainsFunc(t.Parts, func(p ticket.Part) bool { return p.Request != nil })
}

// transfer is the session's upload as the engine sees it.
func (s *session) transfer() *transfer.Upload {
	t := s.ticket
	up := s.transferOf(t)
	pace := s.newPace(t)
	up.Keep = func(r ticket.Receipt) error {
		pace.sent(r.Size)
		if s.journal == nil {
			return nil
		}
		return s.journal.Append(r)
	}
	if s.journal == nil {
		return up
	}
	sign := up.Sign
	up.Sign = func(ctx context.Context, part ticket.Part, sum *ticket.Checksum) (*ticket.Request, error) {
		before := t.State
		request, err := sign(ctx, part, sum)
		if err == nil && !bytes.Equal(before, t.State) {
			err = s.journal.Begin(t, true) // it was started anew, and is finished by its new state
		}
		return request, err
	}
	return up
}

// transferOf is the upload of t as the engine sees it.
func (u *Uploader) transferOf(t *ticket.Ticket) *transfer.Upload {
	up := &transfer.Upload{
		Ticket:    t,
		Algorithm: u.Provider.PartChecksum(t),
		Sign: func(ctx context.Context, part ticket.Part, sum *ticket.Checksum) (*ticket.Request, error) {
			return u.Provider.Sign(ctx, t, part, sum)
		},
	}
	if p, ok := u.Provider.(provider.Trailer); ok && p.Trails(t) {
		up.SignTrailing = func(ctx context.Context, part ticket.Part) (*ticket.Request, error) {
			return p.SignTrailing(ctx, t, part)
		}
	}
	return up
}

// ended decides what is left of an upload that failed: nothing if its source
// changed or nobody keeps a journal, else what the next run goes on with.
func (s *session) ended(ctx context.Context, err error) error {
	begun := s.ticket != nil && s.Provider.Stateful(s.spec)
	if errors.Is(err, fault.ErrStartOver) && fault.StageOf(err) != fault.Finish {
		err = &fault.Error{Kind: fault.Temporary, Hint: "run the same command again, where the connection is faster", Err: err}
	}
	switch {
	case !begun:
		return err
	case errors.Is(err, fault.ErrStartOver), len(s.ticket.Parts) == 1 && len(s.ticket.Receipts) == 0, // nothing to go on with
		s.journal == nil, fault.KindOf(err) == fault.Integrity, fault.KindOf(err) == fault.Exists:
		err = GiveUp(ctx, s.Provider, s.ticket, err)
		if s.journal != nil {
			if left := s.journal.Remove(); left != nil {
				err = fmt.Errorf("%w; %w", err, left)
			}
		}
		return err
	}
	if isUnconfirmed(s.ticket, err) {
		return s.completing(s.journal.Path(), err)
	}
	hint := fmt.Sprintf("run the same command again to go on: %d of %d parts are stored", len(s.ticket.Receipts), len(s.ticket.Parts))
	if fault.KindOf(err) == fault.Temporary || ctx.Err() != nil {
		return &fault.Error{Kind: fault.Incomplete, Stage: fault.StageOf(err), Hint: hint, Err: err}
	}
	return fault.WithHint(err, "%s", hint)
}

// isUnconfirmed says whether all of t is stored, and err is one of its finish that
// may go better another time.
func isUnconfirmed(t *ticket.Ticket, err error) bool {
	kind := fault.KindOf(err)
	return fault.StageOf(err) == fault.Finish && (kind == fault.Incomplete || kind == fault.Denied) && len(missing(t)) == 0
}

// completing adds to err the command that finishes the upload from its journal or
// ticket and, if that was denied, what has to be done first.
func (u *Uploader) completing(path string, err error) error {
	command := "hoist complete " + path
	if u.Complete != nil {
		command = u.Complete(path)
	}
	if first := fault.HintOf(err); first != "" && fault.KindOf(err) == fault.Denied {
		command = first + "; then: " + command
	}
	return &fault.Error{Hint: command, Err: err}
}

// GiveUp aborts an upload that failed with err, and says so if that fails too.
func GiveUp(ctx context.Context, p provider.Provider, t *ticket.Ticket, err error) error {
	if left := abort(ctx, p, t); left != nil {
		return fmt.Errorf("%w; %w", err, left)
	}
	return err
}

// abort gives an upload up on a context that outlives ctx.
func abort(ctx context.Context, p provider.Provider, t *ticket.Ticket) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	if err := p.Abort(ctx, t); err != nil {
		return fmt.Errorf("%s: the unfinished upload could not be given up: %w", t.Location, err)
	}
	return nil
}

func (u *Uploader) inform(format string, args ...any) {
	if u.Inform != nil {
		u.Inform(format, args...)
	}
}
