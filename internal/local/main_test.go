package local

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/gofrs/flock"
)

// The test binary plays other programs too.
const (
	// userRoot in the environment makes it a user of that root, that prints
	// the endpoint and stays until its standard input ends.
	userRoot = "LOCAL_TEST_USER_ROOT"
	// unableName as its file's name makes it a test binary that does not
	// know how to be a child.
	unableName = "unable.test"
	// ranSuite is the ending of the file that it leaves where it would have
	// run its suite.
	ranSuite = ".ran"
)

func TestMain(m *testing.M) {
	ctx := context.Background()
	unable := filepath.Base(os.Args[0]) == unableName
	if !unable {
		if served, err := ServeIfChild(ctx, os.Args); served {
			if err != nil {
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	if root := os.Getenv(userRoot); root != "" && os.Getenv(childMarker) == "" {
		s, err := Open(ctx, root)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(s.Endpoint)
		io.Copy(io.Discard, os.Stdin)
		s.Close()
		os.Exit(0)
	}
	if unable {
		// It must not run the suite in earnest, or a fault of the guard that
		// TestUnableBinary is about starts processes without end.
		if !slices.Contains(os.Args, "-test.run=^$") {
			_ = os.WriteFile(os.Args[0]+ranSuite, nil, 0o600)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func openStore(t *testing.T, root string) *Store {
	t.Helper()
	s, err := Open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// waitEnd waits until no server has the root.
func waitEnd(t *testing.T, root string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	lock := flock.New(layout{root}.serverLock())
	if _, err := lock.TryLockContext(ctx, time.Millisecond); err != nil {
		t.Fatalf("the server did not end: %v", err)
	}
	lock.Unlock()
	if _, err := os.Stat(layout{root}.serverFile()); err == nil {
		t.Error("the server left its address behind")
	}
}

func serverProcess(t *testing.T, root string) *os.Process {
	t.Helper()
	addr, err := layout{root}.readAddress()
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(addr.PID)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *Store) client() *s3.Client {
	return s3.New(s3.Options{
		Region:           s.Region,
		BaseEndpoint:     &s.Endpoint,
		UsePathStyle:     true,
		RetryMaxAttempts: 1,
		Credentials:      credentials.NewStaticCredentialsProvider(s.AccessKeyID, s.SecretAccessKey, ""),
	})
}

func put(t *testing.T, s *Store, key string, body []byte) {
	t.Helper()
	_, err := s.client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.Bucket, Key: &key, Body: bytes.NewReader(body)})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
}

func get(t *testing.T, s *Store, key string) []byte {
	t.Helper()
	out, err := s.client().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &s.Bucket, Key: &key})
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	return body
}

func list(t *testing.T, s *Store) []string {
	t.Helper()
	var keys []string
	pages := s3.NewListObjectsV2Paginator(s.client(), &s3.ListObjectsV2Input{Bucket: &s.Bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys
}
