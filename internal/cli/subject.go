package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hoist-cli/hoist/internal/term"
)

// subject is an error with the file or the place that it is about.
type subject struct {
	error

	source, location string
}

func (s subject) Unwrap() error { return s.error }

// ofFile returns err as one about a file.
func ofFile(file string, err error) error { return subject{error: named(file, err), source: file} }

// ofPlace returns err as one about a location.
func ofPlace(place string, err error) error {
	return subject{error: named(place, err), location: place}
}

// failure is err as it is reported.
func failure(err error) term.Failure {
	about, _ := errors.AsType[subject](err)
	return term.Failure{Err: err, Exit: exitCode(err), Source: about.source, Location: about.location}
}

// named puts the file that failed before what happened, unless that says it.
func named(file string, err error) error {
	text := err.Error()
	for rest := text; ; {
		i := strings.Index(rest, file)
		if i < 0 {
			return fmt.Errorf("%s: %w", file, err)
		}
		before, after := text[:len(text)-len(rest)+i], rest[i+len(file):]
		if (before == "" || strings.HasSuffix(before, " ") || strings.HasSuffix(before, `"`)) &&
			(after == "" || strings.ContainsAny(after[:1], ` :,"`)) {
			return err
		}
		rest = rest[i+max(len(file), 1):]
	}
}
