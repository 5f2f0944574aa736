package config

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/adrg/xdg"
)

// DefaultPath is where the config file is unless --config or HOIST_CONFIG says otherwise.
func DefaultPath() string {
	return filepath.Join(dir("XDG_CONFIG_HOME", ".config", xdg.ConfigHome), "hoist", "config.yaml")
}

// RecipeDir is where the user's own recipes are.
func RecipeDir() string { return filepath.Join(filepath.Dir(DefaultPath()), "recipes") }

// StateDir is where journals are.
func StateDir() string {
	return filepath.Join(dir("XDG_STATE_HOME", ".local/state", xdg.StateHome), "hoist")
}

// LocalRoot is where the built-in local store keeps its objects.
func LocalRoot() string {
	return filepath.Join(dir("XDG_DATA_HOME", ".local/share", xdg.DataHome), "hoist", "local")
}

// dir is a base directory as the environment has it now; xdg looks only once,
// when the program starts, and is needed for the systems with names of their own.
func dir(env, below, system string) string {
	if path := os.Getenv(env); filepath.IsAbs(path) {
		return path
	}
	switch runtime.GOOS {
	case "windows", "darwin", "ios", "plan9":
		return system
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, below)
	}
	return system
}
