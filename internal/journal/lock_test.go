package journal

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hoist-cli/hoist/internal/fault"
)

// holdEnv makes the test binary a process that records two receipts in the
// folder that it names and then holds its journal until it is killed.
const holdEnv = "HOIST_TEST_HOLD_JOURNAL"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		hold(dir)
	}
	os.Exit(m.Run())
}

func hold(dir string) {
	j, err := Open(dir, identity())
	if err == nil {
		err = j.Begin(sample(3), false)
	}
	for i := range 2 {
		if err == nil {
			err = j.Append(receiptOf(i + 1))
		}
	}
	if err != nil {
		_, _ = io.WriteString(os.Stdout, err.Error()+"\n")
		os.Exit(1)
	}
	_, _ = io.WriteString(os.Stdout, "held\n")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent dies or kills
	os.Exit(1)
}

// startHolder returns a kill -9 of a process that holds the journal of identity in dir.
func startHolder(t *testing.T, dir string) (kill func()) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), holdEnv+"="+dir)
	_, err = cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "held\n" {
		t.Fatalf("the other process: %q, %v", line, err)
	}
	return kill
}

func TestAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	kill := startHolder(t, dir)

	changed := identity()
	changed.Options = "others"
	for _, id := range []Identity{identity(), changed} {
		_, err := Open(dir, id)
		if fault.KindOf(err) != fault.Temporary || !strings.Contains(err.Error(), "another hoist is uploading /src/f") {
			t.Errorf("kind %d: %v", fault.KindOf(err), err)
		}
	}
	elsewhere := identity()
	elsewhere.Location = "s3://b/elsewhere"
	must(t, open(t, dir, elsewhere).Close())

	kill()
	got := open(t, dir, identity()).Ticket()
	if got == nil || len(got.Receipts) != 2 {
		t.Errorf("after kill -9: %+v", got)
	}
}

// TestOneHolder has the lock's file removed and made all the time.
func TestOneHolder(t *testing.T) {
	dir := t.TempDir()
	var holders, turns atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for turns.Load() < 200 {
				j, err := Open(dir, identity())
				if fault.KindOf(err) == fault.Temporary {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if holders.Add(1) != 1 {
					t.Error("two hold the same journal")
				}
				turns.Add(1)
				holders.Add(-1)
				if err := j.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left := names(t, dir); left != nil {
		t.Errorf("left: %v", left)
	}
}
