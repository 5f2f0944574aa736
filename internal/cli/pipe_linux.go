package cli

import (
	"io"
	"os"
	"syscall"
)

// widen has a pipe hold 1 MiB instead of 64 KiB, which spares most of the times that
// its two ends wait for each other. It is the most that Linux lets anybody have
// (/proc/sys/fs/pipe-max-size); where it does not, the pipe stays as it is.
func widen(r io.Reader) {
	f, ok := r.(*os.File)
	if !ok {
		return
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_SETPIPE_SZ, 1<<20) // fails for what is no pipe
	})
}
