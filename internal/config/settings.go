package config

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/hoist-cli/hoist/internal/fault"
)

// DefaultRetries is how often a request is sent again.
const DefaultRetries = 5

// Settings are the scalars that several places may set. For each the order is
// flag, HOIST_*, profile, AWS_*, default.
type Settings struct {
	Config  string // path of the config file; "" is the default one
	Profile string // the name given by flag or environment; "" leaves it to the file

	JSON, Quiet, NoProgress, Verbose, DryRun bool

	Timeout     time.Duration // of the whole command; 0 is none
	Retries     int           // of a request
	Concurrency int           // 0 adapts
	LimitRate   int64         // bytes a second; 0 is none

	CACert    string   // path of a PEM file
	AllowHTTP []string // hosts that plain http may go to

	// Of kind s3.
	Bucket        string
	EndpointURL   string
	Region        string
	NoSignRequest bool

	// Of kind api.
	BaseURL string
}

// Flags defines the flags that every command has. Resolve reads them, and
// --concurrency and --limit-rate where a command defines those.
func Flags(fs *pflag.FlagSet) {
	fs.String("config", "", "read `FILE` instead of the default config file")
	fs.String("profile", "", "use the profile `NAME`")
	fs.String("base-url", "", "`URL` of the API, instead of the profile's")
	fs.String("endpoint-url", "", "`URL` of the S3 endpoint, instead of the profile's")
	fs.String("region", "", "S3 `REGION`, instead of the profile's")
	fs.Bool("no-sign-request", false, "send S3 requests without credentials")
	fs.String("ca-cert", "", "trust the certificates in the PEM `FILE` too")
	fs.StringArray("allow-http", nil, "allow plain http to `HOST`")
	fs.Bool("json", false, "results and messages as JSON, one object a line")
	fs.BoolP("quiet", "q", false, "show errors and warnings only")
	fs.BoolP("verbose", "v", false, "show requests, redacted")
	fs.Bool("no-progress", false, "show no progress")
	fs.Bool("dry-run", false, "say what would be done, and change nothing")
	fs.Var(new(Duration), "timeout", "give up after `D`, such as 90, 15m or 24h; 0 is never")
	fs.Int("retries", DefaultRetries, "send a failed request again up to `N` times")
}

// Resolve settles what flags, environment and profile say. p is nil before the
// profile is known. It reads no file. Errors are of kind Usage.
func Resolve(flags *pflag.FlagSet, p *Profile) (Settings, error) {
	r := resolver{viper.New(), flags, nil}
	s, err := r.resolve(p)
	return s, fault.At(fault.Config, err)
}

// resolver is one resolution. viper keeps the order: flags, then variables,
// then the map of the profile, then defaults, which is where AWS_* goes.
type resolver struct {
	*viper.Viper
	flags *pflag.FlagSet
	err   error // the first
}

func (r *resolver) resolve(p *Profile) (Settings, error) {
	if err := r.BindPFlags(r.flags); err != nil {
		return Settings{}, err
	}
	for _, key := range []string{
		"config", "profile", "json", "quiet", "no-progress", "concurrency", "limit-rate", "retries", "timeout",
	} {
		r.env(key)
	}
	r.SetDefault("retries", DefaultRetries)
	r.SetDefault("ca-cert", os.Getenv("AWS_CA_BUNDLE"))
	if p == nil || p.Kind == S3 {
		r.SetDefault("bucket", os.Getenv("AWS_BUCKET"))
		r.SetDefault("region", firstEnv("AWS_REGION", "AWS_DEFAULT_REGION"))
		if ignore, _ := strconv.ParseBool(os.Getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")); !ignore {
			r.SetDefault("endpoint-url", firstEnv("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
		}
	}
	// The secret of a configured profile goes to its own address, unless
	// another one is typed.
	if p == nil || (p.BuiltIn && p.Kind == API) {
		r.env("base-url")
	}
	if p != nil {
		if err := r.profile(p); err != nil {
			return Settings{}, err
		}
	}
	s := Settings{
		Config:        r.GetString("config"),
		Profile:       r.GetString("profile"),
		JSON:          parsed(r, "json", boolean),
		Quiet:         parsed(r, "quiet", boolean),
		NoProgress:    parsed(r, "no-progress", boolean),
		Verbose:       r.GetBool("verbose"),
		DryRun:        r.GetBool("dry-run"),
		Timeout:       parsed(r, "timeout", ParseDuration),
		Retries:       parsed(r, "retries", count),
		Concurrency:   parsed(r, "concurrency", count),
		LimitRate:     parsed(r, "limit-rate", ParseRate),
		CACert:        r.GetString("ca-cert"),
		AllowHTTP:     r.GetStringSlice("allow-http"),
		Bucket:        r.GetString("bucket"),
		EndpointURL:   r.GetString("endpoint-url"),
		Region:        r.GetString("region"),
		NoSignRequest: r.GetBool("no-sign-request"),
		BaseURL:       r.GetString("base-url"),
	}
	for _, u := range []struct{ name, value string }{{"endpoint-url", s.EndpointURL}, {"base-url", s.BaseURL}} {
		if err := checkURL(u.name, u.value); err != nil && r.err == nil {
			r.err = fault.New(fault.Usage, "%w", err)
		}
	}
	return s, r.err
}

// profile puts p's scalars under those of flags and environment, and refuses
// a flag that p's kind cannot honour.
func (r *resolver) profile(p *Profile) error {
	var refused []string
	switch p.Kind {
	case S3:
		refused = []string{"base-url"}
	case API:
		refused = []string{"endpoint-url", "region", "no-sign-request"}
	case Local:
		refused = []string{"base-url", "endpoint-url", "region", "no-sign-request"}
	}
	for _, name := range refused {
		if r.flags.Changed(name) {
			return fault.New(fault.Usage, "--%s has no meaning for profile %q, which is of kind %s", name, p.Name, p.Kind)
		}
	}
	scalars := map[string]any{}
	for key, value := range map[string]string{
		"bucket": p.Bucket, "region": p.Region, "endpoint-url": p.Endpoint, "base-url": p.BaseURL,
	} {
		if value != "" {
			scalars[key] = value
		}
	}
	return r.MergeConfigMap(scalars)
}

func (r *resolver) env(key string) { _ = r.BindEnv(key, envName(key)) } // errors without a key only

func envName(key string) string {
	return "HOIST_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// parsed reads a setting strictly; viper alone takes what it cannot read for
// zero. pflag has already read a flag, so the fault is the variable's.
func parsed[T any](r *resolver, key string, parse func(string) (T, error)) T {
	var zero T
	text := r.GetString(key)
	if text == "" {
		return zero
	}
	value, err := parse(text)
	if err != nil && r.err == nil {
		source := envName(key)
		if r.flags.Changed(key) {
			source = "--" + key
		}
		r.err = fault.New(fault.Usage, "%s: %w", source, err)
	}
	return value
}

func boolean(s string) (bool, error) {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", s)
	}
	return b, nil
}

func count(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number from 0 on", s)
	}
	return int(n), nil
}

func firstEnv(names ...string) string {
	for _, name := range names {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}
