package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/hoist-cli/hoist/internal/fault"
)

// Secret names a secret: "env:NAME", "file:PATH", "cmd:PROGRAM ARGS",
// "keyring:" or "keyring:NAME". Anything else is the secret itself, which is
// why it prints as "(literal)", in whatever format.
type Secret string

const (
	// keyringService is the name under which the system's keyring holds secrets of hoist.
	keyringService = "hoist"
	// maxSecret in bytes bounds what a file or a program may answer.
	maxSecret = 64 << 10
	// maxComplaint in bytes bounds what an error repeats of a program's standard error.
	maxComplaint = 1 << 10
	// cmdGrace is how long a program that has ended may keep its output open.
	cmdGrace = 5 * time.Second
)

// Literal says whether s is the secret itself and not a name of one.
func (s Secret) Literal() bool {
	if s == "" {
		return false
	}
	scheme, _, found := strings.Cut(string(s), ":")
	if !found {
		return true
	}
	switch scheme {
	case "env", "file", "cmd", "keyring":
		return false
	}
	return true
}

// String returns the name of the secret, never the secret.
func (s Secret) String() string {
	if s.Literal() {
		return "(literal)"
	}
	return string(s)
}

// Format keeps every verb of fmt from the value.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'q' {
		text = strconv.Quote(text)
	}
	_, _ = io.WriteString(f, text)
}

// MarshalJSON writes what String returns.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// Resolve returns the secret that s names, "" for an empty name. account is
// what a bare "keyring:" stands for, such as "gip/key". Errors are of kind
// Usage and carry the name, never the secret.
func (s Secret) Resolve(ctx context.Context, account string) (string, error) {
	if s == "" || s.Literal() {
		return string(s), nil
	}
	var value string
	var err error
	scheme, name, _ := strings.Cut(string(s), ":")
	switch scheme {
	case "env":
		value, err = fromEnv(name)
	case "file":
		value, err = fromFile(name)
	case "cmd":
		value, err = fromCommand(ctx, name)
	case "keyring":
		if name == "" {
			name = account
		}
		value, err = fromKeyring(ctx, name)
	}
	if err != nil {
		return "", fault.New(fault.Usage, "secret %s: %w", s, err)
	}
	if value == "" {
		return "", fault.New(fault.Usage, "secret %s is empty", s)
	}
	return value, nil
}

func fromEnv(name string) (string, error) {
	value, ok := os.LookupEnv(name)
	if !ok {
		return "", fault.WithHint(errors.New("the variable is not set"), "export %s=…", name)
	}
	return value, nil
}

func fromFile(path string) (string, error) {
	if below, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		path = filepath.Join(home, below)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("more than %d bytes", maxSecret)
	}
	return strings.TrimSpace(string(data)), nil
}

// fromCommand runs a program without a shell. It has no standard input: that may be what is uploaded.
func fromCommand(ctx context.Context, line string) (string, error) {
	argv := strings.Fields(line)
	if len(argv) == 0 {
		return "", errors.New("no program is named")
	}
	stdout, stderr := capped{limit: maxSecret}, capped{limit: maxComplaint}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = cmdGrace
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if said := strings.TrimSpace(stderr.buf.String()); said != "" {
			return "", fmt.Errorf("%w: %s", err, said)
		}
		return "", err
	}
	if stdout.cut {
		return "", fmt.Errorf("more than %d bytes", maxSecret)
	}
	return strings.TrimSpace(stdout.buf.String()), nil
}

// capped keeps the first limit bytes and takes the rest, so that the writer does not block.
type capped struct {
	buf   bytes.Buffer
	limit int
	cut   bool
}

func (c *capped) Write(p []byte) (int, error) {
	keep := min(len(p), c.limit-c.buf.Len())
	c.cut = c.cut || keep < len(p)
	c.buf.Write(p[:keep])
	return len(p), nil
}

// fromKeyring asks the system's keyring, which may ask the user and knows no context.
func fromKeyring(ctx context.Context, account string) (string, error) {
	type answer struct {
		value string
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		value, err := keyring.Get(keyringService, account)
		answered <- answer{value, err}
	}()
	select {
	case a := <-answered:
		if errors.Is(a.err, keyring.ErrNotFound) {
			return "", fault.WithHint(fmt.Errorf("nothing under service %q, user name %q", keyringService, account),
				"store it there, or name the secret env:NAME or file:PATH")
		}
		return a.value, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
