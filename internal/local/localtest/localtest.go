// Package localtest lets tests talk to the embedded store.
package localtest

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/hoist-cli/hoist/internal/local"
)

// Prepare is called first in a TestMain. It is ServeIfChild, and keeps the
// machine's own AWS configuration out of the tests.
func Prepare() {
	ServeIfChild()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			_ = os.Unsetenv(name)
		}
	}
	_ = os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	_ = os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	_ = os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
}

// ServeIfChild does not come back where the test binary was started to be the store.
func ServeIfChild() {
	if served, err := local.ServeIfChild(context.Background(), os.Args); served {
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// Open returns a store in a folder of its own, which ends with the test.
func Open(t testing.TB) *local.Store {
	t.Helper()
	store, err := local.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}
