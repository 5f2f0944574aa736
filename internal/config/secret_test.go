package config

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/hoist-cli/hoist/internal/fault"
)

const (
	childEnv = "HOIST_CONFIG_TEST_CHILD"
	password = "tr0ub4dor"
)

// TestMain lets the test binary stand for a password manager.
func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "answer":
		fmt.Printf("\n%s %s\n", password, strings.Join(os.Args[1:], "|"))
	case "fail":
		fmt.Print(password)
		fmt.Fprintln(os.Stderr, "the vault is locked")
		os.Exit(3)
	case "flood":
		fmt.Print(strings.Repeat("x", maxSecret+1))
	case "hang":
		select {}
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("HOME", dir)
	t.Setenv("USERPROFILE", dir)
	t.Setenv("HOIST_TEST_SECRET", password)
	t.Setenv("HOIST_TEST_EMPTY", "")
	keyring.MockInit() // the library's own store in memory: no test may ask the user's
	for account, value := range map[string]string{"gip/key": password, "other": password + "2"} {
		if err := keyring.Set(keyringService, account, value); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name    string
		secret  Secret
		child   string
		want    string
		wantErr string
	}{
		{name: "nothing", secret: "", want: ""},
		{name: "literal", secret: password, want: password},
		{name: "literal with a colon", secret: "session:" + password, want: "session:" + password},
		{name: "env", secret: "env:HOIST_TEST_SECRET", want: password},
		{name: "env not set", secret: "env:HOIST_TEST_NONE", wantErr: "secret env:HOIST_TEST_NONE: the variable is not set"},
		{name: "env empty", secret: "env:HOIST_TEST_EMPTY", wantErr: "secret env:HOIST_TEST_EMPTY is empty"},
		{name: "file", secret: Secret("file:" + write("key", password+"\r\n")), want: password},
		{name: "file at home", secret: "file:~/key", want: password},
		{name: "file missing", secret: Secret("file:" + filepath.Join(dir, "none")), wantErr: "none"},
		{name: "file too large", secret: Secret("file:" + write("big", strings.Repeat(password, maxSecret))), wantErr: "more than 65536 bytes"},
		{name: "cmd, without a shell", secret: Secret("cmd:" + os.Args[0] + " a $HOME;b"), child: "answer", want: password + " a|$HOME;b"},
		{name: "cmd fails", secret: Secret("cmd:" + os.Args[0]), child: "fail", wantErr: "exit status 3: the vault is locked"},
		{name: "cmd floods", secret: Secret("cmd:" + os.Args[0]), child: "flood", wantErr: "more than 65536 bytes"},
		{name: "cmd missing", secret: "cmd:hoist-no-such-program", wantErr: "hoist-no-such-program"},
		{name: "cmd empty", secret: "cmd:", wantErr: "no program is named"},
		{name: "keyring by account", secret: "keyring:", want: password},
		{name: "keyring by name", secret: "keyring:other", want: password + "2"},
		{name: "keyring without it", secret: "keyring:none", wantErr: `nothing under service "hoist", user name "none"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(childEnv, tt.child)
			got, err := tt.secret.Resolve(t.Context(), "gip/key")
			if tt.wantErr == "" {
				if err != nil || got != tt.want {
					t.Errorf("got %q, %v, want %q", got, err, tt.want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) || fault.KindOf(err) != fault.Usage {
				t.Fatalf("error %v of kind %v, want %q of kind Usage", err, fault.KindOf(err), tt.wantErr)
			}
			if strings.Contains(err.Error(), password) || !strings.Contains(err.Error(), string(tt.secret)) {
				t.Errorf("the error has the secret or lacks its name: %v", err)
			}
		})
	}
}

func TestResolveCommandEndsWithContext(t *testing.T) {
	t.Setenv(childEnv, "hang")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Secret("cmd:"+os.Args[0]).Resolve(ctx, ""); err == nil || ctx.Err() == nil {
		t.Errorf("error %v, context %v", err, ctx.Err())
	}
}

func TestSecretIsNotShown(t *testing.T) {
	p := Profile{Kind: API, SecretAccessKey: password, Secrets: map[string]Secret{"key": password}}
	asJSON, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", p.SecretAccessKey, "p", p)
	shown := map[string]string{
		"json": string(asJSON),
		"log":  log.String(),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown[verb] = fmt.Sprintf(verb, p) + fmt.Sprintf(verb, p.SecretAccessKey)
	}
	hex := fmt.Sprintf("%x", password)
	for how, text := range shown {
		if strings.Contains(text, password) || strings.Contains(text, hex) {
			t.Errorf("%s shows it: %s", how, text)
		}
		if !strings.Contains(text, "(literal)") {
			t.Errorf("%s does not say what is there: %s", how, text)
		}
	}
	if got := fmt.Sprint(Secret("env:KEY")); got != "env:KEY" {
		t.Errorf("the name of a secret prints as %q", got)
	}
}
