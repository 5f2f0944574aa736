package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/cli"
)

// file is one that is made: its slash-separated path in the project, and its text.
type file struct {
	name string
	text []byte
}

// generate returns the files; the same commands make the same bytes.
func generate() ([]file, error) {
	root := cli.Command("dev")
	var files []file
	for _, c := range []struct{ shell, name string }{
		{"bash", "completions/hoist.bash"},
		{"zsh", "completions/hoist.zsh"},
		{"fish", "completions/hoist.fish"},
		{"powershell", "completions/hoist.ps1"},
	} {
		var text bytes.Buffer
		if err := cli.WriteCompletion(&text, root, c.shell); err != nil {
			return nil, err
		}
		files = append(files, file{c.name, text.Bytes()})
	}
	page, err := reference(root)
	return append(files, file{"docs/commands.md", page}), err
}

const intro = `# Commands

Generated from what ` + "`hoist COMMAND --help`" + ` prints, by ` + "`go run ./cmd/gen`" + `: edit it in internal/cli.
Every command takes the global flags of ` + "`hoist`" + ` as well.
`

// reference returns the page of all commands, each as its help shows it.
func reference(root *cobra.Command) ([]byte, error) {
	var page bytes.Buffer
	page.WriteString(intro)
	err := walk(root, func(cmd *cobra.Command) error {
		var help bytes.Buffer
		cmd.SetOut(&help)
		if err := cmd.Help(); err != nil {
			return err
		}
		text := help.String()
		if cmd.HasParent() {
			text, _, _ = strings.Cut(text, "\nGlobal flags:")
		}
		fmt.Fprintf(&page, "\n## %s\n\n```text\n%s\n```\n", cmd.CommandPath(), strings.TrimRight(text, "\n"))
		return nil
	})
	return page.Bytes(), err
}

// walk calls visit for cmd and what is below it, in the order of their names.
func walk(cmd *cobra.Command, visit func(*cobra.Command) error) error {
	if cmd.Hidden {
		return nil
	}
	if err := visit(cmd); err != nil {
		return err
	}
	for _, below := range cmd.Commands() {
		if err := walk(below, visit); err != nil {
			return err
		}
	}
	return nil
}
