package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// startServer runs "hoist serve" until the script ends, over a prefix of the
// script's bucket or, where it has none, over local:. It sets $SERVER to its URL and
// $TOKEN to a token for all of it.
func startServer(ts *testscript.TestScript, args []string) {
	program, err := exec.LookPath("hoist")
	ts.Check(err)
	to := "local:"
	if bucket := ts.Getenv("BUCKET"); bucket != "" {
		to = "s3://" + bucket + "/served"
	}
	cmd := exec.Command(program, append([]string{"serve", "--to", to, "--listen", "127.0.0.1:0", "--dev"}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{
		"HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "PATH", "SYSTEMROOT", "TMPDIR",
		"AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION",
	} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	log, err := os.Create(filepath.Join(ts.Getenv("WORK"), "serve.log"))
	ts.Check(err)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // that it was killed is no news
		_ = log.Close()
	})
	lines := bufio.NewScanner(out)
	for (ts.Getenv("SERVER") == "" || ts.Getenv("TOKEN") == "") && lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "listening: "); ok {
			ts.Setenv("SERVER", url)
		}
		if token, ok := strings.CutPrefix(lines.Text(), "token: "); ok {
			ts.Setenv("TOKEN", token)
		}
	}
	if ts.Getenv("TOKEN") == "" {
		text, _ := os.ReadFile(log.Name())
		ts.Fatalf("the server did not start: %s", text)
	}
}
