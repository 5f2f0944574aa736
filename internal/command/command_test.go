package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hoist-cli/hoist/internal/fault"
)

// role in the environment makes the test binary the program that is run.
const role = "COMMAND_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		goleak.VerifyTestMain(m)
	case "print": // 64 MiB
		block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		for range 64 {
			if _, err := os.Stdout.Write(block); err != nil {
				os.Exit(9)
			}
		}
	case "fail":
		fmt.Print("half")
		fmt.Fprintln(os.Stderr, "no space left")
		os.Exit(3)
	case "echo":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "hang":
		fmt.Print("x")
		time.Sleep(time.Minute) // a select without cases is a deadlock, which ends
	case "daemon": // ends, and leaves a process that holds its standard error
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), role+"=hang")
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			os.Exit(9)
		}
		fmt.Print(child.Process.Pid)
	}
	os.Exit(0)
}

func start(t *testing.T, what string, stdin io.Reader, stderr io.Writer) *Output {
	t.Helper()
	t.Setenv(role, what)
	o, err := Start(t.Context(), []string{os.Args[0]}, stdin, stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

func TestOutput(t *testing.T) {
	t.Run("large", func(t *testing.T) {
		o := start(t, "print", nil, nil)
		n, err := io.Copy(io.Discard, o)
		if err != nil || n != 64<<20 {
			t.Errorf("%d bytes: %v", n, err)
		}
		if err := o.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Run("fails", func(t *testing.T) {
		var stderr bytes.Buffer
		o := start(t, "fail", nil, &stderr)
		if out, err := io.ReadAll(o); err != nil || string(out) != "half" {
			t.Errorf("%q: %v", out, err)
		}
		err := o.Wait()
		if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), os.Args[0]) || fault.KindOf(err) != fault.Failed {
			t.Errorf("got %v", err)
		}
		if again := o.Wait(); !errors.Is(again, errors.Unwrap(err)) {
			t.Errorf("asked again it says %v", again)
		}
		if stderr.String() != "no space left\n" {
			t.Errorf("standard error: %q", stderr.String())
		}
	})
	t.Run("reads standard input", func(t *testing.T) {
		o := start(t, "echo", strings.NewReader("in"), nil)
		if out, err := io.ReadAll(o); err != nil || string(out) != "in" {
			t.Errorf("%q: %v", out, err)
		}
		if err := o.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestClose(t *testing.T) {
	for _, what := range []string{"hang", "print"} { // one that sleeps, one that waits for its reader
		o := start(t, what, nil, io.Discard)
		if _, err := io.ReadFull(o, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		o.Close()
		if o.cmd.ProcessState == nil || o.cmd.ProcessState.Success() {
			t.Errorf("%s: not killed: %v", what, o.cmd.ProcessState)
		}
		if err := o.Wait(); err == nil {
			t.Errorf("%s: a killed program counts as one that ended well", what)
		}
		o.Close()
	}
}

func TestContext(t *testing.T) {
	t.Setenv(role, "hang")
	ctx, cancel := context.WithCancel(t.Context())
	o, err := Start(ctx, []string{os.Args[0]}, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := io.ReadFull(o, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(o); err != nil {
		t.Error(err)
	}
	if o.Wait() == nil {
		t.Error("a killed program counts as one that ended well")
	}
}

// What a program leaves running keeps nobody waiting, and is no failure of it.
func TestDaemon(t *testing.T) {
	o := start(t, "daemon", nil, io.Discard)
	out, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(out), &pid); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}()
	began := time.Now()
	if err := o.Wait(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*holdTime {
		t.Errorf("waited %v", took)
	}
}

func TestCannotBeRun(t *testing.T) {
	for _, name := range []string{"no-such-program-anywhere", t.TempDir(), t.TempDir() + "/none"} {
		if _, err := Start(t.Context(), []string{name}, nil, nil); err == nil || !strings.Contains(err.Error(), name+" cannot be run") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
