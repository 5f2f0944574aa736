package s3

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// combined returns the CRC64NVME of the whole file from those of its parts in
// order, or nil if one of them is not known.
func combined(receipts []ticket.Receipt) (*ticket.Checksum, error) {
	var whole checksum.Sequence
	for _, r := range receipts {
		if r.Checksum == nil || r.Checksum.Algorithm != checksum.CRC64NVME {
			return nil, nil
		}
		raw, err := base64.StdEncoding.DecodeString(r.Checksum.Value)
		if err != nil || len(raw) != 8 {
			return nil, fmt.Errorf("the checksum of part %d is no CRC64NVME", r.Number)
		}
		whole.Append(binary.BigEndian.Uint64(raw), r.Size)
	}
	return whole.Sum(), nil
}
