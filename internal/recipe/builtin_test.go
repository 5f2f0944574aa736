package recipe

import (
	"path/filepath"
	"testing"
)

// TestBuiltin holds every built-in recipe to the exchanges of its API's document.
func TestBuiltin(t *testing.T) {
	for _, name := range Builtin() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Find(name, "")
			if err != nil {
				t.Fatal(err)
			}
			steps, err := Replay(t.Context(), r, filepath.Join("..", "..", "testdata", "apis", name))
			if err != nil {
				t.Error(err)
			}
			if steps == 0 {
				t.Error("nothing is recorded")
			}
		})
	}
}
