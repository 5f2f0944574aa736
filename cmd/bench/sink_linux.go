package main

import (
	"io"
	"net"
	"syscall"
)

// discard has the kernel drop n bytes that arrive, without a copy (tcp(7), MSG_TRUNC).
func discard(c net.Conn, n int64) error {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return discardRead(c, n)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	b, _ := dropped.Get().(*[dropStep]byte)
	defer dropped.Put(b)
	for n > 0 {
		var got int
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			got, _, failed = syscall.Recvfrom(int(fd), b[:min(n, dropStep)], syscall.MSG_TRUNC|syscall.MSG_DONTWAIT)
			return failed != syscall.EAGAIN
		})
		switch {
		case err != nil:
			return err
		case failed == syscall.EINTR:
			continue
		case failed != nil:
			return failed
		case got == 0:
			return io.ErrUnexpectedEOF
		}
		n -= int64(got)
	}
	return nil
}
