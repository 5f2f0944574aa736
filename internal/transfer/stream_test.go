package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
)

// stream is one of unknown length, in parts of partSize.
func (d *desk) stream(t *testing.T, r io.Reader) *transfer.Stream {
	t.Helper()
	tk := d.ticket(t, 0)
	tk.File.Size, tk.Parts = -1, nil
	return &transfer.Stream{Upload: &transfer.Upload{Ticket: tk, Sign: d.sign}, Reader: r, PartSize: partSize}
}

func TestStream(t *testing.T) {
	for _, size := range []int{0, 1, partSize - 1, partSize, partSize + 1, 3 * partSize, 3*partSize + 7} {
		for _, way := range []string{"unknown", "announced", "spooled", "byte by byte"} {
			t.Run(fmt.Sprintf("%s/%d", way, size), func(t *testing.T) {
				t.Parallel()
				d, data, moved := newDesk(t), content(size), progress()
				d.answer = func(w http.ResponseWriter, r *http.Request, try int) bool {
					if try > 1 {
						return false
					}
					status(500, "")(w, r)
					return true
				}
				client := d.open(t, false)
				s := d.stream(t, bytes.NewReader(data))
				var ended atomic.Bool
				s.End = func() error {
					if ended.Swap(true) {
						t.Error("ended twice")
					}
					return nil
				}
				engine := transfer.NewQuick(client, transfer.Options{Moved: moved, Retries: 1})
				switch way {
				case "announced":
					s.Ticket.File.Size, s.Ticket.Parts = int64(size), d.ticket(t, int64(size)).Parts
					s.PartSize = 0
				case "spooled":
					engine.SpoolAbove(1000)
				case "byte by byte":
					s.Reader = iotest.DataErrReader(iotest.HalfReader(s.Reader))
				}
				if err := engine.SendStream(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				d.wantParts(t, s.Ticket, data)
				if err := s.Ticket.Validate(); err != nil {
					t.Error(err)
				}
				if s.Ticket.File.Size != int64(size) || moved.Load() != int64(size) || !ended.Load() {
					t.Errorf("the ticket says %d bytes, %d moved, ended %t", s.Ticket.File.Size, moved.Load(), ended.Load())
				}
			})
		}
	}
}

// Nothing of a spooled part is left in the folder of temporary files.
func TestStreamSpoolIsGone(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	d := newDesk(t)
	d.answer = func(http.ResponseWriter, *http.Request, int) bool {
		if runtime.GOOS == "windows" {
			return false // it removes no open file
		}
		// The next part may be in the moment between its file's making and removing.
		eventually(t, "the file of a part has no name", func() bool {
			entries, _ := os.ReadDir(dir)
			return len(entries) == 0
		})
		return false
	}
	client := d.open(t, false)
	engine := transfer.NewQuick(client, transfer.Options{Concurrency: 1})
	engine.SpoolAbove(10)
	data := content(4 * partSize)
	s := d.stream(t, bytes.NewReader(data))
	if err := engine.SendStream(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	d.wantParts(t, s.Ticket, data)
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("%v is left", entries)
	}

	t.Setenv("TMPDIR", dir+"/none")
	t.Setenv("TMP", dir+"/none")
	if err := engine.SendStream(t.Context(), d.stream(t, bytes.NewReader(data))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a folder to spool to: %v", err)
	}
}

func TestStreamOtherLength(t *testing.T) {
	const announced = 2*partSize + 10
	for _, size := range []int{0, 10, partSize, 2 * partSize, announced - 1, announced + 1, 3 * partSize, 5 * partSize} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			client := d.open(t, false)
			s := d.stream(t, bytes.NewReader(content(size)))
			s.Ticket.File.Size, s.Ticket.Parts = announced, d.ticket(t, announced).Parts
			s.End = func() error {
				t.Error("its end counts")
				return nil
			}
			err := transfer.NewQuick(client, transfer.Options{}).SendStream(t.Context(), s)
			wantFault(t, err, fault.Integrity, fmt.Sprint(announced))
			if d.has("/part/3") {
				t.Error("the last part was sent")
			}
		})
	}
}

func TestStreamEnds(t *testing.T) {
	failed := errors.New("exit status 3")
	for _, test := range []struct {
		name string
		size int
		last string // the part that must not be sent
		edit func(*transfer.Stream)
	}{
		{"producer fails, one part", 10, "/part/1", func(s *transfer.Stream) { s.End = func() error { return failed } }},
		{"producer fails, many parts", 3*partSize + 1, "/part/4", func(s *transfer.Stream) { s.End = func() error { return failed } }},
		{"producer fails at a part's end", 3 * partSize, "/part/3", func(s *transfer.Stream) { s.End = func() error { return failed } }},
		{"reader fails", 2*partSize + 1, "/part/3", func(s *transfer.Stream) {
			s.Reader = io.MultiReader(s.Reader, iotest.ErrReader(failed))
		}},
		{"reader fails at a part's end", 2 * partSize, "/part/2", func(s *transfer.Stream) {
			s.Reader = io.MultiReader(s.Reader, iotest.ErrReader(failed))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, spool := range []bool{false, true} {
				d := newDesk(t)
				client := d.open(t, false)
				engine := transfer.NewQuick(client, transfer.Options{Retries: 3})
				if spool {
					engine.SpoolAbove(10)
				}
				s := d.stream(t, bytes.NewReader(content(test.size)))
				test.edit(s)
				if err := engine.SendStream(t.Context(), s); !errors.Is(err, failed) {
					t.Errorf("got %v", err)
				}
				if d.has(test.last) {
					t.Error("the last part was sent")
				}
			}
		})
	}
}

func TestStreamIsTooLong(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 requests take seconds")
	}
	d := newDesk(t)
	client := d.open(t, false)
	s := d.stream(t, strings.NewReader(strings.Repeat("x", ticket.MaxParts+1)))
	s.PartSize = 1
	err := transfer.NewQuick(client, transfer.Options{}).SendStream(t.Context(), s)
	wantFault(t, err, fault.Usage, "10,000 parts", "--size")
	if d.has("/part/10000") {
		t.Error("the last part was sent")
	}
}

// A reader that blocks does not keep a failed upload from ending, and nothing
// but the reader is left.
func TestStreamReaderBlocks(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for _, why := range []string{"refused", "cancelled"} {
		t.Run(why, func(t *testing.T) {
			d := newDesk(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			interrupted := errors.New("interrupted")
			d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if why == "refused" {
					status(404, xmlError("NoSuchUpload", "It is gone.", ""))(w, r)
					return true
				}
				cancel(interrupted)
				<-r.Context().Done()
				return true
			}
			client := d.open(t, false)
			pipe, producer := io.Pipe()
			go func() { _, _ = producer.Write(content(partSize + 1)) }()
			err := transfer.NewQuick(client, transfer.Options{Retries: 3}).SendStream(ctx, d.stream(t, pipe))
			switch {
			case why == "refused":
				wantFault(t, err, fault.NotFound, "NoSuchUpload")
			case !errors.Is(err, interrupted):
				t.Errorf("got %v", err)
			}
			_ = pipe.Close() // as the owner of the reader does
		})
	}
	goleak.VerifyNone(t, before)
}

// zeros is a stream of n zeros.
func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// The memory of a stream does not depend on its length.
func TestStreamMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it sends a GiB")
	}
	d := newDesk(t)
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	d.answer = func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		for {
			known := most.Load()
			if m.HeapAlloc <= known || most.CompareAndSwap(known, m.HeapAlloc) {
				return true
			}
		}
	}
	client := d.open(t, false)
	s := d.stream(t, zeros(1<<30))
	s.PartSize = 0
	moved := progress()
	if err := transfer.NewQuick(client, transfer.Options{Moved: moved}).SendStream(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if moved.Load() != 1<<30 || len(s.Ticket.Parts) != 64 {
		t.Errorf("%d bytes in %d parts", moved.Load(), len(s.Ticket.Parts))
	}
	took := int64(most.Load()) - int64(before.HeapAlloc)
	t.Logf("%d MiB of heap at the most", took>>20)
	if took > 128<<20 {
		t.Errorf("%d MiB of heap at the most", took>>20)
	}
}

// A cancelled upload ends at once, for the reason that was given, and leaves
// neither a goroutine nor a descriptor.
func TestCancel(t *testing.T) {
	newDesk(t).open(t, false) // what the runtime opens once is open then
	before := goleak.IgnoreCurrent()
	open := descriptors(t)
	for _, way := range []string{"http", "https", "limit", "retry", "stream"} {
		t.Run(way, func(t *testing.T) {
			d, data := newDesk(t), content(4<<20)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			interrupted := errors.New("interrupted")
			began := make(chan struct{}, 100)
			d.answer = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if way == "retry" {
					w.Header().Set("Retry-After", "60")
					status(503, "")(w, r)
					return true
				}
				_, _ = io.CopyN(io.Discard, r.Body, 1<<10)
				began <- struct{}{}
				<-r.Context().Done()
				return true
			}
			client := d.open(t, way == "https")
			o := transfer.Options{Retries: 3, OnRetry: func(transfer.Retry) { began <- struct{}{} }}
			if way == "limit" {
				o.Limit = 2 << 10
			}
			engine := transfer.NewQuick(client, o)
			file := newFile(t, data)
			ended := make(chan error, 1)
			go func() {
				if way == "stream" {
					ended <- engine.SendStream(ctx, d.stream(t, zeros(1<<40)))
					return
				}
				ended <- engine.Send(ctx, &transfer.Upload{Ticket: d.ticket(t, file.Size())}, file)
			}()
			<-began
			cancelled := time.Now()
			cancel(interrupted)
			if err := <-ended; !errors.Is(err, interrupted) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(cancelled); took > 5*time.Second {
				t.Errorf("took %v to end", took)
			}
		})
	}
	goleak.VerifyNone(t, before)
	if runtime.GOOS == "linux" {
		eventually(t, "descriptors are closed", func() bool { return descriptors(t) <= open })
	}
}

// descriptors counts those that are open; 0 where that cannot be told.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	return len(entries)
}
