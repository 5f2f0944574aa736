package cli

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/broker"
	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/provider"
)

// serveOptions is what serve was asked to do.
type serveOptions struct {
	to, listen, configFile, cert, key, publicURL string
	dev                                          bool
}

func (a *app) serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the presign APIs over a bucket",
		Long: long(`
Serves the five APIs that hoist has recipes for over a bucket, or over local:,
so that people and CI jobs upload with a token instead of AWS keys. It keeps no
state but the bucket: run one process, or fifty behind a balancer.

Prints "listening: URL". Without --serve-config, or with --dev, it also makes a
token that lasts as long as the process and prints "token: TOKEN" and, with
--dev, a first command to paste. SIGTERM or Ctrl-C lets the requests in flight
finish; then it exits 0.`, 4, 5, 7),
		Example: `  hoist serve --to local: --dev
  hoist serve --to s3://bucket/prefix --serve-config serve.yaml \
    --listen :8443 --tls-cert cert.pem --tls-key key.pem`,
		Args: takes(0, 0, "no arguments: the bucket is given with --to"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "serve the bucket or prefix at `LOCATION` (default: AWS_BUCKET)")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8090", "listen on `HOST:PORT`; port 0 is a free one")
	f.StringVar(&o.configFile, "serve-config", "", "read tokens and limits from the YAML `FILE`")
	f.StringVar(&o.cert, "tls-cert", "", "serve https with the certificates in the PEM `FILE`")
	f.StringVar(&o.key, "tls-key", "", "and with the private key in the PEM `FILE`")
	f.StringVar(&o.publicURL, "public-url", "", "the `URL` by which clients reach the server")
	f.BoolVar(&o.dev, "dev", false, "make a token for everything, and show how to try it")
	cmd.AddCommand(a.serveTokenCommand())
	return cmd
}

func (a *app) serveTokenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "token",
		Short: "Make a token, and the hash of it for serve.yaml",
		Long: long(`
Prints a new token for somebody to upload with, and the hash of it to put into
the server's configuration. Nothing is stored: the token is shown this once.`),
		Args: takes(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			token := broker.NewToken()
			sum := broker.HashToken(token)
			hash := hex.EncodeToString(sum[:])
			if a.json() {
				return a.printer.PrintJSON(struct {
					V      int    `json:"v"`
					Token  string `json:"token"`
					SHA256 string `json:"sha256"`
				}{1, token, hash})
			}
			return a.printer.Print("token: " + token + "\nsha256: " + hash)
		},
	}
}

func (a *app) serve(ctx context.Context, o serveOptions) error {
	if (o.cert == "") != (o.key == "") {
		return usage("--tls-cert and --tls-key go together")
	}
	if o.cert != "" {
		if _, err := tls.LoadX509KeyPair(o.cert, o.key); err != nil {
			return usage("%w", err)
		}
	}
	cfg := broker.Config{Log: a.serveLog()}
	if o.configFile != "" {
		var err error
		if cfg, err = loadServeConfig(o.configFile, cfg); err != nil {
			return err
		}
	}
	if o.publicURL != "" {
		cfg.PublicURL = o.publicURL
	}
	bucket, loc, err := a.openServed(ctx, o, cfg.PublicURL)
	if err != nil {
		return err
	}
	defer bucket.Close()
	cfg.Bucket, cfg.Behind = bucket, bucket.Behind

	token := ""
	if o.dev || o.configFile == "" {
		token = broker.NewToken()
		cfg.Tokens = append(cfg.Tokens, broker.Token{
			Name: "dev", Hash: broker.HashToken(token), User: "dev",
			Workspace: broker.Any, App: broker.Any, Business: broker.Any,
		})
	}
	b, err := broker.New(cfg)
	if err != nil {
		return usage("%w", err)
	}
	if a.settings.DryRun {
		a.printer.Info("would serve %s on %s", loc, o.listen)
		return nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fault.WithHint(usage("%w", err), "choose another --listen; port 0 is a free one")
	}
	if err := a.announce(ln, o, cfg.PublicURL, token); err != nil {
		return err
	}
	return broker.Serve(ctx, ln, b, o.cert, o.key)
}

// serveLog writes JSON lines to standard error. What is asked for with -q and -v holds for them.
func (a *app) serveLog() *slog.Logger {
	level := slog.LevelInfo
	switch {
	case a.settings.Verbose:
		level = slog.LevelDebug
	case a.settings.Quiet:
		level = slog.LevelWarn
	}
	return slog.New(slog.NewJSONHandler(a.streams.Err, &slog.HandlerOptions{Level: level}))
}

// openServed opens the bucket that --to names.
func (a *app) openServed(ctx context.Context, o serveOptions, publicURL string) (*provider.Bucket, location.Location, error) {
	to := o.to
	if to == "" && a.settings.Bucket == "" {
		return nil, location.Location{}, fault.WithHint(usage("there is no bucket to serve"), "name one with --to s3://BUCKET or AWS_BUCKET, or try --to local:")
	}
	if to == "" {
		to = location.Location{Bucket: a.settings.Bucket}.String()
	}
	loc, err := a.location([]string{to})
	if err != nil {
		return nil, loc, err
	}
	p, settings, err := a.profile(loc)
	if err != nil {
		return nil, loc, err
	}
	public := ""
	if p.Kind == config.Local {
		if public, err = publicAddress(o.listen, publicURL); err != nil {
			return nil, loc, err
		}
	}
	client, err := a.http()
	if err != nil {
		return nil, loc, err
	}
	b, err := provider.OpenBucket(ctx, p, settings, client, loc.Path, public)
	return b, loc, fault.At(fault.Config, err)
}

// publicAddress returns the address that a local store has to sign for, or "" where
// its own, which is a loopback one, does for the clients.
func publicAddress(listen, publicURL string) (string, error) {
	if publicURL == "" {
		if isLoopback(listen) {
			return "", nil
		}
		return "", fault.WithHint(usage("clients elsewhere cannot reach a local store through --listen %s alone", listen),
			"say by which address they reach this server, as --public-url https://HOST")
	}
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
		return "", usage("--public-url %s: with a local store it must be https://HOST or http://HOST:PORT, with no path", publicURL)
	}
	return u.Scheme + "://" + u.Host, nil
}

func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// announce tells a script where the server is: it is ready when the first line is there.
func (a *app) announce(ln net.Listener, o serveOptions, publicURL, token string) error {
	scheme := "http"
	if o.cert != "" {
		scheme = "https"
	}
	address := scheme + "://" + reachable(ln.Addr().String())
	if a.json() {
		return a.printer.PrintJSON(struct {
			V         int     `json:"v"`
			Listening string  `json:"listening"`
			Token     *string `json:"token"`
		}{1, address, known(token)})
	}
	lines := "listening: " + address
	if token != "" {
		lines += "\ntoken: " + token
	}
	if o.dev {
		base := address
		if publicURL != "" {
			base = publicURL
		}
		lines += fmt.Sprintf("\necho hello > hello.txt && GIPITY_APP_TOKEN=%s hoist upload hello.txt gipity: --base-url %s --set app=demo", token, base)
	}
	return a.printer.Print(lines)
}

// reachable is a listener's address as a client on this machine can use it.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
