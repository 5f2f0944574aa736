package main

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// heldWithin bounds the wait for a request that is to be held.
const heldWithin = 2 * time.Minute

// proxy stands before a store and counts what comes, by S3's names of the
// operations. It leaves Host alone, so signatures hold.
type proxy struct {
	server  *httptest.Server
	forward *httputil.ReverseProxy

	mu     sync.Mutex
	counts map[string]int64
	fails  map[string]failure
	held   *held
}

// failure is how the next left requests are answered.
type failure struct {
	left   int64
	status int
}

// held are the requests of one operation that stand still.
type held struct {
	operation string
	from      int64 // the number of the first one
	once      sync.Once
	reached   chan struct{} // closed when the first one stands
	release   chan struct{} // closed when they may end
}

func newProxy(store string) (*proxy, error) {
	target, err := url.Parse(store)
	if err != nil {
		return nil, err
	}
	p := &proxy{counts: make(map[string]int64), fails: make(map[string]failure)}
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		ErrorLog:  log.New(io.Discard, "", 0), // a client that was killed is no news
	}
	p.server = httptest.NewServer(p)
	return p, nil
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := operation(r)
	p.mu.Lock()
	p.counts[op]++
	p.counts["any"]++
	h, f := p.held, p.fails[op]
	isHeld := h != nil && h.operation == op && p.counts[op] >= h.from
	if f.left > 0 {
		p.fails[op] = failure{f.left - 1, f.status}
	}
	p.mu.Unlock()

	switch {
	case isHeld:
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		h.once.Do(func() { close(h.reached) })
		<-h.release
		panic(http.ErrAbortHandler)
	case f.left > 0:
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(f.status)
	default:
		p.forward.ServeHTTP(w, r)
	}
}

// reset counts from 0 and holds h, which may be nil.
func (p *proxy) reset(h *held) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held != nil {
		close(p.held.release)
	}
	p.held = h
	clear(p.counts)
	clear(p.fails)
}

func (p *proxy) waitHeld() error {
	p.mu.Lock()
	h := p.held
	p.mu.Unlock()
	if h == nil {
		return errors.New("nothing is held")
	}
	select {
	case <-h.reached:
		return nil
	case <-time.After(heldWithin):
		return errors.New("no request came that could be held")
	}
}

// operation names a request as the S3 API reference does.
func operation(r *http.Request) string {
	q := r.URL.Query()
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return "UploadPart"
	case r.Method == http.MethodPut && key != "":
		return "PutObject"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost && q.Has("uploadId"):
		return "CompleteMultipartUpload"
	case r.Method == http.MethodPost && q.Has("delete"):
		return "DeleteObjects"
	case r.Method == http.MethodPost:
		return "PostObject"
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		return "AbortMultipartUpload"
	case r.Method == http.MethodGet && q.Has("uploadId"):
		return "ListParts"
	case r.Method == http.MethodGet && key != "":
		return "GetObject"
	case r.Method == http.MethodHead && key != "":
		return "HeadObject"
	case r.Method == http.MethodGet && q.Has("list-type"):
		return "ListObjectsV2"
	}
	return "other"
}

func startProxy(ts *testscript.TestScript, _ []string) {
	p, err := newProxy(ts.Getenv("AWS_ENDPOINT_URL_S3"))
	ts.Check(err)
	worldOf(ts).proxy = p
	ts.Defer(func() {
		p.reset(nil)
		p.server.Close()
	})
	ts.Setenv("AWS_ENDPOINT_URL_S3", p.server.URL)
}

func hold(ts *testscript.TestScript, args []string) {
	proxyOf(ts).reset(&held{
		operation: args[0], from: number(ts, args[1]),
		reached: make(chan struct{}), release: make(chan struct{}),
	})
}

func fail(ts *testscript.TestScript, args []string) {
	p := proxyOf(ts)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails[args[0]] = failure{number(ts, args[1]), int(number(ts, args[2]))}
}

func count(ts *testscript.TestScript, _ []string) { proxyOf(ts).reset(nil) }

func requests(ts *testscript.TestScript, args []string) {
	p := proxyOf(ts)
	least := number(ts, args[1])
	most := least
	if len(args) == 3 {
		most = number(ts, args[2])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := p.counts[args[0]]; got < least || got > most {
		ts.Fatalf("%d requests %s, want %d to %d; all were %v", got, args[0], least, most, p.counts)
	}
}

func proxyOf(ts *testscript.TestScript) *proxy {
	p := worldOf(ts).proxy
	if p == nil {
		ts.Fatalf("there is no proxy: begin with the command proxy")
	}
	return p
}

// listener sees whether anybody connects.
type listener struct {
	net.Listener
	connections atomic.Int64
}

func startListener(ts *testscript.TestScript, _ []string) {
	in, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	l := &listener{Listener: in}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			l.connections.Add(1)
			conn.Close()
		}
	}()
	ts.Defer(func() { l.Close() })
	worldOf(ts).listener = l
	ts.Setenv("LISTENER", "http://"+l.Addr().String())
}

// untouched connects once itself: connections are accepted in their order, so
// those before it have been counted when it is.
func untouched(ts *testscript.TestScript, _ []string) {
	l := worldOf(ts).listener
	if l == nil {
		ts.Fatalf("there is no listener")
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	ts.Check(err)
	_, _ = io.Copy(io.Discard, conn) // to its end, which comes after it was counted
	conn.Close()
	if n := l.connections.Swap(0); n != 1 {
		ts.Fatalf("%d connections were made to the listener", n-1)
	}
}
