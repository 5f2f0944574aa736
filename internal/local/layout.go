package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/versity/versitygw/backend/meta"

	"github.com/hoist-cli/hoist/internal/fault"
)

// layout names what lies in a root.
type layout struct{ root string }

func (l layout) objects() string    { return filepath.Join(l.root, "objects") }  // the gateway's root: OBJECTS/BUCKET/KEY
func (l layout) metadata() string   { return filepath.Join(l.root, "metadata") } // of sidecar stores
func (l layout) formatFile() string { return filepath.Join(l.root, "format.json") }
func (l layout) serverFile() string { return filepath.Join(l.root, "server.json") }
func (l layout) serverLog() string  { return filepath.Join(l.root, "server.log") } // of the last start
func (l layout) startLock() string  { return filepath.Join(l.root, "start.lock") }
func (l layout) usersLock() string  { return filepath.Join(l.root, "users.lock") }
func (l layout) serverLock() string { return filepath.Join(l.root, "server.lock") }

// metadataKind is where a store keeps what S3 knows of an object beside its bytes.
type metadataKind string

const (
	xattr   metadataKind = "xattr"   // in extended attributes of the object's file
	sidecar metadataKind = "sidecar" // in files of their own
)

// format is what a root must remember: a store that was begun with one kind
// of metadata has lost all of it under the other.
type format struct {
	Version  int          `json:"version"`
	Metadata metadataKind `json:"metadata"`
}

const formatVersion = 1

func (l layout) readMetadataKind() (metadataKind, error) {
	data, err := os.ReadFile(l.formatFile())
	if err != nil {
		return "", err
	}
	var f format
	if err := json.Unmarshal(data, &f); err != nil {
		return "", fmt.Errorf("%s: %w", l.formatFile(), err)
	}
	if f.Version != formatVersion || f.Metadata != xattr && f.Metadata != sidecar {
		return "", fault.WithHint(
			fault.New(fault.Usage, "%s: version %d with metadata %q is not known", l.formatFile(), f.Version, f.Metadata),
			"a newer hoist made this store: use that one")
	}
	return f.Metadata, nil
}

// storer returns the root's keeper of metadata, and decides which kind it is
// when the root is new.
func (l layout) storer() (meta.MetadataStorer, metadataKind, error) {
	attributes := tryXattr(l.root)
	kind, err := l.readMetadataKind()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = xattr
		if attributes != nil {
			kind = sidecar
		}
		if err := writeJSON(l.formatFile(), format{formatVersion, kind}); err != nil {
			return nil, "", err
		}
	case err != nil:
		return nil, "", err
	}
	if kind == xattr {
		if attributes != nil {
			return nil, "", fault.WithHint(
				fault.New(fault.Usage, "its objects' metadata is in extended attributes, which this file system does not keep: %w", attributes),
				"move the root back to a file system that has them, or use a new root")
		}
		return meta.XattrMeta{}, kind, nil
	}
	if err := os.MkdirAll(l.metadata(), 0o700); err != nil {
		return nil, "", err
	}
	s, err := meta.NewSideCar(l.metadata())
	return s, kind, err
}

// tryXattr says why files in dir cannot have extended attributes. XattrMeta's
// own test only reads, which some file systems allow that refuse to write.
func tryXattr(dir string) error {
	x := meta.XattrMeta{}
	if err := x.Test(dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "xattr-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	defer f.Close()
	if err := x.StoreAttribute(f, "", "", "hoist", []byte("1")); err != nil {
		return err
	}
	_, err = x.RetrieveAttribute(f, "", "", "hoist")
	return err
}

// writeJSON puts v at path in one step, readable by the owner alone.
func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
