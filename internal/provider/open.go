package provider

import (
	"context"
	"net/http"
	"os"

	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/local"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/recipe"
	"github.com/hoist-cli/hoist/internal/s3"
)

// Options are what a command adds to a profile and its settings.
type Options struct {
	// Set are options of the API, which only kind api has.
	Set map[string]string
	// Warn is told what a person should know.
	Warn func(format string, args ...any)
}

// Open returns the provider of a profile, as the settings resolved for it have
// it. It makes no request, but for kind local it starts the store if nobody
// has. close is to be called after the provider's last use.
//
// A profile without a name is that of s3://, whose locations name the bucket.
func Open(ctx context.Context, p config.Profile, s config.Settings, client *http.Client, o Options) (_ Provider, closeStore func() error, err error) {
	if len(o.Set) > 0 && p.Kind != config.API {
		return nil, nil, fault.WithHint(fault.New(fault.Usage, "S3 has no options to --set"), "use --metadata, --tag and the like")
	}
	switch p.Kind {
	case config.S3:
		store, err := openS3(ctx, p, s, client)
		return store, func() error { return nil }, err
	case config.Local:
		return openLocal(ctx, p, s, client)
	case config.API:
		api, err := openAPI(p, s, client, o)
		return api, func() error { return nil }, err
	default:
		return nil, nil, fault.New(fault.Usage, "profile %q: kind %s is not served by this version", p.Name, p.Kind)
	}
}

// openAPI returns the client of a recipe. The secrets of a built-in profile
// come from the environment, by the names that the recipe has for them.
func openAPI(p config.Profile, s config.Settings, client *http.Client, o Options) (*recipe.Client, error) {
	r, err := recipe.Find(p.Recipe, config.RecipeDir())
	if err != nil {
		return nil, err
	}
	secrets := p.Secrets
	if p.BuiltIn {
		secrets = make(map[string]config.Secret)
		for _, a := range r.Auth {
			if a.Env != "" && os.Getenv(a.Env) != "" {
				secrets[a.Secret] = config.Secret("env:" + a.Env)
			}
		}
	}
	resolve := make(map[string]func(context.Context) (string, error), len(secrets))
	for name, secret := range secrets {
		resolve[name] = func(ctx context.Context) (string, error) { return secret.Resolve(ctx, p.Name+"/"+name) }
	}
	return recipe.New(r, recipe.Config{
		Profile: p.Name, BaseURL: s.BaseURL, Secrets: resolve, Options: p.Options, Set: o.Set,
		HTTP: client, Retries: s.Retries, AllowHTTP: s.AllowHTTP, Warn: o.Warn,
	})
}

func openS3(ctx context.Context, p config.Profile, s config.Settings, client *http.Client) (*s3.Store, error) {
	c, err := s3Config(ctx, p, s, client)
	if err != nil {
		return nil, err
	}
	return s3.New(ctx, c)
}

func s3Config(ctx context.Context, p config.Profile, s config.Settings, client *http.Client) (s3.Config, error) {
	c := s3.Config{
		Profile: p.Name, Bucket: s.Bucket, Prefix: p.Prefix, Region: s.Region, Endpoint: s.EndpointURL,
		PathStyle: p.PathStyle, AWSProfile: p.AWSProfile, Anonymous: s.NoSignRequest,
		HTTP: client, Retries: s.Retries,
	}
	if p.Name == "" {
		c.Bucket, c.Prefix = p.Bucket, ""
	} else {
		c.Base = p.Name + ":"
	}
	var err error
	if c.AccessKeyID, err = p.AccessKeyID.Resolve(ctx, p.Name+"/access_key_id"); err != nil {
		return c, err
	}
	c.SecretAccessKey, err = p.SecretAccessKey.Resolve(ctx, p.Name+"/secret_access_key")
	return c, err
}

// openLocal starts or joins the local store, which is S3 like any other.
func openLocal(ctx context.Context, p config.Profile, s config.Settings, client *http.Client) (Provider, func() error, error) {
	running, err := local.Open(ctx, p.Root)
	if err != nil {
		return nil, nil, err
	}
	store, err := s3.New(ctx, localConfig(running, p, s, client))
	if err != nil {
		_ = running.Close()
		return nil, nil, err
	}
	return store, running.Close, nil
}

func localConfig(running *local.Store, p config.Profile, s config.Settings, client *http.Client) s3.Config {
	return s3.Config{
		Base: p.Name + ":", Profile: p.Name, Bucket: running.Bucket, Region: running.Region,
		// The port is another one each time; what stays is the folder.
		Endpoint: running.Endpoint, Address: "local:" + p.Root,
		AccessKeyID: running.AccessKeyID, SecretAccessKey: running.SecretAccessKey,
		HTTP: client, Retries: s.Retries, CheckKey: running.CheckKey, CheckAttributes: localAttributes,
	}
}

// localAttributes refuses what the local store would take and forget.
func localAttributes(a object.Attributes) error {
	switch {
	case a.SSE != "" || a.SSEKMSKeyID != "":
		return fault.WithHint(fault.New(fault.Usage, "a local store does not encrypt"), "leave out --sse; the disk below it may be encrypted")
	case a.StorageClass != "" && a.StorageClass != "STANDARD":
		return fault.WithHint(fault.New(fault.Usage, "a local store has no storage class %s", a.StorageClass), "leave out --storage-class")
	case a.ACL != "" && a.ACL != "private":
		return fault.WithHint(fault.New(fault.Usage, "a local store is its owner's alone: there is no ACL %s", a.ACL), "leave out --acl")
	}
	return nil
}
