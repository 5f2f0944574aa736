package local

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hoist-cli/hoist/internal/fault"
)

// What CheckKey lets pass must be stored under that very name.
func TestHeldKeys(t *testing.T) {
	keys := []string{
		"plain", "with space", " lead", "trail ", "...", "a..b", ".hidden", "~", "con", "back\\slash",
		"ünïcödé", "日本/語", "e\u0301", "\u00e9", "\U0001F600", "\u202ebidi", "\u2028", "\u0085nel", "del\x7f", "\ufffd",
		"a%2Fb", "a%00", "a+b", "a?b", "a#b", "a&b=c", "<xml>", `q"q'`, "*", ":", "|", "tab\t", "line\nbreak", "cr\rlf\r\n", "meta",
		strings.Repeat("s", maxSegment), strings.Repeat("ab/", 341) + "c",
	}
	s := openStore(t, t.TempDir())
	for _, key := range keys {
		if err := s.CheckKey(key); err != nil {
			if s.metadata == sidecar && key == sidecarName {
				continue
			}
			t.Errorf("%v", err)
			continue
		}
		put(t, s, key, []byte(key))
	}
	for _, key := range keys {
		if got := string(get(t, s, key)); got != key {
			t.Errorf("%q holds %q", key, got)
		}
	}
	slices.Sort(keys)
	if diff := cmp.Diff(keys, list(t, s)); diff != "" {
		t.Errorf("listing (-want +got):\n%s", diff)
	}
}

func TestRefusedKeys(t *testing.T) {
	keys := []string{
		"", "/", "/lead", "trail/", "x//y", ".", "..", "./a", "a/.", "a/./b", "../a", "a/../b", "a/..",
		".sgwtmp", ".sgwtmp/x", "a/.sgwtmp/x",
		strings.Repeat("s", maxSegment+1), "a/" + strings.Repeat("ü", 128), strings.Repeat("ab/", 341) + "cd",
		"bad\xffutf8", "nul\x00", "esc\x1b[31m", "\ufffe", "\uffff",
	}
	for c := rune(1); c < ' '; c++ {
		if c != '\t' && c != '\n' && c != '\r' {
			keys = append(keys, fmt.Sprintf("a%cb", c))
		}
	}
	for _, key := range keys {
		err := CheckKey(key)
		if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%q: got %v with hint %q, want a usage error with a hint", key, err, fault.HintOf(err))
			continue
		}
		if strings.ContainsFunc(err.Error()+fault.HintOf(err), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q: control characters in %q", key, err)
		}
	}
}

func TestWindowsKeys(t *testing.T) {
	for key, held := range map[string]bool{
		"a/b.txt": true, "ü/x y": true, ".hidden": true,
		"a:b": false, `a\b`: false, "a?": false, "tab\t": false, "dot./a": false, "space ": false,
	} {
		if why, _ := checkWindowsKey(key); (why == "") != held {
			t.Errorf("%q: %q", key, why)
		}
	}
}

// A file cannot have others below it, and only the folder tells.
func TestStoreCheckKey(t *testing.T) {
	s := openStore(t, t.TempDir())
	put(t, s, "a/b/c", nil)
	tests := []struct {
		key, want string
	}{
		{"a", "objects below it"},
		{"a/b", "objects below it"},
		{"a/b/c", ""},
		{"a/b/cc", ""},
		{"a/bb", ""},
		{"a/b/c/d", `"a/b/c" is an object`},
		{"a/b/c/d/e", `"a/b/c" is an object`},
		{"new/x", ""},
		{"x//y", "empty name"},
	}
	for _, tt := range tests {
		err := s.CheckKey(tt.key)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%q: %v", tt.key, err)
			} else {
				put(t, s, tt.key, nil)
			}
			continue
		}
		if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%q: %v, hint %q; want %q", tt.key, err, fault.HintOf(err), tt.want)
		}
	}
}

// In a sidecar store the attributes of "a" are in the folder a/meta.
func TestSidecarNames(t *testing.T) {
	s := &Store{Bucket: bucket, layout: layout{t.TempDir()}, metadata: sidecar}
	for _, key := range []string{"meta", "meta/acl", "a/meta", "a/meta/b"} {
		var f *fault.Error
		if err := s.CheckKey(key); !errors.As(err, &f) {
			t.Errorf("%q was let pass", key)
		}
	}
	if err := s.CheckKey("metal/a.meta"); err != nil {
		t.Error(err)
	}
}
