// Package location reads the places that a command line names.
//
// The grammar is syntax alone: whether a profile exists is not decided here.
package location

import (
	"fmt"
	"regexp"
	"strings"
)

// Location is a place named on the command line: s3://BUCKET/KEY, PROFILE:PATH or local:PATH.
type Location struct {
	// Profile is the name before the colon; "" for s3://, which takes the default AWS chain.
	Profile string
	// Bucket is set for s3:// only. It may be empty: "s3://" names all buckets.
	Bucket string
	// Path is the key or path, literally: no %-decoding, and ? and # are ordinary.
	Path string
}

// LocalProfile is the name of the store that needs no account.
const LocalProfile = "local"

var profileName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]+$`)

// reserved names would shadow the schemes that people type.
var reserved = map[string]bool{"s3": true, "http": true, "https": true, "file": true}

// ValidProfile says whether name can be a profile: a letter and at least one
// of letters, digits, _ and -, and not the name of a URL scheme.
func ValidProfile(name string) error {
	if !profileName.MatchString(name) {
		return fmt.Errorf("profile name %q: a letter and then at least one letter, digit, _ or - is needed", name)
	}
	if reserved[strings.ToLower(name)] {
		return fmt.Errorf("profile name %q is reserved", name)
	}
	return nil
}

// Parse returns the location that arg names; ok is false when arg reads as a
// file: no colon, a single letter before it (C:\x), or something that no
// profile can be called.
func Parse(arg string) (loc Location, ok bool) {
	if rest, found := strings.CutPrefix(arg, "s3://"); found {
		bucket, key, _ := strings.Cut(rest, "/")
		return Location{Bucket: bucket, Path: key}, true
	}
	name, path, found := strings.Cut(arg, ":")
	if !found || ValidProfile(name) != nil {
		return Location{}, false
	}
	return Location{Profile: name, Path: path}, true
}

// IsS3 says whether the location is an s3:// one.
func (l Location) IsS3() bool { return l.Profile == "" }

// IsPrefix says whether the path stands for what is below it: it is empty or ends in a slash.
func (l Location) IsPrefix() bool { return l.Path == "" || strings.HasSuffix(l.Path, "/") }

// Join returns the location of name below the prefix l.
func (l Location) Join(name string) Location {
	if l.Path != "" && !strings.HasSuffix(l.Path, "/") {
		l.Path += "/"
	}
	l.Path += name
	return l
}

// String returns what a person would type to name l.
func (l Location) String() string {
	if l.IsS3() {
		if l.Path == "" {
			return "s3://" + l.Bucket
		}
		return "s3://" + l.Bucket + "/" + l.Path
	}
	return l.Profile + ":" + l.Path
}

// At returns the location of the whole path at l's profile or bucket.
func (l Location) At(path string) Location {
	l.Path = path
	return l
}

// Parent returns the prefix that l is in.
func (l Location) Parent() Location {
	trimmed := strings.TrimSuffix(l.Path, "/")
	return l.At(trimmed[:strings.LastIndexByte(trimmed, '/')+1])
}

// Holds says whether other is l itself or, where l is a prefix, below it.
func (l Location) Holds(other Location) bool {
	if l.Profile != other.Profile || l.Bucket != other.Bucket {
		return false
	}
	return l.Path == other.Path || l.IsPrefix() && strings.HasPrefix(other.Path, l.Path)
}
