package upload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/journal"
	"github.com/hoist-cli/hoist/internal/local/localtest"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/s3"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/transfer"
	"github.com/hoist-cli/hoist/internal/upload"
	"github.com/hoist-cli/hoist/internal/walk"
	"github.com/hoist-cli/hoist/internal/wire"
)

func TestMain(m *testing.M) {
	localtest.Prepare()
	os.Exit(m.Run())
}

const partSize = ticket.MinPartSize

// scene is the embedded store with a proxy before it that counts and, where a
// test says so, interferes.
type scene struct {
	*s3.Store
	client  *http.Client
	retries int
	// meet is asked about each PUT of bytes, the nth from 1, before it goes on
	// to the store; it is false to have answered itself.
	meet func(w http.ResponseWriter, r *http.Request, n int) bool

	mu   sync.Mutex
	puts []string // the part numbers, or the path of a single PUT
	news int      // uploads that were started
}

func newScene(t *testing.T) *scene {
	t.Helper()
	store := localtest.Open(t)
	behind, err := url.Parse(store.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{retries: 1}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(behind)
		r.Out.Host = r.In.Host // it is signed
	}, ErrorLog: log.New(io.Discard, "", 0)}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.pass(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(proxy.Close)
	if s.client, err = wire.New(wire.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.CloseIdleConnections)
	s.Store, err = s3.New(t.Context(), s3.Config{
		Base: "local:", Bucket: store.Bucket, Region: store.Region, Endpoint: proxy.URL,
		AccessKeyID: store.AccessKeyID, SecretAccessKey: store.SecretAccessKey, HTTP: s.client,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) pass(w http.ResponseWriter, r *http.Request) bool {
	query := r.URL.Query()
	s.mu.Lock()
	if r.Method == http.MethodPost && query.Has("uploads") {
		s.news++
	}
	if r.Method != http.MethodPut {
		s.mu.Unlock()
		return true
	}
	name := query.Get("partNumber")
	if name == "" {
		name = r.URL.Path
	}
	s.puts = append(s.puts, name)
	n := len(s.puts)
	s.mu.Unlock()
	return s.meet == nil || s.meet(w, r, n)
}

// sent returns what was PUT since it was last asked.
func (s *scene) sent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	puts := s.puts
	s.puts = nil
	slices.Sort(puts)
	return puts
}

func (s *scene) uploader(journals string) *upload.Uploader {
	return &upload.Uploader{
		Provider: s.Store, Journals: journals,
		Engine: transfer.New(s.client, transfer.Options{Concurrency: 1, Retries: s.retries}),
	}
}

// wantObject checks that content is stored at path.
func (s *scene) wantObject(t *testing.T, path string, content []byte) {
	t.Helper()
	request, err := s.SignGet(t.Context(), path, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, request.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range request.Header {
		req.Header.Set(name, value)
	}
	response, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	got, err := wire.ReadBody(response, 1<<30)
	if err != nil || response.StatusCode != http.StatusOK || !bytes.Equal(got, content) {
		t.Errorf("%s: %d, %d bytes and not the %d that were sent: %v", path, response.StatusCode, len(got), len(content), err)
	}
}

// wantNothing checks that there is neither an object nor an unfinished upload.
func (s *scene) wantNothing(t *testing.T, path string) {
	t.Helper()
	if _, err := s.Stat(t.Context(), path, ""); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%s is there: %v", path, err)
	}
	s.wantNoUploads(t)
}

func (s *scene) wantNoUploads(t *testing.T) {
	t.Helper()
	if left := s.uploads(t); len(left) > 0 {
		t.Errorf("unfinished uploads are left: %v", left)
	}
}

func (s *scene) uploads(t *testing.T) (ids []string) {
	t.Helper()
	for u, err := range s.ListUploads(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, u.ID)
	}
	return ids
}

func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(b) // never fails
	return b
}

func write(t *testing.T, name string, data []byte) *transfer.File {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return look(t, name)
}

func look(t *testing.T, name string) *transfer.File {
	t.Helper()
	file, err := transfer.NewFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func specOf(path string, file *transfer.File) object.Spec {
	return object.Spec{
		Path: path, PartSize: partSize,
		File: ticket.File{Name: filepath.Base(file.Path), Size: file.Size(), Type: "application/x-test"},
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind, parts ...string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("got %v of kind %d, want %d", err, fault.KindOf(err), kind)
	}
	text := err.Error() + " " + fault.HintOf(err)
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
	if strings.Contains(text, "X-Amz-Signature") {
		t.Errorf("a signed query is in %q", text)
	}
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("%v is left: %v", entries, err)
	}
}

// interrupted begins the upload of file and stops it at the third of its four parts.
func (s *scene) interrupted(t *testing.T, u *upload.Uploader, file *transfer.File, path string) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("signal: interrupt")
	s.meet = func(_ http.ResponseWriter, r *http.Request, n int) bool {
		if n == 3 {
			cancel(stopped)
			_, _ = io.Copy(io.Discard, r.Body)
			return false
		}
		return true
	}
	_, err := u.File(ctx, file, specOf(path, file))
	s.meet = nil
	if !errors.Is(err, stopped) {
		t.Fatalf("got %v", err)
	}
	wantKind(t, err, fault.Incomplete, "2 of 4 parts")
	if got := s.sent(); !slices.Equal(got, []string{"1", "2", "3"}) || len(s.uploads(t)) != 1 {
		t.Fatalf("sent %v, and %d uploads are there", got, len(s.uploads(t)))
	}
}

func TestResume(t *testing.T) {
	s, data := newScene(t), content(3*partSize+100)
	s.retries = 3
	dir := t.TempDir()
	name := filepath.Join(t.TempDir(), "file.bin")

	t.Run("missing parts only", func(t *testing.T) {
		u, file := s.uploader(dir), write(t, name, data)
		s.interrupted(t, u, file, "a")
		var resumed int64
		u.Resumed = func(n int64) { resumed += n }
		result, err := u.File(t.Context(), file, specOf("a", file))
		if err != nil {
			t.Fatal(err)
		}
		if got := s.sent(); !slices.Equal(got, []string{"3", "4"}) {
			t.Errorf("sent again: %v", got)
		}
		if !result.Resumed || result.Parts != 4 || result.Size != file.Size() || resumed != 2*partSize {
			t.Errorf("result %+v, resumed %d", result, resumed)
		}
		s.wantObject(t, "a", data)
		s.wantNoUploads(t)
		wantEmpty(t, dir)
	})
	t.Run("changed file", func(t *testing.T) {
		u, file := s.uploader(dir), write(t, name, data)
		s.interrupted(t, u, file, "b")
		before := s.uploads(t)
		other := slices.Clone(data)
		other[0]++
		file = write(t, name, other)
		if err := os.Chtimes(name, time.Time{}, file.Modified().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		file = look(t, name)
		s.meet = func(http.ResponseWriter, *http.Request, int) bool {
			if now := s.uploads(t); len(now) != 1 || now[0] == before[0] {
				t.Errorf("uploads while the new one is sent: %v, before: %v", now, before)
			}
			return true
		}
		result, err := u.File(t.Context(), file, specOf("b", file))
		s.meet = nil
		if err != nil {
			t.Fatal(err)
		}
		if got := s.sent(); len(got) != 4 || result.Resumed {
			t.Errorf("sent %v, resumed %t", got, result.Resumed)
		}
		s.wantObject(t, "b", other)
		s.wantNoUploads(t)
		wantEmpty(t, dir)
	})
	t.Run("other options", func(t *testing.T) {
		u, file := s.uploader(dir), write(t, name, data)
		s.interrupted(t, u, file, "c")
		spec := specOf("c", file)
		spec.CacheControl = "no-cache"
		result, err := u.File(t.Context(), file, spec)
		if err != nil || result.Resumed {
			t.Fatalf("resumed %v: %v", result, err)
		}
		s.sent()
		s.wantNoUploads(t)
		wantEmpty(t, dir)
	})
	t.Run("forgotten by the store", func(t *testing.T) {
		u, file := s.uploader(dir), write(t, name, data)
		s.interrupted(t, u, file, "d")
		s.abortAll(t)
		result, err := u.File(t.Context(), file, specOf("d", file))
		if err != nil || result.Resumed {
			t.Fatalf("resumed %v: %v", result, err)
		}
		if got := s.sent(); len(got) != 4 {
			t.Errorf("sent %v", got)
		}
		s.wantObject(t, "d", data)
		s.wantNoUploads(t)
	})
	t.Run("forgotten while it is gone on with", func(t *testing.T) {
		u, file := s.uploader(dir), write(t, name, data)
		s.interrupted(t, u, file, "e")
		var counted int64
		u.Resumed = func(n int64) { counted += n }
		var gone string
		s.meet = func(w http.ResponseWriter, r *http.Request, n int) bool {
			if n == 1 {
				gone = r.URL.Query().Get("uploadId")
				s.abortAll(t)
			}
			if r.URL.Query().Get("uploadId") != gone {
				return true
			}
			// The store itself may refuse it before its body has ended, and then
			// the proxy cannot always tell its answer from a lost connection.
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>NoSuchUpload</Code><Message>The upload does not exist</Message></Error>")
			return false
		}
		result, err := u.File(t.Context(), file, specOf("e", file))
		s.meet = nil
		if err != nil || result.Resumed || counted != 0 {
			t.Fatalf("resumed %v, counted %d: %v", result, counted, err)
		}
		if got := s.sent(); !slices.Equal(got, []string{"1", "2", "3", "3", "4"}) {
			t.Errorf("sent %v", got)
		}
		s.wantObject(t, "e", data)
		s.wantNoUploads(t)
		wantEmpty(t, dir)
	})
	t.Run("the store cannot be asked", func(t *testing.T) {
		u, file := s.uploader(dir), write(t, name, data)
		s.interrupted(t, u, file, "f")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := u.File(ctx, file, specOf("f", file))
		wantKind(t, err, fault.Incomplete, "run the same command again")
		if len(s.uploads(t)) != 1 || len(s.sent()) != 0 {
			t.Error("the interrupted upload is given up")
		}
		if _, err := u.File(t.Context(), file, specOf("f", file)); err != nil {
			t.Fatal(err)
		}
		if got := s.sent(); !slices.Equal(got, []string{"3", "4"}) {
			t.Errorf("sent again: %v", got)
		}
	})
}

func (s *scene) abortAll(t *testing.T) {
	t.Helper()
	for u, err := range s.ListUploads(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if err := s.AbortUpload(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
}

// What fails is left as the next run wants it, or not at all.
func TestFileFails(t *testing.T) {
	s, data := newScene(t), content(2*partSize)
	refuse := func(w http.ResponseWriter, r *http.Request, n int) bool {
		if n < 2 {
			return true
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
		return false
	}
	name := filepath.Join(t.TempDir(), "file.bin")
	t.Run("without a journal", func(t *testing.T) {
		s.meet = refuse
		file := write(t, name, data)
		_, err := s.uploader("").File(t.Context(), file, specOf("a", file))
		wantKind(t, err, fault.Temporary, "503")
		s.sent()
		s.wantNothing(t, "a")
	})
	t.Run("with a journal", func(t *testing.T) {
		s.meet = refuse
		file, dir := write(t, name, data), t.TempDir()
		_, err := s.uploader(dir).File(t.Context(), file, specOf("b", file))
		wantKind(t, err, fault.Incomplete, "503", "1 of 2 parts")
		s.meet = nil
		s.sent()
		if _, err := s.uploader(dir).File(t.Context(), file, specOf("b", file)); err != nil {
			t.Fatal(err)
		}
		if got := s.sent(); !slices.Equal(got, []string{"2"}) {
			t.Errorf("sent %v", got)
		}
		s.wantNoUploads(t)
	})
	t.Run("the file changes", func(t *testing.T) {
		file, dir := write(t, name, data), t.TempDir()
		s.meet = func(_ http.ResponseWriter, _ *http.Request, n int) bool {
			if n == 2 {
				if err := os.Chtimes(name, time.Time{}, time.Unix(1e9, 0)); err != nil {
					t.Error(err)
				}
			}
			return true
		}
		_, err := s.uploader(dir).File(t.Context(), file, specOf("c", file))
		wantKind(t, err, fault.Integrity, name, "changed during the upload")
		s.meet = nil
		s.sent()
		s.wantNothing(t, "c")
		wantEmpty(t, dir)
	})
	t.Run("it exists", func(t *testing.T) {
		file, dir := write(t, name, data), t.TempDir()
		spec := specOf("b", file)
		spec.NoClobber = true
		_, err := s.uploader(dir).File(t.Context(), file, spec)
		wantKind(t, err, fault.Exists)
		s.wantNoUploads(t)
		wantEmpty(t, dir)
	})
}

func TestStream(t *testing.T) {
	s := newScene(t)
	for _, size := range []int{0, 1, partSize, ticket.DefaultPartSize, ticket.DefaultPartSize + 1} {
		for _, announced := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d/announced=%t", size, announced), func(t *testing.T) {
				data, spec := content(size), object.Spec{Path: "s", File: ticket.File{Name: "s", Size: -1}}
				if announced {
					spec.File.Size = int64(size)
				}
				result, err := s.uploader("").Stream(t.Context(), upload.Stream{Reader: bytes.NewReader(data), Source: "-"}, spec)
				if err != nil {
					t.Fatal(err)
				}
				if result.Size != int64(size) || result.Source != "-" {
					t.Errorf("result %+v", result)
				}
				s.wantObject(t, "s", data)
				s.wantNoUploads(t)
			})
		}
	}
	t.Run("part size", func(t *testing.T) {
		s.sent()
		data := content(partSize + 1)
		spec := object.Spec{Path: "parts", PartSize: partSize, File: ticket.File{Name: "s", Size: -1}}
		if _, err := s.uploader("").Stream(t.Context(), upload.Stream{Reader: bytes.NewReader(data)}, spec); err != nil {
			t.Fatal(err)
		}
		if got := s.sent(); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("sent %v", got)
		}
		s.wantObject(t, "parts", data)
		spec.PartSize = 1
		_, err := s.uploader("").Stream(t.Context(), upload.Stream{Reader: bytes.NewReader(data)}, spec)
		wantKind(t, err, fault.Usage, "5 MiB")
	})
	failed := errors.New("exit status 3")
	for _, size := range []int{10, ticket.DefaultPartSize + 1} {
		t.Run(fmt.Sprintf("producer fails/%d", size), func(t *testing.T) {
			in := upload.Stream{Reader: bytes.NewReader(content(size)), End: func() error { return failed }}
			if _, err := s.uploader("").Stream(t.Context(), in, object.Spec{Path: "x", File: ticket.File{Name: "x", Size: -1}}); !errors.Is(err, failed) {
				t.Errorf("got %v", err)
			}
			s.wantNothing(t, "x")
		})
	}
	t.Run("another length", func(t *testing.T) {
		for _, size := range []int64{partSize, 3*partSize - 1, 3*partSize + 1} {
			spec := object.Spec{Path: "x", PartSize: partSize, File: ticket.File{Name: "x", Size: 3 * partSize}}
			_, err := s.uploader("").Stream(t.Context(), upload.Stream{Reader: bytes.NewReader(content(int(size)))}, spec)
			wantKind(t, err, fault.Integrity, fmt.Sprint(3*partSize))
			s.wantNothing(t, "x")
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		for _, before := range []int{0, ticket.DefaultPartSize + 1} { // bytes that come before it blocks
			ctx, cancel := context.WithCancelCause(t.Context())
			pipe, producer := io.Pipe()
			stopped := errors.New("signal: interrupt")
			go func() {
				_, _ = producer.Write(content(before))
				cancel(stopped)
			}()
			_, err := s.uploader("").Stream(ctx, upload.Stream{Reader: pipe}, object.Spec{Path: "x", File: ticket.File{Name: "x", Size: -1}})
			if !errors.Is(err, stopped) {
				t.Errorf("got %v", err)
			}
			_ = pipe.Close()
			s.wantNothing(t, "x")
		}
	})
}

// batch uploads the sources to names of their own.
func batch(files iter.Seq[walk.File], report func(walk.File, *upload.Result, error)) upload.Batch {
	return upload.Batch{
		Files: files, Path: func(f walk.File) string { return "dir/" + f.Name },
		Spec: object.Spec{File: ticket.File{Size: -1}}, Report: report,
	}
}

func TestBatch(t *testing.T) {
	s, dir := newScene(t), t.TempDir()
	for _, name := range []string{"a.txt", "b.txt", "c.txt"} {
		write(t, filepath.Join(dir, name), []byte(name))
	}
	all := walk.Options{Recursive: true}
	ignore := func(walk.File, *upload.Result, error) {}

	t.Run("all", func(t *testing.T) {
		var reported atomic.Int32
		o, err := s.uploader("").Batch(t.Context(), batch(walk.Files([]string{dir}, all), func(f walk.File, r *upload.Result, err error) {
			reported.Add(1)
			if err != nil || r.Key != "dir/"+f.Name || !strings.HasPrefix(r.ContentType, "text/plain") {
				t.Errorf("%s: %+v: %v", f.Path, r, err)
			}
		}))
		if err != nil || o.Stored != 3 || reported.Load() != 3 {
			t.Errorf("%+v, %d reports: %v", o, reported.Load(), err)
		}
		s.wantObject(t, "dir/b.txt", []byte("b.txt"))
	})
	t.Run("one of three fails", func(t *testing.T) {
		files := walk.Files([]string{dir}, all)
		vanishing := func(yield func(walk.File) bool) {
			for f := range files {
				if f.Name == "b.txt" { // between the walk and the upload
					if err := errors.Join(os.Remove(f.Path), os.Mkdir(f.Path, 0o700)); err != nil {
						t.Error(err)
					}
				}
				if !yield(f) {
					return
				}
			}
		}
		var said error
		o, err := s.uploader("").Batch(t.Context(), batch(vanishing, func(_ walk.File, _ *upload.Result, err error) { said = errors.Join(said, err) }))
		wantKind(t, err, fault.Mixed, "1 of 3 files failed")
		if o.Stored != 2 || o.Failed != 1 || !strings.Contains(said.Error(), "b.txt is not a regular file") {
			t.Errorf("%+v: %v", o, said)
		}
		s.wantObject(t, "dir/c.txt", []byte("c.txt"))
	})
	t.Run("a broken link", func(t *testing.T) {
		if err := os.Symlink("nowhere", filepath.Join(dir, "broken")); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
		o, err := s.uploader("").Batch(t.Context(), batch(walk.Files([]string{dir}, all), ignore))
		wantKind(t, err, fault.Mixed)
		if o.Failed != 1 || o.Stored != 2 {
			t.Errorf("%+v", o)
		}
	})
	t.Run("all fail alike", func(t *testing.T) {
		s.meet = func(w http.ResponseWriter, r *http.Request, _ int) bool {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusForbidden)
			return false
		}
		defer func() { s.meet = nil }()
		files := walk.Files([]string{filepath.Join(dir, "a.txt"), filepath.Join(dir, "c.txt")}, all)
		_, err := s.uploader("").Batch(t.Context(), batch(files, ignore))
		wantKind(t, err, fault.Denied, "2 of 2 files failed")
	})
	t.Run("nothing matches", func(t *testing.T) {
		_, err := s.uploader("").Batch(t.Context(), batch(walk.Files([]string{dir}, walk.Options{Recursive: true, Include: []string{"*.none"}}), ignore))
		wantKind(t, err, fault.Usage, "no file matches")
		if fault.StageOf(err) != fault.Plan {
			t.Errorf("stage %q", fault.StageOf(err))
		}
	})
	t.Run("what is finished is skipped", func(t *testing.T) {
		id := journal.RunIdentity{Sources: []string{dir}}
		where := t.TempDir()
		for run, want := range []upload.Outcome{{Stored: 2}, {Skipped: 2}, {Stored: 1, Skipped: 1}} {
			if run == 2 {
				write(t, filepath.Join(dir, "a.txt"), []byte("another content"))
			}
			list, err := journal.OpenRun(where, id)
			if err != nil {
				t.Fatal(err)
			}
			b := batch(walk.Files([]string{dir}, walk.Options{Recursive: true, Include: []string{"*.txt"}, Exclude: []string{"b.txt"}}), ignore)
			b.List = list
			var found, resumed atomic.Int64
			u := s.uploader("")
			u.Found = func(n int64) { found.Add(n) }
			u.Resumed = func(n int64) { resumed.Add(n) }
			o, err := u.Batch(t.Context(), b)
			if err != nil || o.Stored != want.Stored || o.Skipped != want.Skipped {
				t.Errorf("run %d: %+v: %v", run, o, err)
			}
			if (resumed.Load() > 0) != (want.Skipped > 0) || resumed.Load() > found.Load() {
				t.Errorf("run %d: %d of %d bytes were there", run, resumed.Load(), found.Load())
			}
			if err := list.Close(); err != nil {
				t.Error(err)
			}
		}
		s.wantObject(t, "dir/a.txt", []byte("another content"))
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		stopped := errors.New("signal: interrupt")
		endless := func(yield func(walk.File) bool) {
			info, err := os.Stat(filepath.Join(dir, "a.txt"))
			if err != nil {
				t.Error(err)
			}
			for i := 0; yield(walk.File{Path: filepath.Join(dir, "a.txt"), Name: fmt.Sprint(i), Info: info}); i++ {
				if i == 3 {
					cancel(stopped)
				}
			}
		}
		s.sent()
		o, err := s.uploader("").Batch(ctx, batch(endless, ignore))
		if !errors.Is(err, stopped) || o.Stored == 0 {
			t.Errorf("%+v: %v", o, err)
		}
		if n := len(s.sent()); n > o.Stored+1 {
			t.Errorf("%d files were begun, %d stored", n, o.Stored)
		}
	})
}
