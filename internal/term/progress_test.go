package term

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPlainLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, err bytes.Buffer
		p := NewPrinter(&Streams{Out: &out, Err: &err}, Options{})
		var m Meter
		m.Total.Store(64 << 20)
		m.Bytes.Store(16 << 20)
		m.Resumed.Store(16 << 20)
		m.FilesTotal.Store(3)
		stop := p.Progress(t.Context(), &m, "upload\x1b")
		time.Sleep(4 * time.Second)
		m.Bytes.Add(10 << 20)
		m.Files.Add(1)
		p.mu.Lock()
		if err.Len() > 0 {
			t.Errorf("after 4 s there is %q", err.String())
		}
		p.mu.Unlock()
		time.Sleep(2 * time.Second)
		m.Bytes.Add(-4 << 20) // a part is sent again
		time.Sleep(5 * time.Second)
		stop()
		stop()
		want := `upload\x1b: 40%, 26 MiB of 64 MiB, 2.0 MiB/s, 19s left, 1 of 3 files` + "\n" +
			`upload\x1b: 34%, 22 MiB of 64 MiB, 614 KiB/s, 1m10s left, 1 of 3 files` + "\n"
		if err.String() != want {
			t.Errorf("got\n%swant\n%s", err.String(), want)
		}
		if out.Len() > 0 {
			t.Errorf("standard output has %q", out.String())
		}
	})
}

func TestShortWorkPrintsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err bytes.Buffer
		var m Meter
		stop := NewPrinter(&Streams{Err: &err}, Options{}).Progress(t.Context(), &m, "upload")
		time.Sleep(3 * time.Second)
		stop()
		if err.Len() > 0 {
			t.Errorf("got %q", err.String())
		}
	})
}

func TestProgressEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err bytes.Buffer
		// A terminal makes no difference to --json.
		p := NewPrinter(&Streams{Err: &err, ErrTTY: true}, Options{JSON: true})
		var m Meter
		m.Total.Store(-1)
		stop := p.Progress(t.Context(), &m, "upload")
		time.Sleep(1500 * time.Millisecond)
		m.Total.Store(1000)
		m.Bytes.Store(750)
		stop()
		want := `{"v":1,"event":"progress","label":"upload","bytes":0,"total":null,"resumed":0,"rate":null,"files":0,"files_total":0}` + "\n" +
			`{"v":1,"event":"progress","label":"upload","bytes":750,"total":1000,"resumed":0,"rate":500,"files":0,"files_total":0}` + "\n"
		if err.String() != want {
			t.Errorf("got\n%swant\n%s", err.String(), want)
		}
	})
}

func TestNoProgress(t *testing.T) {
	for _, opts := range []Options{{Quiet: true}, {NoProgress: true}, {NoProgress: true, JSON: true}} {
		synctest.Test(t, func(t *testing.T) {
			var err bytes.Buffer
			var m Meter
			stop := NewPrinter(&Streams{Err: &err, ErrTTY: true}, opts).Progress(t.Context(), &m, "upload")
			time.Sleep(time.Minute)
			stop()
			if err.Len() > 0 {
				t.Errorf("%+v: %q", opts, err.String())
			}
		})
	}
}

func TestBarEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		var m Meter
		m.Total.Store(100)
		stop := NewPrinter(&Streams{Err: &err, ErrTTY: true}, Options{}).Progress(ctx, &m, "up")
		time.Sleep(150 * time.Millisecond)
		cancel()
		synctest.Wait()
		if !strings.Contains(err.String(), "up   0% [") || !strings.HasSuffix(err.String(), " \r") {
			t.Errorf("a bar and then nothing: got %q", err.String())
		}
		stop()
	})
}

// A terminal that cannot go back on its line gets lines.
func TestDumbTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err bytes.Buffer
		var m Meter
		m.Total.Store(100)
		stop := NewPrinter(&Streams{Err: &err, ErrTTY: true, Dumb: true}, Options{}).Progress(t.Context(), &m, "up")
		time.Sleep(6 * time.Second)
		stop()
		if got, want := err.String(), "up: 0%, 0 B of 100 B\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestBar(t *testing.T) {
	half := status{bytes: 8 << 20, total: 16 << 20, rate: 1 << 20}
	tests := []struct {
		name  string
		s     status
		label string
		width int
		want  string
	}{
		{"half", half, "upload", 79, "upload  50% [========>.........] 8.0 MiB of 16 MiB, 1.0 MiB/s, 8.0s left"},
		{"wide terminal", half, "upload", 200, "upload  50% [==============>...............] 8.0 MiB of 16 MiB, 1.0 MiB/s, 8.0s left"},
		{"files", status{bytes: 1, total: 3, files: 1, filesOf: 2}, "up", 60, "up  33% [==>.......] 1 B of 3 B, 1 of 2 files"},
		{"full", status{bytes: 3, total: 3}, "up", 60, "up 100% [==========] 3 B of 3 B"},
		{"finishing", status{bytes: 3, total: 3, rate: 1, files: 1, filesOf: 2}, "up", 60, "up 100% [==========] 3 B of 3 B, finishing"},
		{"more than expected", status{bytes: 4, total: 3}, "up", 60, "up 100% [==========] 4 B of 3 B"},
		{"unknown total", status{bytes: 8 << 20, total: -1, rate: 1 << 20}, "upload", 79, `upload | 8.0 MiB, 1.0 MiB/s`},
		{"empty files", status{files: 3, filesOf: 9}, "upload", 79, `upload | 0 B, 3 of 9 files`},
		{"narrow", half, "upload", 40, "upload | 50%, 8.0 MiB of 16 MiB, 1.0 MiB"},
		{"wide name", half, strings.Repeat("写", 50), 20, strings.Repeat("写", 10)},
		{"one column", half, "upload", 1, "u"},
		{"far off", status{bytes: 1, total: 5 << 40, rate: 1}, "up", 60, "up   0% [..........] 1 B of 5.0 TiB, 1 B/s"},
		{"days", status{bytes: 0, total: 5 << 40, rate: 100 << 20}, "up", 79, "up   0% [......................] 0 B of 5.0 TiB, 100 MiB/s, 14h34m left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.s.bar(tt.label, tt.width, 0)
			if got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if n := columns(got); n > tt.width {
				t.Errorf("%d columns of %d", n, tt.width)
			}
		})
	}
}
