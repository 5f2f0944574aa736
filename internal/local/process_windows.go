package local

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// detached gives the child no console and a process group of its own: the
// console's Ctrl-C must not end it, since its users then still have uploads to
// abort.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		HideWindow:    true,
		CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS,
	}
}

// ownerOnly does nothing: a new file's access is that of its folder.
func ownerOnly() {}
