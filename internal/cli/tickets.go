package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/location"
	"github.com/hoist-cli/hoist/internal/mediatype"
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/signature"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
	"github.com/hoist-cli/hoist/internal/upload"
)

// readTickets reads the tickets of files, or of standard input for "-".
func (a *app) readTickets(names []string) ([]*ticket.Ticket, error) {
	var all []*ticket.Ticket
	for _, name := range names {
		err := a.readSecret(name, func(r io.Reader) error {
			tickets, err := ticket.Read(r)
			all = append(all, tickets...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// readSecret reads from a file or "-" what must not be typed: other users see
// the command line.
func (a *app) readSecret(name string, read func(io.Reader) error) error {
	if strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://") {
		return fault.WithHint(usage("a signed URL on the command line can be seen by other users"), "put it into a file, or pipe it: … | hoist … -")
	}
	in := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return usage("%w", err)
		}
		defer f.Close()
		in = f
	}
	if err := read(in); err != nil {
		if name == "-" {
			name = "standard input"
		}
		return fault.WithHint(usage("%s: %w", name, err), "nothing was sent; hoist presign makes tickets")
	}
	return nil
}

// uploadWithTickets sends the nth file with the nth ticket and prints the
// tickets with their receipts, also after a failure.
func (a *app) uploadWithTickets(ctx context.Context, o *uploadOptions) error {
	var tickets []*ticket.Ticket
	var plain *ticket.Request
	err := a.readSecret(o.ticket, func(r io.Reader) (err error) {
		in := bufio.NewReader(r)
		if head, _ := in.Peek(len("https://")); bytes.HasPrefix(head, []byte("http")) {
			plain, err = readURL(in)
			return err
		}
		tickets, err = ticket.Read(in)
		return err
	})
	if err != nil {
		return err
	}
	files := make([]*transfer.File, len(o.sources))
	for i, source := range o.sources {
		if files[i], err = openFile(source); err != nil {
			if _, place := location.Parse(source); place {
				err = fault.WithHint(err, "the ticket says where it goes: leave %s out", source)
			}
			return fault.At(fault.Plan, err)
		}
	}
	if plain != nil {
		return a.uploadToURL(ctx, o, files, plain)
	}
	if len(files) != len(tickets) {
		return usage("%d files and %d tickets: each file takes one", len(files), len(tickets))
	}
	return a.sendTickets(ctx, o, files, tickets)
}

func (a *app) sendTickets(ctx context.Context, o *uploadOptions, files []*transfer.File, tickets []*ticket.Ticket) error {
	engine, meter, err := a.engine(nil, o.send.noVerify)
	if err != nil {
		return err
	}
	chosen, err := parseParts(o.parts)
	if err != nil {
		return err
	}
	shares := make([]*ticket.Ticket, len(tickets))
	signers := make([]provider.Provider, len(tickets))
	for i := range tickets {
		if shares[i], err = chosen.of(tickets[i]); err != nil {
			return err
		}
		t := shares[i]
		a.warnExpired(t)
		if signers[i], err = a.signerOf(ctx, t); err != nil {
			return err
		}
		for _, part := range t.Parts {
			meter.Total.Add(part.Size)
		}
		meter.FilesTotal.Add(1)
		for _, r := range t.Receipts {
			meter.Bytes.Add(r.Size)
			meter.Resumed.Add(r.Size)
		}
	}
	if a.settings.DryRun {
		for i, t := range tickets {
			a.printer.Info("would send %s to %s", files[i].Path, t.Location)
		}
		return nil
	}
	stop := a.printer.Progress(ctx, meter, "upload")
	errs := make([]error, len(tickets))
	var sending errgroup.Group
	sending.SetLimit(engine.Concurrency())
	for i, t := range shares {
		sending.Go(func() error {
			if errs[i] = upload.SendTicket(ctx, engine, signers[i], files[i], t); errs[i] != nil {
				errs[i] = ofFile(files[i].Path, errs[i])
			}
			meter.Files.Add(1)
			return nil
		})
	}
	_ = sending.Wait() // the errors are in errs
	stop()
	for i, t := range tickets {
		for _, r := range shares[i].Receipts {
			t.AddReceipt(r)
		}
		if err := ticket.Write(a.streams.Out, t); err != nil {
			// Not as an ErrUnread: nothing can be finished without the receipts.
			return fault.At(fault.Send, fault.New(fault.Failed, "%s is sent, but its receipts cannot be written: %v", files[i].Path, err))
		}
	}
	if ctx.Err() != nil {
		return fault.At(fault.Send, fault.WithHint(context.Cause(ctx), "go on with the tickets on standard output"))
	}
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	return a.several(failed, len(tickets)-len(failed))
}

// signerOf returns the provider that signs what the ticket leaves unsigned, by
// this side's own profiles; nil if there is nothing to sign.
func (a *app) signerOf(ctx context.Context, t *ticket.Ticket) (provider.Provider, error) {
	unsigned := slices.ContainsFunc(t.Parts, func(p ticket.Part) bool {
		_, sent := t.Receipt(p.Number)
		return p.Request == nil && !sent
	})
	if !unsigned {
		return nil, nil
	}
	place, err := placeOf(t, "")
	if err != nil {
		return nil, err
	}
	p, err := a.open(ctx, place)
	if err != nil {
		return nil, fault.WithHint(err, "the ticket is not signed: presign it without --lazy, or have its profile here")
	}
	return p, nil
}

// warnExpired says that a ticket looks too old. The store's clock decides.
func (a *app) warnExpired(t *ticket.Ticket) {
	if t.Expires != nil && time.Now().After(*t.Expires) {
		a.printer.Warn("by this machine's clock the ticket of %s expired at %s", t.Location, timestamp(*t.Expires))
	}
}

// readURL reads one presigned URL, which is a plain PUT.
func readURL(r io.Reader) (*ticket.Request, error) {
	text, err := io.ReadAll(io.LimitReader(r, 64<<10))
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(string(text))
	if len(lines) != 1 {
		return nil, errors.New("one URL is wanted")
	}
	request := &ticket.Request{Method: "PUT", URL: lines[0]}
	return request, request.Validate()
}

// uploadToURL sends one file by a presigned URL, with the headers that its
// signature wants as far as they can be known.
func (a *app) uploadToURL(ctx context.Context, o *uploadOptions, files []*transfer.File, request *ticket.Request) error {
	if len(files) != 1 {
		return usage("one URL takes one file, and there are %d", len(files))
	}
	if o.parts != "" {
		return usage("--parts is for tickets: a presigned URL takes the whole file")
	}
	spec, err := o.attributes.spec()
	if err != nil {
		return err
	}
	if spec, err = upload.Describe(spec, files[0], files[0].Path); err != nil {
		return fault.At(fault.Plan, err)
	}
	signed := signature.Parse(request.URL)
	request.Header = make(map[string]string)
	for _, name := range signed.Headers {
		switch name {
		case "host", "content-length":
		case "content-type":
			request.Header["Content-Type"] = spec.File.Type
		default:
			return fault.WithHint(usage("the URL was signed with the header %q, whose value it does not tell", name), "ask for a ticket instead: hoist presign FILE DEST")
		}
	}
	t := &ticket.Ticket{
		Version: ticket.Version, Location: signed.Target, Method: ticket.Put, File: spec.File,
		Parts: []ticket.Part{{Number: 1, Size: files[0].Size(), Request: request}},
	}
	if a.settings.DryRun {
		a.printer.Info("would send %s to %s", files[0].Path, t.Location)
		return nil
	}
	engine, meter, err := a.engine(nil, o.send.noVerify)
	if err != nil {
		return err
	}
	began := time.Now()
	meter.Total.Store(files[0].Size())
	stop := a.printer.Progress(ctx, meter, "upload")
	err = upload.SendTicket(ctx, engine, nil, files[0], t)
	stop()
	if err != nil {
		return ofFile(files[0].Path, err)
	}
	result := &upload.Result{Source: files[0].Path, Parts: 1, Took: time.Since(began)}
	result.URL, result.Size, result.ETag = signed.Target, files[0].Size(), t.Receipts[0].ETag
	result.Checksum, result.VersionID = t.Receipts[0].Checksum, t.Receipts[0].VersionID
	return a.stored(result)
}

func typeByName(name string) string {
	if known := mediatype.ByName(name); known != "" {
		return known
	}
	return mediatype.Unknown
}

// expiry returns when a presigned URL ends, nil if it does not tell.
func expiry(url string) *time.Time {
	if ends := signature.Parse(url).Expires; !ends.IsZero() {
		return &ends
	}
	return nil
}

// writeURL writes the one URL of a ticket, and says what has to be sent with it.
func (a *app) writeURL(t *ticket.Ticket, out io.Writer) error {
	request, err := onlyRequest(t, "url")
	if err != nil {
		return err
	}
	if len(request.Fields) > 0 {
		return usage("a form is more than its URL: use --format curl or ticket")
	}
	for name, value := range request.Header {
		a.printer.Warn("this URL works only with the header %s: %s", name, value)
	}
	if a.json() {
		return writeJSON(out, presignedJSON{V: 1, Location: t.Location, Method: request.Method, URL: request.URL, Expires: t.Expires})
	}
	_, err = io.WriteString(out, request.URL+"\n")
	return err
}

// writeCurl writes the command by which curl sends the file.
func writeCurl(t *ticket.Ticket, source string, out io.Writer) error {
	request, err := onlyRequest(t, "curl")
	if err != nil {
		return err
	}
	args := []string{"curl", "--fail"}
	if t.Method == ticket.Post {
		for _, name := range sortedKeys(request.Fields) {
			args = append(args, "--form-string", name+"="+request.Fields[name])
		}
		args = append(args, "--form", "file=@"+source)
	} else {
		args = append(args, "--upload-file", source)
		for _, name := range sortedKeys(request.Header) {
			args = append(args, "--header", name+": "+request.Header[name])
		}
	}
	args = append(args, request.URL)
	for i := range args {
		args[i] = quoteShell(args[i])
	}
	_, err = fmt.Fprintln(out, strings.Join(args, " "))
	return err
}

func onlyRequest(t *ticket.Ticket, format string) (*ticket.Request, error) {
	if len(t.Parts) != 1 || t.Method == ticket.Multipart || t.Parts[0].Request == nil {
		return nil, fault.WithHint(usage("%s takes %d parts, and --format %s shows one request", t.Location, len(t.Parts), format),
			"add --method put (up to 5 GiB), or leave --format out")
	}
	return t.Parts[0].Request, nil
}

// openFile returns a source that a ticket is for: a regular file.
func openFile(name string) (*transfer.File, error) {
	file, err := transfer.NewFile(name)
	if err != nil {
		return nil, fault.New(fault.Usage, "%w", err)
	}
	return file, nil
}
