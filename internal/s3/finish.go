package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// Finish makes the object of the receipts, where that is still to be done, and
// answers only for what the store is known to hold.
func (s *Store) Finish(ctx context.Context, t *ticket.Ticket) (*object.Object, error) {
	st, err := s.state(t)
	if err != nil {
		return nil, err
	}
	receipts, err := s.receipts(t)
	if err != nil {
		return nil, err
	}
	var obj *object.Object
	if t.Method == ticket.Multipart {
		obj, err = s.complete(ctx, t, st, receipts)
	} else {
		obj, err = s.confirm(ctx, t, st, receipts[0])
	}
	if err != nil {
		return nil, err
	}
	if s.custom && isOdd(st.Key) {
		if err := s.mustList(ctx, st.Key); err != nil {
			return nil, err
		}
	}
	if s.custom {
		if err := s.heeded(ctx, st, obj.VersionID); err != nil {
			return nil, err
		}
	}
	s.started.Delete(st.Nonce)
	s.decoded.Delete(string(t.State))
	return obj, nil
}

// receipts returns one receipt for every part, in their order.
func (s *Store) receipts(t *ticket.Ticket) ([]ticket.Receipt, error) {
	byNumber := make(map[int]ticket.Receipt, len(t.Receipts))
	for _, r := range t.Receipts {
		byNumber[r.Number] = r
	}
	out := make([]ticket.Receipt, 0, len(t.Parts))
	for _, p := range t.Parts {
		r, ok := byNumber[p.Number]
		if !ok {
			continue
		}
		if r.Size != p.Size {
			return nil, fault.New(fault.Integrity, "%s: part %d has %d bytes, and %d were sent", t.Location, p.Number, p.Size, r.Size)
		}
		out = append(out, r)
	}
	if missing := len(t.Parts) - len(out); missing > 0 || len(out) == 0 {
		return nil, fault.WithHint(
			fault.New(fault.Incomplete, "%s: %d of %d parts are not sent yet", t.Location, missing, len(t.Parts)),
			"send them first: hoist upload FILE --ticket T")
	}
	return out, nil
}

// confirm answers for a single PUT or POST: by the receipt, if it proves what
// was stored, else by what the store says of the object.
func (s *Store) confirm(ctx context.Context, t *ticket.Ticket, st state, r ticket.Receipt) (*object.Object, error) {
	if s.proven(st, r) {
		return &object.Object{
			Location: s.location(st.Key), Key: st.Key, Size: r.Size, ETag: r.ETag,
			ContentType: t.File.Type, VersionID: r.VersionID, Checksum: r.Checksum,
		}, nil
	}
	obj, err := s.head(ctx, st.Key, r.VersionID)
	if fault.KindOf(err) == fault.NotFound {
		return nil, s.notThere(st.Key, err)
	}
	if err != nil {
		return nil, fmt.Errorf("checking what was stored: %w", err)
	}
	if kept := obj.Checksum; st.Checksum == checksum.CRC64NVME {
		if kept != nil && kept.Algorithm == st.Checksum {
			s.keeps.Store(yes)
		} else if kept == nil && s.custom {
			s.keeps.Store(no)
		}
	}
	want := evidence{size: r.Size, etag: r.ETag, sums: []*ticket.Checksum{r.Checksum, t.File.Checksum}}
	if difference := want.differs(obj); difference != "" {
		return nil, s.changed(st.Key, difference)
	}
	return obj, nil
}

// proven says whether the receipt of a single PUT leaves no doubt about what is
// stored. Only what this process signed and saw answered counts: the receipts of a
// ticket that came from outside are somebody's word. The store has
// verified a Content-MD5 always, and another checksum if it is known to keep it.
func (s *Store) proven(st state, r ticket.Receipt) bool {
	entry, mine := s.started.Load(st.Nonce)
	if !mine {
		return false
	}
	signed, _ := entry.(*ticket.Checksum)
	switch {
	case signed == nil:
		return false
	case r.Checksum != nil && r.Checksum.Algorithm == signed.Algorithm && r.Checksum.Value != signed.Value:
		return false
	case signed.Algorithm == checksum.MD5:
		return true
	}
	return !s.custom || s.keeps.Load() == yes
}

// complete makes one object of the parts.
func (s *Store) complete(ctx context.Context, t *ticket.Ticket, st state, receipts []ticket.Receipt) (*object.Object, error) {
	r, err := s.bucket(ctx)
	if err != nil {
		return nil, err
	}
	in, want, err := s.completion(ctx, t, st, receipts)
	if err != nil {
		return nil, err
	}
	// The store may copy all of it before it answers.
	patience, cancel := context.WithTimeout(ctx, 10*time.Minute+time.Duration(want.size>>30)*time.Second)
	defer cancel()
	var attempts atomic.Int32
	out, err := r.api.CompleteMultipartUpload(context.WithValue(patience, attemptsKey{}, &attempts), in)
	if err != nil {
		return s.settle(ctx, st, want, err, attempts.Load() > 1)
	}
	etag := trimETag(out.ETag)
	whole := want.whole()
	if said := aws.ToString(out.ChecksumCRC64NVME); said != "" && whole != nil && said != whole.Value {
		return nil, s.changed(st.Key, "checksum")
	}
	_, mine := s.started.Load(st.Nonce)
	byChecksum := whole != nil && aws.ToString(out.ChecksumCRC64NVME) == whole.Value
	byETag := want.etag != "" && strings.EqualFold(etag, want.etag)
	if mine && (byChecksum || byETag) {
		return &object.Object{
			Location: s.location(st.Key), Key: st.Key, Size: want.size, ETag: etag,
			ContentType: t.File.Type, VersionID: aws.ToString(out.VersionId), Checksum: whole,
		}, nil
	}
	obj, err := s.head(ctx, st.Key, aws.ToString(out.VersionId))
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil, s.notThere(st.Key, err)
		}
		return nil, fmt.Errorf("it is stored, but it cannot be checked: %w", err)
	}
	if difference := want.differs(obj); difference != "" {
		return nil, s.changed(st.Key, difference)
	}
	return obj, nil
}

// completion returns the request that completes the upload, and what the object must then be.
func (s *Store) completion(ctx context.Context, t *ticket.Ticket, st state, receipts []ticket.Receipt) (*sdk.CompleteMultipartUploadInput, evidence, error) {
	want := evidence{etag: multipartETag(receipts), since: time.Unix(st.Started, 0)}
	parts := make([]types.CompletedPart, len(receipts))
	for i, r := range receipts {
		want.size += r.Size
		parts[i] = types.CompletedPart{PartNumber: aws.Int32(int32(r.Number)), ETag: aws.String(`"` + r.ETag + `"`)}
	}
	in := &sdk.CompleteMultipartUploadInput{
		Bucket: aws.String(st.Bucket), Key: aws.String(st.Key), UploadId: aws.String(st.UploadID),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		MpuObjectSize:   aws.Int64(want.size),
	}
	if st.NoClobber {
		in.IfNoneMatch = aws.String("*")
	}
	whole, err := combined(receipts)
	if err != nil {
		return nil, want, fault.New(fault.Integrity, "%s: %w", s.location(st.Key), err)
	}
	if known := t.File.Checksum; known != nil && whole != nil && known.Algorithm == whole.Algorithm && known.Value != whole.Value {
		return nil, want, s.changed(st.Key, "checksum")
	}
	want.sums = []*ticket.Checksum{whole, t.File.Checksum}
	switch st.Checksum {
	case "", checksum.MD5:
	case checksum.CRC64NVME:
		if whole == nil {
			break
		}
		in.ChecksumType = types.ChecksumTypeFullObject
		if want.size > 0 { // of nothing, MinIO computes another one
			in.ChecksumCRC64NVME = aws.String(whole.Value)
		}
		for i, r := range receipts {
			parts[i].ChecksumCRC64NVME = aws.String(r.Checksum.Value)
		}
	default:
		if err := s.addChecksums(ctx, st, parts); err != nil {
			return nil, want, err
		}
	}
	return in, want, nil
}

// addChecksums takes the parts' checksums from the store, which verified them:
// a composite checksum is made only of parts that are named with theirs, and
// receipts hold CRC64NVMEs.
func (s *Store) addChecksums(ctx context.Context, st state, parts []types.CompletedPart) error {
	byNumber := make(map[int32]types.Part, len(parts))
	for p, err := range s.parts(ctx, st) {
		if err != nil {
			return err
		}
		byNumber[aws.ToInt32(p.PartNumber)] = p
	}
	for i := range parts {
		p := byNumber[aws.ToInt32(parts[i].PartNumber)]
		parts[i].ChecksumCRC32, parts[i].ChecksumCRC32C = p.ChecksumCRC32, p.ChecksumCRC32C
		parts[i].ChecksumSHA1, parts[i].ChecksumSHA256 = p.ChecksumSHA1, p.ChecksumSHA256
	}
	return nil
}

// settle decides what a failed completion came to. The first attempt may have worked although
// its answer was lost; then the object is there, and the upload is not.
func (s *Store) settle(ctx context.Context, st state, want evidence, failed error, again bool) (*object.Object, error) {
	explained := s.explain(failed, s.location(st.Key))
	if ctx.Err() != nil {
		return nil, explained
	}
	code, _ := apiCode(failed)
	exists := fault.KindOf(explained) == fault.Exists
	switch {
	case exists && again, code == "NoSuchUpload", code == "InvalidPart", fault.KindOf(explained) == fault.Temporary:
	default:
		return nil, explained
	}
	obj, err := s.head(ctx, st.Key, "")
	if err == nil && want.proves(obj) {
		return obj, nil
	}
	if exists {
		return nil, explained
	}
	if fault.KindOf(explained) == fault.Temporary {
		return nil, &fault.Error{Err: explained, Hint: "the parts are kept: run the same command again"}
	}
	return nil, explained
}

// evidence is what a stored object must be; what is not known is zero.
type evidence struct {
	size  int64
	etag  string
	sums  []*ticket.Checksum // of the full object; nil ones are not known
	since time.Time          // when the upload started, by the store's clock
}

// whole returns the object's CRC64NVME, or nil.
func (e evidence) whole() *ticket.Checksum {
	for _, sum := range e.sums {
		if sum != nil && sum.Algorithm == checksum.CRC64NVME {
			return sum
		}
	}
	return nil
}

// differs names what of obj contradicts e, or "".
func (e evidence) differs(obj *object.Object) string {
	if obj.Size != e.size {
		return fmt.Sprintf("size: %d bytes, and %d were sent", obj.Size, e.size)
	}
	agreed := false
	for _, sum := range e.sums {
		if sum == nil {
			continue
		}
		if obj.Checksum != nil && sum.Algorithm == obj.Checksum.Algorithm {
			if sum.Value != obj.Checksum.Value {
				return "checksum"
			}
			agreed = true
		}
		if obj.MD5ETag && sum.Algorithm == checksum.MD5 && checksum.Hex(sum) != strings.ToLower(obj.ETag) {
			return "ETag"
		}
	}
	if e.etag != "" && !agreed && !strings.EqualFold(e.etag, obj.ETag) {
		return "ETag"
	}
	return ""
}

// proves says whether obj is what was sent, and not merely something of the same
// size, nor the same bytes from an upload before this one.
func (e evidence) proves(obj *object.Object) bool {
	if e.differs(obj) != "" || obj.Modified.Before(e.since) {
		return false
	}
	whole := e.whole()
	return e.etag != "" && strings.EqualFold(e.etag, obj.ETag) ||
		whole != nil && obj.Checksum != nil && *whole == *obj.Checksum
}

// multipartETag returns the ETag that S3 gives an object of these parts: the MD5 of the
// parts' MD5s, and their number. It is "" if the parts' ETags are no MD5s.
func multipartETag(receipts []ticket.Receipt) string {
	h := md5.New()
	for _, r := range receipts {
		raw, err := hex.DecodeString(r.ETag)
		if err != nil || len(raw) != md5.Size {
			return ""
		}
		h.Write(raw)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(receipts))
}

func trimETag(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

func (s *Store) changed(key, what string) error {
	return fault.WithHint(fault.New(fault.Integrity, "%s is not what was sent: another %s", s.location(key), what),
		"upload it again; if it is still so, something changes it on the way")
}

func (s *Store) notThere(key string, err error) error {
	return &fault.Error{
		Kind: fault.Integrity, Err: fmt.Errorf("the store took %s, and it is not there under that name: %w", s.location(key), err),
		Hint: `some stores move or fold names with a leading "/", "//", "." or "..": give it another name`,
	}
}

// isOdd says whether some stores keep the key under another name than it was
// given: with empty segments or dots.
func isOdd(key string) bool {
	return strings.HasPrefix(key, "/") || strings.Contains(key, "//") || hasDots(key)
}

// mustList checks by a listing that the object has exactly this key: a HEAD
// would be moved or folded in the same way as the PUT was.
func (s *Store) mustList(ctx context.Context, key string) error {
	r, err := s.bucket(ctx)
	if err != nil {
		return err
	}
	in := &sdk.ListObjectsV2Input{Bucket: aws.String(s.cfg.Bucket), Prefix: aws.String(key), EncodingType: types.EncodingTypeUrl}
	out, err := r.api.ListObjectsV2(ctx, in)
	if err != nil {
		return fmt.Errorf("checking the stored name: %w", s.explain(err, s.location(key)))
	}
	for _, o := range out.Contents {
		if decode(aws.ToString(o.Key), out.EncodingType) == key {
			return nil
		}
	}
	return s.notThere(key, fmt.Errorf("a listing does not show it"))
}
