package term

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const childEnv = "HOIST_TERM_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		childOnTerminal()
		return
	}
	os.Exit(m.Run())
}

// childOnTerminal is a program in the middle of an upload. It goes on when it
// is told to on standard input.
func childOnTerminal() {
	streams := System()
	if !streams.InTTY || !streams.OutTTY || !streams.ErrTTY {
		fmt.Printf("not a terminal: %+v\n", streams)
		return
	}
	in := bufio.NewScanner(streams.In)
	p := NewPrinter(streams, Options{})
	var m Meter
	m.Total.Store(100 << 20)
	m.Bytes.Store(25 << 20)
	stop := p.Progress(context.Background(), &m, "upload")
	in.Scan()
	p.Warn("the clock is off\x1b[2J")
	m.Bytes.Store(75 << 20)
	in.Scan()
	if err := p.Print("s3://b/k"); err != nil {
		panic(err)
	}
	stop()
	fmt.Fprintln(streams.Out, "end")
}

func TestRealTerminal(t *testing.T) {
	for _, env := range []string{"TERM=xterm", "NO_COLOR=1"} {
		t.Run(env, func(t *testing.T) {
			master, slave := openPTY(t, 80)
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), "TERM=xterm", childEnv+"=1", env)
			child.Stdin, child.Stdout, child.Stderr = slave, slave, slave
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			slave.Close()

			if err := master.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			// until reads what the child writes until it contains want, from the last time on.
			until := func(want string) {
				t.Helper()
				from := got.Len()
				buf := make([]byte, 4096)
				for !strings.Contains(got.String()[from:], want) {
					n, err := master.Read(buf)
					got.Write(buf[:n])
					if err != nil {
						t.Fatalf("%v before %q in %q", err, want, got.String())
					}
				}
			}
			goOn := func() {
				t.Helper()
				if _, err := master.WriteString("\n"); err != nil {
					t.Fatal(err)
				}
			}
			until("upload  25% [===")
			if s := screen(got.String()); len(s) != 1 || !strings.HasPrefix(s[0], "upload  25% [===") {
				t.Errorf("the screen with a bar is %q", s)
			}
			goOn()
			until("upload  75% [")
			until("left")
			if s := screen(got.String()); len(s) != 2 || s[0] != `warning: the clock is off\x1b[2J` || !strings.HasPrefix(s[1], "upload ") {
				t.Errorf("the screen with a warning and a bar is %q", s)
			}
			goOn()
			until("end")
			if err := child.Wait(); err != nil {
				t.Error(err)
			}
			want := []string{`warning: the clock is off\x1b[2J`, "s3://b/k", "end"}
			if s := screen(got.String()); strings.Join(s, "\n") != strings.Join(want, "\n") {
				t.Errorf("the screen at the end is %q, want %q", s, want)
			}
			if strings.Contains(got.String(), "\x1b") {
				t.Errorf("an escape sequence in %q", got.String())
			}
		})
	}
}

// screen returns the lines that a terminal shows of s, without empty ends.
func screen(s string) []string {
	lines := [][]rune{nil}
	col := 0
	for _, r := range s {
		last := len(lines) - 1
		switch {
		case r == '\r':
			col = 0
		case r == '\n':
			lines = append(lines, nil)
		case col < len(lines[last]):
			lines[last][col] = r
			col++
		default:
			lines[last] = append(lines[last], r)
			col++
		}
	}
	shown := make([]string, len(lines))
	for i, line := range lines {
		shown[i] = strings.TrimRight(string(line), " ")
	}
	for len(shown) > 0 && shown[len(shown)-1] == "" {
		shown = shown[:len(shown)-1]
	}
	return shown
}

// openPTY returns both ends of a pseudo-terminal that does not echo.
func openPTY(t *testing.T, columns uint16) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	var n int
	onFD(t, master, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
			return err
		}
		n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	onFD(t, slave, func(fd int) error {
		mode, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		mode.Lflag &^= unix.ECHO
		return unix.IoctlSetTermios(fd, unix.TCSETS, mode)
	})
	return master, slave
}

// onFD calls do with the descriptor of f and leaves f pollable, as Fd would
// not: a read without a deadline hangs when the child says something else.
func onFD(t *testing.T, f *os.File, do func(fd int) error) {
	t.Helper()
	conn, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		t.Fatal(err)
	}
	if failed != nil {
		t.Fatal(failed)
	}
}
