package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// Identity is what an upload has to have in common with an earlier one to go
// on with it.
type Identity struct {
	// Source is the absolute path of the file.
	Source string
	// Location is the destination, as a person would type it.
	Location string
	// Address is the endpoint or base URL of the profile; "" for S3's own.
	Address string

	Size     int64 // bytes
	Modified time.Time
	// Options is whatever else changes what is stored, written so that equal
	// options are equal strings.
	Options string
}

// key names the file and the place: uploads that share it exclude each other.
func (id Identity) key() string {
	return digest("upload", id.Source, id.Location, id.Address)
}

// version names the source's state and the options: uploads that share the key
// and differ here replace each other.
func (id Identity) version() string {
	return digest(strconv.FormatInt(id.Size, 10), strconv.FormatInt(id.Modified.UnixNano(), 10), id.Options)[:16]
}

// RunIdentity is what a run over many files has to have in common with an
// earlier one to skip what that has finished.
type RunIdentity struct {
	Sources  []string // as Identity.Source, in the order of the command line
	Location string
	Address  string
	Options  string
}

func (id RunIdentity) key() string {
	return digest(append([]string{"run", id.Location, id.Address, id.Options}, id.Sources...)...)
}

// The extensions of the files in a journal's folder. Their names begin with a key.
const (
	ticketExt = ".ticket"
	runExt    = ".run"
	lockExt   = ".lock"
	newExt    = ".new" // a ticket that is being written
)

const keyLen = 32

// digest returns keyLen hex digits for the texts. Each is quoted, so that no two
// lists of texts, and no two file names that are not UTF-8, are written alike.
func digest(texts ...string) string {
	h := sha256.New()
	for _, t := range texts {
		h.Write(append(strconv.AppendQuote(nil, t), '\n')) // never fails
	}
	return hex.EncodeToString(h.Sum(nil))[:keyLen]
}

var ownName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9a-f]{32})(-[0-9a-f]{16}\.ticket|-[0-9a-f]{16}\.ticket\.new|\.run|\.lock)$`)
})

// ownerOf returns the key in the name of a file that this package writes, or "".
func ownerOf(name string) string {
	m := ownName().FindStringSubmatch(name)
	if m == nil {
		return ""
	}
	return m[1]
}
