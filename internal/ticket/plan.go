package ticket

import "fmt"

// S3's limits on a multipart upload
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
const (
	MinPartSize = 5 << 20 // bytes, of every part but the last
	MaxPartSize = 5 << 30 // bytes, and of a single PUT or POST
	MaxParts    = 10_000
	// MaxObjectSize is what 10,000 parts of 5 GiB hold: 48.8 TiB.
	MaxObjectSize = MaxParts * MaxPartSize
)

// DefaultPartSize is what a kill loses at most for each part in flight.
const DefaultPartSize = 16 << 20

// Plan tiles a file of size bytes with parts of partSize bytes, the last one
// shorter. A partSize of 0 is the default one, grown in whole MiB only as far
// as 10,000 parts need; one that was asked for is kept or refused. An empty
// file is one part of size 0.
func Plan(size, partSize int64) ([]Part, error) {
	switch {
	case size < 0:
		return nil, fmt.Errorf("a size of %d bytes cannot be planned", size)
	case size > MaxObjectSize:
		return nil, fmt.Errorf("%d bytes are more than the 48.8 TiB that S3 stores in one object", size)
	case partSize == 0:
		partSize = PartSize(size)
	case partSize < MinPartSize || partSize > MaxPartSize:
		return nil, fmt.Errorf("a part size of %d bytes is outside S3's 5 MiB to 5 GiB", partSize)
	case ceilDiv(size, partSize) > MaxParts:
		return nil, fmt.Errorf("%d bytes in parts of %d are more than S3's 10,000 parts: parts of at least %d are needed",
			size, partSize, PartSize(size))
	}
	if size == 0 {
		return []Part{{Number: 1}}, nil
	}
	parts := make([]Part, 0, ceilDiv(size, partSize))
	for offset := int64(0); offset < size; offset += partSize {
		parts = append(parts, Part{Number: len(parts) + 1, Offset: offset, Size: min(partSize, size-offset)})
	}
	return parts, nil
}

// PartSize returns the size in bytes that Plan gives the parts of a file of
// size bytes when none is asked for.
func PartSize(size int64) int64 {
	const mib = 1 << 20
	needed := ceilDiv(ceilDiv(size, MaxParts), mib) * mib
	return min(max(DefaultPartSize, needed), MaxPartSize)
}

// StreamPartSize returns the size in bytes of the numbered part of a stream
// whose length nobody knows: small first, so that a short stream is sent as it
// comes, and up to part 8,900 small enough to be held in memory, which covers
// 509 GiB. The parts after that hold 5.3 TiB more.
func StreamPartSize(number int) int64 {
	switch {
	case number <= 1_000:
		return DefaultPartSize
	case number <= 8_900:
		return 4 * DefaultPartSize
	default:
		return MaxPartSize
	}
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }
