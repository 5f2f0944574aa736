package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// onTerminal runs a command whose three streams are a terminal of 80 columns,
// copies what it shows to standard output, and returns its exit code.
func onTerminal(args []string) int {
	master, slave, err := openPTY()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pty:", err)
		return 127
	}
	command := exec.Command(args[0], args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = slave, slave, slave
	if err := command.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "pty:", err)
		return 127
	}
	slave.Close()
	_, _ = io.Copy(os.Stdout, master) // ends with EIO when nobody has the terminal any more
	var ended *exec.ExitError
	if err := command.Wait(); errors.As(err, &ended) {
		return ended.ExitCode()
	}
	return 0
}

func openPTY() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	return master, slave, err
}
