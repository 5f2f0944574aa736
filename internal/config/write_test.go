package config

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hoist-cli/hoist/internal/fault"
)

func TestAddRemove(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "hoist", "config.yaml")
	yes := true
	profiles := []Profile{
		{Name: "Media", Kind: S3, Bucket: "0123", Endpoint: "https://h:9000", AccessKeyID: "AK", SecretAccessKey: "s3cr3t: #x", PathStyle: &yes},
		{Name: "gip", Kind: API, Recipe: "gipity", Secrets: map[string]Secret{"X-Key": "env:K"}, Options: map[string]any{"public": true, "n": 7, "s": "yes"}},
		{Name: "here", Kind: Local, Root: "/srv/objects"},
	}
	want := map[string]Profile{}
	for _, p := range profiles {
		if err := Add(path, p); err != nil {
			t.Fatal(err)
		}
		want[p.Name] = p
	}
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, f.Profiles); diff != "" {
		t.Error(diff)
	}
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
			}
		}
	}
	if err := Remove(path, "gip"); err != nil {
		t.Fatal(err)
	}
	if f, err = Load(path); err != nil || len(f.Profiles) != 2 || f.Profiles["gip"].Kind != "" {
		t.Errorf("after Remove: %v, %v", f.Names(), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(left) != 1 {
		t.Errorf("the folder has %q, %v", left, err)
	}
}

func TestEditKeepsTheRest(t *testing.T) {
	const before = `# of the team
default: old # see below
profiles:
  # do not touch
  zeta: {kind: local, root: /z} # flow
  old:
    kind: s3
    bucket: b # the bucket
  alpha: {kind: local, root: /a}
`
	path := writeConfig(t, before)
	if err := Add(path, Profile{Name: "mid", Kind: Local, Root: "/m"}); err != nil {
		t.Fatal(err)
	}
	want := before + "  mid:\n    kind: local\n    root: /m\n"
	if got := text(t, path); got != want {
		t.Errorf("after Add\n%s\nwant\n%s", got, want)
	}
	if err := Remove(path, "old"); err != nil {
		t.Fatal(err)
	}
	got := text(t, path)
	for _, kept := range []string{"# do not touch\n  zeta: {kind: local, root: /z} # flow\n", "alpha:", "mid:"} {
		if !strings.Contains(got, kept) {
			t.Errorf("%q is lost in\n%s", kept, got)
		}
	}
	if strings.Contains(got, "default") || strings.Contains(got, "bucket") {
		t.Errorf("the removed profile is still the default, or there:\n%s", got)
	}
}

func TestAddIntoEmpty(t *testing.T) {
	for _, before := range []string{"", "# mine\n", "# mine\nprofiles:\n", "# mine\nprofiles: {}\n"} {
		path := writeConfig(t, before)
		if err := Add(path, Profile{Name: "here", Kind: Local, Root: "/srv"}); err != nil {
			t.Errorf("%q: %v", before, err)
			continue
		}
		got := text(t, path)
		if !strings.HasSuffix(got, "profiles:\n  here:\n    kind: local\n    root: /srv\n") || strings.Contains(got, "# mine") != strings.Contains(before, "# mine") {
			t.Errorf("%q became\n%s", before, got)
		}
	}
}

func TestEditRefuses(t *testing.T) {
	const before = "profiles:\n  here: {kind: local, root: /srv}\n"
	tests := []struct {
		name string
		edit func(path string) error
		want string
	}{
		{"taken", func(path string) error { return Add(path, Profile{Name: "here", Kind: Local, Root: "/x"}) }, `there is a profile "here" already`},
		{"bad name", func(path string) error { return Add(path, Profile{Name: "s3", Kind: S3}) }, "reserved"},
		{"no kind", func(path string) error { return Add(path, Profile{Name: "p1"}) }, "kind is missing"},
		{"field of another kind", func(path string) error { return Add(path, Profile{Name: "p1", Kind: S3, Root: "/x"}) }, `no field "root"`},
		{"half of the keys", func(path string) error { return Add(path, Profile{Name: "p1", Kind: S3, AccessKeyID: "A"}) }, "go together"},
		{"not there", func(path string) error { return Remove(path, "gone") }, `there is no profile "gone"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := writeConfig(t, before)
			err := tt.edit(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || fault.KindOf(err) != fault.Usage || fault.StageOf(err) != fault.Config {
				t.Errorf("error %v, want %q of kind Usage in stage config", err, tt.want)
			}
			if got := text(t, path); got != before {
				t.Errorf("the file became %q", got)
			}
		})
	}
	broken := writeConfig(t, "profiles: [")
	if err := Add(broken, Profile{Name: "p1", Kind: Local, Root: "/"}); err == nil || text(t, broken) != "profiles: [" {
		t.Errorf("a broken file: %v", err)
	}
}

func TestEditFollowsALink(t *testing.T) {
	target := writeConfig(t, "")
	link := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if err := Add(link, Profile{Name: "here", Kind: Local, Root: "/srv"}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is now %v, %v", info.Mode(), err)
	}
	if !strings.Contains(text(t, target), "here:") {
		t.Error("the target is unchanged")
	}
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
