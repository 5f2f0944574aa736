package recipe_test

import (
	"strings"
	"testing"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/recipe"
)

// right is a recipe in which each test makes one mistake.
const right = `name: files
base_url: https://files.example
auth:
  - {secret: key, env: FILES_KEY, header: X-Api-Key}
options:
  app: {required: true, help: which}
limits: {max_size: 5GiB}
rate: {requests: 10, per: 1m, verbs: [start]}
resend: start
start:
  request:
    method: POST
    path: '@uri "/v2/\($opt.app)"'
    json: |
      {
        name: $file.name,
        parts: [.[]? as $part | $part.id]
      }
  answer: '{url: .put_to, path: .id}'
`

// TestLoad: whatever is wrong in a recipe, the error names its line.
func TestLoad(t *testing.T) {
	t.Parallel()
	if _, err := recipe.Load([]byte(right), "files.yaml"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ old, with, says string }{
		{"name: files", "name: my files", `:1: name: "my files"`},
		{"https://files", "files", ":2: base_url:"},
		{"header: X-Api-Key", "header: X Api Key", `:4: auth: header "X Api Key"`},
		{"- {secret", "{secret", ":4: a list is wanted here, and not a mapping"},
		{"env: FILES_KEY", "env: files", ":4: auth: env"},
		{"required: true", "required: sure", ":6: true or false is wanted here, and not the text `sure`"},
		{"required: true", "type: number", `:6: option app: type: "number" is none of string, bool, int`},
		{"required: true", "default: ''", ":6: option app: default: it is empty"},
		{"{required: true, help: which}", "[which]", ":6: a mapping is wanted here, and not a list"},
		{"  app:", "  App:", `:6: option "App"`},
		{"5GiB", "lots", `:7: "lots" is no size`},
		{"per: 1m", "per: 60", ":8: a time such as 1m or 30s is wanted here"},
		{", per: 1m", "", ":8: rate:"},
		{"[start]", "[begin]", `:8: rate: there is no verb "begin"`},
		{"resend: start", "resend: never", `:9: resend: "never" is none of`},
		{"resend: start", "resend: sign", ":9: resend: sign needs the verb sign"},
		{"resend: start", "parts: client", ":9: parts: client needs the verb sign"},
		{"resend: start", "retry: true", ":9: there is no field retry here"},
		{"POST", "post", `:12: start: method "post"`},
		{"'@uri \"/v2/\\($opt.app)\"'", "v2/files", ":13: start: path: a literal path begins with /"},
		{"    path:", "    paht:", ":13: there is no field paht here"},
		{"$opt.app", "$opt.ap", ":13: there is no $opt.ap: $opt has app"},
		{"$opt.app", "$apt.app", ":13: variable not defined: $apt: here are $opt, $file, $parts"},
		{"$file.name,", "$file.nam,", ":16: there is no $file.nam: $file has name, size, type"},
		{"$file.name,", "($file.name | lower),", ":16: function not defined: lower/0"},
		{"$file.name,", "$file.name", `:17: unexpected token "parts"`},
		{"$part.id]", "$part.id", ":18: unexpected token"},
		{"answer:", "anwser:", ":19: there is no field anwser here"},
		{"  answer: '{url: .put_to, path: .id}'\n", "", ":10: start: answer is missing"},
		{"'{url: .put_to, path: .id}'", "{url: .put_to}", ":19: a jq program is wanted here"},
		{"'{url: .put_to, path: .id}'", "'{url: .put_to'", ":19: unexpected EOF"},
	} {
		text := strings.Replace(right, test.old, test.with, 1)
		_, err := recipe.Load([]byte(text), "files.yaml")
		if err == nil || !strings.Contains(err.Error(), "files.yaml"+test.says) || fault.KindOf(err) != fault.Usage {
			t.Errorf("%s in place of %s: %v\n\tand should say %s", test.with, test.old, err, test.says)
		}
	}
}
