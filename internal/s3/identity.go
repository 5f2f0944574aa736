package s3

import (
	"net/http"

	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// Address names the place that this Store's uploads belong to: an unfinished
// one cannot be gone on with at another.
func (s *Store) Address() string {
	return s.address + "/" + s.cfg.Bucket + "/" + s.cfg.Prefix
}

// Stateful says whether Start makes something in the store: a single PUT or a
// form does not, so there is nothing to resume or abort.
func (s *Store) Stateful(spec object.Spec) bool {
	if spec.Method != "" {
		return spec.Method == ticket.Multipart
	}
	return spec.File.Size < 0 || spec.File.Size > onePart(spec)
}

// Client returns the client to send signed requests with: their answers tell
// the store's clock, by which the next ones are signed.
func (s *Store) Client() *http.Client { return s.http }
