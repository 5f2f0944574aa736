package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/recipe"
	"github.com/hoist-cli/hoist/internal/term"
)

func (a *app) recipeCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "recipe",
		Short: "List, show and check recipes: APIs as data",
		Long: long(`
A recipe is a YAML file that says how an API hands out presigned URLs. Some are
built in; your own are in $XDG_CONFIG_HOME/hoist/recipes/. Each is a profile of
its name too: hoist upload FILE NAME:`),
	}, a.recipeLsCommand(), a.recipeShowCommand(), a.recipeCheckCommand())
}

// recipeJSON is a recipe with --json.
type recipeJSON struct {
	V        int          `json:"v"`
	Name     string       `json:"name"`
	About    string       `json:"about"`
	Document string       `json:"document"`
	BuiltIn  bool         `json:"built_in"`
	Path     *string      `json:"path"`
	BaseURL  *string      `json:"base_url"`
	Secrets  []secretJSON `json:"secrets"`
	Options  []optionJSON `json:"options"`
	MaxSize  *int64       `json:"max_size"` // bytes
	Verbs    []string     `json:"verbs"`
	Notes    []string     `json:"notes"`
}

type secretJSON struct {
	Name     string  `json:"name"`
	Env      *string `json:"env"`
	Header   string  `json:"header"`
	Optional bool    `json:"optional"`
}

type optionJSON struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Required bool     `json:"required"`
	Allowed  []string `json:"allowed"`
	Default  any      `json:"default"`
	Help     string   `json:"help"`
}

func newRecipeJSON(r *recipe.Recipe) recipeJSON {
	out := recipeJSON{
		V: 1, Name: r.Name, About: r.About, Document: r.Document, BuiltIn: r.Path == "", Path: known(r.Path),
		BaseURL: known(r.BaseURL), Secrets: []secretJSON{}, Options: []optionJSON{}, Verbs: r.Verbs(), Notes: r.Notes,
	}
	if most := int64(r.Limits.MaxSize); most > 0 {
		out.MaxSize = &most
	}
	for _, auth := range r.Auth {
		out.Secrets = append(out.Secrets, secretJSON{auth.Secret, known(auth.Env), auth.Header, auth.Optional})
	}
	for _, name := range r.OptionNames() {
		o := r.Options[name]
		out.Options = append(out.Options, optionJSON{name, o.Type, o.Required, o.Allowed, o.Default, o.Help})
	}
	return out
}

func (a *app) recipeLsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the recipes, your own too",
		Long: long(`
Lists the recipes: name and what their API is.

With --json, a line each, as "recipe show" has it.`),
		Args: takes(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			for _, name := range recipe.Names(config.RecipeDir()) {
				r, err := recipe.Find(name, config.RecipeDir())
				switch {
				case err != nil:
					a.printer.Warn("%v", err)
					continue
				case a.json():
					err = a.printer.PrintJSON(newRecipeJSON(r))
				default:
					err = a.printer.Print(term.Escape(fmt.Sprintf("%-16s  %s", name, r.About)))
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (a *app) recipeShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show what a recipe's API can do, and what it wants",
		Long: long(`
Shows a recipe: address, secrets, options, limits, what its API can do, and what
there is to know of it.

With --json: {"v", "name", "about", "document", "built_in", "path", "base_url",
"secrets", "options", "max_size", "verbs", "notes"}.`),
		Example: `  hoist recipe show gipity`,
		Args:    takes(1, 1, "the name of one recipe"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return recipe.Names(config.RecipeDir()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := recipe.Find(args[0], config.RecipeDir())
			if err != nil {
				return err
			}
			if a.json() {
				return a.printer.PrintJSON(newRecipeJSON(r))
			}
			return a.printFacts(recipeFacts(r))
		},
	}
}

// recipeFacts are the lines of "recipe show" for people.
func recipeFacts(r *recipe.Recipe) [][2]string {
	facts := [][2]string{
		{"name", r.Name}, {"about", r.About}, {"document", r.Document}, {"file", r.Path}, {"base_url", r.BaseURL},
	}
	if r.BaseURL == "" {
		facts = append(facts, [2]string{"base_url", "none: --base-url is needed"})
	}
	for _, auth := range r.Auth {
		text := "in " + auth.Header
		if auth.Env != "" {
			text = auth.Env + ", " + text
		}
		if auth.Optional {
			text += " (optional)"
		}
		facts = append(facts, [2]string{"secret " + auth.Secret, text})
	}
	for _, name := range r.OptionNames() {
		facts = append(facts, [2]string{"option " + name, describeOption(r.Options[name])})
	}
	if r.Limits.MaxSize > 0 {
		facts = append(facts, [2]string{"max size", r.Limits.MaxSize.String()})
	}
	facts = append(facts,
		[2]string{"names", join(".", r.Limits.Extensions)}, [2]string{"types", join("", r.Limits.Types)},
		[2]string{"verbs", join("", r.Verbs())})
	if r.Rate != nil {
		facts = append(facts, [2]string{"rate", fmt.Sprintf("%d in %s", r.Rate.Requests, r.Rate.Per)})
	}
	for _, note := range r.Notes {
		facts = append(facts, [2]string{"note", note})
	}
	return facts
}

func join(before string, words []string) string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = before + word
	}
	return strings.Join(out, ", ")
}

func describeOption(o recipe.Option) string {
	text := o.Type
	if len(o.Allowed) > 0 {
		text = strings.Join(o.Allowed, "|")
	}
	if o.Required {
		text += ", required"
	}
	if o.Default != nil {
		text += fmt.Sprintf(", default %v", o.Default)
	}
	if o.Help != "" {
		text += ": " + o.Help
	}
	return text
}

func (a *app) recipeCheckCommand() *cobra.Command {
	var recorded string
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a recipe of your own, without a network",
		Long: long(`
Reads a recipe, compiles its programs, and holds it to its recorded exchanges:
it has to ask what is recorded, and to make of the answers what the recording
says. Errors name the line. The exchanges are the YAML files in the folder of
the recipe's name beside FILE, or in --exchanges; docs/recipes.md has their
format.

FILE may be the name of a recipe as well.

With --json: {"v", "name", "path", "steps"}.`),
		Example: `  hoist recipe check ~/.config/hoist/recipes/mine.yaml
  hoist recipe check mine.yaml --exchanges testdata/`,
		Args: takes(1, 1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return fault.At(fault.Config, a.recipeCheck(cmd.Context(), args[0], recorded))
		},
	}
	cmd.Flags().StringVar(&recorded, "exchanges", "", "`DIR` of the recorded exchanges")
	return cmd
}

func (a *app) recipeCheck(ctx context.Context, name, recorded string) error {
	var r *recipe.Recipe
	var err error
	if slices.Contains(recipe.Names(config.RecipeDir()), name) {
		r, err = recipe.Find(name, config.RecipeDir())
	} else {
		r, err = recipe.LoadFile(name)
	}
	if err != nil {
		return err
	}
	asked := recorded != ""
	if !asked && r.Path != "" {
		recorded = filepath.Join(filepath.Dir(r.Path), r.Name)
	}
	steps := 0
	if recorded != "" {
		if steps, err = recipe.Replay(ctx, r, recorded); err != nil {
			return err
		}
	}
	if asked && steps == 0 {
		return usage("--exchanges %s: no exchanges are recorded there", recorded)
	}
	if a.json() {
		return a.printer.PrintJSON(struct {
			V     int     `json:"v"`
			Name  string  `json:"name"`
			Path  *string `json:"path"`
			Steps int     `json:"steps"`
		}{1, r.Name, known(r.Path), steps})
	}
	if steps == 0 && recorded != "" {
		a.printer.Info("no exchanges are recorded in %s", recorded)
	}
	return a.printer.Print(fmt.Sprintf("ok  %s: compiles, and %d recorded steps are as recorded", r.Name, steps))
}

// completeSet offers the options of the recipe whose profile the command line
// names: not of one in the config file, which completing does not read.
func completeSet(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	var offers []cobra.Completion
	for _, arg := range args {
		loc, ok := location.Parse(arg)
		if !ok {
			continue
		}
		r, err := recipe.Find(loc.Profile, config.RecipeDir())
		if err != nil {
			continue
		}
		for _, name := range r.OptionNames() {
			o := r.Options[name]
			values := o.Allowed
			if o.Type == "bool" {
				values = []string{"true", "false"}
			}
			if !strings.HasPrefix(typed, name+"=") {
				values = []string{""}
			}
			for _, value := range values {
				offers = append(offers, cobra.CompletionWithDesc(name+"="+value, o.Help))
			}
		}
	}
	return offers, directive
}
