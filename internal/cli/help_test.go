package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hoist-cli/hoist/internal/term"
)

// everyCommand calls check for each command that people see.
func everyCommand(t *testing.T, check func(t *testing.T, cmd *cobra.Command)) {
	t.Helper()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		t.Run(strings.ReplaceAll(cmd.CommandPath(), " ", "_"), func(t *testing.T) { check(t, cmd) })
		for _, below := range available(cmd) {
			walk(below)
		}
	}
	walk(Command("test"))
}

func TestHelp(t *testing.T) {
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		text := help(cmd)
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > helpColumns {
				t.Errorf("a line of %d columns: %q", n, line)
			}
		}
		titles := []string{"Usage:", "Global flags:"}
		if cmd.HasParent() {
			titles = []string{"Usage:", "Exit status:", "Global flags:"}
		}
		at := 0
		for _, title := range titles {
			next := strings.Index(text, "\n\n"+title+"\n")
			if next < at {
				t.Errorf("%s is missing or stands too early in\n%s", title, text)
			}
			at = next
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("the line for lists of commands is %q", cmd.Short)
		}
	})
}

// pflag shows the type of a flag for which the usage names no value.
func TestFlagsNameTheirValue(t *testing.T) {
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			name, _ := pflag.UnquoteUsage(flag)
			if name != strings.ToUpper(name) {
				t.Errorf("--%s %s: name the value in back quotes", flag.Name, name)
			}
		})
	})
}

func TestUnknownCommandsAreRefused(t *testing.T) {
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		if !cmd.HasSubCommands() {
			return
		}
		var out, errs bytes.Buffer
		streams := &term.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // for one that takes it and serves
		defer cancel()
		args := append(strings.Fields(cmd.CommandPath()), "nonsense")
		if exit := Main(ctx, args, streams, "test"); exit != 2 || out.Len() > 0 || !strings.Contains(errs.String(), cmd.CommandPath()+" --help") {
			t.Errorf("%v: exit %d, stdout %q, stderr %q", args, exit, &out, &errs)
		}
	})
}
