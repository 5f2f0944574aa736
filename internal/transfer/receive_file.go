package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// PartialExt ends the names of files that are not all there yet.
const PartialExt = ".hoist-partial"

// partial is the file beside the destination that becomes it in the end.
type partial struct {
	dir     *os.Root
	path    string // of the destination, in dir
	name    string // of the partial file, in dir
	file    *os.File
	info    fs.FileInfo // of file
	replace fs.FileMode // the permissions of the file that is replaced, or 0
	size    int64

	writing sync.Mutex
	sums    []uint64 // the CRC64NVME of each range that is there
	noted   *notes   // nil if nobody could go on
	resumed atomic.Int64
	told    *atomic.Int64 // resumed, for the caller
}

// openPartial opens the file of an earlier run of the same download, or a new one.
func openPartial(d Download) (*partial, error) {
	p := &partial{
		dir: d.Dir, path: d.Path, name: partialName(d.Path), size: d.Size,
		sums: make([]uint64, max(1, (d.Size+rangeSize-1)/rangeSize)), told: d.Resumed,
	}
	if err := p.look(d.NoClobber); err != nil {
		return nil, err
	}
	if d.Journal != "" && strong(d.ETag) != "" && len(p.sums) > 1 {
		where, err := filepath.Abs(p.where())
		if err != nil {
			return nil, err
		}
		p.noted, err = openNotes(d.Journal, subject{Version: notesVersion, Path: where, ETag: d.ETag, Size: d.Size, Range: rangeSize})
		if err != nil {
			return nil, err
		}
	}
	if p.reopen() {
		return p, nil
	}
	if err := p.create(); err != nil {
		p.remove()
		return nil, err
	}
	return p, nil
}

// partialName returns the hidden name beside path; one that is too long for
// most file systems, or would be, is replaced by its hash.
func partialName(path string) string {
	dir, name := filepath.Split(path)
	if len(name)+len(PartialExt) > 200 {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:16])
	}
	return filepath.Join(dir, "."+name+PartialExt)
}

// look says early what would fail late.
func (p *partial) look(noClobber bool) error {
	info, err := p.dir.Lstat(p.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fault.New(fault.Failed, "%s is a folder", p.where())
	case noClobber:
		return p.exists()
	case info.Mode().IsRegular():
		p.replace = info.Mode().Perm()
	}
	return nil
}

// where is the destination as the caller named it.
func (p *partial) where() string { return filepath.Join(p.dir.Name(), p.path) }

func (p *partial) exists() error {
	return fault.WithHint(fault.New(fault.Exists, "%s exists already", p.where()), "without --no-clobber it would be replaced")
}

// reopen says whether there is a file to go on with.
func (p *partial) reopen() bool {
	if p.noted == nil || len(p.noted.sums) == 0 {
		return false
	}
	file, err := p.dir.OpenFile(p.name, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	p.file = file
	if p.info, err = file.Stat(); err != nil || !p.ours() {
		_ = file.Close()
		return false
	}
	return true
}

// create makes a file that did not exist before, whoever put one there.
func (p *partial) create() error {
	if err := p.dir.Remove(p.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	mode := fs.FileMode(0o666)
	if p.replace != 0 {
		mode = p.replace
	}
	var err error
	if p.file, err = p.dir.OpenFile(p.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode); err != nil {
		return err
	}
	if p.info, err = p.file.Stat(); err != nil || p.noted == nil {
		return err
	}
	return p.noted.begin()
}

// ours says whether the name still stands for the file that is open: neither
// a link to another file nor what another process has put there.
func (p *partial) ours() bool {
	named, err := p.dir.Lstat(p.name)
	return err == nil && named.Mode().IsRegular() && os.SameFile(named, p.info)
}

// write puts b at its place. Only one range writes at a time, since the kernel
// has it so too, and those that wait there keep a core busy. It tells idled
// how long a range waited for the disk, and not for the network.
func (p *partial) write(b []byte, at int64, idled func(time.Duration)) error {
	if !p.writing.TryLock() {
		since := time.Now()
		p.writing.Lock()
		idled(time.Since(since))
	}
	defer p.writing.Unlock()
	_, err := p.file.WriteAt(b, at)
	return err
}

func (p *partial) span(i int) span {
	offset := int64(i) * rangeSize
	return span{offset, min(rangeSize, p.size-offset)}
}

// holds says whether the range that an earlier run noted is still what it was.
// Nothing of it was synced, so after a power loss it may not be.
func (p *partial) holds(ctx context.Context, i int) (bool, error) {
	if p.noted == nil {
		return false, nil
	}
	sum, ok := p.noted.sums[i]
	if !ok {
		return false, nil
	}
	s, h := p.span(i), crc64nvme.New()
	n, err := io.Copy(h, readUntil(ctx, io.NewSectionReader(p.file, s.offset, s.size)))
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if there := err == nil && n == s.size && h.Sum64() == sum; !there {
		return false, nil // a range that cannot be read is brought again
	}
	p.sums[i] = sum
	return true, nil
}

func (p *partial) resume(n int64) {
	p.resumed.Add(n)
	if p.told != nil {
		p.told.Add(n)
	}
}

// note keeps for another run that range i is there.
func (p *partial) note(i int) error {
	if p.noted == nil {
		return nil
	}
	return p.noted.add(i, p.sums[i])
}

// sum returns the CRC64NVME of the file from those of its ranges.
func (p *partial) sum() *ticket.Checksum {
	var whole checksum.Sequence
	for i, sum := range p.sums {
		whole.Append(sum, p.span(i).size)
	}
	return whole.Sum()
}

// commit makes the file the destination.
func (p *partial) commit(d Download) error {
	if p.replace != 0 {
		if err := p.file.Chmod(p.replace); err != nil { // past the umask
			return err
		}
		// After a power loss there must be one of the two. A new file is as safe as one
		// of cp or curl: to wait for the disk takes as long again as to get it.
		if err := p.file.Sync(); err != nil {
			return err
		}
	}
	if !p.ours() {
		return fault.WithHint(fault.New(fault.Failed, "another program has replaced the partial file %s", p.name), "get it again")
	}
	if err := p.file.Close(); err != nil {
		return err
	}
	publish := d.Publish
	if publish == nil {
		publish = func(rename func() error) error { return rename() }
	}
	if err := publish(func() error { return p.rename(d.NoClobber) }); err != nil {
		return err
	}
	if p.noted != nil {
		p.noted.remove()
	}
	return nil
}

// rename gives the file its name. To replace nothing it takes a link, which
// fails where there is a file; a file system without links has the name
// reserved by an empty file.
func (p *partial) rename(noClobber bool) error {
	if !noClobber {
		return p.dir.Rename(p.name, p.path)
	}
	err := p.dir.Link(p.name, p.path)
	if err == nil {
		_ = p.dir.Remove(p.name) // the file has its name; a second one does no harm
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		return p.exists()
	}
	reserved, err := p.dir.OpenFile(p.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return p.exists()
	}
	if err != nil {
		return err
	}
	_ = reserved.Close()
	return p.dir.Rename(p.name, p.path)
}

// fail ends a download that has failed. What another run can go on with is
// kept; what turned out not to be the object, or has none any more, is removed.
func (p *partial) fail(err error) error {
	kind := fault.KindOf(err)
	hopeless := []fault.Kind{fault.Integrity, fault.NotFound, fault.Exists, fault.Usage}
	if p.noted == nil || p.noted.count() == 0 || slices.Contains(hopeless, kind) {
		p.remove()
		return err
	}
	_ = p.file.Close()
	there := fmt.Sprintf("%d of %d ranges are kept", p.noted.count(), len(p.sums))
	p.noted.close()
	hint := "run the same command again: it goes on from there"
	if first := fault.HintOf(err); first != "" {
		hint = first + "; then " + hint
	}
	if kind == fault.Temporary {
		kind = fault.Incomplete
	}
	return &fault.Error{Kind: kind, Message: there, Hint: hint, Err: err}
}

// remove gives up the file, unless its name is another one's by now.
func (p *partial) remove() {
	mine := p.ours()
	_ = p.file.Close()
	if mine {
		_ = p.dir.Remove(p.name)
	}
	if p.noted != nil {
		p.noted.remove()
	}
}
