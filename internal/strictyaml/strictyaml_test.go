package strictyaml_test

import (
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/strictyaml"
)

type file struct {
	Name  string        `yaml:"name"`
	Wait  time.Duration `yaml:"wait"`
	Size  int64         `yaml:"size"`
	Items []struct {
		On bool `yaml:"on"`
	} `yaml:"items"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                           "f: the file is empty",
		"# nothing":                  "f: the file is empty",
		"name: a\n---\nname: b":      "f:2: more than one YAML document",
		"name: a\ntitle: b":          "f:2: there is no field title here",
		"name: a\nname: b":           `f:2: mapping key "name" already defined at line 1`,
		"name: [a]":                  "f:1: a text is wanted here, and not a list",
		"name: a\nwait: 60":          "f:2: a time such as 1m or 30s is wanted here, and not the value `60`",
		"size: big":                  "f:1: a whole number is wanted here, and not the text `big`",
		"items:\n  on: true":         "f:2: a list is wanted here, and not a mapping",
		"items:\n  - on: often":      "f:2: true or false is wanted here, and not the text `often`",
		"items:\n  - [a]":            "f:2: a mapping is wanted here, and not a list",
		"name: a\nitems: [":          "f:2: did not find expected node content",
		"name: a\n\twait: 1m":        "f:2: found a tab character that violates indentation",
		"items: *none":               "f: unknown anchor 'none' referenced",
		"name: a\nitems: [{on: no}]": "",
	} {
		err := strictyaml.Decode([]byte(text), new(file))
		got := ""
		if err != nil {
			got = strictyaml.In("f", err)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	const text = "name: a\nitems:\n  - on: true\n  - &last\n    on: false\nother: *last\n"
	for field, want := range map[string]int{
		"name": 1, "items": 2, "items.0": 3, "items.1.on": 5, "items.7": 2, "items.1.off": 4, "other.on": 5, "nothing": 0,
	} {
		if got := strictyaml.Line([]byte(text), field); got != want {
			t.Errorf("%s is at line %d, want %d", field, got, want)
		}
	}
}
