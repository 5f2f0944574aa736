// Command bench measures hoist against what people would use instead.
//
// It starts a server that keeps nothing as a process of its own, has every
// client do the same work in turns (A B A B), and takes the medians of what
// the kernel says of them: CPU time, wall time and peak memory. .ci/bench
// builds the clients at the versions it names and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := start(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func start() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "sink" {
		return serveSink(ctx, os.Args[2:])
	}
	return measureAll(ctx, os.Args[1:])
}

// options are the command line.
type options struct {
	rows    string
	clients string
	runs    int
	tries   int
	out     string
	wait    time.Duration
	minio   string
	delay   time.Duration
	rate    int64
	runner  runner
}

func parse(args []string) (*options, error) {
	o := &options{runner: runner{programs: make(map[string]string), work: new(work)}}
	w := o.runner.work
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	for _, client := range clients() {
		flags.Func(client, "`program`; left out where there is none", func(path string) error {
			found, err := exec.LookPath(path)
			if err == nil {
				o.runner.programs[client] = found
			}
			return nil // it is told as not measured
		})
	}
	flags.StringVar(&o.minio, "minio", "", "`program` of MinIO, for the row against a real store")
	flags.StringVar(&o.rows, "rows", "", "only these, with commas between")
	flags.StringVar(&o.clients, "clients", "", "only these, with commas between")
	flags.IntVar(&o.runs, "n", 3, "how many times")
	flags.IntVar(&o.tries, "tries", 4, "of a run that others disturb")
	flags.StringVar(&o.out, "out", "", "`folder` for runs.json, table.md and the plots")
	flags.StringVar(&w.dir, "dir", os.TempDir(), "`folder` for the files that are sent and got")
	flags.DurationVar(&o.wait, "wait", 0, "how long to wait for the machine to be quiet before each row")
	flags.DurationVar(&o.runner.limit, "limit", 2*time.Minute, "of one command")
	flags.Int64Var(&w.size, "size", 2<<30, "`bytes` of the large file")
	flags.IntVar(&w.files, "files", 10_000, "small ones")
	flags.IntVar(&w.keys, "keys", 500_000, "in the listing")
	flags.Int64Var(&w.huge, "huge", 50<<30, "`bytes` of the sparse file")
	flags.DurationVar(&o.delay, "delay", 100*time.Millisecond, "of every answer from far away")
	flags.Int64Var(&o.rate, "rate", 20e6, "`bytes` a second of a connection to far away")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	var names []string
	for _, row := range rows(w) {
		names = append(names, row.name)
	}
	return o, errors.Join(known(o.rows, names), known(o.clients, clients()))
}

// known refuses a list that has something else than the names.
func known(list string, names []string) error {
	for name := range strings.SplitSeq(list, ",") {
		if name != "" && !slices.Contains(names, name) {
			return fmt.Errorf("%q is none of %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

func measureAll(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	w := o.runner.work
	if w.dir, err = os.MkdirTemp(w.dir, "hoist-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(w.dir)) }()
	todo := slices.DeleteFunc(rows(w), func(r row) bool { return !chosen(o.rows, r.name) })
	if !slices.ContainsFunc(todo, func(r row) bool { return r.name == "small-http" }) {
		w.files = 0
	}
	if err := w.makeFiles(); err != nil {
		return err
	}
	servers, err := startServers(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.stop()) }()
	o.runner.servers = append(servers.pids(), os.Getpid())

	r := newReport(ctx, o, todo)
	for _, row := range todo {
		o.measure(ctx, row, servers, r)
		if ctx.Err() != nil {
			break
		}
	}
	return r.write(o.out)
}

func chosen(list, name string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), name)
}

// measure has the clients of a row take turns.
func (o *options) measure(ctx context.Context, row row, s *servers, r *report) {
	base, ok := s.base(row.server)
	if !ok {
		return
	}
	jobs := row.jobs(o.runner.work, base)
	if row.server == overHTTP || row.server == farAway {
		s.warm(ctx, o.runner.work)
	}
	quietFor(ctx, o.wait)
	failed := make(map[string]bool)
	for n := range o.runs * max(1, row.repeat) {
		for _, client := range clients() {
			j, does := jobs[client]
			if !does || failed[client] || o.runner.programs[client] == "" || !chosen(o.clients, client) || ctx.Err() != nil {
				continue
			}
			var got run
			for try := range o.tries {
				if try > 0 {
					time.Sleep(2 * time.Second)
				}
				s.reset(ctx)
				got = o.runner.measure(ctx, row, client, base, j)
				if got.Error != "" || got.Others <= quiet || row.repeat > 0 {
					break
				}
			}
			failed[client] = got.Error != ""
			if row.curve && n == 0 {
				r.curves[client] = s.curve(ctx)
			}
			r.runs = append(r.runs, got)
			fmt.Fprintf(os.Stderr, "%-12s %-7s %7.3f s CPU %7.3f s wall %6d KiB  others %3.0f %%  %s\n",
				row.name, client, got.CPU, got.Wall, got.Peak>>10, got.Others*100, got.Error)
		}
	}
}

// quietFor waits until nobody else uses the machine much, but no longer than limit.
func quietFor(ctx context.Context, limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end) && ctx.Err() == nil; {
		const look = 2 * time.Second
		before := busy(nil)
		time.Sleep(look)
		if (busy(nil)-before)/(look.Seconds()*cores()) <= quiet {
			return
		}
	}
}
