package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const devNull = os.DevNull

// run is one measured command. The JSON of a benchmark is a list of them.
type run struct {
	Row    string `json:"row"`
	Client string `json:"client"`
	// CPU is user and system, in seconds, and what the kernel's threads did with
	// what the process sent: that is its work, at another's expense.
	CPU  float64 `json:"cpu"`
	Wall float64 `json:"wall"` // seconds
	Peak int64   `json:"peak"` // resident memory, bytes
	// Others is the CPU time that neither the client nor the server used
	// meanwhile, as a share of what the machine has; -1 if it is not known.
	Others float64 `json:"others"`
	Error  string  `json:"error,omitempty"`
}

// quiet is the share of the machine up to which others do not disturb a run.
const quiet = 0.06

// runner runs the clients.
type runner struct {
	programs map[string]string // path by client; those that are missing are not there
	work     *work
	limit    time.Duration // of one command
	servers  []int         // the processes that are the servers
}

// secret is what all clients and MinIO are told: there is nothing to protect.
const (
	accessKey = "benchmarkkey"
	secretKey = "benchmarksecret"
)

// environment is the same for all clients, with nothing in it of the user's.
func (r *runner) environment(base string) []string {
	host := strings.Replace(base, "://", "://"+accessKey+":"+secretKey+"@", 1)
	home := filepath.Join(r.work.dir, "home")
	return []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + r.work.dir,
		"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_STATE_HOME=" + home, "XDG_CACHE_HOME=" + home, "XDG_DATA_HOME=" + home,
		"SSL_CERT_FILE=" + r.caFile(), "CURL_CA_BUNDLE=" + r.caFile(),
		"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=" + base,
		"MC_HOST_sink=" + host, "MC_CONFIG_DIR=" + filepath.Join(home, "mc"),
		"RCLONE_CONFIG=" + filepath.Join(home, "rclone.conf"), "RCLONE_CONFIG_SINK_TYPE=s3", "RCLONE_CONFIG_SINK_PROVIDER=Other",
		"RCLONE_CONFIG_SINK_ACCESS_KEY_ID=" + accessKey, "RCLONE_CONFIG_SINK_SECRET_ACCESS_KEY=" + secretKey,
		"RCLONE_CONFIG_SINK_ENDPOINT=" + base, "RCLONE_CONFIG_SINK_REGION=us-east-1",
		// The sink has kept nothing that it could make an ETag of.
		"RCLONE_S3_USE_MULTIPART_ETAG=false", "RCLONE_IGNORE_CHECKSUM=true",
	}
}

func (r *runner) caFile() string { return filepath.Join(r.work.dir, "ca.pem") }

// measure runs one command to its end.
func (r *runner) measure(ctx context.Context, row row, client, base string, j job) run {
	result := run{Row: row.name, Client: client, Others: -1}
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	if j.output != "" {
		_ = os.Remove(j.output)
		defer func() { _ = os.Remove(j.output) }() // there may be none
	}
	cmd := exec.CommandContext(ctx, r.programs[client], j.args...)
	cmd.Env = append(r.environment(base), j.env...)
	if client == aws {
		cmd.Env = append(cmd.Env, "AWS_CA_BUNDLE="+r.caFile())
	}
	cmd.Dir = r.work.dir
	var said tail
	cmd.Stderr = &said
	if j.input != "" {
		f, err := os.Open(j.input)
		if err != nil {
			result.Error = err.Error()
			return result
		}
		defer f.Close()
		cmd.Stdin = piped{f}
	}
	threads := softirqs()
	passed := handed(threads)
	before := busy(r.servers)
	began := time.Now()
	err := cmd.Run()
	result.Wall = time.Since(began).Seconds()
	after := busy(r.servers)
	passed = handed(threads) - passed
	if state := cmd.ProcessState; state != nil {
		result.CPU = (state.UserTime() + state.SystemTime()).Seconds() + passed
		result.Peak = peak(state)
	}
	if before >= 0 && after >= 0 {
		result.Others = max(0, after-before-result.CPU) / (result.Wall * cores())
	}
	switch {
	case ctx.Err() != nil:
		result.Error = fmt.Sprintf("> %.0f s", r.limit.Seconds())
	case err != nil:
		result.Error = fmt.Sprintf("%v: %s", err, said.String())
	}
	return result
}

// piped is a file that comes by a pipe, and not as what it is.
type piped struct{ file *os.File }

func (p piped) Read(b []byte) (int, error) { return p.file.Read(b) }

// WriteTo writes as much at a time as cat does.
func (p piped) WriteTo(w io.Writer) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{p.file}, make([]byte, 128<<10))
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-500):]
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.b)) }

// makeFiles makes what the clients send: the large file and the small ones of
// bytes that do not compress, the huge one of none.
func (w *work) makeFiles() error {
	w.large, w.small, w.sparse = filepath.Join(w.dir, "large.bin"), filepath.Join(w.dir, "small"), filepath.Join(w.dir, "sparse.bin")
	if err := errors.Join(os.MkdirAll(filepath.Join(w.dir, "home"), 0o700), os.MkdirAll(w.small, 0o700)); err != nil {
		return err
	}
	if err := randomFile(w.large, w.size); err != nil {
		return err
	}
	for i := range w.files {
		dir := filepath.Join(w.small, fmt.Sprintf("%03d", i/100))
		if i%100 == 0 {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
		}
		if err := randomFile(filepath.Join(dir, fmt.Sprintf("%06d.dat", i)), 4<<10); err != nil {
			return err
		}
	}
	f, err := os.Create(w.sparse)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(w.huge), f.Close())
}
