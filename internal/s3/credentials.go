package s3

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/wire"
)

// margin is how long before their end temporary credentials are fetched anew.
const margin = time.Minute

// instanceMetadataWait bounds the last resort of the chain, which on most machines has nobody to answer.
const instanceMetadataWait = 2 * time.Second

const hintCredentials = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of ~/.aws with AWS_PROFILE, " +
	"or use --no-sign-request for a public bucket, or try local: which needs no account"

// loadChain reads the AWS configuration: environment, shared config, SSO, web
// identity, containers and instances, in the SDK's order.
func loadChain(ctx context.Context, cfg Config) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithCredentialsCacheOptions(func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = margin }),
	}
	if cfg.Region != "" {
		options = append(options, config.WithRegion(cfg.Region))
	}
	if cfg.AWSProfile != "" {
		options = append(options, config.WithSharedConfigProfile(cfg.AWSProfile))
	}
	switch {
	case cfg.Anonymous:
		options = append(options, config.WithCredentialsProvider(aws.AnonymousCredentials{}))
	case cfg.AccessKeyID != "" || cfg.SecretAccessKey != "":
		if cfg.AccessKeyID == "" || cfg.SecretAccessKey == "" {
			return aws.Config{}, fault.WithHint(fault.New(fault.Usage, "one half of the credentials is missing"),
				"give both access_key_id and secret_access_key")
		}
		options = append(options, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, cfg.SessionToken)))
	}
	chain, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, explainConfig(err)
	}
	if !cfg.Anonymous {
		chain.Credentials = &provider{
			next:     chain.Credentials,
			instance: aws.IsCredentialsProvider(chain.Credentials, (*ec2rolecreds.Provider)(nil)),
		}
	}
	return chain, nil
}

func explainConfig(err error) error {
	var (
		mfa     config.AssumeRoleTokenProviderNotSetError
		missing config.SharedConfigProfileNotExistError
	)
	switch {
	case errors.As(err, &mfa):
		return fault.WithHint(fault.New(fault.Usage, "the AWS profile asks for an MFA code, which hoist cannot do"),
			"put a session's keys into the environment first: eval \"$(aws configure export-credentials --format env)\"")
	case errors.As(err, &missing):
		return fault.WithHint(fault.New(fault.Usage, "AWS profile %q is in no shared config file", missing.Profile),
			"list them with: aws configure list-profiles")
	default:
		return &fault.Error{Kind: fault.Usage, Message: "AWS configuration", Err: err, Hint: "check AWS_* and ~/.aws/config"}
	}
}

// provider gives the chain's credentials, or says what to do about there being none.
type provider struct {
	next     aws.CredentialsProvider
	instance bool        // nothing before the instance metadata was configured
	none     atomic.Bool // and that did not answer: asking again would wait again
	some     atomic.Bool
}

func (p *provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if p.none.Load() {
		return aws.Credentials{}, noCredentials()
	}
	wait := ctx
	if p.instance {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, instanceMetadataWait)
		defer cancel()
	}
	c, err := p.next.Retrieve(wait)
	switch {
	case err == nil:
		p.some.Store(true)
		return c, nil
	case ctx.Err() != nil:
		return c, ctx.Err()
	case p.instance && !p.some.Load():
		p.none.Store(true)
		return c, noCredentials()
	}
	if code, _ := apiCode(err); code == "" && isNetwork(err) {
		return c, wire.Fault(err, "AWS credentials")
	}
	return c, &fault.Error{
		Kind: fault.Denied, Err: fmt.Errorf("AWS credentials: %w", err),
		Hint: "log in again (aws sso login), or check the profile in ~/.aws/config",
	}
}

func noCredentials() error {
	return &fault.Error{
		Kind:    fault.Usage,
		Message: "no AWS credentials: looked in the environment, the shared config, web identity, container and instance metadata",
		Hint:    hintCredentials,
	}
}
