package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
)

// maxCORS bounds in bytes a file of CORS rules; S3 itself takes 64 KB.
const maxCORS = 1 << 20

// corsDocument is what the AWS CLI reads and writes, so that files fit both.
type corsDocument struct {
	V     int               `json:"v,omitempty"`
	Rules []object.CORSRule `json:"CORSRules"`
}

func (a *app) corsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cors",
		Short: "Show or apply the CORS rules of a bucket",
		Long:  long("Shows or replaces the rules by which browsers may use a bucket from other sites.", 4, 5, 7),
	}
	show := &cobra.Command{
		Use:   "show LOCATION",
		Short: "Print the rules, as apply reads them",
		Long:  long("Prints the rules as JSON, which apply reads.", 4, 5, 7),
		Args:  takes(1, 1, "one location"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withCORS(cmd.Context(), args[0], func(c provider.CORSKeeper) error {
				return a.showCORS(cmd.Context(), c)
			})
		},
	}
	apply := &cobra.Command{
		Use:   "apply LOCATION [FILE|-]",
		Short: "Replace the rules; without FILE by ones that let browsers upload",
		Long: long(`
Replaces the rules by those of FILE, {"CORSRules": [...]} as the AWS CLI takes
them; without FILE by ones that let browsers upload from any site.`, 4, 5, 7),
		Args: takes(1, 2, "a location and one file at most"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var rules []object.CORSRule
			if len(args) == 2 {
				var err error
				if rules, err = readCORS(args[1], a.stdin); err != nil {
					return err
				}
			}
			return a.withCORS(cmd.Context(), args[0], func(c provider.CORSKeeper) error {
				if a.settings.DryRun {
					a.printer.Info("would replace the CORS rules of %s", args[0])
					return nil
				}
				return c.SetCORS(cmd.Context(), rules)
			})
		},
	}
	addSet(show)
	addSet(apply)
	return group(cmd, show, apply)
}

func (a *app) withCORS(ctx context.Context, arg string, do func(provider.CORSKeeper) error) error {
	loc, err := a.location([]string{arg})
	if err != nil {
		return err
	}
	p, err := a.open(ctx, loc)
	if err != nil {
		return err
	}
	c, err := able[provider.CORSKeeper](p, loc, "keep CORS rules")
	if err != nil {
		return err
	}
	return fault.At(fault.Stat, do(c))
}

func (a *app) showCORS(ctx context.Context, c provider.CORSKeeper) error {
	rules, err := c.CORS(ctx)
	if err != nil {
		return err
	}
	if a.json() {
		return a.printer.PrintJSON(corsDocument{V: 1, Rules: rules})
	}
	text, err := json.MarshalIndent(corsDocument{Rules: rules}, "", "  ")
	if err != nil {
		return err
	}
	return a.printer.Print(string(text))
}

func readCORS(name string, stdin io.Reader) ([]object.CORSRule, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usage("%w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxCORS))
	if err != nil {
		return nil, usage("%s: %w", name, err)
	}
	var doc corsDocument
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return nil, fault.WithHint(usage("%s: %w", name, err), `write it as {"CORSRules": [{"AllowedMethods": ["PUT"], "AllowedOrigins": ["*"]}]}`)
	}
	if len(doc.Rules) == 0 {
		return nil, usage("%s: it holds no rule", name)
	}
	return doc.Rules, nil
}
