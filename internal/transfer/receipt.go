package transfer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// errDamaged is a part that the store has otherwise than it was sent.
var errDamaged = errors.New("the store holds other bytes than were sent")

// receipt makes the receipt of a part from the store's answer, after comparing
// what the store says it holds with what was sent.
//
// A store that knows a checksum verifies it and repeats it; Content-MD5 is
// verified by all. Only where neither was so (some stores pass over the header
// of a checksum that they do not know) is the ETag compared with the part's
// MD5: a second pass over the section, which is the slow one.
func (e *Engine) receipt(ctx context.Context, part ticket.Part, answer http.Header, signed *ticket.Request, have sums, section Section) (ticket.Receipt, error) {
	r := ticket.Receipt{
		Number: part.Number, Size: part.Size,
		ETag:      strings.Trim(answer.Get("ETag"), `"`),
		Checksum:  have.of(checksum.CRC64NVME),
		VersionID: answer.Get("x-amz-version-id"),
	}
	for _, sum := range have {
		said := answer.Get(checksum.Header(sum.Algorithm))
		if said != "" && said != sum.Value {
			return r, damaged(part, sum.Algorithm, "")
		}
		if said != "" {
			return r, nil
		}
	}
	if signed.Trailer != "" {
		return r, errUnrepeated
	}
	if _, sent := header(signed, checksum.Header(checksum.MD5)); sent {
		return r, nil
	}
	if e.options.NoVerify || !isMD5(r.ETag, answer) {
		return r, nil
	}
	sum, err := e.sumOf(ctx, section, checksum.MD5)
	if err != nil {
		return r, err
	}
	if checksum.Hex(sum) != strings.ToLower(r.ETag) {
		return r, damaged(part, "ETag", "if the store's ETags are not MD5s, --no-verify leaves this check out")
	}
	return r, nil
}

func damaged(part ticket.Part, what, hint string) error {
	return &fault.Error{
		Kind: fault.Integrity, Message: fmt.Sprintf("part %d (%s)", part.Number, what), Err: errDamaged, Hint: hint,
	}
}

// isMD5 says whether an ETag is the MD5 of what was stored: 32 hexadecimal
// digits, and neither SSE-KMS nor SSE-C, whose ETags only look alike.
func isMD5(etag string, answer http.Header) bool {
	if sse := answer.Get("x-amz-server-side-encryption"); sse != "" && sse != "AES256" {
		return false
	}
	if answer.Get("x-amz-server-side-encryption-customer-algorithm") != "" {
		return false
	}
	return len(etag) == 32 && strings.Trim(strings.ToLower(etag), "0123456789abcdef") == ""
}
