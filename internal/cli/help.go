package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hoist-cli/hoist/internal/fault"
)

// helpColumns is the width of a help text, on every terminal and in the
// reference page that is made of it.
const helpColumns = 80

// exitHeading parts what a command does from its exit codes, which help shows last but one.
const exitHeading = "\n\nExit status:\n"

// long returns the long help of a command: what it does, and the exit codes that it returns.
func long(text string, codes ...int) string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(text))
	b.WriteString(exitHeading)
	for _, code := range append([]int{0, 1, 2}, codes...) {
		fmt.Fprintf(&b, "  %-4d %s\n", code, exitHelp[code])
	}
	b.WriteString("  130  interrupted (143 terminated)")
	return b.String()
}

// group makes parent a command that only holds others: alone it shows its
// help, and it refuses what is none of them.
func group(parent *cobra.Command, subcommands ...*cobra.Command) *cobra.Command {
	parent.Args = cobra.ArbitraryArgs
	parent.SuggestionsMinimumDistance = 2
	parent.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return cmd.Help()
	}
	parent.AddCommand(subcommands...)
	return parent
}

func unknownCommand(parent *cobra.Command, name string) error {
	err := usage("%s has no command %q", parent.CommandPath(), name)
	if similar := parent.SuggestionsFor(name); len(similar) > 0 {
		return fault.WithHint(err, "%s %s", parent.CommandPath(), similar[0])
	}
	return fault.WithHint(err, "%s --help lists the commands", parent.CommandPath())
}

// flagError says what is wrong with a flag; where the command itself is not
// known either, that is what is wrong.
func flagError(cmd *cobra.Command, err error) error {
	if before := cmd.Flags().Args(); cmd.HasSubCommands() && len(before) > 0 {
		return unknownCommand(cmd, before[0])
	}
	return fault.WithHint(usage("%w", err), "%s --help lists the flags", cmd.CommandPath())
}

// helpCommand is there instead of cobra's, which exits 0 for a command that does not exist.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show what a command does, and its flags",
		Long:  long("Shows what COMMAND does and takes; without one, which commands there are."),
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil {
				return usage("%w", err)
			}
			if len(rest) > 0 {
				return unknownCommand(found, rest[0])
			}
			return found.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			if found, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 {
				for _, sub := range available(found) {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// showHelp writes the help of cmd to standard output, which is what was asked for.
func showHelp(cmd *cobra.Command, _ []string) {
	_, _ = io.WriteString(cmd.OutOrStdout(), help(cmd))
}

// help returns the help of cmd. The global flags, which every command has, come last.
func help(cmd *cobra.Command) string {
	var b strings.Builder
	about, codes, _ := strings.Cut(cmp.Or(cmd.Long, cmd.Short), exitHeading)
	b.WriteString(about + "\n")
	if cmd.HasAvailableSubCommands() && !cmd.LocalNonPersistentFlags().HasFlags() { // else it does something itself
		section(&b, "Usage", "  "+cmd.CommandPath()+" COMMAND [flags]")
	} else {
		section(&b, "Usage", "  "+cmd.UseLine())
	}
	for _, g := range cmd.Groups() {
		section(&b, g.Title, commandList(cmd, g.ID))
	}
	section(&b, "Commands", commandList(cmd, ""))
	section(&b, "Examples", cmd.Example)
	section(&b, "Flags", flagList(cmd.LocalNonPersistentFlags()))
	section(&b, "Exit status", codes)
	section(&b, "Global flags", flagList(cmd.Root().PersistentFlags()))
	return b.String()
}

func section(b *strings.Builder, title, body string) {
	if body != "" {
		fmt.Fprintf(b, "\n%s:\n%s\n", title, strings.TrimRight(body, "\n"))
	}
}

func commandList(parent *cobra.Command, groupID string) string {
	var b strings.Builder
	for _, cmd := range available(parent) {
		if cmd.GroupID == groupID {
			fmt.Fprintf(&b, "  %-*s  %s\n", parent.NamePadding(), cmd.Name(), cmd.Short)
		}
	}
	return b.String()
}

// available returns the commands below parent that are for people.
func available(parent *cobra.Command) []*cobra.Command {
	var found []*cobra.Command
	for _, cmd := range parent.Commands() {
		if !cmd.Hidden {
			found = append(found, cmd)
		}
	}
	return found
}

func flagList(flags *pflag.FlagSet) string { return flags.FlagUsagesWrapped(helpColumns) }
