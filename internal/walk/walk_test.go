package walk

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hoist-cli/hoist/internal/fault"
)

// tree makes files in a new folder; a name that ends in a slash is a folder,
// and "a -> b" is a symbolic link.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		link, target, isLink := strings.Cut(name, " -> ")
		full := filepath.Join(dir, filepath.FromSlash(link))
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case isLink:
			if err := os.Symlink(filepath.FromSlash(target), full); err != nil {
				t.Skipf("no symbolic links here: %v", err)
			}
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(full, 0o700)
		default:
			err = os.WriteFile(full, []byte(name), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// names returns what is found, "NAME!" for what cannot be read.
func names(t *testing.T, sources []string, o Options) []string {
	t.Helper()
	found := []string{}
	for f := range Files(sources, o) {
		name := f.Name
		switch {
		case f.Err != nil && f.Info != nil, f.Err == nil && f.Info == nil:
			t.Errorf("%s: %v, %v", f.Path, f.Info, f.Err)
		case f.Err != nil:
			name += "!"
		case !f.Info.Mode().IsRegular():
			t.Errorf("%s is no regular file", f.Path)
		default:
			if info, err := os.Stat(f.Path); err != nil || !os.SameFile(info, f.Info) {
				t.Errorf("%s is not the file that was found: %v", f.Path, err)
			}
		}
		found = append(found, name)
	}
	return found
}

func TestFiles(t *testing.T) {
	for _, test := range []struct {
		name string
		tree []string
		o    Options
		want []string
	}{
		{"in order", []string{"b", "a/2", "a/10", "a.b", "B", "empty/"}, Options{}, []string{"B", "a/10", "a/2", "a.b", "b"}},
		{"nothing", nil, Options{}, []string{}},
		{"links", []string{"d/f", "file -> d/f", "folder -> d"}, Options{}, []string{"d/f", "file", "folder/f"}},
		{"loops", []string{"a/f", "a/up -> ..", "a/self -> .", "a/b/top -> ../.."}, Options{}, []string{"a/f"}},
		{"two that loop", []string{"a/f", "a/to -> ../b", "b/g", "b/to -> ../a"}, Options{}, []string{"a/f", "a/to/g", "b/g", "b/to/f"}},
		{"broken link", []string{"a", "broken -> nowhere", "z"}, Options{}, []string{"a", "broken!", "z"}},
		{"link to itself", []string{"a", "self -> self"}, Options{}, []string{"a", "self!"}},
		{"include by base name", []string{"a.txt", "b.jpg", "d/c.txt", "d/e/f.txt"}, Options{Include: []string{"*.txt"}}, []string{"a.txt", "d/c.txt", "d/e/f.txt"}},
		{"include by path", []string{"a.txt", "d/c.txt", "d/e/f.txt"}, Options{Include: []string{"d/*.txt"}}, []string{"d/c.txt"}},
		{"include by deep path", []string{"a.txt", "d/c.txt", "d/e/f.txt"}, Options{Include: []string{"d/**/*.txt"}}, []string{"d/c.txt", "d/e/f.txt"}},
		{"include two", []string{"a.txt", "b.jpg", "c"}, Options{Include: []string{"*.{txt,md}", "c"}}, []string{"a.txt", "c"}},
		{"include none", []string{"a.txt"}, Options{Include: []string{"*.none"}}, []string{}},
		{"exclude", []string{"a.txt", "b.jpg", "d/c.txt"}, Options{Exclude: []string{"*.txt"}}, []string{"b.jpg"}},
		{"exclude goes first", []string{"a.txt", "b.txt"}, Options{Include: []string{"*.txt"}, Exclude: []string{"b*"}}, []string{"a.txt"}},
		{"exclude a folder", []string{"a", "node_modules/x", "d/node_modules/y/z", "d/n"}, Options{Exclude: []string{"node_modules"}}, []string{"a", "d/n"}},
		{"exclude below a folder", []string{"a", "d/x", "d/y/z"}, Options{Exclude: []string{"d/**"}}, []string{"a"}},
		{"exclude a broken link", []string{"a", "broken -> nowhere"}, Options{Exclude: []string{"broken"}}, []string{"a"}},
		{"hidden", []string{".a", ".d/b"}, Options{}, []string{".a", ".d/b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := tree(t, test.tree...)
			test.o.Recursive = true
			if err := Check([]string{dir}, test.o); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, names(t, []string{dir}, test.o)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOddNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such names")
	}
	odd := []string{" ", "\x1b[31m", "\n", "*", "a\\b", "a\xff", "ünïcode"}
	dir := tree(t, odd...)
	if diff := cmp.Diff([]string{"\n", "\x1b[31m", " ", "*", "a\\b", "a\xff", "ünïcode"}, names(t, []string{dir}, Options{Recursive: true})); diff != "" {
		t.Error(diff)
	}
}

func TestSources(t *testing.T) {
	dir := tree(t, "d/f", "d/e/g", "h")
	t.Chdir(filepath.Join(dir, "d"))
	root := strings.TrimPrefix(filepath.ToSlash(dir[len(filepath.VolumeName(dir)):]), "/")
	for _, test := range []struct {
		name    string
		sources []string
		keep    bool
		want    []string
	}{
		{"a file is its base name", []string{filepath.Join(dir, "d", "e", "g")}, false, []string{"g"}},
		{"a folder is its contents", []string{"e", "../h"}, false, []string{"g", "h"}},
		{"here", []string{"."}, false, []string{"e/g", "f"}},
		{"one that is gone", []string{"f", "none"}, false, []string{"f", "none!"}},
		{"paths are kept", []string{"f", "./e/g", "e//g", "e"}, true, []string{"f", "e/g", "e/g", "e/g"}},
		{"without the way up", []string{"../h", "../../" + filepath.Base(dir) + "/h", "e/../../h"}, true, []string{"h", filepath.Base(dir) + "/h", "h"}},
		{"without the root", []string{filepath.Join(dir, "h"), filepath.Join(dir, "d", "e")}, true, []string{root + "/h", root + "/d/e/g"}},
		{"the folder itself", []string{"."}, true, []string{"e/g", "f"}},
		{"the folder above", []string{".."}, true, []string{"d/e/g", "d/f", "h"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, names(t, test.sources, Options{Recursive: true, KeepPaths: test.keep})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What cannot be read is yielded, once, with its error, and the walk goes on.
func TestUnreadable(t *testing.T) {
	t.Run("a folder that goes while it is walked", func(t *testing.T) {
		dir := tree(t, "a", "b/f", "c")
		var got []string
		for f := range Files([]string{dir}, Options{Recursive: true}) {
			if f.Name == "a" {
				if err := os.RemoveAll(filepath.Join(dir, "b")); err != nil {
					t.Fatal(err)
				}
			}
			if f.Name == "b" && !errors.Is(f.Err, fs.ErrNotExist) {
				t.Errorf("%s: %v", f.Path, f.Err)
			}
			got = append(got, f.Name)
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a folder that may not be read", func(t *testing.T) {
		if os.Geteuid() <= 0 {
			t.Skip("root, and Windows, read it all the same")
		}
		dir := tree(t, "a", "b/f", "c")
		if err := os.Chmod(filepath.Join(dir, "b"), 0); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.Chmod(filepath.Join(dir, "b"), 0o700) }()
		if diff := cmp.Diff([]string{"a", "b!", "c"}, names(t, []string{dir}, Options{Recursive: true})); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a socket", func(t *testing.T) {
		dir := tree(t, "a")
		t.Chdir(dir) // the name of a socket must be short
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", "s")
		if err != nil {
			t.Skipf("no sockets here: %v", err)
		}
		defer l.Close()
		for f := range Files([]string{dir}, Options{Recursive: true}) {
			if f.Name == "s" && (f.Err == nil || !strings.Contains(f.Err.Error(), "is a socket, not a regular file")) {
				t.Errorf("got %v", f.Err)
			}
		}
		if diff := cmp.Diff([]string{"a", "s!"}, names(t, []string{dir}, Options{Recursive: true})); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFilesStops(t *testing.T) {
	dir := tree(t, "a/1", "a/2", "b")
	for stop := range 3 {
		n := 0
		for range Files([]string{dir, dir}, Options{Recursive: true}) {
			if n++; n > stop {
				break // a walk that went on would panic
			}
		}
	}
}

func TestCheck(t *testing.T) {
	dir := tree(t, "f", "broken -> nowhere")
	f := filepath.Join(dir, "f")
	for _, test := range []struct {
		name    string
		sources []string
		o       Options
		text    string // of the error; "" if there is none
	}{
		{"a file", []string{f}, Options{}, ""},
		{"a folder", []string{dir}, Options{Recursive: true}, ""},
		{"a folder without -r", []string{f, dir}, Options{}, "is a folder"},
		{"nothing there", []string{f, dir + "/none"}, Options{}, "no such file"},
		{"a broken link", []string{filepath.Join(dir, "broken")}, Options{}, "no such file"},
		{"below a file", []string{filepath.Join(f, "x")}, Options{}, "f"},
		{"too long a name", []string{strings.Repeat("x", 5000)}, Options{}, "xxx"},
		{"a glob that is none", []string{f}, Options{Include: []string{"[a"}}, `"[a" is not a glob`},
		{"another that is none", []string{f}, Options{Exclude: []string{"{a"}}, `"{a" is not a glob`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Check(test.sources, test.o)
			switch {
			case test.text == "" && err != nil:
				t.Error(err)
			case test.text != "" && (fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), test.text)):
				t.Errorf("got %v of kind %d", err, fault.KindOf(err))
			}
		})
	}
}

func TestReadList(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"lines", "a\nb c\n\nd", []string{"a", "b c", "d"}},
		{"CRLF", "a\r\nb\r\n\r\n", []string{"a", "b"}},
		{"NULs", "a\nb\x00c\r\x00\x00", []string{"a\nb", "c\r"}},
		{"spaces stay", " a \n\tb\n", []string{" a ", "\tb"}},
		{"empty", "", nil},
		{"only line ends", "\n\r\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "list")
			if err := os.WriteFile(name, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{name, "-"} {
				got, err := ReadList(name, strings.NewReader(test.text))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	if _, err := ReadList(filepath.Join(t.TempDir(), "none"), nil); fault.KindOf(err) != fault.Usage || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
