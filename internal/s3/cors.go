package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/hoist-cli/hoist/internal/object"
)

// defaultCORS lets a page of any origin use presigned requests, and read the
// ETags that a multipart upload is completed with.
func defaultCORS() []object.CORSRule {
	return []object.CORSRule{{
		AllowedMethods: []string{"GET", "POST", "PUT", "DELETE"},
		AllowedOrigins: []string{"*"},
		AllowedHeaders: []string{"*"},
		ExposeHeaders:  []string{"ETag"},
	}}
}

// CORS returns the bucket's rules; a bucket without any has none.
func (s *Store) CORS(ctx context.Context) ([]object.CORSRule, error) {
	r, err := s.bucket(ctx)
	if err != nil {
		return nil, err
	}
	out, err := r.api.GetBucketCors(ctx, &sdk.GetBucketCorsInput{Bucket: aws.String(s.cfg.Bucket)})
	if code, _ := apiCode(err); code == "NoSuchCORSConfiguration" {
		return nil, nil
	}
	if err != nil {
		return nil, s.explain(err, "CORS rules of bucket "+s.cfg.Bucket)
	}
	rules := make([]object.CORSRule, len(out.CORSRules))
	for i, rule := range out.CORSRules {
		rules[i] = object.CORSRule{
			ID: aws.ToString(rule.ID), AllowedHeaders: rule.AllowedHeaders, AllowedMethods: rule.AllowedMethods,
			AllowedOrigins: rule.AllowedOrigins, ExposeHeaders: rule.ExposeHeaders, MaxAgeSeconds: aws.ToInt32(rule.MaxAgeSeconds),
		}
	}
	return rules, nil
}

// SetCORS replaces the bucket's rules; nil ones are the default.
func (s *Store) SetCORS(ctx context.Context, rules []object.CORSRule) error {
	r, err := s.bucket(ctx)
	if err != nil {
		return err
	}
	if rules == nil {
		rules = defaultCORS()
	}
	out := make([]types.CORSRule, len(rules))
	for i, rule := range rules {
		out[i] = types.CORSRule{
			AllowedHeaders: rule.AllowedHeaders, AllowedMethods: rule.AllowedMethods,
			AllowedOrigins: rule.AllowedOrigins, ExposeHeaders: rule.ExposeHeaders,
		}
		if rule.ID != "" {
			out[i].ID = aws.String(rule.ID)
		}
		if rule.MaxAgeSeconds != 0 {
			out[i].MaxAgeSeconds = aws.Int32(rule.MaxAgeSeconds)
		}
	}
	_, err = r.api.PutBucketCors(ctx, &sdk.PutBucketCorsInput{
		Bucket: aws.String(s.cfg.Bucket), CORSConfiguration: &types.CORSConfiguration{CORSRules: out},
	})
	return s.explain(err, "CORS rules of bucket "+s.cfg.Bucket)
}
