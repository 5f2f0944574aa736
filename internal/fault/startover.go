package fault

import "errors"

// ErrStartOver is what errors.Is finds in an error that StartOver has marked.
var ErrStartOver = errors.New("the upload has to start over")

// StartOver marks err as the end of an upload of which nothing can be used any
// more, though a new one may succeed: its requests ended and nobody can sign them
// again, or the other side has forgotten it. Its text stays err's.
func StartOver(err error) error { return startOverError{err} }

type startOverError struct{ error }

func (s startOverError) Unwrap() error        { return s.error }
func (s startOverError) Is(target error) bool { return target == ErrStartOver }
