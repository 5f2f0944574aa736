// Package command runs a program for what it prints.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
)

// Output is a running program whose standard output is read.
type Output struct {
	cmd    *exec.Cmd
	stdout io.ReadCloser
	wait   func() error
}

// Start runs args[0]. The program is killed when ctx ends or Close is called.
func Start(ctx context.Context, args []string, stdin io.Reader, stderr io.Writer) (*Output, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stderr = stdin, stderr
	cmd.WaitDelay = holdTime
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s cannot be run: %w", args[0], err)
	}
	return &Output{cmd: cmd, stdout: stdout, wait: sync.OnceValue(cmd.Wait)}, nil
}

// Read reads what the program prints.
func (o *Output) Read(p []byte) (int, error) { return o.stdout.Read(p) }

// holdTime is how long a program that has ended may have its standard input
// and error held open by processes that it started.
const holdTime = 2 * time.Second

// Wait waits for the program, whose output was read to its end, and says if it failed.
func (o *Output) Wait() error {
	if err := o.wait(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return &fault.Error{
			Message: o.cmd.Args[0] + " failed, so nothing was stored", Err: err,
			Hint: "what it printed to standard error says why",
		}
	}
	return nil
}

// Close kills the program if it still runs.
func (o *Output) Close() {
	_ = o.cmd.Process.Kill() // it may have ended by itself
	_ = o.wait()
}
