package s3

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
)

// The headers that stores other than AWS pass over where they do not know them.
const (
	classHeader = "X-Amz-Storage-Class"
	sseHeader   = "X-Amz-Server-Side-Encryption"
)

// remembered are the attributes that heeded looks at, for a state that has no
// use for the others.
func remembered(spec object.Spec) map[string]string {
	kept := make(map[string]string)
	if spec.StorageClass != "" {
		kept[classHeader] = spec.StorageClass
	}
	switch {
	case spec.SSE != "":
		kept[sseHeader] = spec.SSE
	case spec.SSEKMSKeyID != "":
		kept[sseHeader] = string(types.ServerSideEncryptionAwsKms)
	}
	return kept
}

// heeded says whether the object has the storage class and the encryption that
// were asked for. A store may have its own name for either; one that has neither
// has passed over the header, and only after the object is stored can that be seen.
func (s *Store) heeded(ctx context.Context, st state, versionID string) error {
	class, sse := st.attribute(classHeader), st.attribute(sseHeader)
	if class == string(types.StorageClassStandard) {
		class = ""
	}
	if class == "" && sse == "" {
		return nil
	}
	found, err := s.headObject(ctx, st.Key, versionID, "")
	if err != nil {
		return err
	}
	switch {
	case sse != "" && found.ServerSideEncryption == "":
		return s.passedOver(st.Key, "the encryption "+sse, "--sse")
	case class != "" && (found.StorageClass == "" || found.StorageClass == types.StorageClassStandard):
		return s.passedOver(st.Key, "the storage class "+class, "--storage-class")
	}
	return nil
}

func (s *Store) passedOver(key, what, flag string) error {
	return fault.WithHint(fault.New(fault.Integrity, "%s is stored without %s, which this store passed over", s.location(key), what),
		"remove it, or upload it again without %s", flag)
}

// attribute returns what a header or form field of the upload says.
func (st state) attribute(name string) string {
	for _, said := range []map[string]string{st.Headers, st.Fields} {
		for have, value := range said {
			if strings.EqualFold(have, name) {
				return value
			}
		}
	}
	return ""
}
