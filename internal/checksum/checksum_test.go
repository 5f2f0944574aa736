package checksum

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

// The check values of "123456789" (CRCs: Koopman's and the RevEng catalogue;
// digests: RFC 1321, FIPS 180-4), as S3 writes them.
func TestOf(t *testing.T) {
	for algorithm, want := range map[string]struct{ hex, header string }{
		CRC64NVME: {"ae8b14860a799888", "x-amz-checksum-crc64nvme"},
		CRC32:     {"cbf43926", "x-amz-checksum-crc32"},
		CRC32C:    {"e3069283", "x-amz-checksum-crc32c"},
		SHA1:      {"f7c3bc1d808e04732adf679965ccc34ca7ae3441", "x-amz-checksum-sha1"},
		SHA256:    {"15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225", "x-amz-checksum-sha256"},
		MD5:       {"25f9e794323b453885f5181f1b624d0b", "Content-MD5"},
	} {
		sum, n, err := Of(strings.NewReader("123456789"), algorithm)
		if err != nil || n != 9 || sum.Algorithm != algorithm || Hex(sum) != want.hex || Header(algorithm) != want.header {
			t.Errorf("%s: %+v (%s) of %d bytes in %s: %v", algorithm, sum, Hex(sum), n, Header(algorithm), err)
		}
	}
	if sum, _, _ := Of(strings.NewReader("123456789"), CRC32); sum.Value != "y/Q5Jg==" {
		t.Errorf("crc32 is written %q", sum.Value)
	}
	failed := errors.New("failed")
	if _, _, err := Of(iotest.ErrReader(failed), SHA1); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if _, _, err := Of(strings.NewReader(""), "crc16"); err == nil || !strings.Contains(err.Error(), `"crc16" is none of`) {
		t.Errorf("got %v", err)
	}
}

func TestAlgorithms(t *testing.T) {
	for _, algorithm := range Algorithms() {
		if _, err := New(algorithm); err != nil {
			t.Error(err)
		}
	}
	if Algorithms()[0] != CRC64NVME {
		t.Error("the default is not the first")
	}
}
