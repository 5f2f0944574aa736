package broker

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
)

// API is one of the five, by the name of its recipe.
type API string

// The APIs.
const (
	Gitfolio      API = "gitfolio"
	Ctxfy         API = "ctxfy"
	Gipity        API = "gipity"
	Workspace     API = "workspace"
	PresignedPost API = "presigned-post"
)

// APIs returns all of them.
func APIs() []API { return []API{Gitfolio, Ctxfy, Gipity, Workspace, PresignedPost} }

// Any as a Token's workspace, app or business lets it use every one.
const Any = "*"

// Token is what a client may do who sends the secret whose hash it is.
type Token struct {
	Name string // for the log
	Hash [sha256.Size]byte
	// User is whose folder it is in gitfolio and ctxfy, and who uploads in the others.
	User      string
	Workspace string
	App       string
	Business  string
	// APIs are those that it is for; none are all.
	APIs []API
	// MaxSize in bytes of one object; 0 is the API's own limit.
	MaxSize int64
}

// NewToken returns a new secret. Its 130 bits of randomness make a plain hash
// of it as good as a slow one.
func NewToken() string { return "hoist_" + rand.Text() }

// HashToken returns what a Token holds of a secret.
func HashToken(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// segment is what may stand between two slashes of a key: no name that a store on
// a file system, a proxy or a browser would read as something else.
var segment = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}$`)
})

func (t *Token) check() error {
	if t.Hash == ([sha256.Size]byte{}) {
		return errors.New("sha256 is missing: hoist serve token makes one")
	}
	if t.User == "" {
		return errors.New("user is missing")
	}
	for _, f := range []struct{ name, value string }{
		{"user", t.User}, {"workspace", t.Workspace}, {"app", t.App}, {"business", t.Business},
	} {
		if f.value != "" && !segment().MatchString(f.value) && (f.value != Any || f.name == "user") {
			return fmt.Errorf("%s %q: at most 64 letters, digits and _.@+- are allowed", f.name, f.value)
		}
	}
	for _, api := range t.APIs {
		if !slices.Contains(APIs(), api) {
			return fmt.Errorf("there is no API %q", api)
		}
	}
	if t.MaxSize < 0 {
		return errors.New("max_size is negative")
	}
	return nil
}

func (t *Token) allows(api API) bool { return len(t.APIs) == 0 || slices.Contains(t.APIs, api) }

// limit returns the smaller of the API's limit and the token's own.
func (t *Token) limit(bytes int64) int64 {
	if t.MaxSize > 0 {
		return min(bytes, t.MaxSize)
	}
	return bytes
}

// may says whether a token whose field is own may use the one named: the text
// comes from a request, and becomes a part of keys.
func may(own, named string) bool {
	return segment().MatchString(named) && (own == named || own == Any)
}

// token returns the Token of a secret, or nil. It looks at all of them, and at
// all of each hash, so that the time it takes tells nothing.
func (b *Broker) token(secret string) *Token {
	if secret == "" {
		return nil
	}
	hash := HashToken(secret)
	var found *Token
	for i := range b.cfg.Tokens {
		if subtle.ConstantTimeCompare(hash[:], b.cfg.Tokens[i].Hash[:]) == 1 {
			found = &b.cfg.Tokens[i]
		}
	}
	return found
}
