package config

import (
	"strings"
	"testing"

	"github.com/hoist-cli/hoist/internal/fault"
)

func TestSetDefault(t *testing.T) {
	const profiles = "profiles:\n  here: {kind: local, root: /srv}\n"
	for before, want := range map[string]string{
		profiles:                             profiles + "default: here\n",
		"default: old # was\n" + profiles:    "default: here # was\n" + profiles,
		"# mine\ndefault: null\n" + profiles: "# mine\ndefault: here\n" + profiles,
	} {
		path := writeConfig(t, before)
		if err := SetDefault(path, "here"); err != nil {
			t.Errorf("%q: %v", before, err)
		}
		if got := text(t, path); got != want {
			t.Errorf("%q became\n%s\nwant\n%s", before, got, want)
		}
	}
	path := writeConfig(t, profiles)
	if err := SetDefault(path, "gone"); fault.KindOf(err) != fault.Usage || text(t, path) != profiles {
		t.Errorf("a profile that is not there: %v", err)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		profile Profile
		want    string // of the error; "" is none
	}{
		{Profile{Name: "here", Kind: Local, Root: "/srv"}, ""},
		{Profile{Name: "here", Kind: Local, Root: "/srv", Bucket: "b"}, `no field "bucket"`},
		{Profile{Name: "x", Kind: Local, Root: "/srv"}, "a letter and then"},
		{Profile{Name: "media", Kind: "ftp"}, `kind "ftp" is not known`},
		{Profile{Name: "media", Kind: S3, SecretAccessKey: "s3cr3t"}, "go together"},
	}
	for _, tt := range tests {
		err := tt.profile.Validate()
		switch {
		case tt.want == "" && err == nil:
		case tt.want == "" || err == nil || !strings.Contains(err.Error(), tt.want) || fault.KindOf(err) != fault.Usage:
			t.Errorf("%v: %v, want %q", tt.profile, err, tt.want)
		case strings.Contains(err.Error(), "s3cr3t"):
			t.Errorf("the secret is in the error: %v", err)
		}
	}
}
