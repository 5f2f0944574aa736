//go:build unix

package local

import (
	"io"
	"os/exec"
	"syscall"
	"testing"
)

// newGroup lets a test send Ctrl-C to the process and its children alone.
func newGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// The terminal's Ctrl-C ends the user that started the server, and not the
// server, which others use. What waits for the user's output must not wait for
// the server.
func TestCtrlC(t *testing.T) {
	root := t.TempDir()
	first := startUser(t, root)
	second := openStore(t, root)
	if err := syscall.Kill(-first.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	first.Wait()
	put(t, second, "k", []byte("v"))
	if third := openStore(t, root); third.Endpoint != second.Endpoint {
		t.Error("the server did not survive")
	}
}

// A shell's $(hoist …) waits until nobody has its pipe any more.
func TestOutputIsNotHeld(t *testing.T) {
	root := t.TempDir()
	first := startUser(t, root) // starts the server, and writes to our pipes
	second := openStore(t, root)
	first.stdin.Close()
	// Ends when all copies of the pipe are closed.
	if _, err := io.Copy(io.Discard, first.stdout); err != nil {
		t.Fatal(err)
	}
	put(t, second, "k", nil) // by the server that the first user started
}
