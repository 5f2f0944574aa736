package s3

import (
	"context"
	"iter"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/hoist-cli/hoist/internal/fault"
)

// batch is how many keys one DeleteObjects takes (S3 API reference).
const batch = 1000

// Remove removes the objects at paths and yields each path with its outcome.
func (s *Store) Remove(ctx context.Context, paths iter.Seq[string]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		r, err := s.bucket(ctx)
		if err != nil {
			yield("", err)
			return
		}
		pending := make([]string, 0, batch)
		flush := func() bool {
			outcomes := s.removeBatch(ctx, r, pending)
			for i, path := range pending {
				if !yield(path, outcomes[i]) {
					return false
				}
			}
			pending = pending[:0]
			return true
		}
		for path := range paths {
			key, err := s.key(path)
			if err == nil && !inXML(key) {
				err = s.removeOne(ctx, r, key)
			} else if err == nil {
				if pending = append(pending, path); len(pending) == batch && !flush() {
					return
				}
				continue
			}
			if !yield(path, err) {
				return
			}
		}
		flush()
	}
}

// removeBatch returns the outcome of each path.
func (s *Store) removeBatch(ctx context.Context, r *remote, paths []string) []error {
	outcomes := make([]error, len(paths))
	if len(paths) > 1 {
		failed, err := s.deleteObjects(ctx, r, paths)
		if !isUnimplemented(err) {
			for i, path := range paths {
				if outcomes[i] = failed[s.cfg.Prefix+path]; err != nil {
					outcomes[i] = s.explain(err, s.location(s.cfg.Prefix+path))
				}
			}
			return outcomes
		}
	}
	for i, path := range paths {
		outcomes[i] = s.removeOne(ctx, r, s.cfg.Prefix+path)
	}
	return outcomes
}

// deleteObjects returns what failed, by key.
func (s *Store) deleteObjects(ctx context.Context, r *remote, paths []string) (map[string]error, error) {
	objects := make([]types.ObjectIdentifier, len(paths))
	for i, path := range paths {
		objects[i].Key = aws.String(s.cfg.Prefix + path)
	}
	out, err := r.api.DeleteObjects(ctx, &sdk.DeleteObjectsInput{
		Bucket: aws.String(s.cfg.Bucket),
		Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)},
	})
	if err != nil {
		return nil, err
	}
	failed := make(map[string]error, len(out.Errors))
	for _, e := range out.Errors {
		key := aws.ToString(e.Key)
		err := s.explain(&smithy.GenericAPIError{Code: aws.ToString(e.Code), Message: aws.ToString(e.Message)}, s.location(key))
		if fault.KindOf(err) != fault.NotFound {
			failed[key] = err
		}
	}
	return failed, nil
}

func (s *Store) removeOne(ctx context.Context, r *remote, key string) error {
	_, err := r.api.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: aws.String(s.cfg.Bucket), Key: aws.String(key)})
	if code, _ := apiCode(err); code == "NoSuchKey" {
		return nil
	}
	return s.explain(err, s.location(key))
}

func isUnimplemented(err error) bool {
	status := statusOf(err)
	return status == http.StatusNotImplemented || status == http.StatusMethodNotAllowed
}

// inXML says whether XML 1.0 can hold s ("Char"): DeleteObjects names keys in XML.
func inXML(s string) bool {
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return true
}
