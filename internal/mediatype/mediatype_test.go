package mediatype

import (
	"strings"
	"testing"
)

func TestByName(t *testing.T) {
	for name, want := range map[string]string{
		"a.svg": "image/svg+xml", "A.JPG": "image/jpeg", "b.tar.gz": "application/gzip",
		"data.parquet": "application/vnd.apache.parquet", "clip.mov": "video/quicktime",
		"main.ts": "", "noext": "", ".bashrc": "", "": "",
	} {
		if got := ByName(name); got != want {
			t.Errorf("ByName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestTableHoldsValidTypes(t *testing.T) {
	for ext, kind := range extensions {
		if !Valid(kind) || !strings.HasPrefix(ext, ".") || ext != strings.ToLower(ext) {
			t.Errorf("%s: %s", ext, kind)
		}
	}
}

func TestOfContent(t *testing.T) {
	for text, want := range map[string]string{
		"\x89PNG\r\n\x1a\n": "image/png",
		"hello":             "text/plain; charset=utf-8",
		"":                  "text/plain",
	} {
		got, err := OfContent(strings.NewReader(text))
		if err != nil || got != want {
			t.Errorf("OfContent(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}
