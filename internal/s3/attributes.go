package s3

import (
	"encoding/xml"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
)

const metaPrefix = "x-amz-meta-"

// plain are the request headers of PutObject that carry attributes under their own names.
func plain() []string {
	return []string{
		"cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "if-none-match",
		"acl", "tagging", "x-amz-acl", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
		"x-amz-storage-class", "x-amz-tagging",
	}
}

// isAttribute says whether a header or form field is one that a ticket may ask this
// Store to sign. Others have power of their own: x-amz-copy-source reads other
// objects with this side's keys.
func isAttribute(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains(plain(), name) || strings.HasPrefix(name, metaPrefix)
}

// attributes returns what the object is stored with as headers of PutObject.
func attributes(spec object.Spec) (map[string]string, error) {
	h := map[string]string{
		"Content-Type":        spec.File.Type,
		"Cache-Control":       spec.CacheControl,
		"Content-Disposition": spec.ContentDisposition,
		"Content-Encoding":    spec.ContentEncoding,
		"Content-Language":    spec.ContentLanguage,
		"X-Amz-Acl":           spec.ACL,
		classHeader:           spec.StorageClass,
		sseHeader:             spec.SSE,
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": spec.SSEKMSKeyID,
		"X-Amz-Tagging": tagging(spec.Tags),
	}
	if spec.SSEKMSKeyID != "" && spec.SSE == "" {
		h[sseHeader] = string(types.ServerSideEncryptionAwsKms)
	}
	if spec.NoClobber {
		h["If-None-Match"] = "*"
	}
	for name, value := range spec.Metadata {
		if !isToken(name) {
			return nil, fault.WithHint(fault.New(fault.Usage, "metadata name %q cannot be part of an HTTP header", name),
				"use letters, digits and hyphens")
		}
		h[metaPrefix+strings.ToLower(name)] = value
	}
	for name, value := range h {
		if value == "" && !strings.HasPrefix(name, metaPrefix) {
			delete(h, name)
			continue
		}
		if strings.ContainsFunc(value, unicode.IsControl) || strings.TrimSpace(value) != value {
			return nil, fault.WithHint(fault.New(fault.Usage, "%s: the value %q cannot be an HTTP header", name, value),
				"leave out line breaks, control characters and spaces at the ends")
		}
	}
	return h, nil
}

// tagging writes tags as x-amz-tagging wants them: a query string, with spaces as %20.
func tagging(tags map[string]string) string {
	v := url.Values{}
	for name, value := range tags {
		v.Set(name, value)
	}
	return strings.ReplaceAll(v.Encode(), "+", "%20")
}

// isToken says whether s can stand in a header's name (RFC 9110, 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letterOrDigit := r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r))
		return !letterOrDigit && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// createInput returns the same attributes for a multipart upload. If-None-Match is
// not among them: it is judged at the completion.
func createInput(bucket, key string, spec object.Spec) (*sdk.CreateMultipartUploadInput, error) {
	h, err := attributes(spec)
	if err != nil {
		return nil, err
	}
	optional := func(name string) *string {
		if h[name] == "" {
			return nil
		}
		return aws.String(h[name])
	}
	return &sdk.CreateMultipartUploadInput{
		Bucket: aws.String(bucket), Key: aws.String(key),
		ContentType:          optional("Content-Type"),
		CacheControl:         optional("Cache-Control"),
		ContentDisposition:   optional("Content-Disposition"),
		ContentEncoding:      optional("Content-Encoding"),
		ContentLanguage:      optional("Content-Language"),
		Metadata:             spec.Metadata,
		Tagging:              optional("X-Amz-Tagging"),
		ACL:                  types.ObjectCannedACL(h["X-Amz-Acl"]),
		StorageClass:         types.StorageClass(h[classHeader]),
		ServerSideEncryption: types.ServerSideEncryption(h[sseHeader]),
		SSEKMSKeyId:          optional("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"),
	}, nil
}

// formFields returns the same attributes as the fields of a POST form, which
// calls some of them differently and has no room for others
// (S3 API reference, "POST Object").
func formFields(spec object.Spec) (map[string]string, error) {
	switch {
	case spec.NoClobber:
		return nil, cannot("a form cannot refuse to overwrite", "leave out --no-clobber, or use --method put")
	case spec.ContentLanguage != "":
		return nil, cannot("a form cannot carry a content language", "leave it out, or use --method put")
	}
	fields, err := attributes(spec)
	if err != nil {
		return nil, err
	}
	move := func(from, to, value string) {
		if value != "" {
			fields[to] = value
		}
		delete(fields, from)
	}
	tags, err := taggingXML(spec.Tags)
	if err != nil {
		return nil, err
	}
	move("X-Amz-Tagging", "tagging", tags)
	move("X-Amz-Acl", "acl", spec.ACL)
	return fields, nil
}

func taggingXML(tags map[string]string) (string, error) {
	if len(tags) == 0 {
		return "", nil
	}
	type tag struct{ Key, Value string }
	var doc struct {
		XMLName xml.Name `xml:"Tagging"`
		Tags    []tag    `xml:"TagSet>Tag"`
	}
	for name, value := range tags {
		doc.Tags = append(doc.Tags, tag{name, value})
	}
	slices.SortFunc(doc.Tags, func(a, b tag) int { return strings.Compare(a.Key, b.Key) })
	raw, err := xml.Marshal(doc)
	if err != nil {
		return "", fault.New(fault.Usage, "tags: %w", err)
	}
	return string(raw), nil
}

func cannot(what, hint string) error {
	return fault.WithHint(fault.New(fault.Usage, "%s", what), "%s", hint)
}
