package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/crc64nvme"
)

// newAsker runs a sink and its proxy, and returns a function that asks it.
func newAsker(t *testing.T, delay time.Duration) func(method, path string, body io.Reader, header ...string) (*http.Response, []byte) {
	t.Helper()
	s, err := newSink(t.TempDir(), 2500)
	if err != nil {
		t.Fatal(err)
	}
	near, far := listen(t), listen(t)
	go func() { _ = s.serve(t.Context(), near, nil) }()
	proxy := &distance{to: near.Addr().String(), delay: delay, rate: 1 << 30, curve: s.curve}
	go func() { _ = proxy.serve(t.Context(), far) }()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return func(method, path string, body io.Reader, header ...string) (*http.Response, []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+far.Addr().String()+path, body)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		got, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, got
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	var l net.ListenConfig
	listener, err := l.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func TestSinkKnowsWhatItTook(t *testing.T) {
	ask := newAsker(t, 0)
	body := bytes.Repeat([]byte("x"), 3<<20)

	put, _ := ask(http.MethodPut, "/b/one", bytes.NewReader(body), crcHeader, "c3VtMTIzNDU=", "Expect", "100-continue")
	if put.StatusCode != http.StatusOK || put.Header.Get(crcHeader) != "c3VtMTIzNDU=" {
		t.Errorf("PUT: %s, checksum %q", put.Status, put.Header.Get(crcHeader))
	}
	head, _ := ask(http.MethodHead, "/b/one", nil)
	if head.ContentLength != int64(len(body)) || head.Header.Get(crcHeader) != "c3VtMTIzNDU=" {
		t.Errorf("HEAD: %d bytes, checksum %q", head.ContentLength, head.Header.Get(crcHeader))
	}
	if gone, _ := ask(http.MethodHead, "/b/two", nil); gone.StatusCode != http.StatusNotFound {
		t.Errorf("HEAD of nothing: %s", gone.Status)
	}

	_, created := ask(http.MethodPost, "/b/parts?uploads", nil)
	var begun struct{ UploadId string }
	if err := xml.Unmarshal(created, &begun); err != nil || begun.UploadId == "" {
		t.Fatalf("create: %s: %v", created, err)
	}
	for _, part := range []string{"1", "2"} {
		// Of no known length, as a client sends a stream.
		ask(http.MethodPut, "/b/parts?partNumber="+part+"&uploadId="+begun.UploadId, io.MultiReader(bytes.NewReader(body)),
			"X-Amz-Decoded-Content-Length", "3145728")
	}
	_, done := ask(http.MethodPost, "/b/parts?uploadId="+begun.UploadId, strings.NewReader("<x/>"), crcHeader, "d2hvbGU=")
	if !strings.Contains(string(done), "<ChecksumCRC64NVME>d2hvbGU=<") {
		t.Errorf("complete: %s", done)
	}
	if head, _ := ask(http.MethodHead, "/b/parts", nil); head.ContentLength != 6<<20 {
		t.Errorf("HEAD of parts: %d bytes", head.ContentLength)
	}
}

func TestSinkGivesZeros(t *testing.T) {
	ask := newAsker(t, 0)
	const n = zeroChunk + 5
	all, got := ask(http.MethodGet, "/zero/67108869", nil)
	if len(got) != n || bytes.Trim(got, "\x00") != nil {
		t.Errorf("%d bytes, want %d zeros", len(got), n)
	}
	digest := crc64nvme.New() // another implementation
	digest.Write(got)
	if sum := base64.StdEncoding.EncodeToString(digest.Sum(nil)); all.Header.Get(crcHeader) != sum {
		t.Errorf("checksum %q, want %q", all.Header.Get(crcHeader), sum)
	}
	part, got := ask(http.MethodGet, "/zero/1000", nil, "Range", "bytes=990-2000")
	if part.StatusCode != http.StatusPartialContent || part.Header.Get("Content-Range") != "bytes 990-999/1000" || len(got) != 10 {
		t.Errorf("range: %s, %q, %d bytes", part.Status, part.Header.Get("Content-Range"), len(got))
	}
}

func TestSinkListsEveryKeyOnce(t *testing.T) {
	ask := newAsker(t, 0)
	var keys []string
	for token := ""; ; {
		_, page := ask(http.MethodGet, "/many/?list-type=2&encoding-type=url&continuation-token="+token, nil)
		var list struct {
			Contents              []struct{ Key string }
			IsTruncated           bool
			NextContinuationToken string
		}
		if err := xml.Unmarshal(page, &list); err != nil {
			t.Fatal(err)
		}
		for _, c := range list.Contents {
			keys = append(keys, c.Key)
		}
		if token = list.NextContinuationToken; !list.IsTruncated {
			break
		}
	}
	if len(keys) != 2500 {
		t.Fatalf("%d keys", len(keys))
	}
	for i, key := range keys {
		if key != madeUp(i) {
			t.Fatalf("key %d is %q", i, key)
		}
	}
}

func TestDistanceDelaysAnswersAndSeesThem(t *testing.T) {
	const delay = 150 * time.Millisecond
	ask := newAsker(t, delay)
	ask(http.MethodGet, "/.bench/reset", nil)
	began := time.Now()
	ask(http.MethodPut, "/b/one", bytes.NewReader(make([]byte, 1<<20)))
	if took := time.Since(began); took < delay {
		t.Errorf("answered after %s", took)
	}
	for {
		_, raw := ask(http.MethodGet, "/.bench/curve", nil)
		var curve []sample
		if err := json.Unmarshal(raw, &curve); err != nil {
			t.Fatal(err)
		}
		if len(curve) > 0 && curve[0].Connections > 0 {
			return
		}
	}
}

func TestCertificateIsTrustedByItself(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.pem")
	certificate, err := newCertificate(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSink(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	go func() { _ = s.serve(t.Context(), l, certificate) }()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	t.Cleanup(client.CloseIdleConnections)
	answer, err := client.Head("https://" + l.Addr().String() + "/zero/7")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.ContentLength != 7 {
		t.Errorf("%d bytes", answer.ContentLength)
	}
}

func TestReportJudgesByMedians(t *testing.T) {
	r := &report{
		rows: []row{{name: "x", title: "X", jobs: uploadFile, limits: []limit{{of: curl, cpu: 1.25, wall: 1}}}},
		runs: []run{
			{Row: "x", Client: curl, CPU: 1, Wall: 2},
			{Row: "x", Client: hoist, CPU: 9, Wall: 1},
			{Row: "x", Client: hoist, CPU: 1.2, Wall: 3},
			{Row: "x", Client: hoist, CPU: 1, Wall: 2.2},
			{Row: "x", Client: mc, Error: "> 120 s"},
		},
	}
	table := r.table()
	for _, want := range []string{"CPU yes (1.20), wall **no** (1.10)", "| mc | > 120 s |", "| rclone | not measured |"} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
}
