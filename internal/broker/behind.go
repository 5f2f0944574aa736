package broker

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// behind hands requests that are signed for the broker's own address on to a
// store that only this machine reaches. The store judges the signature; what has none is
// not handed on.
func (b *Broker) behind(store *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(store)
			p.Out.Host = p.In.Host // it is signed
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: b.waits.idle, DisableCompression: true},
		ErrorLog:  slog.NewLogLogger(b.cfg.Log.Handler(), slog.LevelWarn),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form := r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data")
		if r.Method != http.MethodOptions && !form && !r.URL.Query().Has("X-Amz-Signature") {
			b.missing(w)
			return
		}
		control := http.NewResponseController(w)
		if r.Body != http.NoBody {
			r.Body = patientBody{r.Body, control, b.waits.stream}
		}
		proxy.ServeHTTP(patientAnswer{w, patient{w, control, b.waits.stream}}, r)
	})
}

// patientBody gives the client time for every read, as patient does for writes.
type patientBody struct {
	io.ReadCloser

	control *http.ResponseController
	wait    time.Duration
}

func (p patientBody) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(p.wait))
	return p.ReadCloser.Read(b)
}

type patientAnswer struct {
	http.ResponseWriter

	body patient
}

func (p patientAnswer) Write(b []byte) (int, error) { return p.body.Write(b) }

// Unwrap lets http.ResponseController reach the connection.
func (p patientAnswer) Unwrap() http.ResponseWriter { return p.ResponseWriter }
