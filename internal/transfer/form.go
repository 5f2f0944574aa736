package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"

	"github.com/hoist-cli/hoist/internal/ticket"
)

// form returns a multipart/form-data body (RFC 7578) and its exact length in
// bytes: the signed fields first, then the content as the field "file", which
// S3 wants to be the last.
func form(signed *ticket.Request, file ticket.File, content io.ReadCloser, size int64) (io.ReadCloser, int64) {
	var head bytes.Buffer
	w := multipart.NewWriter(&head)
	// Neither call can fail: the buffer takes everything, the boundary is hexadecimal.
	_ = w.SetBoundary(boundary(signed))
	for _, name := range slices.Sorted(maps.Keys(signed.Fields)) {
		_ = w.WriteField(name, signed.Fields[name])
	}
	kind := "application/octet-stream"
	if file.Type != "" {
		kind = file.Type
	}
	for name, value := range signed.Fields {
		if strings.EqualFold(name, "Content-Type") {
			kind = value
		}
	}
	_, _ = w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="file"; filename="` + quote(file.Name) + `"`},
		"Content-Type":        {kind},
	})
	tail := "\r\n--" + boundary(signed) + "--\r\n"
	length := int64(head.Len()) + size + int64(len(tail))
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&head, content, strings.NewReader(tail)), content}, length
}

func formType(signed *ticket.Request) string {
	return "multipart/form-data; boundary=" + boundary(signed)
}

// boundary is derived from the signature-bearing fields: the same for every
// try, and nothing that a file could have been made to contain.
func boundary(signed *ticket.Request) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(signed.Fields)) {
		_, _ = io.WriteString(h, name+"\x00"+signed.Fields[name]+"\x00")
	}
	return "hoist-" + hex.EncodeToString(h.Sum(nil)[:20])
}

// quote escapes a file name as browsers do in a form (WHATWG HTML, multipart/form-data).
func quote(name string) string {
	return strings.NewReplacer("\n", "%0A", "\r", "%0D", `"`, "%22").Replace(name)
}
