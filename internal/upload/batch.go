package upload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"sync"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/journal"
	"github.com/hoist-cli/hoist/internal/mediatype"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/transfer"
	"github.com/hoist-cli/hoist/internal/walk"
)

// Batch is a run over many files.
type Batch struct {
	Files iter.Seq[walk.File]
	// Path says where a file goes.
	Path func(walk.File) string
	// Spec is what all files have in common; File.Type "" is found for each.
	Spec object.Spec
	// List knows what an earlier run has finished; it may be nil.
	List *journal.Run
	// Report is told of every file, by one goroutine at a time: either the
	// result or the error is nil, and both for one that was finished before.
	Report func(walk.File, *Result, error)
}

// Outcome counts what became of the files of a batch.
type Outcome struct {
	Stored, Skipped, Failed int
	kinds                   map[fault.Kind]error
}

// Batch uploads the files, several at a time. A file that fails does not stop
// the others; the error says what became of all, with the kind that they share
// or fault.Mixed. After ctx has ended no further file is begun.
func (u *Uploader) Batch(ctx context.Context, b Batch) (Outcome, error) {
	o := Outcome{kinds: make(map[fault.Kind]error)}
	var (
		mu      sync.Mutex
		workers sync.WaitGroup
		files   = make(chan walk.File)
	)
	work := func() {
		for file := range files {
			result, err := u.one(ctx, b, file)
			mu.Lock()
			o.count(result, err)
			b.Report(file, result, err)
			mu.Unlock()
		}
	}
	began := 0
	for file := range b.Files {
		if file.Err == nil && u.Found != nil {
			u.Found(file.Info.Size())
		}
		// There are as many workers as the engine has slots, which may become more.
		if began < u.Engine.Concurrency() {
			began++
			workers.Go(work)
		}
		select {
		case files <- file:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(files)
	workers.Wait()
	return o, o.err(ctx)
}

// one uploads one file, unless an earlier run has.
func (u *Uploader) one(ctx context.Context, b Batch, found walk.File) (*Result, error) {
	if ctx.Err() != nil {
		return nil, fault.At(fault.Start, context.Cause(ctx))
	}
	if found.Err != nil {
		return nil, fault.At(fault.Plan, found.Err)
	}
	if b.List != nil {
		if _, done := b.List.Done(found.Path, found.Info.Size(), found.Info.ModTime()); done {
			if u.Resumed != nil {
				u.Resumed(found.Info.Size())
			}
			return nil, nil
		}
	}
	file, err := transfer.NewFile(found.Path)
	if err != nil {
		return nil, fault.At(fault.Plan, err)
	}
	spec, err := Describe(b.Spec, file, found.Name)
	if err != nil {
		return nil, fault.At(fault.Plan, err)
	}
	spec.Path = b.Path(found)
	result, err := u.File(ctx, file, spec)
	if err == nil && b.List != nil {
		if err := b.List.Add(found.Path, file.Size(), file.Modified(), result.ETag); err != nil {
			u.inform("%s is stored, and the next run will send it again: %v", found.Path, err)
		}
	}
	return result, err
}

// Describe returns spec with the facts of the file that it leaves open.
func Describe(spec object.Spec, file *transfer.File, name string) (object.Spec, error) {
	modified := file.Modified().UTC().Truncate(time.Second)
	spec.File.Size, spec.File.Modified = file.Size(), &modified
	if spec.File.Name == "" {
		spec.File.Name = path.Base(name)
	}
	if spec.File.Type != "" {
		return spec, nil
	}
	var err error
	spec.File.Type, err = typeOf(file.Path, spec.File.Name)
	return spec, err
}

func (o *Outcome) count(result *Result, err error) {
	switch {
	case err != nil:
		o.Failed++
		o.kinds[fault.KindOf(err)] = err
	case result == nil:
		o.Skipped++
	default:
		o.Stored++
	}
}

func (o *Outcome) err(ctx context.Context) error {
	total := o.Stored + o.Skipped + o.Failed
	switch {
	case ctx.Err() != nil && o.Stored+o.Skipped == 0:
		return fault.At(fault.Send, fault.WithHint(context.Cause(ctx), "run the same command again"))
	case ctx.Err() != nil:
		return &fault.Error{
			Stage: fault.Send, Err: context.Cause(ctx),
			Message: fmt.Sprintf("%d files are stored", o.Stored+o.Skipped),
			Hint:    "run the same command again: what is stored is not sent again",
		}
	case total == 0:
		return fault.At(fault.Plan, fault.WithHint(fault.New(fault.Usage, "no file matches"), "check the sources, --include and --exclude"))
	case o.Failed == 0:
		return nil
	}
	kind := fault.Mixed
	if len(o.kinds) == 1 && o.Failed == total {
		for only := range o.kinds {
			kind = only
		}
	}
	return &fault.Error{
		Stage: fault.Send, Kind: kind, Message: fmt.Sprintf("%d of %d files failed", o.Failed, total),
		Hint: "run the same command again: what is stored is not sent again",
	}
}

// typeOf tells the media type of a file by its name, else by its first bytes.
func typeOf(file, name string) (string, error) {
	if known := mediatype.ByName(name); known != "" {
		return known, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	found, err := mediatype.OfContent(f)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return mediatype.Unknown, nil
	}
	return found, err
}
