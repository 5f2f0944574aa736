package local

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/hoist-cli/hoist/internal/fault"
)

// ServeCommand is the hidden command that Open runs in a child of this
// executable: EXE ServeCommand ROOT. It must end in Serve(ctx, ROOT).
const ServeCommand = "local-serve"

// childMarker is in the environment of a child, so that it never starts another.
const childMarker = "HOIST_LOCAL_CHILD"

// ServeIfChild serves until the store's last user is gone if args, a whole
// os.Args, are those of a child that Open started; else it returns false at
// once. A test binary that opens stores calls it first in its TestMain, before
// anything that reads flags:
//
//	if served, err := local.ServeIfChild(ctx, os.Args); served {
//		if err != nil {
//			os.Exit(1)
//		}
//		os.Exit(0)
//	}
//
// The error has been told to the parent already.
func ServeIfChild(ctx context.Context, args []string) (served bool, err error) {
	n := len(args)
	if os.Getenv(childMarker) == "" || n < 3 || args[n-2] != ServeCommand {
		return false, nil
	}
	return true, Serve(ctx, args[n-1])
}

// childArgs are the arguments of a child. To a test binary they first say to
// run no test: one that does not know ServeCommand then says so by its silence
// and does not run its suite again.
func childArgs(root string) []string {
	args := []string{ServeCommand, root}
	if isTestBinary() {
		args = append([]string{"-test.run=^$"}, args...)
	}
	return args
}

func isTestBinary() bool { return flag.Lookup("test.run") != nil }

// report is the one line that a child writes to its standard output.
type report struct {
	Ready   bool       `json:"ready,omitempty"`
	Served  bool       `json:"served,omitempty"` // by another child, which was faster
	Message string     `json:"message,omitempty"`
	Hint    string     `json:"hint,omitempty"`
	Kind    fault.Kind `json:"kind,omitempty"`
}

func (r report) write(w io.Writer) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

// startChild starts a child and returns when a server is ready, or with the
// child's own words why not.
func startChild(ctx context.Context, l layout) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	// The child outlives this process, so it gets nothing of it that somebody
	// might wait for: a log instead of standard error, and the pipe only
	// until it is ready.
	log, err := os.OpenFile(l.serverLog(), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()

	cmd := exec.CommandContext(context.WithoutCancel(ctx), exe, childArgs(l.root)...)
	cmd.Env = childEnv()
	cmd.Dir = l.root
	cmd.Stdout, cmd.Stderr = in, log
	cmd.SysProcAttr = detached()
	err = cmd.Start()
	in.Close()
	if err != nil {
		return fmt.Errorf("start its server: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // to the child's end, so that it is no zombie

	told := make(chan report, 1)
	go func() {
		var r report
		// What is no report, or none at all, is the zero report.
		if line, err := io.ReadAll(io.LimitReader(out, 64<<10)); err == nil {
			_ = json.Unmarshal(line, &r)
		}
		told <- r
	}()

	select {
	case <-ctx.Done():
		_ = cmd.Process.Kill() // it is not ready, so nobody uses it
		return fmt.Errorf("waiting for its server to start: %w", context.Cause(ctx))
	case r := <-told:
		switch {
		case r.Ready || r.Served:
			return nil
		case r.Message != "":
			return &fault.Error{Kind: r.Kind, Message: r.Message, Hint: r.Hint}
		}
	}

	_ = cmd.Process.Kill() // it closed its standard output, and so will never be ready
	err = <-ended
	if isTestBinary() {
		return fmt.Errorf("this test binary does not serve when told %q (%w): call local.ServeIfChild first in its TestMain", ServeCommand, exitError(err))
	}
	return fault.WithHint(fmt.Errorf("its server ended before it was ready: %w%s", exitError(err), l.lastWords()), "see %s", l.serverLog())
}

func exitError(err error) error {
	if err == nil {
		return fmt.Errorf("exit status 0")
	}
	return err
}

// lastWords is the first line of what a child that crashed wrote.
func (l layout) lastWords() string {
	f, err := os.Open(l.serverLog())
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 512))
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	if len(line) == 0 {
		return ""
	}
	return ": " + string(line)
}

// childEnv is a short list, since the child lives on and has no use for the
// secrets that an environment may hold.
func childEnv() []string {
	env := []string{childMarker + "=1"}
	for _, name := range []string{"HOME", "PATH", "TMPDIR", "TEMP", "TMP", "SystemRoot", "GOCOVERDIR", "GODEBUG", "GOTRACEBACK"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
