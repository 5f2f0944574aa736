// Command gen writes what is made of the commands: the shell completions and
// the reference page. With -check it writes nothing and fails if one is stale.
// It runs in the project's root: go run ./cmd/gen.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "write nothing, and fail if a file is stale")
	flag.Parse()
	if err := run(".", *check); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run writes or checks the files below dir.
func run(dir string, check bool) error {
	files, err := generate()
	if err != nil {
		return err
	}
	var stale []string
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.name))
		old, err := os.ReadFile(path)
		switch {
		case err == nil && bytes.Equal(old, f.text):
			continue
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		case check:
			stale = append(stale, f.name)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.text, 0o644); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		return fmt.Errorf("stale: %s: type go run ./cmd/gen", strings.Join(stale, ", "))
	}
	return nil
}
