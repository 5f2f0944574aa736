package broker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// observation is what the log says of one request.
type observation struct {
	id    string
	api   API
	token string // its name
	err   error

	http.ResponseWriter

	status int
	bytes  int64
	began  bool // to be answered
}

func (o *observation) WriteHeader(status int) {
	if !o.began {
		o.status, o.began = status, true
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observation) Write(p []byte) (int, error) {
	if !o.began {
		o.status, o.began = http.StatusOK, true
	}
	n, err := o.ResponseWriter.Write(p)
	o.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (o *observation) Unwrap() http.ResponseWriter { return o.ResponseWriter }

type observationKey struct{}

// observed returns the observation of a request that came through observe.
func observed(r *http.Request) *observation {
	if o, ok := r.Context().Value(observationKey{}).(*observation); ok {
		return o
	}
	return &observation{}
}

// observe names each request, logs it once, and makes an answer of a crash. A
// query is never logged: it may be signed.
func (b *Broker) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		o := &observation{id: "req_" + strings.ToLower(rand.Text()[:16]), ResponseWriter: w}
		w.Header().Set("X-Request-Id", o.id)
		r = r.WithContext(context.WithValue(r.Context(), observationKey{}, o))
		defer func() {
			if crash := recover(); crash == http.ErrAbortHandler { //nolint:errorlint // it is this very value, and no error need be
				b.log(r, o, began)
				panic(crash)
			} else if crash != nil {
				o.err = fmt.Errorf("crash: %v\n%s", crash, debug.Stack())
				if o.began {
					b.log(r, o, began)
					panic(http.ErrAbortHandler) // cut it off, so that nobody takes it for whole
				}
				b.writeJSON(o, http.StatusInternalServerError, map[string]string{"error": "Internal Server Error", "message": "Internal Server Error"})
			}
			b.log(r, o, began)
		}()
		next.ServeHTTP(o, r)
	})
}

func (b *Broker) log(r *http.Request, o *observation, began time.Time) {
	level := slog.LevelInfo
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		remote = r.RemoteAddr
	}
	attrs := []slog.Attr{
		slog.String("id", o.id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", o.status), slog.Int64("bytes", o.bytes),
		slog.Float64("seconds", time.Since(began).Seconds()), slog.String("remote", remote),
	}
	if o.api != "" {
		attrs = append(attrs, slog.String("api", string(o.api)))
	}
	if o.token != "" {
		attrs = append(attrs, slog.String("token", o.token))
	}
	if o.err != nil {
		attrs = append(attrs, slog.String("error", o.err.Error()))
		level = slog.LevelWarn
		if o.status >= 500 && !errors.Is(o.err, context.Canceled) {
			level = slog.LevelError
		}
	}
	b.cfg.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// allowBrowsers answers preflights and lets pages read the answers (Fetch
// standard, "CORS protocol"). A token is no ambient right, so every page may send one
// that it has; a cookie is one, so only the configured sites may.
func (b *Broker) allowBrowsers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin, h := r.Header.Get("Origin"), w.Header()
		h.Add("Vary", "Origin") // also without one: what is public may be cached, and given to a page
		if origin == "" {
			next.ServeHTTP(w, r)
			return
		}
		if slices.Contains(b.cfg.Origins, origin) {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
		} else {
			h.Set("Access-Control-Allow-Origin", "*")
		}
		h.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After, ETag, Content-Length, Content-Range, Content-Disposition")
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-App-Token, X-Api-Key, X-Business-Id, X-User-Id, Range, If-Match, If-None-Match")
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
	})
}
