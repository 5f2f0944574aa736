package cli

import (
	"errors"
	"io/fs"
	"os"
)

// secretFile is a file for its owner alone. What was there before goes when the
// first byte is written, so that a failure before that spoils and leaves nothing.
type secretFile struct {
	file    *os.File
	fresh   bool // it was not there before
	written bool
}

func openSecret(name string) (*secretFile, error) {
	_, err := os.Lstat(name)
	fresh := errors.Is(err, fs.ErrNotExist)
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &secretFile{file: file, fresh: fresh}, nil
}

func (f *secretFile) Write(p []byte) (int, error) {
	if !f.written {
		if err := f.begin(); err != nil {
			return 0, err
		}
		f.written = true
	}
	return f.file.Write(p)
}

// begin empties the file, unless it is a pipe or a device, whose mode is not ours.
func (f *secretFile) begin() error {
	info, err := f.file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	return errors.Join(f.file.Chmod(0o600), f.file.Truncate(0))
}

func (f *secretFile) Close() error {
	err := f.file.Close()
	if f.fresh && !f.written {
		err = errors.Join(err, os.Remove(f.file.Name()))
	}
	return err
}
