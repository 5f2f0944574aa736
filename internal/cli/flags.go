package cli

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// onlyWith refuses the flags of cmd that mean nothing in what it was asked to
// do, which is told by how: a flag is honoured or refused, never ignored.
func onlyWith(cmd *cobra.Command, how string, means ...string) error {
	return refuse(cmd, how, func(name string) bool { return !slices.Contains(means, name) })
}

// without refuses the named flags of cmd.
func without(cmd *cobra.Command, how string, names ...string) error {
	return refuse(cmd, how, func(name string) bool { return slices.Contains(names, name) })
}

func refuse(cmd *cobra.Command, how string, meaningless func(name string) bool) (err error) {
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if err == nil && f.Changed && meaningless(f.Name) {
			err = usage("--%s means nothing %s", f.Name, how)
		}
	})
	return err
}
