package recipe

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSchema keeps docs/recipe.schema.json to the fields that Load knows.
func TestSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/recipe.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type node struct {
		Properties map[string]*node
		Items      *node
		Additional json.RawMessage  `json:"additionalProperties"`
		Defs       map[string]*node `json:"$defs"`
	}
	var schema node
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	same := func(name string, v any, n *node) {
		t.Helper()
		if n == nil {
			t.Errorf("%s is not in the schema", name)
			return
		}
		var want []string
		for field := range reflect.TypeOf(v).Fields() {
			if tag := field.Tag.Get("yaml"); tag != "" && tag != "-" {
				want = append(want, tag)
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(n.Properties))); diff != "" {
			t.Errorf("%s (-code +schema):\n%s", name, diff)
		}
	}
	same("recipe", Recipe{}, &schema)
	same("auth", Auth{}, schema.Properties["auth"].Items)
	same("limits", Limits{}, schema.Properties["limits"])
	same("rate", Rate{}, schema.Properties["rate"])
	same("request", Request{}, schema.Defs["request"])
	var option node
	if err := json.Unmarshal(schema.Properties["options"].Additional, &option); err != nil {
		t.Fatal(err)
	}
	same("option", Option{}, &option)
	every := &node{Properties: map[string]*node{}}
	for name := range variables {
		maps.Copy(every.Properties, schema.Properties[name].Properties)
	}
	same("verb", Verb{}, every)
}
