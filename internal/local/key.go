package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/versity/versitygw/backend/posix"

	"github.com/hoist-cli/hoist/internal/fault"
)

const (
	maxKey     = 1024 // bytes; S3's limit
	maxSegment = 255  // bytes; what file systems take for a name
)

// CheckKey says why no local store can hold an object under key, or would
// give it another name: keys are paths of files here, and listings are XML 1.0,
// where most control characters cannot be written. It looks at nothing but the
// key; see Store.CheckKey.
func CheckKey(key string) error {
	why, hint := checkKey(key)
	if why == "" && runtime.GOOS == "windows" {
		why, hint = checkWindowsKey(key)
	}
	return refuse(key, why, hint)
}

func refuse(key, why, hint string) error {
	if why == "" {
		return nil
	}
	return fault.WithHint(fault.New(fault.Usage, "a local store cannot hold the key %q: %s", key, why), "%s", hint)
}

func checkKey(key string) (why, hint string) {
	const rename = "give it another name"
	switch {
	case key == "":
		return "it is empty", "give the object a name: local:NAME"
	case len(key) > maxKey:
		return fmt.Sprintf("it has %d bytes, and %d is the limit", len(key), maxKey), "give it a shorter name"
	case !utf8.ValidString(key):
		return "it is not UTF-8", rename
	}
	for _, r := range key {
		if !inXML(r) {
			return fmt.Sprintf("a listing cannot show the character %q", r), rename
		}
	}
	for segment := range strings.SplitSeq(key, "/") {
		switch {
		case segment == "":
			return "keys are paths of files here, and it has an empty name between, before or after its slashes",
				fmt.Sprintf("name it %q", strings.Join(strings.FieldsFunc(key, func(r rune) bool { return r == '/' }), "/"))
		case segment == "." || segment == "..":
			return fmt.Sprintf("keys are paths of files here, and it has %q in it", segment), rename
		case segment == posix.MetaTmpDir:
			return fmt.Sprintf("the name %q is the store's own", segment), rename
		case len(segment) > maxSegment:
			return fmt.Sprintf("a name between slashes has %d bytes, and %d is the limit", len(segment), maxSegment), "give it a shorter name"
		}
	}
	return "", ""
}

// inXML says whether XML 1.0 has the character (its production Char).
func inXML(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r != '\ufffe' && r != '\uffff'
}

// checkWindowsKey is what Windows wants of a file's name beyond the rest.
func checkWindowsKey(key string) (why, hint string) {
	const rename = "give it another name"
	if i := strings.IndexAny(key, "<>:\"\\|?*\t\n\r"); i >= 0 {
		return fmt.Sprintf("Windows has no files with %q in their names", key[i]), rename
	}
	for segment := range strings.SplitSeq(key, "/") {
		if strings.TrimRight(segment, ". ") != segment {
			return "Windows drops dots and spaces from the end of a name", rename
		}
		if !filepath.IsLocal(segment) {
			return fmt.Sprintf("Windows keeps the name %q for itself", segment), rename
		}
	}
	return "", ""
}

// sidecarName is the folder that a sidecar store has beside every name: an
// object of that name would share it with its parent.
const sidecarName = "meta"

// CheckKey says why this store cannot hold an object under key: what
// CheckKey says, what its kind of metadata adds, and that a file cannot be
// beside a folder of the same name. Keys that are only about to be uploaded
// are not known here.
func (s *Store) CheckKey(key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if s.metadata == sidecar && slices.Contains(strings.Split(key, "/"), sidecarName) {
		return refuse(key, fmt.Sprintf("the name %q is the store's own on this file system", sidecarName), "give it another name")
	}
	for i := range len(key) + 1 {
		if i < len(key) && key[i] != '/' {
			continue
		}
		above := key[:i]
		info, err := os.Lstat(filepath.Join(s.layout.objects(), s.Bucket, filepath.FromSlash(above)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case above == key && info.IsDir():
			return refuse(key, "there are objects below it, and a file cannot be a folder as well",
				fmt.Sprintf("give it another name, or remove what is below %q first, with hoist rm -r", key+"/"))
		case above != key && !info.IsDir():
			return refuse(key, fmt.Sprintf("%q is an object, and a file cannot have others below it", above),
				fmt.Sprintf("give it another name, or remove %q first, with hoist rm", above))
		}
	}
	return nil
}
