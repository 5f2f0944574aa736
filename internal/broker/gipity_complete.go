package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // so that image.DecodeConfig knows it
	_ "image/jpeg"
	_ "image/png"
	"io"
	"net/http"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// sniffed is how many bytes of a file are looked at: enough for the header of
// an image behind a camera's metadata.
const sniffed = 256 << 10

// cleanupWait bounds the removal of what is no longer needed.
const cleanupWait = 30 * time.Second

// gipityComplete makes the file permanent: checks what arrived, copies it out of
// staging, where its URL is still open, and writes the record, in this order. Whatever
// step it ends at, sending it again goes on; once the record is there, it answers that.
func (b *Broker) gipityComplete(w http.ResponseWriter, r *http.Request, _ *Token, app string) error {
	var in struct {
		GUID  string `json:"upload_guid"`
		Parts []struct {
			Number int    `json:"part_number"`
			ETag   string `json:"etag"`
		} `json:"parts"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.GUID == "" {
		return bad("upload_guid is required")
	}
	parts := make([]ticket.Receipt, len(in.Parts))
	for i, p := range in.Parts {
		parts[i] = ticket.Receipt{Number: p.Number, ETag: p.ETag}
	}
	parts, err := tidyParts(parts)
	if err != nil {
		return err
	}
	f, err := b.gipityFinish(r, app, in.GUID, parts)
	if err != nil {
		// Another complete of the same upload may have been faster.
		if done, missing := b.gipityRecord(r.Context(), app, in.GUID); missing == nil {
			f, err = done, nil
		}
	}
	if err != nil {
		return err
	}
	return b.gipityAnswer(w, r, app, f)
}

func (b *Broker) gipityFinish(r *http.Request, app, guid string, parts []ticket.Receipt) (*gipityFile, error) {
	ctx := r.Context()
	if !gipityGUID().MatchString(guid) {
		return nil, notFound("There is no such upload")
	}
	if f, err := b.gipityRecord(ctx, app, guid); err == nil {
		return f, nil
	} else if fault.KindOf(err) != fault.NotFound {
		return nil, storage(err)
	}
	in := gipityInit{GUID: guid}
	raw, err := b.bucket.ReadSmall(ctx, in.pending(app), maxRecord)
	if err == nil {
		err = json.Unmarshal(raw, &in)
	}
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return nil, notFound("There is no such upload")
	case err != nil:
		return nil, storage(err)
	case in.GUID != guid:
		return nil, storage(fmt.Errorf("%s is of another upload", in.pending(app)))
	}
	if in.UploadID != "" {
		want := int((in.Size + b.parts.size - 1) / b.parts.size)
		if len(parts) != want {
			return nil, &problem{status: http.StatusBadRequest, code: invalidPart, message: fmt.Sprintf("parts must be all %d parts of the upload", want)}
		}
		if err := b.complete(r, in.staging(app), in.UploadID, parts); err != nil {
			// It may be done already, with ETags from which that of the whole does not follow (SSE-KMS);
			// nothing but this upload can have made the object.
			if p, ok := errors.AsType[*problem](err); !ok || p.code != invalidUpload {
				return nil, err
			}
			if _, missing := b.bucket.Stat(ctx, in.staging(app), ""); missing != nil {
				return nil, err
			}
		}
	} else if len(parts) > 0 {
		return nil, &problem{status: http.StatusBadRequest, code: invalidPart, message: "This upload has no parts"}
	}
	f, err := b.gipityKeep(ctx, &in, app)
	if err != nil {
		return nil, err
	}
	b.gipityClean(ctx, &in, app)
	return f, nil
}

// gipityKeep copies what was uploaded to its place and writes the record.
func (b *Broker) gipityKeep(ctx context.Context, in *gipityInit, app string) (*gipityFile, error) {
	stored, err := b.bucket.Stat(ctx, in.staging(app), "")
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return nil, &problem{status: http.StatusConflict, code: "NOT_UPLOADED", message: "The file is not uploaded yet"}
	case err != nil:
		return nil, storage(err)
	case stored.Size != in.Size:
		b.gipityClean(ctx, in, app)
		return nil, &problem{
			status: http.StatusBadRequest, code: "SIZE_MISMATCH",
			message: fmt.Sprintf("%d bytes were declared, and %d were uploaded: the upload is removed", in.Size, stored.Size),
		}
	}
	f := &gipityFile{gipityInit: *in, Created: time.Now().UTC()}
	head, err := b.head(ctx, in.staging(app), stored)
	if err != nil {
		return nil, err
	}
	if dimensions, _, err := image.DecodeConfig(bytes.NewReader(head)); err == nil {
		f.Width, f.Height = &dimensions.Width, &dimensions.Height
	}
	// The declared type is stored, so that nothing changes what the client says of
	// its file; but a page that is declared an image is still a page.
	kind := in.ContentType
	if guessed := http.DetectContentType(head); !b.harmless(guessed) {
		kind = guessed
	}
	err = b.bucket.Copy(ctx, stored, object.Spec{
		Path: in.file(app), File: ticket.File{Type: in.ContentType},
		Attributes: object.Attributes{ContentDisposition: b.disposition(kind, in.Filename)},
	})
	switch kind := fault.KindOf(err); {
	case kind == fault.Exists, kind == fault.NotFound:
		return nil, &problem{status: http.StatusConflict, code: "CHANGED", message: "The upload changed meanwhile: complete it again", err: err}
	case err != nil:
		return nil, storage(err)
	}
	record, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	if err := b.bucket.PutSmall(ctx, in.record(app), "application/json", record); err != nil {
		return nil, storage(err)
	}
	return f, nil
}

// head returns the first bytes of what Stat said of an object.
func (b *Broker) head(ctx context.Context, path string, stored *object.Object) ([]byte, error) {
	if stored.Size == 0 {
		return nil, nil
	}
	resp, err := b.bucket.Fetch(ctx, path, http.Header{
		"Range": {fmt.Sprintf("bytes=0-%d", sniffed-1)}, "If-Match": {`"` + stored.ETag + `"`},
	})
	if err != nil {
		return nil, storage(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		return nil, &problem{status: http.StatusConflict, code: "CHANGED", message: "The upload changed meanwhile: complete it again"}
	}
	head, err := io.ReadAll(io.LimitReader(resp.Body, sniffed))
	if err != nil {
		return nil, storage(err)
	}
	return head, nil
}

// gipityClean removes what was staged. What it cannot remove is of no use to anybody,
// and for a lifecycle rule of the bucket.
func (b *Broker) gipityClean(ctx context.Context, in *gipityInit, app string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupWait)
	defer cancel()
	for _, key := range []string{in.pending(app), in.staging(app)} {
		if err := b.bucket.Delete(ctx, key); err != nil {
			b.cfg.Log.Warn("staging is not removed", "key", key, "error", err.Error())
		}
	}
}

// gipityRecord returns the record of a file.
func (b *Broker) gipityRecord(ctx context.Context, app, guid string) (*gipityFile, error) {
	if !gipityGUID().MatchString(guid) || !segment().MatchString(app) {
		return nil, fault.New(fault.NotFound, "there is no file %q", guid)
	}
	for o, err := range b.bucket.List(ctx, gipityRecords+app+"/"+guid+".", true) {
		if err != nil {
			return nil, err
		}
		return b.readGipityRecord(ctx, o.Path)
	}
	return nil, fault.New(fault.NotFound, "there is no file %q", guid)
}

func (b *Broker) readGipityRecord(ctx context.Context, key string) (*gipityFile, error) {
	raw, err := b.bucket.ReadSmall(ctx, key, maxRecord)
	if err != nil {
		return nil, err
	}
	var f gipityFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fault.New(fault.Failed, "%s: %w", key, err)
	}
	return &f, nil
}
