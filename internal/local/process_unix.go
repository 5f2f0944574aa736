//go:build unix

package local

import "syscall"

// detached gives the child a session of its own: the terminal's Ctrl-C must
// not end it, since its users then still have uploads to abort.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true}
}

// ownerOnly makes all files that this process will make its user's alone:
// versitygw sets the modes of objects, but not of its lock files and sidecars.
func ownerOnly() { syscall.Umask(0o077) }
