package recipe

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hoist-cli/hoist/internal/fault"
)

// value turns what a profile, --set or a ticket says into the option's type:
// a string, a bool or an int.
func (o Option) value(v any) (any, error) {
	text := fmt.Sprint(v)
	switch o.Type {
	case "bool":
		switch text {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, fmt.Errorf("%q is neither true nor false", text)
	case "int":
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no whole number", text)
		}
		return n, nil
	}
	if text == "" {
		return nil, fmt.Errorf("it is empty")
	}
	if len(o.Allowed) > 0 && !slices.Contains(o.Allowed, text) {
		return nil, fmt.Errorf("%q is none of %s", text, strings.Join(o.Allowed, ", "))
	}
	return text, nil
}

// OptionNames returns the names of the recipe's options in order.
func (r *Recipe) OptionNames() []string { return slices.Sorted(maps.Keys(r.Options)) }

// set returns base with the options of over, which go before it, in their types.
func (r *Recipe) set(base map[string]any, over map[string]any) (map[string]any, error) {
	out := maps.Clone(base)
	if out == nil {
		out = make(map[string]any)
	}
	for _, name := range slices.Sorted(maps.Keys(over)) {
		o, known := r.Options[name]
		if !known {
			if len(r.Options) == 0 {
				return nil, fault.New(fault.Usage, "%s has no options, and so no %q", r.Name, name)
			}
			return nil, fault.New(fault.Usage, "%s has no option %q: it has %s", r.Name, name, strings.Join(r.OptionNames(), ", "))
		}
		v, err := o.value(over[name])
		if err != nil {
			return nil, fault.New(fault.Usage, "%s: option %s: %w", r.Name, name, err)
		}
		out[name] = v
	}
	return out, nil
}

// opt returns $opt for a verb: every option, null where it is not said and has
// no default. What the verb needs has to be there.
func (r *Recipe) opt(v *Verb, said map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(r.Options))
	for _, name := range r.OptionNames() {
		o := r.Options[name]
		out[name] = said[name]
		if out[name] == nil && o.Default != nil {
			out[name], _ = o.value(o.Default) // was checked when the recipe was loaded
		}
		if out[name] == nil && o.Required && v.uses(name) {
			about := "VALUE"
			if len(o.Allowed) > 0 {
				about = strings.Join(o.Allowed, "|")
			}
			return nil, fault.WithHint(
				fault.New(fault.Usage, "%s: the option %s is missing: %s", r.Name, name, o.Help),
				"add --set %s=%s, or write it under options of the profile", name, about)
		}
	}
	return out, nil
}

func anyOf(in map[string]string) map[string]any {
	out := make(map[string]any, len(in))
	for name, value := range in {
		out[name] = value
	}
	return out
}
