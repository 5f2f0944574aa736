package recipe

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hoist-cli/hoist/internal/fault"
)

//go:embed builtin/*.yaml
var builtin embed.FS

const (
	builtinDir = "builtin"
	extension  = ".yaml"
	// maxRecipe in bytes bounds what is read of a recipe's file.
	maxRecipe = 1 << 20
)

// Builtin returns the names of the recipes that the program brings along, in order.
func Builtin() []string {
	entries, _ := builtin.ReadDir(builtinDir) // embedded: it is there
	return names(entries)
}

// Names returns the names of the built-in recipes and of those in userDir, in
// order. A folder that is not there holds none.
func Names(userDir string) []string {
	entries, _ := os.ReadDir(userDir)
	all := append(Builtin(), names(entries)...)
	slices.Sort(all)
	return slices.Compact(all)
}

func names(entries []fs.DirEntry) []string {
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), extension); ok && !e.IsDir() && recipeName.MatchString(name) {
			out = append(out, name)
		}
	}
	return out
}

// Find returns the named recipe: the user's, else the built-in one.
func Find(name, userDir string) (*Recipe, error) {
	if !recipeName.MatchString(name) {
		return nil, unknown(name, userDir)
	}
	if userDir != "" {
		r, err := LoadFile(filepath.Join(userDir, name+extension))
		if err == nil && r.Name != name {
			err = fault.At(fault.Config, fault.New(fault.Usage, "%s: its name is %q", r.Path, r.Name))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return r, err
		}
	}
	text, err := builtin.ReadFile(builtinDir + "/" + name + extension)
	if err != nil {
		return nil, unknown(name, userDir)
	}
	return Load(text, "built-in "+name+extension)
}

// LoadFile reads the recipe at path.
func LoadFile(path string) (*Recipe, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxRecipe {
		err = errors.New("more than 1 MiB is no recipe")
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fault.At(fault.Config, fault.New(fault.Usage, "recipe %s: %w", path, err))
	}
	r, err := Load(text, path)
	if err == nil {
		r.Path = path
	}
	return r, err
}

func unknown(name, userDir string) error {
	return fault.At(fault.Config, fault.WithHint(
		fault.New(fault.Usage, "there is no recipe %q: there are %s", name, strings.Join(Names(userDir), ", ")),
		"a recipe of your own goes into %s", filepath.Join(userDir, name+extension)))
}
