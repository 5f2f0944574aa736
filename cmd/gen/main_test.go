package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckNamesWhatIsStale(t *testing.T) {
	dir := t.TempDir()
	if err := run(dir, true); err == nil || !strings.Contains(err.Error(), "completions/hoist.fish") {
		t.Errorf("in an empty folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "completions")); err == nil {
		t.Error("-check has written")
	}
	if err := run(dir, false); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, true); err != nil {
		t.Errorf("after writing: %v", err)
	}
	page := filepath.Join(dir, "docs", "commands.md")
	if err := os.WriteFile(page, []byte("edited"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, true); err == nil || err.Error() != "stale: docs/commands.md: type go run ./cmd/gen" {
		t.Errorf("after an edit: %v", err)
	}
}

func TestPageHasEveryCommandOnce(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	page := files[len(files)-1].text
	for _, command := range []string{"hoist", "hoist upload", "hoist cors apply", "hoist help"} {
		if n := bytes.Count(page, []byte("\n## "+command+"\n")); n != 1 {
			t.Errorf("%d headings for %s", n, command)
		}
	}
	if n := bytes.Count(page, []byte("Global flags:")); n != 1 {
		t.Errorf("the global flags are shown %d times", n)
	}
}
