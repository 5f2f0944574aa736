// Package checksum names and computes the digests that S3 knows.
package checksum

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/minio/crc64nvme"

	"github.com/hoist-cli/hoist/internal/ticket"
)

// The algorithms, named as in S3's x-amz-checksum-* headers, and MD5, which
// S3 knows as Content-MD5 and as the ETag of what was stored in one piece.
const (
	CRC64NVME = "crc64nvme"
	CRC32     = "crc32"
	CRC32C    = "crc32c"
	SHA1      = "sha1"
	SHA256    = "sha256"
	MD5       = "md5"
)

// Algorithms returns the ones that --checksum takes, the default one first.
func Algorithms() []string { return []string{CRC64NVME, CRC32, CRC32C, SHA1, SHA256} }

// New returns a hash for the named algorithm.
func New(algorithm string) (hash.Hash, error) {
	switch algorithm {
	case CRC64NVME:
		return crc64nvme.New(), nil
	case CRC32:
		return crc32.NewIEEE(), nil
	case CRC32C:
		return crc32.New(crc32.MakeTable(crc32.Castagnoli)), nil
	case SHA1:
		return sha1.New(), nil
	case SHA256:
		return sha256.New(), nil
	case MD5:
		return md5.New(), nil
	}
	return nil, fmt.Errorf("checksum algorithm %q is none of crc64nvme, crc32, crc32c, sha1, sha256", algorithm)
}

// Of reads r to its end and returns its checksum and length in bytes.
func Of(r io.Reader, algorithm string) (*ticket.Checksum, int64, error) {
	h, err := New(algorithm)
	if err != nil {
		return nil, 0, err
	}
	n, err := io.Copy(h, r)
	if err != nil {
		return nil, n, err
	}
	return Sum(algorithm, h), n, nil
}

// Sum returns what h holds as S3 writes it: base64 of the big-endian bytes.
func Sum(algorithm string, h hash.Hash) *ticket.Checksum {
	return &ticket.Checksum{Algorithm: algorithm, Value: base64.StdEncoding.EncodeToString(h.Sum(nil))}
}

// Hex returns the digest in hexadecimal, as ETags are written, or "" if it is no base64.
func Hex(sum *ticket.Checksum) string {
	raw, err := base64.StdEncoding.DecodeString(sum.Value)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(raw)
}

// Header returns the request header that carries a checksum of the algorithm.
func Header(algorithm string) string {
	if algorithm == MD5 {
		return "Content-MD5"
	}
	return "x-amz-checksum-" + algorithm
}
