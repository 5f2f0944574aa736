//go:build unix

package walk

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A pipe is not opened, which would wait for its writer.
func TestPipe(t *testing.T) {
	dir := tree(t, "a")
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{dir, pipe} {
		for f := range Files([]string{source}, Options{Recursive: true}) {
			if f.Name == "pipe" && (f.Err == nil || !strings.Contains(f.Err.Error(), "is a named pipe, not a regular file")) {
				t.Errorf("got %v", f.Err)
			}
		}
	}
	if diff := cmp.Diff([]string{"a", "pipe!"}, names(t, []string{dir}, Options{Recursive: true})); diff != "" {
		t.Error(diff)
	}
}
