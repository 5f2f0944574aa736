package upload

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/journal"
	"github.com/hoist-cli/hoist/internal/mediatype"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
)

// Stream is a source that can be read only once.
type Stream struct {
	Reader io.Reader
	// Source is what messages and results call it, such as "-".
	Source string
	// End is called when the reader has ended; what it returns fails the
	// upload before anything of it can be seen. It may be nil.
	End func() error
}

// Stream uploads what in gives until it ends: spec.File.Size bytes exactly, or
// any number if that is -1. It cannot be gone on with, so that an upload that
// fails is given up.
func (u *Uploader) Stream(ctx context.Context, in Stream, spec object.Spec) (*Result, error) {
	began := time.Now()
	asked := spec.PartSize
	if spec.File.Size < 0 {
		switch {
		case asked == 0:
			spec.PartSize = ticket.DefaultPartSize
		case asked < ticket.MinPartSize || asked > ticket.MaxPartSize:
			return nil, fault.At(fault.Plan, fault.New(fault.Usage, "a part size of %d bytes is outside S3's 5 MiB to 5 GiB", asked))
		}
	}
	head, ended, err := readHead(ctx, in.Reader, headSize(spec))
	if err != nil {
		return nil, fault.At(fault.Plan, fmt.Errorf("reading the stream: %w", err))
	}
	if ended && spec.File.Size < 0 {
		spec.File.Size = int64(len(head))
	}
	if spec.File.Type == "" {
		if spec.File.Type, err = mediatype.OfContent(bytes.NewReader(head)); err != nil {
			return nil, fault.At(fault.Plan, err)
		}
	}
	if sizer, ok := u.Provider.(provider.Sizer); ok && sizer.NeedsSize() {
		spec.PartSize = asked
		if spec.File.Size < 0 {
			in.Reader = io.MultiReader(bytes.NewReader(head), in.Reader)
			return u.spooled(ctx, in, spec)
		}
	}
	t, err := u.Provider.Start(ctx, spec)
	if err != nil {
		return nil, fault.At(fault.Start, err)
	}
	stored, err := u.finishStream(ctx, t, &transfer.Stream{
		Upload:   u.transferOf(t),
		Head:     head,
		Reader:   in.Reader,
		PartSize: asked,
		End:      in.End,
	})
	if err != nil {
		return nil, u.streamEnded(ctx, t, spec, err)
	}
	return &Result{Object: *stored, Source: in.Source, Parts: len(t.Parts), Took: time.Since(began)}, nil
}

// streamEnded gives up a stream's upload, which cannot be read again, unless
// all of it is stored and only the finish is left: then its ticket is kept.
func (u *Uploader) streamEnded(ctx context.Context, t *ticket.Ticket, spec object.Spec, err error) error {
	if u.Journals == "" || !isUnconfirmed(t, err) {
		if u.Provider.Stateful(spec) {
			err = GiveUp(ctx, u.Provider, t, err)
		}
		return err
	}
	path, failed := journal.Keep(u.Journals, t)
	if failed != nil {
		return fmt.Errorf("%w; its ticket is lost: %w", err, failed)
	}
	return u.completing(path, err)
}

// spooled uploads a stream through an API that has to know its size first.
func (u *Uploader) spooled(ctx context.Context, in Stream, spec object.Spec) (*Result, error) {
	began := time.Now()
	u.inform("the API has to know the size first: writing the stream to a file in %s", os.TempDir())
	source, err := transfer.Spool(ctx, in.Reader)
	if err != nil {
		return nil, fault.At(fault.Plan, err)
	}
	defer source.Close()
	if in.End != nil {
		if err := in.End(); err != nil {
			return nil, fault.At(fault.Send, err)
		}
	}
	spec.File.Size = source.Size()
	t, err := u.Provider.Start(ctx, spec)
	if err != nil {
		return nil, fault.At(fault.Start, err)
	}
	if err := u.Engine.Send(ctx, u.transferOf(t), source); err != nil {
		return nil, u.streamEnded(ctx, t, spec, fault.At(fault.Send, err))
	}
	stored, err := u.Provider.Finish(ctx, t)
	if err != nil {
		return nil, u.streamEnded(ctx, t, spec, fault.At(fault.Finish, err))
	}
	return &Result{Object: *stored, Source: in.Source, Parts: len(t.Parts), Took: time.Since(began)}, nil
}

func (u *Uploader) finishStream(ctx context.Context, t *ticket.Ticket, s *transfer.Stream) (*object.Object, error) {
	if err := u.Engine.SendStream(ctx, s); err != nil {
		return nil, fault.At(fault.Send, err)
	}
	stored, err := u.Provider.Finish(ctx, t)
	return stored, fault.At(fault.Finish, err)
}

// headSize is how much is read before the upload is started: enough to know
// whether a stream of unknown length fits into one small part, else enough to
// tell its type.
func headSize(spec object.Spec) int64 {
	if spec.File.Size < 0 {
		return min(spec.PartSize, ticket.DefaultPartSize)
	}
	return 3 << 10
}

// readHead reads the first n bytes, or all if there are fewer, without
// outliving ctx: the reader may block as long as its producer likes.
func readHead(ctx context.Context, r io.Reader, n int64) (head []byte, ended bool, err error) {
	type result struct {
		head []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		// Not io.ReadAll, which would take several times as much while it grows.
		head := make([]byte, n)
		got, err := io.ReadFull(r, head)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = nil
		}
		read <- result{head[:got], err}
	}()
	select {
	case got := <-read:
		return got.head, int64(len(got.head)) < n, got.err
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
}
