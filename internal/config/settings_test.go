package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/hoist-cli/hoist/internal/fault"
)

// flagSet is that of a command that moves bytes.
func flagSet(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	fs := pflag.NewFlagSet("upload", pflag.ContinueOnError)
	Flags(fs)
	fs.Int("concurrency", 0, "")
	fs.Var(new(Rate), "limit-rate", "")
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return fs
}

// clearEnv takes away what the machine that runs the tests has set.
func clearEnv(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range []string{
		"HOIST_PROFILE", "HOIST_CONFIG", "HOIST_BASE_URL", "HOIST_JSON", "HOIST_QUIET", "HOIST_NO_PROGRESS",
		"HOIST_CONCURRENCY", "HOIST_LIMIT_RATE", "HOIST_RETRIES", "HOIST_TIMEOUT",
		"AWS_BUCKET", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
		"AWS_CA_BUNDLE", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
	} {
		t.Setenv(name, env[name])
	}
}

func TestResolvePrecedence(t *testing.T) {
	s3 := &Profile{Name: "Prod", Kind: S3, Bucket: "My.Bucket", Region: "profile-region", Endpoint: "https://Profile.Example"}
	bare := &Profile{Name: "bare", Kind: S3}
	api := &Profile{Name: "gip", Kind: API, Recipe: "gipity", BaseURL: "https://profile.example"}
	noBase := &Profile{Name: "gip", Kind: API, Recipe: "gipity"}
	builtIn := &Profile{Name: "gipity", BuiltIn: true, Kind: API, Recipe: "gipity"}
	aws := map[string]string{
		"AWS_BUCKET": "aws-bucket", "AWS_REGION": "aws-region", "AWS_DEFAULT_REGION": "default-region",
		"AWS_ENDPOINT_URL_S3": "https://s3.aws.example", "AWS_ENDPOINT_URL": "https://aws.example", "AWS_CA_BUNDLE": "/aws.pem",
	}
	all := map[string]string{
		"HOIST_PROFILE": "EnvProfile", "HOIST_CONFIG": "/Env.yaml", "HOIST_BASE_URL": "https://env.example", "HOIST_JSON": "1",
		"HOIST_QUIET": "true", "HOIST_NO_PROGRESS": "TRUE", "HOIST_CONCURRENCY": "7", "HOIST_LIMIT_RATE": "10MiB/s",
		"HOIST_RETRIES": "0", "HOIST_TIMEOUT": "7d",
	}
	tests := []struct {
		name    string
		args    []string
		env     map[string]string
		profile *Profile
		want    Settings
	}{
		{name: "defaults", want: Settings{Retries: 5}},
		{
			name: "environment", env: all,
			want: Settings{
				Profile: "EnvProfile", Config: "/Env.yaml", BaseURL: "https://env.example", JSON: true, Quiet: true,
				NoProgress: true, Concurrency: 7, LimitRate: 10 << 20, Retries: 0, Timeout: 7 * 24 * time.Hour,
			},
		},
		{
			name: "flags before environment", env: all,
			args: []string{
				"--profile=FlagProfile", "--config=/Flag.yaml", "--base-url=https://flag.example", "--json=false", "--quiet=false",
				"--no-progress=false", "--concurrency=3", "--limit-rate=0", "--retries=2", "--timeout=90",
			},
			want: Settings{
				Profile: "FlagProfile", Config: "/Flag.yaml", BaseURL: "https://flag.example", Concurrency: 3, Retries: 2,
				Timeout: 90 * time.Second,
			},
		},
		{
			name: "flags alone", args: []string{"-q", "-v", "--json", "--dry-run", "--no-sign-request", "--ca-cert=/Flag.pem", "--allow-http=Store", "--allow-http=b:9"},
			env: map[string]string{"AWS_CA_BUNDLE": "/aws.pem"},
			want: Settings{
				Quiet: true, Verbose: true, JSON: true, DryRun: true, NoSignRequest: true, Retries: 5,
				CACert: "/Flag.pem", AllowHTTP: []string{"Store", "b:9"},
			},
		},
		{
			name: "AWS", env: aws,
			want: Settings{Bucket: "aws-bucket", Region: "aws-region", EndpointURL: "https://s3.aws.example", CACert: "/aws.pem", Retries: 5},
		},
		{name: "AWS under a bare profile", env: aws, profile: bare, want: Settings{Bucket: "aws-bucket", Region: "aws-region", EndpointURL: "https://s3.aws.example", CACert: "/aws.pem", Retries: 5}},
		{name: "the general endpoint and region", env: map[string]string{"AWS_ENDPOINT_URL": "https://aws.example", "AWS_DEFAULT_REGION": "default-region"}, want: Settings{EndpointURL: "https://aws.example", Region: "default-region", Retries: 5}},
		{name: "endpoints switched off", env: map[string]string{"AWS_ENDPOINT_URL": "https://aws.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, want: Settings{Retries: 5}},
		{
			name: "profile before AWS", env: aws, profile: s3,
			want: Settings{Bucket: "My.Bucket", Region: "profile-region", EndpointURL: "https://Profile.Example", CACert: "/aws.pem", Retries: 5},
		},
		{
			name: "flags before profile", env: aws, profile: s3, args: []string{"--region=flag-region", "--endpoint-url=http://127.0.0.1:9000"},
			want: Settings{Bucket: "My.Bucket", Region: "flag-region", EndpointURL: "http://127.0.0.1:9000", CACert: "/aws.pem", Retries: 5},
		},
		{name: "AWS is nothing to an API", env: aws, profile: api, want: Settings{BaseURL: "https://profile.example", CACert: "/aws.pem", Retries: 5}},
		{name: "nor to a local store", env: aws, profile: &Profile{Name: "local", Kind: Local, Root: "/"}, want: Settings{CACert: "/aws.pem", Retries: 5}},
		{name: "the base URL of the environment is for built-in profiles", env: map[string]string{"HOIST_BASE_URL": "https://env.example"}, profile: builtIn, want: Settings{BaseURL: "https://env.example", Retries: 5}},
		{name: "and not for a configured one", env: map[string]string{"HOIST_BASE_URL": "https://env.example"}, profile: api, want: Settings{BaseURL: "https://profile.example", Retries: 5}},
		{name: "not even where that has none", env: map[string]string{"HOIST_BASE_URL": "https://env.example"}, profile: noBase, want: Settings{Retries: 5}},
		{name: "a typed one is for all", args: []string{"--base-url=https://flag.example"}, profile: api, want: Settings{BaseURL: "https://flag.example", Retries: 5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clearEnv(t, tt.env)
			got, err := Resolve(flagSet(t, tt.args...), tt.profile)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.AllowHTTP) == 0 {
				got.AllowHTTP = nil
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	tests := []struct {
		name    string
		args    []string
		env     map[string]string
		profile *Profile
		want    string
	}{
		{name: "bool", env: map[string]string{"HOIST_JSON": "yes please"}, want: `HOIST_JSON: "yes please" is neither true nor false`},
		{name: "number", env: map[string]string{"HOIST_RETRIES": "many"}, want: "HOIST_RETRIES: "},
		{name: "negative number", args: []string{"--retries=-1"}, want: "--retries: "},
		{name: "rate", env: map[string]string{"HOIST_LIMIT_RATE": "fast"}, want: "HOIST_LIMIT_RATE: "},
		{name: "duration", env: map[string]string{"HOIST_TIMEOUT": "-1h"}, want: "HOIST_TIMEOUT: "},
		{name: "endpoint", args: []string{"--endpoint-url=host:9000"}, want: "endpoint-url: want a URL"},
		{name: "base URL of s3", args: []string{"--base-url=https://x"}, profile: &Profile{Name: "media", Kind: S3}, want: `--base-url has no meaning for profile "media", which is of kind s3`},
		{name: "region of an API", args: []string{"--region=x"}, profile: &Profile{Name: "gip", Kind: API}, want: "--region has no meaning"},
		{name: "endpoint of a local store", args: []string{"--endpoint-url=https://x"}, profile: &Profile{Name: "local", Kind: Local}, want: "--endpoint-url has no meaning"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clearEnv(t, tt.env)
			got, err := Resolve(flagSet(t, tt.args...), tt.profile)
			if err == nil {
				t.Fatalf("resolved to %+v", got)
			}
			if !strings.Contains(err.Error(), tt.want) || fault.KindOf(err) != fault.Usage || fault.StageOf(err) != fault.Config {
				t.Errorf("error %v, want %q of kind Usage in stage config", err, tt.want)
			}
		})
	}
}
