package s3

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// polynomial of CRC-64/NVME, reflected (NVM Express NVM Command Set
// Specification 1.0, 5.2.1.3.4).
const polynomial = 0x9a6c9329ac4bc9b5

// matrix is a linear map of 64-bit vectors over GF(2): column i is what it makes of bit i.
type matrix [64]uint64

func (m *matrix) apply(v uint64) uint64 {
	var out uint64
	for i := 0; v != 0; i, v = i+1, v>>1 {
		out ^= m[i] & -(v & 1)
	}
	return out
}

func (m *matrix) square() {
	var out matrix
	for i, column := range m {
		out[i] = m.apply(column)
	}
	*m = out
}

// shift returns the map that appending length zero bytes makes of a CRC. It is
// linear, and the map of 2n bytes is that of n squared (the method of zlib's
// crc32_combine, by Mark Adler).
func shift(length int64) *matrix {
	var zeros, out matrix
	// One zero bit: shift right, and the bit that falls out takes the polynomial along.
	zeros[0] = polynomial
	for i := 1; i < 64; i++ {
		zeros[i] = 1 << (i - 1)
	}
	for range 3 { // one bit to eight
		zeros.square()
	}
	for i := range out {
		out[i] = 1 << i
	}
	for n := uint64(length); n != 0; n >>= 1 {
		if n&1 != 0 {
			for i, column := range out {
				out[i] = zeros.apply(column)
			}
		}
		zeros.square()
	}
	return &out
}

// combined returns the CRC64NVME of the whole file from those of its parts in
// order, or nil if one of them is not known.
func combined(receipts []ticket.Receipt) (*ticket.Checksum, error) {
	var (
		whole  uint64
		zeros  *matrix // of length bytes: all parts but the last have the same
		length int64
	)
	for _, r := range receipts {
		if r.Checksum == nil || r.Checksum.Algorithm != checksum.CRC64NVME {
			return nil, nil
		}
		raw, err := base64.StdEncoding.DecodeString(r.Checksum.Value)
		if err != nil || len(raw) != 8 {
			return nil, fmt.Errorf("the checksum of part %d is no CRC64NVME", r.Number)
		}
		if zeros == nil || r.Size != length {
			zeros, length = shift(r.Size), r.Size
		}
		// The CRC's initial and final inversions cancel out.
		whole = zeros.apply(whole) ^ binary.BigEndian.Uint64(raw)
	}
	return &ticket.Checksum{
		Algorithm: checksum.CRC64NVME,
		Value:     base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, whole)),
	}, nil
}
