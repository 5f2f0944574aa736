package cli

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestInterruptible(t *testing.T) {
	long := strings.Repeat("0123456789", 20_000) // more than is read at a time
	got, err := io.ReadAll(interruptible{t.Context(), strings.NewReader(long)})
	if err != nil || string(got) != long {
		t.Errorf("%d bytes of %d: %v", len(got), len(long), err)
	}

	// Nobody writes to the pipe, as with a terminal at which nobody types.
	silent, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	began := make(chan struct{})
	go func() {
		<-began
		cancel(interrupted{})
	}()
	_, err = interruptible{ctx, io.MultiReader(tell{began}, silent)}.Read(make([]byte, 1))
	if _, ok := errors.AsType[interrupted](err); !ok {
		t.Errorf("ended with %v", err)
	}
}

// tell closes the channel when it is read from, and has nothing.
type tell struct{ began chan struct{} }

func (r tell) Read([]byte) (int, error) {
	close(r.began)
	return 0, io.EOF
}
