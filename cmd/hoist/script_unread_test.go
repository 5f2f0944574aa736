package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// unread runs a command whose standard output nobody reads, as behind head
// once that has enough, and returns its exit code; -1 if a signal ended it.
func unread(args []string) int {
	r, w, err := os.Pipe()
	if err != nil {
		fmt.Fprintln(os.Stderr, "unread:", err)
		return 127
	}
	r.Close()
	command := exec.Command(args[0], args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, w, os.Stderr
	err = command.Run()
	if ended := new(exec.ExitError); errors.As(err, &ended) {
		return ended.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "unread:", err)
		return 127
	}
	return 0
}
