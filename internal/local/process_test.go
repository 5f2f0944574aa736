package local

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/hoist-cli/hoist/internal/fault"
)

// user is another process that uses a root.
type user struct {
	*exec.Cmd
	stdin    io.Closer
	stdout   *bufio.Reader // of standard error as well
	endpoint string
}

func startUser(t *testing.T, root string) user {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), userRoot+"="+root)
	newGroup(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	u := user{Cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout)}
	t.Cleanup(u.kill)
	line, err := u.stdout.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	u.endpoint = strings.TrimSpace(line)
	if !strings.HasPrefix(u.endpoint, "http://127.0.0.1:") {
		t.Fatal(u.endpoint)
	}
	return u
}

func (u user) kill() {
	u.Process.Kill()
	u.Wait()
}

func (u user) end() {
	u.stdin.Close()
	u.Wait()
}

func TestSharedUntilTheLastUserEnds(t *testing.T) {
	for name, end := range map[string]func(user){"ended": user.end, "killed": user.kill} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			first := startUser(t, root)
			second := startUser(t, root)
			if first.endpoint != second.endpoint {
				t.Fatalf("two servers: %s and %s", first.endpoint, second.endpoint)
			}
			// The one that started the server goes first.
			end(first)
			third := openStore(t, root)
			if third.Endpoint != second.endpoint {
				t.Error("the server did not stay for its second user")
			}
			third.Close()
			end(second)
			waitEnd(t, root)
		})
	}
}

func TestServerKilled(t *testing.T) {
	root := t.TempDir()
	first := openStore(t, root)
	put(t, first, "k", []byte("v"))
	if err := serverProcess(t, root).Kill(); err != nil {
		t.Fatal(err)
	}
	// A dying process answers no more, but its lock may live a little longer.
	second := openStore(t, root)
	if string(get(t, second, "k")) != "v" {
		t.Error("the object was lost")
	}
	// The first user still holds its share of the new server.
	second.Close()
	third := openStore(t, root)
	if third.Endpoint != second.Endpoint {
		t.Error("the new server did not stay for the first user")
	}
}

// Newcomers meet a server in every state that there is: none, starting,
// serving, ending. None may fail.
func TestComingAndGoing(t *testing.T) {
	root := t.TempDir()
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for range 8 {
				s, err := Open(t.Context(), root)
				if err != nil {
					t.Error(err)
					return
				}
				if err := (address{Endpoint: s.Endpoint, SecretAccessKey: s.SecretAccessKey}).probe(t.Context()); err != nil {
					t.Errorf("an open store does not answer: %v", err)
				}
				s.Close()
			}
		})
	}
	users.Wait()
	waitEnd(t, root)
}

func TestStartupFailure(t *testing.T) {
	root := t.TempDir()
	l := layout{root}
	if err := os.WriteFile(l.objects(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), root)
	if err == nil || !strings.Contains(err.Error(), l.objects()) {
		t.Errorf("got %v, want the child's words about %s", err, l.objects())
	}
	waitEnd(t, root)

	if err := errors.Join(os.Remove(l.objects()), writeJSON(l.formatFile(), format{99, "tape"})); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), root)
	if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
		t.Errorf("unknown format: got %v, hint %q", err, fault.HintOf(err))
	}
	waitEnd(t, root)

	// The failed starts left nothing in the way of one that can succeed.
	if err := os.Remove(l.formatFile()); err != nil {
		t.Fatal(err)
	}
	put(t, openStore(t, root), "k", nil)
}

func TestRootIsAFile(t *testing.T) {
	root := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(root, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), root); err == nil || fault.HintOf(err) == "" {
		t.Errorf("got %v, hint %q", err, fault.HintOf(err))
	}
}

// A root may be shared into a container, whose loopback is another one: the
// lock says that there is a server, and a stranger has its port.
func TestServerOutOfReach(t *testing.T) {
	root := t.TempDir()
	l := layout{root}
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") }))
	defer stranger.Close()
	if err := writeJSON(l.serverFile(), address{Endpoint: stranger.URL, AccessKeyID: accessKeyID, SecretAccessKey: "s3cr3t"}); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(l.serverLock())
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, root)
	if fault.KindOf(err) != fault.Temporary || fault.HintOf(err) == "" || !strings.Contains(err.Error(), "another program") {
		t.Errorf("got %v, hint %q", err, fault.HintOf(err))
	}
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("the secret is in %v", err)
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A test binary that cannot serve must say so, and not run its suite for ever.
func TestUnableBinary(t *testing.T) {
	dir := t.TempDir()
	exe := filepath.Join(dir, unableName)
	if err := os.Link(os.Args[0], exe); err != nil {
		t.Skipf("the test binary cannot be linked: %v", err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), userRoot+"="+filepath.Join(dir, "root"))
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "does not serve") || !strings.Contains(string(out), "ServeIfChild") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(exe + ranSuite); err == nil {
		t.Error("the child would have run the suite again")
	}

	// And what runs as a child without serving cannot have children.
	t.Setenv(childMarker, "1")
	if _, err := Open(t.Context(), filepath.Join(dir, "root")); err == nil || !strings.Contains(err.Error(), "ServeIfChild") {
		t.Errorf("got %v", err)
	}
}

func TestServeIfChild(t *testing.T) {
	for _, args := range [][]string{nil, {"hoist"}, {"hoist", ServeCommand}, {"hoist", "upload", "f"}, {"hoist", ServeCommand, "root"}} {
		// The last has all but the marker: it is what a person might type.
		if served, err := ServeIfChild(t.Context(), args); served || err != nil {
			t.Errorf("%q: %v, %v", args, served, err)
		}
	}
}

// Whoever closes the store last may remove its root at once.
func TestCloseWaitsForTheEnd(t *testing.T) {
	for range 5 {
		root := filepath.Join(t.TempDir(), "root")
		s, err := Open(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		other, err := Open(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if serving, err := isLocked(other.layout.serverLock()); err != nil || !serving {
			t.Errorf("with a user left, serving %v, %v", serving, err)
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
		if serving, err := isLocked(other.layout.serverLock()); err != nil || serving {
			t.Errorf("with no user left, serving %v, %v", serving, err)
		}
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	}
}
