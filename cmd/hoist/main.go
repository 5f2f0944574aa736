// Command hoist gets files into S3, whoever holds the keys.
package main

import (
	"context"
	"os"

	"github.com/hoist-cli/hoist/internal/cli"
	"github.com/hoist-cli/hoist/internal/term"
)

// version is set by the linker for a release.
var version = "dev"

func main() {
	os.Exit(cli.Main(context.Background(), os.Args, term.System(), version))
}
