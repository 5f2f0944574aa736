package local

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// Both kinds of metadata must hold everything that hoist asks of a store.
func TestObjects(t *testing.T) {
	for _, kind := range []metadataKind{xattr, sidecar} {
		t.Run(string(kind), func(t *testing.T) {
			root := t.TempDir()
			l := layout{root}
			if kind == xattr {
				if err := tryXattr(root); err != nil {
					t.Skipf("the temporary folder cannot have extended attributes: %v", err)
				}
			} else if err := writeJSON(l.formatFile(), format{formatVersion, sidecar}); err != nil {
				t.Fatal(err)
			}

			s := openStore(t, root)
			small := []byte("hello")
			_, err := s.client().PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: &s.Bucket, Key: aws.String("docs/small.txt"), Body: bytes.NewReader(small),
				ContentType: aws.String("text/x-test"), Metadata: map[string]string{"owner": "me"},
			})
			if err != nil {
				t.Fatal(err)
			}
			large := make([]byte, 5<<20+1)
			rand.Read(large)
			sendParts(t, s, "docs/large.bin", large)

			// What was stored, and how, must survive the server.
			s.Close()
			waitEnd(t, root)
			s = openStore(t, root)

			if got, want := list(t, s), []string{"docs/large.bin", "docs/small.txt"}; !cmp.Equal(got, want) {
				t.Errorf("list: %q, want %q", got, want)
			}
			if !bytes.Equal(get(t, s, "docs/small.txt"), small) || !bytes.Equal(get(t, s, "docs/large.bin"), large) {
				t.Error("objects came back altered")
			}
			head, err := s.client().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &s.Bucket, Key: aws.String("docs/small.txt")})
			if err != nil {
				t.Fatal(err)
			}
			if *head.ContentType != "text/x-test" || head.Metadata["owner"] != "me" {
				t.Errorf("metadata came back as %s %v", *head.ContentType, head.Metadata)
			}
			if got, err := l.readMetadataKind(); got != kind || err != nil {
				t.Errorf("the root remembers %q, %v; want %q", got, err, kind)
			}
			checkModes(t, root)
		})
	}
}

// sendParts stores body under key as a multipart upload.
func sendParts(t *testing.T, s *Store, key string, body []byte) {
	t.Helper()
	id, done := startParts(t, s, key, body)
	completeParts(t, s, key, id, done)
}

func startParts(t *testing.T, s *Store, key string, body []byte) (id string, done []types.CompletedPart) {
	t.Helper()
	c := s.client()
	up, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &s.Bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	const size = 5 << 20
	for number := int32(1); len(body) > 0; number++ {
		n := min(size, len(body))
		part, err := c.UploadPart(t.Context(), &s3.UploadPartInput{
			Bucket: &s.Bucket, Key: &key, UploadId: up.UploadId, PartNumber: &number, Body: bytes.NewReader(body[:n]),
		})
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, types.CompletedPart{PartNumber: aws.Int32(number), ETag: part.ETag})
		body = body[n:]
	}
	return *up.UploadId, done
}

func completeParts(t *testing.T, s *Store, key, id string, done []types.CompletedPart) {
	t.Helper()
	_, err := s.client().CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: &s.Bucket, Key: &key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	})
	if err != nil {
		t.Fatalf("complete %q: %v", key, err)
	}
}

// checkModes wants everything below root to be its owner's alone.
func checkModes(t *testing.T, root string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return // no such modes
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCutShort(t *testing.T) {
	s := openStore(t, t.TempDir())
	c := s3.NewPresignClient(s.client())

	object, err := c.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.Bucket, Key: aws.String("torso")})
	if err != nil {
		t.Fatal(err)
	}
	id, _ := startParts(t, s, "parts", nil)
	part, err := c.PresignUploadPart(t.Context(), &s3.UploadPartInput{
		Bucket: &s.Bucket, Key: aws.String("parts"), UploadId: &id, PartNumber: aws.Int32(1),
	})
	if err != nil {
		t.Fatal(err)
	}

	const size = 1 << 20
	for _, sent := range []int{0, 1, 64 << 10, size - 1} {
		for name, signed := range map[string]string{"object": object.URL, "part": part.URL} {
			status, body := sendRaw(t, signed, size, sent)
			// The first bytes are read before any handler, and get a 500.
			if early := sent <= 1 && status == http.StatusInternalServerError; !early &&
				(status != http.StatusBadRequest || !strings.Contains(body, "IncompleteBody")) {
				t.Errorf("%s, %d of %d bytes: %d %s", name, sent, size, status, body)
			}
		}
	}
	if keys := list(t, s); len(keys) != 0 {
		t.Errorf("stored: %q", keys)
	}
	parts, err := s.client().ListParts(t.Context(), &s3.ListPartsInput{Bucket: &s.Bucket, Key: aws.String("parts"), UploadId: &id})
	if err != nil {
		t.Fatal(err)
	}
	if len(parts.Parts) != 0 {
		t.Errorf("%d parts stored", len(parts.Parts))
	}

	// The guard must let whole ones pass, plain and chunked alike.
	for name, signed := range map[string]string{"object": object.URL, "part": part.URL} {
		if status, body := sendRaw(t, signed, size, size); status != http.StatusOK {
			t.Errorf("%s, whole: %d %s", name, status, body)
		}
	}
	if got := len(get(t, s, "torso")); got != size {
		t.Errorf("stored %d bytes, want %d", got, size)
	}
}

// sendRaw sends a PUT that announces size bytes and ends after sent of them.
func sendRaw(t *testing.T, signed string, size, sent int) (status int, body string) {
	t.Helper()
	u, err := url.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", u.RequestURI(), u.Host, size)
	if _, err := conn.Write(make([]byte, sent)); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// A server that dies while it completes an upload must not say later that it
// had completed it, nor lose it.
func TestRecoverUploads(t *testing.T) {
	for _, kind := range []metadataKind{xattr, sidecar} {
		t.Run(string(kind), func(t *testing.T) {
			root := t.TempDir()
			l := layout{root}
			if err := writeJSON(l.formatFile(), format{formatVersion, kind}); err != nil {
				t.Fatal(err)
			}
			if err := tryXattr(root); kind == xattr && err != nil {
				t.Skipf("the temporary folder cannot have extended attributes: %v", err)
			}
			s := openStore(t, root)
			body := []byte("one part is enough")
			id, done := startParts(t, s, "k", body)
			s.Close()
			waitEnd(t, root)

			// As versitygw v1.8.0 leaves it: see recoverUploads.
			dirs := []string{l.objects()}
			if kind == sidecar {
				dirs = append(dirs, l.metadata())
			}
			for _, dir := range dirs {
				found, err := filepath.Glob(filepath.Join(dir, bucket, ".sgwtmp", "multipart", "*", id))
				if err != nil || len(found) != 1 {
					t.Fatalf("%q, %v", found, err)
				}
				if err := os.Rename(found[0], found[0]+".0123abc-1.inprogress"); err != nil {
					t.Fatal(err)
				}
			}

			s = openStore(t, root)
			completeParts(t, s, "k", id, done)
			if got := get(t, s, "k"); !bytes.Equal(got, body) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestRemoveTorsos(t *testing.T) {
	root := t.TempDir()
	s := openStore(t, root)
	put(t, s, "k", []byte("v"))
	id, done := startParts(t, s, "parts", []byte("v"))
	s.Close()
	waitEnd(t, root)
	uploads, err := filepath.Glob(filepath.Join(root, "objects", bucket, ".sgwtmp", "multipart", "*"))
	if err != nil || len(uploads) != 1 {
		t.Fatalf("%q, %v", uploads, err)
	}
	torsos := []string{filepath.Join(root, "objects", bucket, ".sgwtmp", "e3b0.123"), filepath.Join(uploads[0], "e3b0.456")}
	for _, path := range torsos {
		if err := os.WriteFile(path, []byte("torso"), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	s = openStore(t, root)
	for _, path := range torsos {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	completeParts(t, s, "parts", id, done)
	if got := list(t, s); !cmp.Equal(got, []string{"k", "parts"}) {
		t.Errorf("list: %q", got)
	}
}

func TestWrongSecret(t *testing.T) {
	s := openStore(t, t.TempDir())
	s.SecretAccessKey = "wrong"
	_, err := s.client().ListBuckets(t.Context(), nil)
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "SignatureDoesNotMatch" {
		t.Errorf("got %v", err)
	}
}
