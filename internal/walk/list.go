package walk

import (
	"bytes"
	"io"
	"os"
	"strings"

	"github.com/hoist-cli/hoist/internal/fault"
)

// maxList bounds in bytes a list of files.
const maxList = 1 << 30

// ReadList reads a list of files from the file named name, or from stdin for
// "-": one a line, or ended by NULs if there is one (find -print0). Empty
// lines are passed over.
func ReadList(name string, stdin io.Reader) ([]string, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fault.New(fault.Usage, "the list of files: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxList+1))
	if err != nil {
		return nil, fault.New(fault.Usage, "the list of files: %w", err)
	}
	if len(text) > maxList {
		return nil, fault.New(fault.Usage, "the list of files in %s is longer than 1 GiB", name)
	}
	end := "\n"
	if bytes.IndexByte(text, 0) >= 0 {
		end = "\x00"
	}
	var files []string
	for line := range strings.SplitSeq(string(text), end) {
		if end == "\n" {
			line = strings.TrimSuffix(line, "\r")
		}
		if line != "" {
			files = append(files, line)
		}
	}
	return files, nil
}
