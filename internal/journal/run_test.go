package journal

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
)

func runIdentity() RunIdentity {
	return RunIdentity{Sources: []string{"/src/a", "/src/b"}, Location: "s3://b/", Options: "o"}
}

func openRun(tb testing.TB, dir string, id RunIdentity) *Run {
	tb.Helper()
	r, err := OpenRun(dir, id)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = r.Close() })
	return r
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 10, 1, 0, 0, 0, 5, time.UTC)
	paths := []string{"/src/a", "/src/tab\tand\nnewline", "/src/\xff not UTF-8", "/src/\"quoted\"", "/src/ü", "", "/" + strings.Repeat("\xff", 4096)}

	r := openRun(t, dir, runIdentity())
	if _, ok := r.Done(paths[0], 0, at); ok {
		t.Error("a new run has something done")
	}
	for i, p := range paths {
		must(t, r.Add(p, int64(i), at, fmt.Sprintf("etag%d", i)))
	}
	if _, err := OpenRun(dir, runIdentity()); fault.KindOf(err) != fault.Temporary {
		t.Errorf("opened twice: %v", err)
	}
	must(t, r.Close())

	r = openRun(t, dir, runIdentity())
	for i, p := range paths {
		if etag, ok := r.Done(p, int64(i), at); !ok || etag != fmt.Sprintf("etag%d", i) {
			t.Errorf("%q: %q, %v", p, etag, ok)
		}
	}
	if _, ok := r.Done("/src/a", 1, at); ok {
		t.Error("done at another size")
	}
	if _, ok := r.Done("/src/a", 0, at.Add(1)); ok {
		t.Error("done at another time")
	}
	if _, ok := r.Done("/src/c", 0, at); ok {
		t.Error("a file that never was is done")
	}
	must(t, r.Add("/src/a", 7, at, "again"))
	must(t, r.Close())

	r = openRun(t, dir, runIdentity())
	if etag, ok := r.Done("/src/a", 7, at); !ok || etag != "again" {
		t.Errorf("the later line: %q, %v", etag, ok)
	}
	for name, change := range map[string]func(*RunIdentity){
		"sources":  func(id *RunIdentity) { id.Sources = id.Sources[:1] },
		"location": func(id *RunIdentity) { id.Location = "s3://c/" },
		"address":  func(id *RunIdentity) { id.Address = "http://h" },
		"options":  func(id *RunIdentity) { id.Options = "" },
	} {
		id := runIdentity()
		change(&id)
		if _, ok := openRun(t, t.TempDir(), id).Done("/src/a", 7, at); ok || id.key() == runIdentity().key() {
			t.Errorf("other %s: the same run", name)
		}
	}
	must(t, r.Remove())
	must(t, r.Close())
	if left := names(t, dir); left != nil {
		t.Errorf("left: %v", left)
	}
}

func TestRunThatDidNothingLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	must(t, openRun(t, dir, runIdentity()).Close())
	if left := names(t, dir); left != nil {
		t.Errorf("left: %v", left)
	}
}

// TestRunKilled has a process that ends without Close: nothing is lost.
func TestRunKilled(t *testing.T) {
	dir := t.TempDir()
	at := time.Now()
	r := openRun(t, dir, runIdentity())
	must(t, r.Add("/src/a", 1, at, "e"))
	r.lock.release() // as the kernel does for a process that is gone
	r.lock = nil
	defer r.file.Close()
	if _, ok := openRun(t, dir, runIdentity()).Done("/src/a", 1, at); !ok {
		t.Error("lost")
	}
}

func TestRunTornAnywhere(t *testing.T) {
	dir := t.TempDir()
	at := time.Now()
	r := openRun(t, dir, runIdentity())
	for i := range 3 {
		must(t, r.Add(fmt.Sprint("/src/", i), 1, at, "e"))
	}
	must(t, r.Close())
	whole, err := os.ReadFile(r.path)
	must(t, err)
	for n := range len(whole) + 1 {
		must(t, os.WriteFile(r.path, whole[:n], 0o600))
		r := openRun(t, dir, runIdentity())
		must(t, r.Add("/src/new", 1, at, "e"))
		must(t, r.Close())
		r = openRun(t, dir, runIdentity())
		for i := range 3 {
			want := i < bytes.Count(whole[:n], []byte("\n"))
			if _, ok := r.Done(fmt.Sprint("/src/", i), 1, at); ok != want {
				t.Fatalf("after %d bytes: file %d done: %v, want %v", n, i, ok, want)
			}
		}
		if _, ok := r.Done("/src/new", 1, at); !ok {
			t.Fatalf("after %d bytes: what was added is lost", n)
		}
		must(t, r.Close())
	}
}

func TestRunDamaged(t *testing.T) {
	dir := t.TempDir()
	at := time.Unix(0, 9)
	r := openRun(t, dir, runIdentity())
	must(t, r.Add("/src/a", 1, at, "e"))
	must(t, r.Close())
	good, err := os.ReadFile(r.path)
	must(t, err)
	for name, junk := range map[string]string{
		"zeros": strings.Repeat("\x00", 100) + "\n", "no fields": "x\n", "no quotes": "1\t9\te\t/src/b\n",
		"empty line": "\n", "endless line": strings.Repeat("x", 3*maxLine) + "\n",
	} {
		must(t, os.WriteFile(r.path, append([]byte(junk), good...), 0o600))
		r := openRun(t, dir, runIdentity())
		if _, ok := r.Done("/src/a", 1, at); !ok {
			t.Errorf("%s: the line behind it is lost", name)
		}
		if _, ok := r.Done("/src/b", 1, at); ok {
			t.Errorf("%s: is an entry", name)
		}
		must(t, r.Close())
	}
}

func BenchmarkOpenRun(b *testing.B) {
	const files = 1_000_000
	dir, at := b.TempDir(), time.Now()
	r := openRun(b, dir, runIdentity())
	for i := range files {
		if err := r.Add(fmt.Sprintf("/home/somebody/pictures/2026/%08d.jpeg", i), 1, at, "0123456789abcdef0123456789abcdef"); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r := openRun(b, dir, runIdentity())
		if _, ok := r.Done("/home/somebody/pictures/2026/00500000.jpeg", 1, at); !ok {
			b.Fatal("lost")
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
