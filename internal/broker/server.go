package broker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// waits are how long a client may take.
type waits struct {
	header  time.Duration // to send the header of a request
	request time.Duration // to send the whole of it, which is some JSON at most
	answer  time.Duration // to read an answer of JSON
	stream  time.Duration // to take or give the next bytes of a file
	idle    time.Duration // to send another request
}

func defaultWaits() waits {
	return waits{
		header: 10 * time.Second, request: 30 * time.Second, answer: 30 * time.Second,
		stream: time.Minute, idle: 2 * time.Minute,
	}
}

const (
	// maxHeader bounds in bytes the header of a request.
	maxHeader = 64 << 10
	// maxConnections bounds the memory that clients can take who send nothing.
	maxConnections = 8192
	// endWait is how long requests in flight have when the process ends: a
	// complete may copy gigabytes.
	endWait = 2 * time.Minute
)

// Serve answers on ln until ctx is done, lets what is in flight finish, and returns
// nil. With cert and key, two PEM files, it speaks TLS.
func Serve(ctx context.Context, ln net.Listener, b *Broker, cert, key string) error {
	// What is in flight hears of the end when its time is over, not before.
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler:           b,
		ReadHeaderTimeout: b.waits.header,
		ReadTimeout:       b.waits.request,
		IdleTimeout:       b.waits.idle,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          slog.NewLogLogger(b.cfg.Log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() {
		ln := newBounded(ln, maxConnections)
		if cert != "" {
			ended <- srv.ServeTLS(ln, cert, key)
		} else {
			ended <- srv.Serve(ln)
		}
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	b.ending.Store(true)
	b.cfg.Log.Info("ending", "cause", context.Cause(ctx).Error())
	patience, stop := context.WithTimeout(requests, endWait)
	defer stop()
	err := srv.Shutdown(patience)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	return err
}

// bounded is a listener of so many connections at once. The next ones wait in the
// kernel until one of them ends.
type bounded struct {
	net.Listener

	slots chan struct{}
	done  chan struct{}
	close sync.Once
}

func newBounded(ln net.Listener, most int) *bounded {
	return &bounded{Listener: ln, slots: make(chan struct{}, most), done: make(chan struct{})}
}

func (l *bounded) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slot{Conn: c, free: sync.OnceFunc(func() { <-l.slots })}, nil
}

func (l *bounded) Close() error {
	l.close.Do(func() { close(l.done) })
	return l.Listener.Close()
}

type slot struct {
	net.Conn

	free func()
}

func (s *slot) Close() error {
	defer s.free()
	return s.Conn.Close()
}
