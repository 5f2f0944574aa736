package term

import (
	"encoding/json"
	"testing"
)

func TestEscape(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "docs/README.md", "docs/README.md"},
		{"empty", "", ""},
		{"unicode", "Größe 写真 👩‍💻 é", "Größe 写真 👩‍💻 é"},
		{"backslash", `C:\x`, `C:\x`},
		{"whitespace", "a\nb\tc\rd", `a\nb\tc\rd`},
		{"escape sequence", "\x1b[2J\x07\x00", `\x1b[2J\x07\x00`},
		{"DEL", "a\x7f", `a\x7f`},
		{"C1", "a\u009b31m", `a\u009b31m`},
		{"invalid UTF-8", "a\xff\xc3", `a\xff\xc3`},
		{"replacement character itself", "\ufffd", "\ufffd"},
		{"bidi", "a\u202egpj.exe\u2066\u200f", `a\u202egpj.exe\u2066\u200f`},
		{"line separators", "a\u2028b\u2029", `a\u2028b\u2029`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Escape(tt.in); got != tt.want {
				t.Errorf("Escape(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestName(t *testing.T) {
	const name = "a\x1bb"
	if got := (&Streams{}).Name(name); got != name {
		t.Errorf("to a program: %q, want it unchanged", got)
	}
	if got := (&Streams{OutTTY: true}).Name(name); got != `a\x1bb` {
		t.Errorf("to a terminal: %q", got)
	}
}

func TestEncodeJSON(t *testing.T) {
	const value = "https://x/?a=1&b=2 \n\x1b\x7f\u009b\u202e写"
	got, err := EncodeJSON(value)
	if err != nil {
		t.Fatal(err)
	}
	const want = `"https://x/?a=1&b=2 \n\u001b\u007f\u009b\u202e写"` + "\n"
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var back string
	if err := json.Unmarshal(got, &back); err != nil || back != value {
		t.Errorf("reads back as %q, %v", back, err)
	}
	if _, err := EncodeJSON(func() {}); err == nil {
		t.Error("no error for what JSON cannot hold")
	}
}
