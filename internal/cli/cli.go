// Package cli is the command line: one file a command, each of which turns
// flags into options and makes one call. What goes wrong is printed here, once,
// and becomes an exit code in exit.go.
package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/local"
	"github.com/hoist-cli/hoist/internal/term"
)

// Main runs the command that args, the program's name first, stand for, and
// returns its exit code.
func Main(ctx context.Context, args []string, streams *term.Streams, version string) (exit int) {
	if served, err := local.ServeIfChild(ctx, args); served {
		return exitCode(err)
	}
	a := &app{streams: streams, version: version, printer: term.NewPrinter(streams, term.Options{})}
	defer func() {
		if crash := recover(); crash != nil {
			a.printer.Error(term.Failure{Err: crashed(crash), Exit: 1})
			exit = 1
		}
	}()
	ctx, stop := withSignals(ctx)
	defer stop()
	defer a.close()

	root := a.root() //nolint:contextcheck // cobra gives the context to the command that runs
	root.SetArgs(args[1:])
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	if !errors.Is(err, term.ErrUnread) { // whoever has gone has what it wanted
		a.printer.Error(failure(err))
	}
	return exitCode(err)
}

// crashed is what is said of a panic.
func crashed(crash any) error {
	return &fault.Error{
		Message: fmt.Sprintf("this is a fault of hoist itself: %v\n%s", crash, debug.Stack()),
		Hint:    "please report it with these lines and the command, without its secrets",
	}
}

// Command returns the command line, for what is made of it: completions and the
// reference page. It is not to be run; that is what Main is for.
func Command(version string) *cobra.Command { return (&app{version: version}).root() }

// root returns the command line. Making it reads no file and opens no socket.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "hoist",
		Short: "Get files into S3, whoever holds the keys",
		Long: `hoist gets files into S3, whoever holds the keys: your own AWS credentials, or
an HTTP API that hands out presigned URLs.

A location is s3://BUCKET/KEY, PROFILE:PATH, local:PATH (a store on this
machine that needs no account), or - for standard input or output.`,
		Example: `  hoist upload report.pdf local:docs/
  hoist ls local:docs/
  hoist help upload`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: a.prepare,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(showHelp)
	root.SetHelpCommand(helpCommand())
	config.Flags(root.PersistentFlags())
	root.PersistentFlags().BoolP("help", "h", false, "show what the command does, and its flags")

	const objects, tickets, setup = "objects", "tickets", "setup"
	root.AddGroup(
		&cobra.Group{ID: objects, Title: "Objects"},
		&cobra.Group{ID: tickets, Title: "Tickets and signed URLs"},
		&cobra.Group{ID: setup, Title: "Setting up"},
	)
	in := func(groupID string, cmd *cobra.Command) *cobra.Command {
		cmd.GroupID = groupID
		return cmd
	}
	root.SetHelpCommandGroupID(setup)
	group(root,
		in(objects, a.uploadCommand()),
		in(objects, a.getCommand()),
		in(objects, a.lsCommand()),
		in(objects, a.statCommand()),
		in(objects, a.rmCommand()),
		in(objects, a.corsCommand()),
		in(tickets, a.presignCommand()),
		in(tickets, a.completeCommand()),
		in(tickets, a.inspectCommand()),
		in(setup, a.profileCommand()),
		in(setup, a.recipeCommand()),
		in(setup, a.serveCommand()),
		in(setup, a.completionCommand()),
		in(setup, a.versionCommand()),
	)
	root.InitDefaultHelpCmd()
	return root
}

// usage returns an error of a command line that cannot be meant.
func usage(format string, args ...any) error {
	return fault.At(fault.Config, fault.New(fault.Usage, format, args...))
}

// takes checks the number of arguments; most < 0 is any number.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return fault.WithHint(usage("%s takes %s", cmd.CommandPath(), what), "%s --help shows how", cmd.CommandPath())
		}
		return nil
	}
}
