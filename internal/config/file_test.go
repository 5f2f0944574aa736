package config

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/location"
)

// writeConfig puts text into a config file that only the owner can read.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const documented = `default: media
profiles:
  media:  {kind: s3, bucket: media, prefix: in/, region: eu-central-1, endpoint: "", aws_profile: "",
           access_key_id: "", secret_access_key: "", path_style: false}
  gip:    {kind: api, recipe: gipity, base_url: "https://a.gipity.ai", secrets: {key: "env:GIPITY_KEY"},
           options: {app: APP_GUID, public: false}}
  here:   {kind: local, root: /srv/objects}
`

func TestLoadDocumented(t *testing.T) {
	f, err := Load(writeConfig(t, documented))
	if err != nil {
		t.Fatal(err)
	}
	no := false
	want := map[string]Profile{
		"media": {Name: "media", Kind: S3, Bucket: "media", Prefix: "in/", Region: "eu-central-1", PathStyle: &no},
		"gip": {
			Name: "gip", Kind: API, Recipe: "gipity", BaseURL: "https://a.gipity.ai",
			Secrets: map[string]Secret{"key": "env:GIPITY_KEY"}, Options: map[string]any{"app": "APP_GUID", "public": false},
		},
		"here": {Name: "here", Kind: Local, Root: "/srv/objects"},
	}
	if diff := cmp.Diff(want, f.Profiles); diff != "" {
		t.Error(diff)
	}
	if f.Default != "media" || len(f.Warnings) > 0 {
		t.Errorf("default %q, warnings %q", f.Default, f.Warnings)
	}
}

// What viper alone would damage: capitals and dots in names, and values that look like others.
func TestLoadKeepsNames(t *testing.T) {
	f, err := Load(writeConfig(t, `
profiles:
  Prod-EU: {kind: api, recipe: my.api, secrets: {X-App-Token: "env:A.b", my.host: "env:B"}, options: {Table.ID: 7, day: 2026-01-02, ratio: 1.5}}
  prod-eu: {kind: s3, bucket: 0123, prefix: yes, access_key_id: 012, secret_access_key: "env:S"}
  base: &base {kind: local, root: /a}
  same: *base
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Profile{
		"Prod-EU": {
			Name: "Prod-EU", Kind: API, Recipe: "my.api",
			Secrets: map[string]Secret{"X-App-Token": "env:A.b", "my.host": "env:B"},
			Options: map[string]any{"Table.ID": 7, "day": "2026-01-02", "ratio": 1.5},
		},
		"prod-eu": {Name: "prod-eu", Kind: S3, Bucket: "0123", Prefix: "yes", AccessKeyID: "012", SecretAccessKey: "env:S"},
		"base":    {Name: "base", Kind: Local, Root: "/a"},
		"same":    {Name: "same", Kind: Local, Root: "/a"},
	}
	if diff := cmp.Diff(want, f.Profiles); diff != "" {
		t.Error(diff)
	}
}

func TestLoadRefuses(t *testing.T) {
	const secret = "hunter2hunter2"
	tests := []struct{ name, text, want string }{
		{"no YAML", "profiles: [\n", "config.yaml: line "},
		{"two documents", "default: a1\n---\ndefault: b1\n", "more than one YAML document"},
		{"a list", "- a\n", "config.yaml:1: want a mapping"},
		{"unknown field", "default: a1\nprofile: {}\n", `config.yaml:2: unknown field "profile"`},
		{"profiles of another shape", "profiles: all\n", "config.yaml:1: want a mapping"},
		{"default of another shape", "default: {a: b}\n", "config.yaml:1: default: want the name"},
		{"profile of another shape", "profiles:\n  a1: s3\n", `config.yaml:2: profile "a1": want a mapping`},
		{"name", "profiles:\n  my.host: {kind: s3}\n", `config.yaml:2: profile name "my.host"`},
		{"reserved name", "profiles:\n  HTTPS: {kind: s3}\n", `profile name "HTTPS" is reserved`},
		{"local of another kind", "profiles:\n  local: {kind: s3}\n", `config.yaml:2: profile "local": the name is that of the built-in store`},
		{"twice", "profiles:\n  a1: {kind: s3}\n  a1: {kind: s3}\n", `config.yaml:3: "a1" is there twice`},
		{"field twice", "profiles:\n  a1:\n    kind: s3\n    kind: s3\n", `config.yaml:4: profile "a1": "kind" is there twice`},
		{"no kind", "profiles:\n  a1: {bucket: b}\n", `config.yaml:2: profile "a1": kind is missing`},
		{"unknown kind", "profiles:\n  a1: {kind: ftp}\n", `config.yaml:2: profile "a1": kind "ftp" is not known: want s3, api or local`},
		{"misspelt", "profiles:\n  a1:\n    kind: s3\n    buckt: b\n", `config.yaml:4: profile "a1": kind s3 has no field "buckt": it has kind, bucket, prefix`},
		{"field of another kind", "profiles:\n  a1:\n    kind: api\n    recipe: r\n    bucket: b\n", `config.yaml:5: profile "a1": kind api has no field "bucket"`},
		{"root of kind s3", "profiles:\n  a1:\n    kind: s3\n    root: /\n", `config.yaml:4: profile "a1": kind s3 has no field "root"`},
		{"api without recipe", "profiles:\n  a1: {kind: api}\n", `profile "a1": recipe is missing`},
		{"local without root", "profiles:\n  a1: {kind: local}\n", `profile "a1": root is missing`},
		{"bool", "profiles:\n  a1:\n    kind: s3\n    path_style: maybe\n", `config.yaml:4: profile "a1": path_style: want true or false`},
		{"bucket list", "profiles:\n  a1:\n    kind: s3\n    bucket: [b]\n", `config.yaml:4: profile "a1": bucket: want one value`},
		{"secrets scalar", "profiles:\n  a1:\n    kind: api\n    recipe: r\n    secrets: " + secret + "\n", `config.yaml:5: profile "a1": secrets: want a mapping`},
		{"secret list", "profiles:\n  a1:\n    kind: api\n    recipe: r\n    secrets: {key: [" + secret + "]}\n", `secrets: key: want one value`},
		{"secret with a tag", "profiles:\n  a1:\n    kind: api\n    recipe: r\n    secrets: {key: !!int " + secret + "}\n", `a value does not fit`},
		{"half of the keys", "profiles:\n  a1: {kind: s3, secret_access_key: " + secret + "}\n", "access_key_id and secret_access_key go together"},
		{"two sorts of keys", "profiles:\n  a1: {kind: s3, access_key_id: A, secret_access_key: " + secret + ", aws_profile: x}\n", "exclude each other"},
		{"endpoint without a scheme", "profiles:\n  a1: {kind: s3, endpoint: \"host:9000\"}\n", `endpoint: want a URL`},
		{"endpoint with credentials", "profiles:\n  a1: {kind: s3, endpoint: \"https://u:" + secret + "@h\"}\n", `endpoint: a URL without credentials`},
		{"base_url of a file", "profiles:\n  a1: {kind: api, recipe: r, base_url: \"file:///x\"}\n", `base_url: want a URL`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Load(writeConfig(t, tt.text))
			if err == nil {
				t.Fatalf("loaded as %+v", f)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error  %v\nwant … %s", err, tt.want)
			}
			if fault.KindOf(err) != fault.Usage || fault.StageOf(err) != fault.Config {
				t.Errorf("kind %v, stage %v", fault.KindOf(err), fault.StageOf(err))
			}
			if strings.Contains(err.Error(), secret[:7]) {
				t.Errorf("the error has the secret: %v", err)
			}
		})
	}
}

func TestLoadMissing(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	f, err := Load("")
	if err != nil || len(f.Profiles) > 0 || f.Path != DefaultPath() {
		t.Errorf("at the default path: %+v, %v", f, err)
	}
	_, err = Load(filepath.Join(t.TempDir(), "none.yaml"))
	if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "none.yaml") || fault.HintOf(err) == "" {
		t.Errorf("at a path that was given: %v", err)
	}
	if _, err = Load(t.TempDir()); fault.KindOf(err) != fault.Usage {
		t.Errorf("a folder: %v", err)
	}
	for _, text := range []string{"", "# nothing yet\n", "profiles:\ndefault:\n"} {
		if f, err := Load(writeConfig(t, text)); err != nil || len(f.Profiles) > 0 || f.Default != "" {
			t.Errorf("%q: %+v, %v", text, f, err)
		}
	}
}

func TestLoadWarns(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no mode bits that tell who can read a file")
	}
	const secret = "hunter2"
	path := writeConfig(t, `
profiles:
  gip: {kind: api, recipe: gipity, secrets: {key: `+secret+`, named: "env:KEY"}}
  own: {kind: s3, access_key_id: AKID, secret_access_key: `+secret+`}
`)
	if f, err := Load(path); err != nil || len(f.Warnings) > 0 {
		t.Fatalf("for the owner alone: %q, %v", f.Warnings, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(f.Warnings, "\n")
	if len(f.Warnings) != 2 || !strings.Contains(got, `"gip": secrets.key is`) || !strings.Contains(got, `"own": secret_access_key is`) {
		t.Errorf("warnings %q", f.Warnings)
	}
	if strings.Contains(got, secret) {
		t.Errorf("a warning has the secret: %s", got)
	}
}

func TestProfile(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	f, err := Load(writeConfig(t, documented))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		arg  string
		want Profile
	}{
		{"here:a/b", Profile{Name: "here", Kind: Local, Root: "/srv/objects"}},
		{"local:a/b", Profile{Name: "local", BuiltIn: true, Kind: Local, Root: LocalRoot()}},
		{"s3://b/k", Profile{BuiltIn: true, Kind: S3, Bucket: "b"}},
	}
	for _, tt := range tests {
		loc, _ := location.Parse(tt.arg)
		got, err := f.At(loc)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", tt.arg, err, diff)
		}
	}
	_, err = f.At(location.Location{Profile: "report", Path: "final.pdf"})
	if fault.KindOf(err) != fault.Usage || fault.StageOf(err) != fault.Config ||
		err.Error() != `there is no profile "report"; known are gip, here, media, local` ||
		fault.HintOf(err) != "if it is a file, write ./report:final.pdf" {
		t.Errorf("error %v, hint %q", err, fault.HintOf(err))
	}
	if _, err := f.Profile("Media"); err == nil {
		t.Error("a name in other letters is found")
	}
}

func TestPaths(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("the defaults are the system's own there")
	}
	home, other := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	paths := func() []string { return []string{DefaultPath(), StateDir(), LocalRoot()} }
	below := func(dirs ...string) []string {
		return []string{
			filepath.Join(dirs[0], "hoist", "config.yaml"),
			filepath.Join(dirs[1], "hoist"),
			filepath.Join(dirs[2], "hoist", "local"),
		}
	}
	for _, env := range []string{"", "relative/is/no/base"} {
		t.Setenv("XDG_CONFIG_HOME", env)
		t.Setenv("XDG_STATE_HOME", env)
		t.Setenv("XDG_DATA_HOME", env)
		want := below(home+"/.config", home+"/.local/state", home+"/.local/share")
		if diff := cmp.Diff(want, paths()); diff != "" {
			t.Errorf("XDG_* is %q: %s", env, diff)
		}
	}
	t.Setenv("XDG_CONFIG_HOME", other+"/c")
	t.Setenv("XDG_STATE_HOME", other+"/s")
	t.Setenv("XDG_DATA_HOME", other+"/d")
	if diff := cmp.Diff(below(other+"/c", other+"/s", other+"/d"), paths()); diff != "" {
		t.Error(diff)
	}
}
