package location

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		arg  string
		want Location
		ok   bool
		text string // what String gives, if not arg
	}{
		{arg: "s3://b/k", want: Location{Bucket: "b", Path: "k"}, ok: true},
		{arg: "s3://b/a/b/", want: Location{Bucket: "b", Path: "a/b/"}, ok: true},
		{arg: "s3://b", want: Location{Bucket: "b"}, ok: true},
		{arg: "s3://b/", want: Location{Bucket: "b"}, ok: true, text: "s3://b"},
		{arg: "s3://b//k", want: Location{Bucket: "b", Path: "/k"}, ok: true},
		{arg: "s3://", want: Location{}, ok: true},
		{arg: "s3://b/k?x#y%2F", want: Location{Bucket: "b", Path: "k?x#y%2F"}, ok: true},
		{arg: "s3://b/line\nbreak", want: Location{Bucket: "b", Path: "line\nbreak"}, ok: true},
		{arg: "media:a/b", want: Location{Profile: "media", Path: "a/b"}, ok: true},
		{arg: "media:", want: Location{Profile: "media"}, ok: true},
		{arg: "media:/a", want: Location{Profile: "media", Path: "/a"}, ok: true},
		{arg: "media://a", want: Location{Profile: "media", Path: "//a"}, ok: true},
		{arg: "local:a:b", want: Location{Profile: "local", Path: "a:b"}, ok: true},
		{arg: "my-pro_file9:x", want: Location{Profile: "my-pro_file9", Path: "x"}, ok: true},
		{arg: "presigned-post:", want: Location{Profile: "presigned-post"}, ok: true},
		{arg: "report:final.pdf", want: Location{Profile: "report", Path: "final.pdf"}, ok: true},
		// files
		{arg: "-"},
		{arg: ""},
		{arg: "file"},
		{arg: "dir/file"},
		{arg: `C:\x`},
		{arg: "C:/x"},
		{arg: "c:"},
		{arg: "a:b"},
		{arg: "./report:final.pdf"},
		{arg: "dir/x:y"},
		{arg: ":x"},
		{arg: "9p:x"},
		{arg: "_p:x"},
		{arg: "two words:x"},
		{arg: "pröfil:x"},
		{arg: "name\n:x"},
		{arg: "s3:x"},
		{arg: "S3://b/k"},
		{arg: "http://h/x"},
		{arg: "https://h/x"},
		{arg: "HTTPS://h/x"},
		{arg: "file:///x"},
	} {
		got, ok := Parse(test.arg)
		if got != test.want || ok != test.ok {
			t.Errorf("Parse(%q) = %+v, %t, want %+v, %t", test.arg, got, ok, test.want, test.ok)
			continue
		}
		if !ok {
			continue
		}
		want := test.text
		if want == "" {
			want = test.arg
		}
		if got.String() != want {
			t.Errorf("%q is written %q", test.arg, got)
		}
		if again, ok := Parse(got.String()); !ok || again != got {
			t.Errorf("%q reads as %+v", got, again)
		}
	}
}

func TestValidProfile(t *testing.T) {
	for _, name := range []string{"ab", "local", "a1", "a-", "A_b-9", "s3x"} {
		if err := ValidProfile(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "a", "1a", "-a", "a b", "a.b", "a:b", "a/b", "ab\n", "s3", "S3", "http", "Https", "file"} {
		if err := ValidProfile(name); err == nil {
			t.Errorf("%q can be a profile", name)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("more than one line: %q", err)
		}
	}
}

func TestPrefixes(t *testing.T) {
	for _, test := range []struct {
		arg    string
		prefix bool
		joined string // with "x/y"
		parent string
	}{
		{"s3://b", true, "s3://b/x/y", "s3://b"},
		{"s3://b/k", false, "s3://b/k/x/y", "s3://b"},
		{"s3://b/a/k", false, "s3://b/a/k/x/y", "s3://b/a/"},
		{"s3://b/a/", true, "s3://b/a/x/y", "s3://b"},
		{"media:", true, "media:x/y", "media:"},
		{"media:a/b/", true, "media:a/b/x/y", "media:a/"},
	} {
		l, ok := Parse(test.arg)
		if !ok {
			t.Fatalf("%q is no location", test.arg)
		}
		if l.IsPrefix() != test.prefix || l.Join("x/y").String() != test.joined || l.Parent().String() != test.parent {
			t.Errorf("%s: prefix %t, joined %s, parent %s", l, l.IsPrefix(), l.Join("x/y"), l.Parent())
		}
	}
}

func TestHolds(t *testing.T) {
	for _, test := range []struct {
		l, other string
		want     bool
	}{
		{"s3://b", "s3://b/k", true},
		{"s3://b", "s3://c/k", false},
		{"s3://b/a/", "s3://b/a/k", true},
		{"s3://b/a/", "s3://b/ab", false},
		{"s3://b/a", "s3://b/a/k", false},
		{"s3://b/a", "s3://b/a", true},
		{"media:", "media:x", true},
		{"media:", "other:x", false},
	} {
		l, _ := Parse(test.l)
		other, _ := Parse(test.other)
		if l.Holds(other) != test.want {
			t.Errorf("%s holds %s: %t", l, other, !test.want)
		}
	}
}
