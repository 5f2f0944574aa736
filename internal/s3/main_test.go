package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/local/localtest"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

func TestMain(m *testing.M) {
	localtest.Prepare()
	os.Exit(m.Run())
}

// eachStore runs test with a new bucket of the embedded store, and of those
// that .ci/servers starts, where they are there.
func eachStore(t *testing.T, test func(t *testing.T, cfg Config)) {
	t.Run("local", func(t *testing.T) { test(t, newBucket(t, localStore(t))) })
	for _, name := range []string{"VERSITYGW", "MINIO"} {
		t.Run(strings.ToLower(name), func(t *testing.T) {
			cfg := Config{
				Endpoint:        os.Getenv("HOIST_TEST_" + name + "_ENDPOINT"),
				AccessKeyID:     os.Getenv("HOIST_TEST_" + name + "_ACCESS_KEY"),
				SecretAccessKey: os.Getenv("HOIST_TEST_" + name + "_SECRET_KEY"),
			}
			if cfg.Endpoint == "" {
				t.Skipf("HOIST_TEST_%s_ENDPOINT is not set: .ci/servers starts one", name)
			}
			test(t, newBucket(t, cfg))
		})
	}
}

func localStore(t *testing.T) Config {
	t.Helper()
	s := localtest.Open(t)
	return Config{Endpoint: s.Endpoint, AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, Region: s.Region}
}

func newBucket(t *testing.T, cfg Config) Config {
	t.Helper()
	cfg.Bucket = "b" + strings.ToLower(rand.Text())
	s := open(t, cfg)
	r, err := s.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.api.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: aws.String(cfg.Bucket)}); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func open(t *testing.T, cfg Config) *Store {
	t.Helper()
	s, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func random(t *testing.T, size int) []byte {
	t.Helper()
	b := make([]byte, size)
	_, _ = rand.Read(b)
	return b
}

func sum(t *testing.T, algorithm string, b []byte) *ticket.Checksum {
	t.Helper()
	s, _, err := checksum.Of(bytes.NewReader(b), algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func md5Hex(b []byte) string {
	h := md5.Sum(b)
	return hex.EncodeToString(h[:])
}

func file(name string, body []byte) ticket.File {
	return ticket.File{Name: name, Size: int64(len(body)), Type: "application/octet-stream"}
}

func spec(path string, body []byte) object.Spec {
	return object.Spec{Path: path, File: file("f", body)}
}

// send sends the body as the request says and returns the answer's status, body and headers.
func send(t *testing.T, request *ticket.Request, body []byte) (int, string, http.Header) {
	t.Helper()
	content := body
	header := http.Header{}
	if request.Method == http.MethodPost {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for name, value := range request.Fields {
			if err := w.WriteField(name, value); err != nil {
				t.Fatal(err)
			}
		}
		f, err := w.CreateFormFile("file", "f")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = f.Write(body)
		_ = w.Close()
		content = b.Bytes()
		header.Set("Content-Type", w.FormDataContentType())
	}
	for name, value := range request.Header {
		header.Set(name, value)
	}
	req, err := http.NewRequestWithContext(t.Context(), request.Method, request.URL, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(said), resp.Header
}

// sendAll signs and sends the parts of tk that have no receipt, as the engine does.
func sendAll(t *testing.T, s *Store, tk *ticket.Ticket, body []byte) {
	t.Helper()
	for _, p := range tk.Parts {
		if _, ok := tk.Receipt(p.Number); !ok {
			sendPart(t, s, tk, p, body[p.Offset:p.Offset+p.Size])
		}
	}
}

func sendPart(t *testing.T, s *Store, tk *ticket.Ticket, p ticket.Part, section []byte) {
	t.Helper()
	request := p.Request
	if request == nil {
		var known *ticket.Checksum
		if algorithm := s.PartChecksum(tk); algorithm != "" {
			known = sum(t, algorithm, section)
		}
		var err error
		if request, err = s.Sign(t.Context(), tk, p, known); err != nil {
			t.Fatal(err)
		}
		if err := request.Validate(); err != nil {
			t.Fatalf("the engine would refuse the request: %v", err)
		}
	}
	status, said, header := send(t, request, section)
	if status/100 != 2 {
		t.Fatalf("part %d: %d %s", p.Number, status, said)
	}
	tk.Receipts = append(tk.Receipts, ticket.Receipt{
		Number: p.Number, Size: p.Size, ETag: strings.Trim(header.Get("ETag"), `"`),
		Checksum: sum(t, checksum.CRC64NVME, section), VersionID: header.Get("X-Amz-Version-Id"),
	})
}

// put stores body under path and returns what Finish says of it.
func put(t *testing.T, s *Store, sp object.Spec, body []byte) *object.Object {
	t.Helper()
	tk, err := s.Start(t.Context(), sp)
	if err != nil {
		t.Fatal(err)
	}
	sendAll(t, s, tk, body)
	obj, err := s.Finish(t.Context(), tk)
	if err != nil {
		t.Fatal(err)
	}
	return obj
}

// get reads the object back with a signed GET.
func get(t *testing.T, s *Store, path string) []byte {
	t.Helper()
	request, err := s.SignGet(t.Context(), path, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	status, said, _ := send(t, request, nil)
	if status != http.StatusOK {
		t.Fatalf("get %q: %d %s", path, status, said)
	}
	return []byte(said)
}

func stat(t *testing.T, s *Store, path string) *object.Object {
	t.Helper()
	obj, err := s.Stat(t.Context(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	return obj
}

func names(t *testing.T, s *Store) []string {
	t.Helper()
	var out []string
	for o, err := range s.List(t.Context(), "", true) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.TrimPrefix(o.Key, s.cfg.Prefix))
	}
	return out
}

func versioned() *types.VersioningConfiguration {
	return &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}
}
