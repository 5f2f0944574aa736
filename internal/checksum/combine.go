package checksum

import (
	"encoding/base64"
	"encoding/binary"

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

// Sequence is the CRC64NVME of pieces that follow each other, made of theirs
// alone. The zero Sequence is that of nothing.
type Sequence struct {
	sum    uint64
	zeros  *matrix // of length bytes: all pieces but the last mostly have the same
	length int64
}

// Append adds a piece of length bytes whose CRC64NVME is sum.
func (s *Sequence) Append(sum uint64, length int64) {
	if s.zeros == nil || length != s.length {
		s.zeros, s.length = shift(length), length
	}
	// The CRC's initial and final inversions cancel out.
	s.sum = s.zeros.apply(s.sum) ^ sum
}

// Sum returns the checksum of all pieces so far.
func (s *Sequence) Sum() *ticket.Checksum {
	return &ticket.Checksum{
		Algorithm: CRC64NVME,
		Value:     base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, s.sum)),
	}
}
