package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/signature"
	"github.com/hoist-cli/hoist/internal/term"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/wire"
)

const (
	// probeName is the object that a check signs for and never stores.
	probeName = "hoist-profile-check"
	// skewLimit is how far a clock may be off before S3 refuses what it has
	// signed (RequestTimeTooSkewed).
	skewLimit = 15 * time.Minute
	// reachTimeout bounds the wait for an answer that proves no more than that somebody is there.
	reachTimeout = 20 * time.Second
	// abortTimeout bounds giving the probe up, also after Ctrl-C.
	abortTimeout = 20 * time.Second
)

func (a *app) profileCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [NAME]",
		Short: "Try a profile: secret, reachability, clock, permissions",
		Long: long(`
Tries the profile NAME, or the default one, and prints a line for each thing
that has to work, "ok" or "FAILED" and what to do. NAME may be a location as
well: s3://BUCKET tries the keys of the AWS chain.

  secret   the secrets are found
  reach    the store answers
  clock    this machine's clock is that of the store, to 15 minutes
  list     objects may be listed
  put      an upload may be started; it is given up at once, and nothing is
           stored (left out with --dry-run)

Of an API only what is sure to change nothing is tried, and what is not has a
line with "-". What depends on something that failed is left out. The exit code
is that of the worst failure.

With --json, a line each: {"v", "location", "check", "ok", "detail", "hint"};
"ok" is null for what is not tried.`, 4, 5, 7),
		Example: `  hoist profile check media
  hoist profile check s3://bucket`,
		Args: takes(0, 1, "one profile at most"),
		RunE: func(cmd *cobra.Command, args []string) error {
			loc, err := a.checkedPlace(args)
			if err != nil {
				return err
			}
			return fault.At(fault.Config, a.profileCheck(cmd.Context(), loc))
		},
	}
	addSet(cmd)
	return cmd
}

// checkedPlace returns the location that an argument, a location or a
// profile's name, stands for.
func (a *app) checkedPlace(args []string) (location.Location, error) {
	if len(args) == 0 {
		return a.defaultLocation()
	}
	if loc, ok := location.Parse(args[0]); ok {
		return loc, nil
	}
	file, err := a.config()
	if err == nil {
		_, err = file.Profile(args[0])
	}
	return location.Location{Profile: args[0]}, err
}

// checkup prints a line for each check, and keeps what failed.
type checkup struct {
	app    *app
	place  location.Location
	local  bool
	done   int
	failed []error
	print  error // of standard output, the first
}

// name is what messages call what is checked.
func (c *checkup) name() string {
	if c.place.IsS3() || c.place.Path != "" {
		return c.place.String()
	}
	return "profile " + c.place.Profile
}

// checkJSON is a line of --json; ok is null for what was not tried.
type checkJSON struct {
	V        int     `json:"v"`
	Location string  `json:"location"`
	Check    string  `json:"check"`
	OK       *bool   `json:"ok"`
	Detail   string  `json:"detail"`
	Hint     *string `json:"hint"`
}

// report prints what came of one check and says whether it went well.
func (c *checkup) report(check, detail string, err error) bool {
	if errors.Is(err, context.Canceled) {
		c.failed = append(c.failed, err)
		return false
	}
	c.done++
	if err == nil {
		c.line("ok", checkJSON{Check: check, OK: new(true), Detail: detail})
		return true
	}
	c.failed = append(c.failed, err)
	c.line("FAILED", checkJSON{Check: check, OK: new(false), Detail: err.Error(), Hint: known(fault.HintOf(err))})
	return false
}

// skip prints why something is not tried.
func (c *checkup) skip(check string, why error) {
	c.line("-", checkJSON{Check: check, Detail: "not tried: " + why.Error(), Hint: known(fault.HintOf(why))})
}

func (c *checkup) line(outcome string, j checkJSON) {
	var err error
	if c.app.json() {
		j.V, j.Location = 1, c.place.String()
		err = c.app.printer.PrintJSON(j)
	} else {
		text := fmt.Sprintf("%-6s  %-6s  %s", outcome, j.Check, j.Detail)
		if j.Hint != nil {
			text += " (" + *j.Hint + ")"
		}
		err = c.app.printer.Print(term.Escape(text))
	}
	c.print = cmp.Or(c.print, err)
}

// result is one error of all that failed, of the worst one's kind.
func (c *checkup) result() error {
	if c.print != nil || len(c.failed) == 0 {
		return c.print
	}
	for _, err := range c.failed {
		if errors.Is(err, context.Canceled) {
			return err
		}
	}
	return &fault.Error{Kind: worst(c.failed), Message: fmt.Sprintf("%s: %d of %d checks failed", c.name(), len(c.failed), c.done)}
}

// worst is the kind that matters most: what is refused comes before what is
// wrong otherwise, and that before what may pass.
func worst(failed []error) fault.Kind {
	kinds := make([]fault.Kind, len(failed))
	for i, err := range failed {
		kinds[i] = fault.KindOf(err)
	}
	for _, kind := range []fault.Kind{fault.Denied, fault.Usage, fault.NotFound, fault.Failed} {
		if slices.Contains(kinds, kind) {
			return kind
		}
	}
	return kinds[0]
}

func (a *app) profileCheck(ctx context.Context, loc location.Location) error {
	profile, settings, err := a.profile(loc)
	if err != nil {
		return err
	}
	c := &checkup{app: a, place: loc, local: profile.Kind == config.Local}
	p, err := a.open(ctx, loc)
	if err != nil {
		name := "secret"
		if c.local {
			name = "reach" // it needs no secret, and opening starts it
		}
		c.report(name, "", err)
		return c.result()
	}
	hasBucket := profile.Kind != config.S3 || settings.Bucket != "" || loc.Bucket != ""
	address := settings.EndpointURL
	switch {
	case profile.Kind == config.API:
		address = settings.BaseURL
		if !c.apiSecret(ctx, p) {
			return c.result()
		}
	case hasBucket:
		var ok bool
		if address, ok = c.secret(ctx, p); !ok {
			return c.result()
		}
	}
	if address != "" && !c.reach(ctx, address) {
		return c.result()
	}
	c.list(ctx, p, hasBucket, profile.Kind == config.API)
	// An API may have no way to give up what it started.
	if hasBucket && profile.Kind != config.API && !a.settings.DryRun {
		c.put(ctx, p)
	}
	return c.result()
}

// secret signs a request, for which all secrets are needed, and returns the
// address that it is for.
func (c *checkup) secret(ctx context.Context, p provider.Provider) (address string, ok bool) {
	getter, err := able[provider.Getter](p, c.place, "hand out download URLs")
	if err != nil {
		return "", true // nothing to tell by
	}
	request, err := getter.SignGet(ctx, c.place.Join(probeName).Path, "", 0)
	if err != nil {
		name := "secret"
		if fault.KindOf(err) == fault.Temporary {
			name = "reach" // the bucket's region, or the credentials, are asked for first
		}
		c.report(name, "", err)
		return "", false
	}
	signed := signature.Parse(request.URL)
	detail := "access key " + shortKeyID(signed.KeyID)
	switch {
	case c.local:
		detail = "none is needed"
	case signed.KeyID == "":
		detail = "none: requests are not signed"
	case signed.Temporary:
		detail += ", of a session"
	}
	return signed.Target, c.report("secret", detail, nil)
}

// apiSecret resolves an API's secret without asking the API, which has no
// request that is sure to be harmless.
func (c *checkup) apiSecret(ctx context.Context, p provider.Provider) bool {
	api, err := able[interface {
		AuthHeader(context.Context) (string, error)
	}](p, c.place, "tell of its secret")
	if err != nil {
		return c.report("secret", "", err)
	}
	header, err := api.AuthHeader(ctx)
	detail := "none: requests go without"
	if header != "" {
		detail = "found; it is sent as " + header
	}
	return c.report("secret", detail, err)
}

// reach asks for the root of the server, without any secret: whatever it
// answers, it is there, and tells its time.
func (c *checkup) reach(ctx context.Context, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return c.report("reach", "", usage("the address of %s cannot be read", c.name()))
	}
	client, err := c.app.http()
	if err != nil {
		return c.report("reach", "", err)
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, u.Scheme+"://"+u.Host+"/", nil)
	if err != nil {
		return c.report("reach", "", usage("the address of %s cannot be asked: %w", c.name(), err))
	}
	began := time.Now()
	resp, err := client.Do(request)
	if err != nil {
		return c.report("reach", "", wire.Fault(err, c.name()))
	}
	defer resp.Body.Close()
	took := time.Since(began)
	if !c.report("reach", fmt.Sprintf("%s answers in %s", u.Host, took.Round(time.Millisecond)), nil) {
		return false
	}
	c.clock(resp, began.Add(took/2))
	return true
}

// clock compares the Date of an answer with ours.
func (c *checkup) clock(resp *http.Response, ours time.Time) {
	theirs, ok := wire.ServerTime(resp)
	if !ok {
		c.report("clock", "the answer tells no time", nil)
		return
	}
	detail, err := compareClocks(ours.Sub(theirs))
	c.report("clock", detail, err)
}

// compareClocks says what comes of a clock that is ahead of the store's. Date has
// whole seconds, so one does not count.
func compareClocks(ahead time.Duration) (detail string, err error) {
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	detail = fmt.Sprintf("this machine is %s %s the store", term.Duration(ahead.Abs().Round(time.Second)), direction)
	switch {
	case ahead.Abs() > skewLimit:
		return "", fault.WithHint(fault.New(fault.Failed, "%s", detail), "set this machine's clock")
	case ahead.Abs() < 2*time.Second:
		detail = "as the store's"
	}
	return detail, nil
}

func (c *checkup) list(ctx context.Context, p provider.Provider, hasBucket, api bool) {
	if !hasBucket {
		lister, err := able[provider.BucketLister](p, c.place, "list buckets")
		if err == nil {
			err = proves(lister.ListBuckets(ctx))
		}
		c.report("list", "the buckets may be listed", err)
		return
	}
	lister, err := able[provider.Lister](p, c.place, "list")
	if err == nil {
		err = proves(lister.List(ctx, c.place.Path, false))
	}
	if api && fault.KindOf(err) == fault.Usage {
		c.skip("list", err) // it has no such route, or wants options: nothing was sent
		return
	}
	c.report("list", "objects may be listed", err)
}

func (c *checkup) put(ctx context.Context, p provider.Provider) {
	t, err := p.Start(ctx, object.Spec{
		Path: c.place.Join(probeName).Path, Method: ticket.Multipart,
		File: ticket.File{Name: probeName, Size: 1},
	})
	if err == nil {
		live, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		err = fault.WithHint(p.Abort(live, t), "hoist rm --uploads %s gives it up", c.place.Join(probeName))
	}
	c.report("put", "an upload may be started; it was given up", err)
}

// proves returns the error of a listing's first step, which a listing that may
// not be made fails at.
func proves[T any](all iter.Seq2[T, error]) error {
	for _, err := range all {
		return err
	}
	return nil
}
