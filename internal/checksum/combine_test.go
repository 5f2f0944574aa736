package checksum

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/minio/crc64nvme"
)

func combine(a, b uint64, length int64) uint64 {
	var s Sequence
	s.Append(a, 1) // of nothing yet, so its length does not matter
	s.Append(b, length)
	raw, err := base64.StdEncoding.DecodeString(s.Sum().Value)
	if err != nil {
		panic(err)
	}
	return binary.BigEndian.Uint64(raw)
}

// The check value of CRC-64/NVME for "123456789" and those of
// the NVM Express NVM Command Set Specification 1.0, 5.2.1.3.4, figure 109.
func TestKnownValues(t *testing.T) {
	ones, zeros := make([]byte, 4096), make([]byte, 4096)
	for i := range ones {
		ones[i] = 0xff
	}
	for _, test := range []struct {
		name string
		data []byte
		want uint64
	}{
		{"123456789", []byte("123456789"), 0xae8b14860a799888},
		{"4 KiB of 0x00", zeros, 0x6482d367eb22b64e},
		{"4 KiB of 0xff", ones, 0xc0ddba7302eca3ac},
	} {
		t.Run(test.name, func(t *testing.T) {
			for cut := range len(test.data) + 1 {
				if cut > 16 && cut < len(test.data)-16 && cut%511 != 0 {
					continue
				}
				a, b := test.data[:cut], test.data[cut:]
				got := combine(crc64nvme.Checksum(a), crc64nvme.Checksum(b), int64(len(b)))
				if got != test.want {
					t.Fatalf("cut at %d: %016x, want %016x", cut, got, test.want)
				}
			}
		})
	}
}

// Combining is associative, which reaches lengths that no test can hash: it
// must not matter where 48.8 TiB of zeros are cut.
func TestCombineLong(t *testing.T) {
	zeros := func(n int64) uint64 {
		sum, block, size := uint64(0), crc64nvme.Checksum([]byte{0}), int64(1)
		for ; n > 0; n >>= 1 {
			if n&1 == 1 {
				sum = combine(sum, block, size)
			}
			block, size = combine(block, block, size), size*2
		}
		return sum
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, total := range []int64{1 << 20, 5 << 30, 5<<30 + 1, 10_000 * (5 << 30)} {
		t.Run(fmt.Sprint(total), func(t *testing.T) {
			want := zeros(total)
			for range 8 {
				cut := random.Int64N(total + 1)
				if got := combine(zeros(cut), zeros(total-cut), total-cut); got != want {
					t.Errorf("cut at %d: %016x, want %016x", cut, got, want)
				}
			}
		})
	}
	if got, want := zeros(1<<20), crc64nvme.Checksum(make([]byte, 1<<20)); got != want {
		t.Errorf("1 MiB of zeros: %016x, want %016x", got, want)
	}
}
