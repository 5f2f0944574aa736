//go:build unix

package cli

import (
	"context"
	"errors"
	"syscall"
	"testing"
)

// GNU timeout signals hoist and then hoist's process group: the second of the
// two must not kill what is being given up on account of the first.
func TestSignalThatComesTwice(t *testing.T) {
	ctx, stop := withSignals(t.Context())
	defer stop()
	for range 2 {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
	}
	if s, ok := errors.AsType[interrupted](context.Cause(ctx)); !ok || s.signal != syscall.SIGTERM {
		t.Errorf("ended by %v", context.Cause(ctx))
	}
}
