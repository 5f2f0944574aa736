package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/fault"
)

// shells are those that a completion script can be made for.
func shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script of a shell",
		Long: long(`
Prints the script by which SHELL (bash, zsh, fish or powershell) completes the
commands and flags of hoist. Neither the script nor what it calls reads the
config file or opens a connection.`),
		Example: `  source <(hoist completion bash)
  hoist completion zsh >"${fpath[1]}/_hoist"
  hoist completion fish >~/.config/fish/completions/hoist.fish
  hoist completion powershell | Out-String | Invoke-Expression`,
		Args:      takes(1, 1, "one shell: "+strings.Join(shells(), ", ")),
		ValidArgs: shells(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return WriteCompletion(a.streams.Out, cmd.Root(), args[0])
		},
	}
}

// WriteCompletion writes the script by which a shell (bash, zsh, fish or
// powershell) completes the command line of root.
func WriteCompletion(w io.Writer, root *cobra.Command, shell string) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(w, true)
	case "zsh":
		return root.GenZshCompletion(w)
	case "fish":
		return root.GenFishCompletion(w, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(w)
	}
	return fault.WithHint(usage("there is no completion for the shell %q", shell), "name one of %s", strings.Join(shells(), ", "))
}
