package cli

import (
	"runtime"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: long(`
Prints the version. With --json: {"v", "version", "go", "os", "arch"}.`),
		Args: takes(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			if a.json() {
				return a.printer.PrintJSON(struct {
					V       int    `json:"v"`
					Version string `json:"version"`
					Go      string `json:"go"`
					OS      string `json:"os"`
					Arch    string `json:"arch"`
				}{1, a.version, runtime.Version(), runtime.GOOS, runtime.GOARCH})
			}
			return a.printer.Print("hoist " + a.version)
		},
	}
}
