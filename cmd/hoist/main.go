// Command hoist gets files into S3, whoever holds the keys.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/hoist-cli/hoist/internal/cli"
	"github.com/hoist-cli/hoist/internal/term"
)

// version is set by the linker for a release.
var version = "dev"

func main() {
	// What lives is a few MiB, so that collecting half as often costs little
	// memory, and saves a sixth of the time that many small files take.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(150)
	}
	os.Exit(cli.Main(context.Background(), os.Args, term.System(), version))
}
