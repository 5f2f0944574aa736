package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// addresses are what a sink says once it listens: the base URLs.
type addresses struct {
	HTTP  string `json:"http"`
	HTTPS string `json:"https"`
	Far   string `json:"far"`
}

// serveSink is the process of the servers. It ends with its standard input.
func serveSink(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("sink", flag.ContinueOnError)
	dir := flags.String("dir", os.TempDir(), "for the certificate")
	keys := flags.Int("keys", 500_000, "in the listing")
	delay := flags.Duration("delay", 100*time.Millisecond, "of every answer from far away")
	rate := flags.Int64("rate", 20e6, "bytes a second of a connection to far away")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := newSink(*dir, *keys)
	if err != nil {
		return err
	}
	certificate, err := newCertificate(filepath.Join(*dir, "ca.pem"))
	if err != nil {
		return err
	}
	var listeners [3]net.Listener
	for i := range listeners {
		var l net.ListenConfig
		if listeners[i], err = l.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return err
		}
	}
	at := func(i int) string { return listeners[i].Addr().String() }
	far := &distance{to: at(0), delay: *delay, rate: *rate, curve: s.curve}
	if err := json.NewEncoder(os.Stdout).Encode(addresses{"http://" + at(0), "https://" + at(1), "http://" + at(2)}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() { cancel(s.serve(ctx, listeners[0], nil)) }()
	go func() { cancel(s.serve(ctx, listeners[1], certificate)) }()
	go func() { cancel(far.serve(ctx, listeners[2])) }()
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		cancel(err)
	}()
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// servers are the processes that the clients speak to.
type servers struct {
	addresses
	sink  *exec.Cmd
	leash io.Closer // whose end ends the sink
	minio *exec.Cmd // nil if there is none
	store string    // the base URL of MinIO
}

func startServers(ctx context.Context, o *options) (*servers, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := o.runner.work
	s := &servers{sink: exec.CommandContext(ctx, self, "sink", "-dir", w.dir, "-keys", strconv.Itoa(w.keys),
		"-delay", o.delay.String(), "-rate", strconv.FormatInt(o.rate, 10))}
	s.sink.Stderr = os.Stderr
	out, err := s.sink.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.leash, err = s.sink.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.sink.Start(); err != nil {
		return nil, err
	}
	if err := json.NewDecoder(out).Decode(&s.addresses); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if o.minio != "" && chosen(o.rows, "minio") {
		if err := s.startMinIO(ctx, o); err != nil {
			return nil, errors.Join(err, s.stop())
		}
	}
	return s, nil
}

// startMinIO starts a store with one bucket: a folder of its data, as its
// documentation has it for a single drive.
func (s *servers) startMinIO(ctx context.Context, o *options) error {
	var l net.ListenConfig
	free, err := l.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := free.Addr().String()
	data := filepath.Join(o.runner.work.dir, "minio")
	if err := errors.Join(free.Close(), os.MkdirAll(data, 0o700)); err != nil {
		return err
	}
	s.minio = exec.CommandContext(ctx, o.minio, "server", "--quiet", "--address", address, data)
	s.minio.Env = append(o.runner.environment("http://"+address), "MINIO_ROOT_USER="+accessKey, "MINIO_ROOT_PASSWORD="+secretKey,
		"MINIO_UPDATE=off", "MINIO_BROWSER=off")
	if err := s.minio.Start(); err != nil {
		s.minio = nil
		return err
	}
	s.store = "http://" + address
	for range 300 {
		if _, err = ask(ctx, s.store+"/minio/health/live"); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("MinIO does not answer: %w", err)
	}
	mb := exec.CommandContext(ctx, o.runner.programs[mc], "mb", "sink/bench")
	mb.Env = o.runner.environment(s.store)
	if said, err := mb.CombinedOutput(); err != nil {
		return fmt.Errorf("making a bucket of MinIO: %w: %s", err, said)
	}
	return nil
}

func (s *servers) pids() []int {
	pids := []int{s.sink.Process.Pid}
	if s.minio != nil {
		pids = append(pids, s.minio.Process.Pid)
	}
	return pids
}

// base returns the URL of the server of a row, if there is one.
func (s *servers) base(which server) (string, bool) {
	switch which {
	case overHTTPS:
		return s.HTTPS, true
	case farAway:
		return s.Far, true
	case overMinIO:
		return s.store, s.minio != nil
	}
	return s.HTTP, true
}

// reset makes the sink forget; curve returns what its proxy has seen since.
func (s *servers) reset(ctx context.Context) { _, _ = ask(ctx, s.HTTP+"/"+control+"/reset") }

func (s *servers) curve(ctx context.Context) []sample {
	var all []sample
	body, err := ask(ctx, s.HTTP+"/"+control+"/curve")
	if err != nil || json.Unmarshal(body, &all) != nil {
		return nil
	}
	return all
}

// warm has the sink compute the checksum of its zeros outside of any measurement.
func (s *servers) warm(ctx context.Context, w *work) {
	_, _ = ask(ctx, s.HTTP+"/zero/"+strconv.FormatInt(w.size, 10)+"?", "Range", "bytes=0-0")
}

func (s *servers) stop() error {
	err := s.leash.Close()
	err = errors.Join(err, s.sink.Wait())
	if s.minio != nil {
		_ = s.minio.Process.Kill()
		_ = s.minio.Wait() // it was killed
	}
	return err
}

func ask(ctx context.Context, url string, header ...string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s", answer.Status)
	}
	return io.ReadAll(answer.Body)
}
