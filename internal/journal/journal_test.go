package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

const partSize = 5 << 20

func sample(parts int) *ticket.Ticket {
	ends := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	t := &ticket.Ticket{
		Version:  ticket.Version,
		Location: "s3://b/k",
		Method:   ticket.Multipart,
		File:     ticket.File{Name: "f", Size: int64(parts) * partSize},
		State:    []byte(`{"upload_id":"U1"}`),
		Expires:  &ends,
	}
	for i := range parts {
		t.Parts = append(t.Parts, ticket.Part{
			Number: i + 1, Offset: int64(i) * partSize, Size: partSize,
			Request: &ticket.Request{Method: "PUT", URL: "https://h/k?X-Amz-Signature=s3cret"},
		})
	}
	return t
}

// stripped is what a journal keeps of t if its requests can be signed again.
func stripped(t *ticket.Ticket, receipts ...ticket.Receipt) *ticket.Ticket {
	c := *t
	c.Parts = nil
	for _, p := range t.Parts {
		p.Request = nil
		c.Parts = append(c.Parts, p)
	}
	c.Expires = nil
	c.Receipts = receipts
	return &c
}

func identity() Identity {
	return Identity{
		Source: "/src/f", Location: "s3://b/k", Address: "https://s3.example",
		Size: 3 * partSize, Modified: time.Date(2026, 10, 1, 0, 0, 0, 5, time.UTC), Options: `{"acl":"private"}`,
	}
}

func receiptOf(number int) ticket.Receipt {
	return ticket.Receipt{
		Number: number, Size: partSize, ETag: fmt.Sprintf("etag%d", number),
		Checksum: &ticket.Checksum{Algorithm: "crc64nvme", Value: "AAAAAAAAAAA="},
	}
}

func open(t *testing.T, dir string, id Identity) *Journal {
	t.Helper()
	j, err := Open(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// leave makes a journal as an interrupted upload leaves it, and returns its file.
func leave(t *testing.T, dir string, id Identity, tick *ticket.Ticket, receipts ...ticket.Receipt) string {
	t.Helper()
	j := open(t, dir, id)
	must(t, j.Begin(tick, false))
	for _, r := range receipts {
		must(t, j.Append(r))
	}
	must(t, j.Close())
	return j.Path()
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestResume(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "hoist")
	tick := sample(3)

	j := open(t, dir, identity())
	if j.Ticket() != nil || j.Stale() != nil {
		t.Fatal("a new journal has a ticket")
	}
	if err := j.Append(receiptOf(1)); err == nil {
		t.Error("a receipt was taken without a ticket")
	}
	must(t, j.Begin(tick, false))
	must(t, j.Append(receiptOf(2)))
	must(t, j.Close())
	if tick.Parts[0].Request == nil || tick.Expires == nil {
		t.Error("the caller's ticket was changed")
	}

	j = open(t, dir, identity())
	if diff := cmp.Diff(stripped(tick, receiptOf(2)), j.Ticket()); diff != "" {
		t.Errorf("second process (-want +got):\n%s", diff)
	}
	must(t, j.Append(receiptOf(1)))
	must(t, j.Close())

	j = open(t, dir, identity())
	if diff := cmp.Diff(stripped(tick, receiptOf(2), receiptOf(1)), j.Ticket()); diff != "" {
		t.Errorf("third process (-want +got):\n%s", diff)
	}
	f, err := os.Open(j.Path())
	must(t, err)
	defer f.Close()
	tickets, err := ticket.Read(f)
	must(t, err)
	if diff := cmp.Diff([]*ticket.Ticket{j.Ticket()}, tickets); diff != "" {
		t.Errorf("ticket.Read of the file (-journal +ticket):\n%s", diff)
	}

	must(t, j.Remove())
	must(t, j.Close())
	if left := names(t, dir); left != nil {
		t.Errorf("left: %v", left)
	}
	if err := j.Append(receiptOf(3)); err == nil {
		t.Error("a receipt was taken after Remove")
	}
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	dir := filepath.Join(t.TempDir(), "hoist")
	file := leave(t, dir, identity(), sample(3))
	for name, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, file: 0o600} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestBegin(t *testing.T) {
	t.Run("keeps requests when told", func(t *testing.T) {
		dir := t.TempDir()
		j := open(t, dir, identity())
		must(t, j.Begin(sample(3), true))
		must(t, j.Close())
		if diff := cmp.Diff(sample(3), open(t, dir, identity()).Ticket()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("replaces", func(t *testing.T) {
		dir := t.TempDir()
		leave(t, dir, identity(), sample(3), receiptOf(1), receiptOf(2))
		again := sample(3)
		again.State = []byte(`{"upload_id":"U2"}`)
		j := open(t, dir, identity())
		must(t, j.Append(receiptOf(3)))
		must(t, j.Begin(again, false))
		must(t, j.Append(receiptOf(1)))
		must(t, j.Close())
		if diff := cmp.Diff(stripped(again, receiptOf(1)), open(t, dir, identity()).Ticket()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestIdentity(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Identity)
		stale  bool // the earlier upload is in the way of this one
	}{
		{"source", func(id *Identity) { id.Source = "/src/g" }, false},
		{"source, not UTF-8", func(id *Identity) { id.Source = "/src/f\xff" }, false},
		{"location", func(id *Identity) { id.Location = "s3://b/l" }, false},
		{"address", func(id *Identity) { id.Address = "" }, false},
		{"size", func(id *Identity) { id.Size++ }, true},
		{"time", func(id *Identity) { id.Modified = id.Modified.Add(1) }, true},
		{"options", func(id *Identity) { id.Options = "" }, true},
		{"shifted", func(id *Identity) { id.Location, id.Address = id.Location+id.Address, "" }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			old := leave(t, dir, identity(), sample(3), receiptOf(1))
			id := identity()
			tt.change(&id)
			j := open(t, dir, id)
			if j.Ticket() != nil {
				t.Error("goes on with another upload")
			}
			var want []*ticket.Ticket
			if tt.stale {
				want = append(want, stripped(sample(3), receiptOf(1)))
			}
			if diff := cmp.Diff(want, j.Stale()); diff != "" {
				t.Errorf("stale (-want +got):\n%s", diff)
			}
			fresh := sample(3)
			must(t, j.Begin(fresh, false))
			if _, err := os.Stat(old); os.IsNotExist(err) != tt.stale {
				t.Errorf("the earlier journal after Begin: %v", err)
			}
		})
	}

	zone := identity()
	zone.Modified = zone.Modified.In(time.FixedZone("", 3600))
	if zone.version() != identity().version() {
		t.Error("the time zone makes another upload")
	}
}

// TestTornAnywhere cuts a journal after each of its bytes, as a crash may.
func TestTornAnywhere(t *testing.T) {
	dir := t.TempDir()
	file := leave(t, dir, identity(), sample(3), receiptOf(1), receiptOf(3))
	whole, err := os.ReadFile(file)
	must(t, err)
	for n := range len(whole) + 1 {
		must(t, os.WriteFile(file, whole[:n], 0o600))
		j := open(t, dir, identity())
		lines := bytes.Count(whole[:n], []byte("\n"))
		if lines == 0 {
			if j.Ticket() != nil {
				t.Fatalf("after %d bytes: a ticket", n)
			}
			must(t, j.Close())
			continue
		}
		want := []ticket.Receipt{receiptOf(1), receiptOf(3)}[:lines-1]
		if diff := cmp.Diff(stripped(sample(3), append([]ticket.Receipt(nil), want...)...), j.Ticket()); diff != "" {
			t.Fatalf("after %d bytes (-want +got):\n%s", n, diff)
		}
		must(t, j.Append(receiptOf(2)))
		must(t, j.Close())
		j = open(t, dir, identity())
		want = append(append([]ticket.Receipt(nil), want...), receiptOf(2))
		if diff := cmp.Diff(want, j.Ticket().Receipts); diff != "" {
			t.Fatalf("after %d bytes and another receipt (-want +got):\n%s", n, diff)
		}
		must(t, j.Close())
	}
}

func TestDamaged(t *testing.T) {
	var written bytes.Buffer
	must(t, ticket.Write(&written, stripped(sample(3))))
	good := written.String()
	const receipt1 = `{"number":1,"size":5242880,"etag":"etag1"}` + "\n"
	for _, tt := range []struct {
		name, content string
		receipts      int // -1: no journal
	}{
		{"empty", "", -1},
		{"zeros", strings.Repeat("\x00", 4096), -1},
		{"not JSON", "hello\n", -1},
		{"unknown field", strings.Replace(good, "{", `{"x":1,`, 1), -1},
		{"unknown version", strings.Replace(good, `"version":1`, `"version":2`, 1), -1},
		{"of another size", strings.Replace(strings.Replace(good, `"size":15728640`, `"size":15728641`, 1), `10485760,"size":5242880`, `10485760,"size":5242881`, 1), -1},
		{"two tickets in a line", strings.TrimSpace(good) + good, -1},
		{"receipt first", receipt1 + good, -1},
		{"receipt of no part", good + `{"number":4,"size":5242880}` + "\n", -1},
		{"huge", good + strings.Repeat(" ", ticket.MaxDocument), -1},
		{"zeros after a receipt", good + receipt1 + "\x00\x00\x00\n" + receipt1, 1},
		{"unknown field after a receipt", good + receipt1 + `{"number":2,"x":1}` + "\n", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := leave(t, dir, identity(), sample(3))
			must(t, os.WriteFile(file, []byte(tt.content), 0o600))
			j := open(t, dir, identity())
			got := -1
			if j.Ticket() != nil {
				got = len(j.Ticket().Receipts)
			}
			if got != tt.receipts {
				t.Errorf("%d receipts, want %d", got, tt.receipts)
			}
			must(t, j.Begin(sample(3), false))
			must(t, j.Close())
			if open(t, dir, identity()).Ticket() == nil {
				t.Error("the damage outlived Begin")
			}
		})
	}
}

func TestAppendFromManyGoroutines(t *testing.T) {
	const parts = 100
	dir, id := t.TempDir(), identity()
	id.Size = parts * partSize
	j := open(t, dir, id)
	must(t, j.Begin(sample(parts), false))
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() {
			if err := j.Append(receiptOf(i + 1)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	must(t, j.Close())
	got := open(t, dir, id).Ticket()
	for i := range parts {
		if _, ok := got.Receipt(i + 1); !ok {
			t.Errorf("part %d is not there", i+1)
		}
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(filepath.Join(file, "hoist"), identity())
	if err == nil || !strings.Contains(fault.HintOf(err), "--no-resume") {
		t.Errorf("%v (hint %q)", err, fault.HintOf(err))
	}
}
