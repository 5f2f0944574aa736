package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hoist-cli/hoist/internal/cli"
	"github.com/hoist-cli/hoist/internal/local/localtest"
	"github.com/hoist-cli/hoist/internal/term"
)

// scripts are the end-to-end tests. One that names $BUCKET is run once for
// each store, with a new bucket; the others have no account and no store but local:.
// One that runs serve is both: its server is over local:, and over each store's bucket.
const scripts = "../../testdata/script/*.txtar"

func TestMain(m *testing.M) {
	// The child that serves local: is the executable that wants it: the copy of
	// this test binary that plays hoist, and for the embedded store this one.
	localtest.ServeIfChild()
	testscript.Main(m, map[string]func(){
		"hoist":  func() { os.Exit(cli.Main(context.Background(), os.Args, term.System(), "test")) },
		"pty":    func() { os.Exit(onTerminal(os.Args[1:])) },
		"unread": func() { os.Exit(unread(os.Args[1:])) },
	})
}

// store is an S3 server that scripts are run against.
type store struct {
	name                           string // embedded, minio or versitygw
	endpoint, accessKey, secretKey string
}

func TestScript(t *testing.T) {
	plain, withBucket := scriptFiles(t)
	t.Run("alone", func(t *testing.T) { runScripts(t, plain, store{}) })
	t.Run("embedded", func(t *testing.T) {
		s := localtest.Open(t)
		runScripts(t, withBucket, store{"embedded", s.Endpoint, s.AccessKeyID, s.SecretAccessKey})
	})
	for _, name := range []string{"minio", "versitygw"} {
		t.Run(name, func(t *testing.T) {
			prefix := "HOIST_TEST_" + strings.ToUpper(name)
			s := store{name, os.Getenv(prefix + "_ENDPOINT"), os.Getenv(prefix + "_ACCESS_KEY"), os.Getenv(prefix + "_SECRET_KEY")}
			if s.endpoint == "" {
				t.Skipf("%s_ENDPOINT is not set: .ci/servers starts one", prefix)
			}
			runScripts(t, withBucket, s)
		})
	}
}

// scriptFiles returns the scripts that need no bucket, and those that have use for one.
func scriptFiles(t *testing.T) (plain, withBucket []string) {
	t.Helper()
	files, err := filepath.Glob(scripts)
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts at %s: %v", scripts, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named, served := strings.Contains(string(text), "$BUCKET"), strings.Contains(string(text), "\nserve\n")
		if named || served {
			withBucket = append(withBucket, file)
		}
		if !named {
			plain = append(plain, file)
		}
	}
	return plain, withBucket
}

func runScripts(t *testing.T, files []string, s store) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: func(env *testscript.Env) error { return setup(env, s) },
		Condition: func(name string) (bool, error) {
			switch name {
			case "embedded", "minio", "versitygw":
				return name == s.name, nil
			case "large":
				// The sizes of issue 2, which take minutes on two cores.
				return os.Getenv("HOIST_TEST_LARGE") != "", nil
			}
			return false, errUnknownCondition(name)
		},
		Cmds:                commands(),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// setup gives a script a home of its own and, if s is one, a bucket. Nothing
// of the machine's own AWS configuration or proxies reaches it.
func setup(env *testscript.Env, s store) error {
	env.Values[world{}] = new(world)
	setHome(env.Setenv, env.WorkDir, "home")
	env.Setenv("TERM", "dumb")
	env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if runtime.GOOS == "windows" {
		env.Setenv("SYSTEMROOT", os.Getenv("SYSTEMROOT")) // without it there are no sockets
	}
	if s.endpoint == "" {
		return nil
	}
	bucket, err := makeBucket(s)
	if err != nil {
		return err
	}
	env.Setenv("BUCKET", bucket)
	env.Setenv("STORE", s.name)
	env.Setenv("AWS_ENDPOINT_URL_S3", s.endpoint)
	env.Setenv("AWS_ACCESS_KEY_ID", s.accessKey)
	env.Setenv("AWS_SECRET_ACCESS_KEY", s.secretKey)
	env.Setenv("AWS_REGION", "us-east-1")
	return nil
}

// setHome makes a folder of $WORK the home, with nothing in it.
func setHome(setenv func(name, value string), work, name string) {
	home := filepath.Join(work, name)
	setenv("HOME", home)
	setenv("USERPROFILE", home)
	setenv("LOCALAPPDATA", filepath.Join(home, ".local", "share"))
	setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	setenv("XDG_STATE_HOME", filepath.Join(home, ".local", "state"))
	setenv("XDG_DATA_HOME", filepath.Join(home, ".local", "share"))
	setenv("XDG_CACHE_HOME", filepath.Join(home, ".cache"))
}

func makeBucket(s store) (string, error) {
	client := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &s.endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.accessKey, s.secretKey, ""),
	})
	bucket := "script-" + strings.ToLower(rand.Text())
	_, err := client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: aws.String(bucket)})
	return bucket, err
}
