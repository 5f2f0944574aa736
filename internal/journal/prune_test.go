package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	at := func(location string) Identity {
		id := identity()
		id.Location = location
		return id
	}
	run := RunIdentity{Sources: []string{"/src"}, Location: "s3://b/"}
	r, err := OpenRun(dir, run)
	must(t, err)
	must(t, r.Add("/src/f", 1, time.Now(), "e"))
	must(t, r.Close())

	leave(t, dir, at("s3://b/old"), sample(3))
	kept, err := Keep(dir, sample(3))
	must(t, err)
	if _, _, err := read(kept); err != nil {
		t.Errorf("the ticket that is kept: %v", err)
	}
	young := leave(t, dir, at("s3://b/young"), sample(3))
	_ = startHolder(t, dir)
	held := filepath.Join(dir, identity().key()+"-"+identity().version()+ticketExt)
	must(t, os.WriteFile(filepath.Join(dir, at("s3://b/crashed").key()+lockExt), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, filepath.Base(young)+newExt), nil, 0o600))
	foreign := filepath.Join(dir, "notes.ticket")
	must(t, os.WriteFile(foreign, nil, 0o600))

	old := time.Now().Add(-8 * 24 * time.Hour)
	for _, name := range names(t, dir) {
		if name != filepath.Base(young) {
			must(t, os.Chtimes(filepath.Join(dir, name), old, old))
		}
	}
	must(t, Prune(dir, Lifetime))

	got := map[string]bool{}
	for _, name := range names(t, dir) {
		got[name] = true
	}
	want := map[string]bool{
		filepath.Base(young): true, filepath.Base(held): true, filepath.Base(foreign): true,
		identity().key() + lockExt: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	must(t, Prune(filepath.Join(dir, "missing"), Lifetime))
}
