package cli

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hoist-cli/hoist/internal/term"
)

// bucket is an S3 server whose keys are what no real store would hold. What an
// object holds is its key.
type bucket struct{ keys []string }

// serveBucket makes s3://b such a bucket.
func serveBucket(t *testing.T, keys ...string) {
	t.Helper()
	server := httptest.NewServer(&bucket{keys})
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_ENDPOINT_URL_S3": "", "XDG_CONFIG_HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/b/")
	if r.URL.Query().Get("list-type") == "2" {
		type contents struct {
			Key          string
			Size         int
			LastModified string
		}
		list := struct {
			XMLName  xml.Name   `xml:"ListBucketResult"`
			Encoding string     `xml:"EncodingType,omitempty"`
			Contents []contents `xml:"Contents"`
		}{Encoding: r.URL.Query().Get("encoding-type")}
		for _, key := range b.keys {
			if !strings.HasPrefix(key, r.URL.Query().Get("prefix")) {
				continue
			}
			if list.Encoding == "url" {
				key = escape(key)
			}
			list.Contents = append(list.Contents, contents{key, len(key), "2026-01-01T00:00:00Z"})
		}
		_ = xml.NewEncoder(w).Encode(list)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x-1"`, key))
	content := key
	if strings.HasSuffix(key, "empty/") {
		content = ""
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
}

// escape writes a key as a listing with EncodingType url has it.
func escape(key string) string {
	var out strings.Builder
	for _, c := range []byte(key) {
		fmt.Fprintf(&out, "%%%02X", c)
	}
	return out.String()
}

// hoist runs a command, and returns its exit code and what it printed.
func hoist(t *testing.T, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	streams := &term.Streams{In: strings.NewReader(""), Out: &out, Err: &err}
	exit = Main(t.Context(), append([]string{"hoist"}, args...), streams, "test")
	return exit, out.String(), err.String()
}

// tree returns the files below dir and what they hold.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		var content []byte
		if entry.Type()&fs.ModeSymlink == 0 {
			content, err = os.ReadFile(path)
		} else {
			content = []byte("link")
		}
		name, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Whatever objects are called, nothing is written outside the folder, and what
// cannot be written inside is a file that failed.
func TestGetHostileNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("some of the names that are right here are not right there")
	}
	serveBucket(t,
		"p/", "p/ok", "p/sub/deep", "p/empty/", "p/with\nnewline", "p/with\x1b[31mESC", "p/ünïcode %2F", "p/back\\slash",
		"p/../up", "p/sub/../../up", "p//absolute", "p/a//b", "p/.", "p/..", "p/./x", "p/nul\x00", "p/.ok.hoist-partial",
		"p/evil/victim", "p/evilfile", "p/folder/",
		"p/one", "p/one/two",
	)
	top := t.TempDir()
	dest := filepath.Join(top, "dest")
	outside := filepath.Join(top, "outside")
	for _, dir := range []string{dest, outside} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"evil": outside, "evilfile": victim} {
		if err := os.Symlink(target, filepath.Join(dest, name)); err != nil {
			t.Fatal(err)
		}
	}

	exit, stdout, stderr := hoist(t, "get", "--concurrency", "1", "-r", "--json", "s3://b/p/", dest)
	if exit != 8 {
		t.Errorf("exit %d: %s", exit, stderr)
	}
	want := map[string]string{
		"dest/ok": "p/ok", "dest/sub/deep": "p/sub/deep", "dest/with\nnewline": "p/with\nnewline",
		"dest/with\x1b[31mESC": "p/with\x1b[31mESC", "dest/ünïcode %2F": "p/ünïcode %2F", "dest/back\\slash": "p/back\\slash",
		"dest/evil": "link", "dest/evilfile": "p/evilfile", // a link is replaced by the file, and not followed
		"dest/one": "p/one", "outside/victim": "mine",
	}
	if diff := cmp.Diff(want, tree(t, top)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(dest, "empty")); err != nil || !info.IsDir() {
		t.Errorf("the empty folder is missing: %v", err)
	}
	var failed []string
	for line := range strings.Lines(stderr) {
		var event struct{ Event, Stage, Message string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if event.Event == "error" && event.Stage != "get" {
			t.Errorf("stage %q in %s", event.Stage, line)
		}
		if event.Event == "error" {
			failed = append(failed, event.Message)
		}
	}
	if n := 12; len(failed) != n+1 || failed[n] != "12 of 21 failed" {
		t.Errorf("failed are\n%s", strings.Join(failed, "\n"))
	}
	if got := strings.Count(stdout, "\n"); got != 8 {
		t.Errorf("%d lines:\n%s", got, stdout)
	}
}

// Two objects that come to the same file: the second one fails, the first is not lost.
func TestGetSameFile(t *testing.T) {
	serveBucket(t, "x/f", "y/f")
	dest := t.TempDir()
	exit, _, stderr := hoist(t, "get", "--concurrency", "1", "s3://b/x/f", "s3://b/y/f", dest)
	if exit != 8 || !strings.Contains(stderr, "s3://b/y/f: another object") {
		t.Errorf("exit %d: %s", exit, stderr)
	}
	if diff := cmp.Diff(map[string]string{"f": "x/f"}, tree(t, dest)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	// Files of another run are replaced.
	if exit, _, stderr := hoist(t, "get", "s3://b/y/f", dest); exit != 0 {
		t.Errorf("exit %d: %s", exit, stderr)
	}
	if diff := cmp.Diff(map[string]string{"f": "y/f"}, tree(t, dest)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestGetDestinations(t *testing.T) {
	serveBucket(t, "p/f")
	for _, test := range []struct {
		name string
		args []string
		exit int
		want map[string]string
		out  string
		says string
	}{
		{name: "here", args: []string{"s3://b/p/f"}, want: map[string]string{"f": "p/f"}, out: "f\n"},
		{name: "a file", args: []string{"s3://b/p/f", "g"}, want: map[string]string{"g": "p/f"}, out: "g\n"},
		{name: "a new folder", args: []string{"s3://b/p/f", "new/"}, want: map[string]string{"new/f": "p/f"}, out: filepath.Join("new", "f") + "\n"},
		{name: "in a folder that is missing", args: []string{"s3://b/p/f", "no/g"}, exit: 2, want: map[string]string{}, says: "make the folder first"},
		{name: "standard output", args: []string{"s3://b/p/f", "s3://b/p/f", "-"}, want: map[string]string{}, out: "p/fp/f"},
		{name: "a folder of objects", args: []string{"s3://b/p/"}, exit: 2, want: map[string]string{}, says: "add -r"},
		{name: "-r to standard output", args: []string{"-r", "s3://b/p/", "-"}, exit: 2, want: map[string]string{}, says: "-r gets files"},
		{name: "-r of nothing", args: []string{"-r", "s3://b/none/"}, exit: 5, want: map[string]string{}, says: "nothing is at s3://b/none/"},
		{name: "-r of a part of a name", args: []string{"-r", "s3://b/p", "d"}, want: map[string]string{"d/p/f": "p/f"}, out: filepath.Join("d", "p", "f") + "\n"},
		{name: "version of several", args: []string{"-r", "--version-id", "v", "s3://b/p/"}, exit: 2, want: map[string]string{}, says: "one object"},
		{name: "a dry run", args: []string{"--dry-run", "s3://b/p/f"}, want: map[string]string{}, says: "would get s3://b/p/f to f"},
		{name: "no location", args: []string{"f", "g"}, exit: 2, want: map[string]string{}, says: "no location"},
		{name: "no name", args: []string{"s3://b/p/f", ""}, exit: 2, want: map[string]string{}, says: "no name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			exit, out, stderr := hoist(t, append([]string{"get"}, test.args...)...)
			if exit != test.exit || out != test.out || !strings.Contains(stderr, test.says) {
				t.Errorf("exit %d, want %d; stdout %q, want %q; stderr %s", exit, test.exit, out, test.out, stderr)
			}
			if diff := cmp.Diff(test.want, tree(t, dir)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}
