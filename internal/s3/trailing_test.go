package s3

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// That stores take such requests, the conformance suite of internal/provider shows by TLS.
func TestSignTrailing(t *testing.T) {
	const token = "TOKEN-TOKEN-TOKEN-TOKEN"
	for endpoint, want := range map[string]bool{"https://store.test": true, "http://store.test": false} {
		s := open(t, Config{
			Bucket: "b", Endpoint: endpoint, Region: "us-east-1",
			AccessKeyID: "ID", SecretAccessKey: "SECRET", SessionToken: token,
		})
		state, err := state{Endpoint: s.address, Bucket: "b", Key: "k", UploadID: "u", Checksum: checksum.CRC64NVME, ExpiresIn: 60}.encode()
		if err != nil {
			t.Fatal(err)
		}
		tk := &ticket.Ticket{Version: ticket.Version, Location: "s3://b/k", Method: ticket.Multipart, State: state}
		if s.Trails(tk) {
			t.Errorf("%s: before the store is known to keep the checksum", endpoint)
		}
		r, err := s.SignTrailing(t.Context(), tk, ticket.Part{Number: 1, Size: 5})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
		if got := slices.Sorted(maps.Keys(r.Credentials)); !slices.Equal(got, []string{"Authorization", "X-Amz-Security-Token"}) {
			t.Errorf("the credentials are %q", got)
		}
		for name, value := range r.Header {
			if strings.Contains(value, token) || strings.Contains(value, "Signature") {
				t.Errorf("the header %s holds a secret", name)
			}
		}
		if strings.Contains(r.URL, "Signature") || strings.Contains(r.URL, token) {
			t.Errorf("the URL holds a secret: %s", r.URL)
		}
		s.keeps.Store(yes)
		if s.Trails(tk) != want {
			t.Errorf("%s: %v once it is known, want %v", endpoint, !want, want)
		}
		if _, err := s.SignTrailing(t.Context(), tk, ticket.Part{Number: 0, Size: 5}); err == nil {
			t.Error("part 0 is signed")
		}
	}
}
