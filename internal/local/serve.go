package local

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/gofrs/flock"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"

	"github.com/hoist-cli/hoist/internal/fault"
)

const (
	region = "us-east-1"
	bucket = "local"
	// accessKeyID is not a secret, and it owns the bucket: it stays the same,
	// while every child makes a new secret.
	accessKeyID = "hoist-local"

	// Above these the gateway answers SlowDown; they only bound a runaway.
	maxConnections = 16384
	maxRequests    = 16384

	maxParts = 10_000
	maxCopy  = 5 << 30 // bytes; S3's limit for CopyObject

	// portTries is how many ports are tried: each may be taken by somebody
	// else between being found free and being bound.
	portTries = 20
	// takeover is how long a child waits for a former one to let go.
	takeover = time.Second
)

// Serve serves the store at root until its last user is gone, ctx is done or
// serving fails. It is what a child runs: it takes over the process, changes
// its working directory, and tells whoever started it by one line on standard
// output, which it closes, when it is ready or why it is not.
func Serve(ctx context.Context, root string) error {
	parent := os.Stdout
	os.Stdout = os.Stderr // versitygw greets there
	defer parent.Close()
	ownerOnly()

	err := serve(ctx, layout{root}, func() error {
		return errors.Join(report{Ready: true}.write(parent), parent.Close())
	})
	switch {
	case errors.Is(err, errServed):
		return report{Served: true}.write(parent)
	case err != nil:
		err = explain(err, root)
		// Without a parent to hear it the caller still has it.
		_ = report{Message: err.Error(), Hint: fault.HintOf(err), Kind: fault.KindOf(err)}.write(parent)
	}
	return err
}

var errServed = errors.New("another server has the store")

func serve(ctx context.Context, l layout, ready func() error) error {
	lock := flock.New(l.serverLock())
	waiting, cancel := context.WithTimeout(ctx, takeover)
	defer cancel()
	if err := acquire(waiting, lock.TryLockContext); errors.Is(err, context.DeadlineExceeded) {
		return errServed
	} else if err != nil {
		return err
	}
	defer lock.Unlock()
	users := flock.New(l.usersLock())
	// Once it is had exclusively it is held to the end, so that no newcomer
	// takes a server that is ending for one that stays.
	defer runtime.KeepAlive(users)

	be, err := openBackend(ctx, l)
	if err != nil {
		return err
	}
	defer be.Shutdown()

	addr := address{PID: os.Getpid(), AccessKeyID: accessKeyID, SecretAccessKey: rand.Text() + rand.Text()}
	srv, err := listen(ctx, be, &addr)
	if err != nil {
		return err
	}
	defer srv.end()

	if err := writeJSON(l.serverFile(), addr); err != nil {
		return err
	}
	// Taken away before the lock, so that nobody who finds the lock held by a
	// child that starts reads the address of the one before.
	defer func() { _ = os.Remove(l.serverFile()) }()
	if err := ready(); err != nil {
		return err
	}

	gone := make(chan error, 1)
	go func() { gone <- users.Lock() }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-srv.failed:
		return err
	case err := <-gone:
		return err
	}
}

// openBackend opens the objects, repairs what a crash has left and makes the bucket.
func openBackend(ctx context.Context, l layout) (guarded, error) {
	if err := os.MkdirAll(l.objects(), 0o700); err != nil {
		return guarded{}, err
	}
	storer, kind, err := l.storer()
	if err != nil {
		return guarded{}, err
	}
	if err := errors.Join(recoverUploads(l.objects()), removeTorsos(l.objects())); err != nil {
		return guarded{}, err
	}
	opts := posix.PosixOpts{CopyObjectThreshold: maxCopy}
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	if kind == sidecar {
		if err := recoverUploads(l.metadata()); err != nil {
			return guarded{}, err
		}
		opts.SideCarDir = l.metadata()
	}
	be, err := posix.New(l.objects(), storer, opts)
	if err != nil {
		return guarded{}, err
	}
	return guarded{be}, makeBucket(ctx, be, storer, l)
}

func makeBucket(ctx context.Context, be *posix.Posix, storer meta.MetadataStorer, l layout) error {
	_, err := storer.RetrieveAttribute(nil, bucket, "", "acl")
	if err == nil {
		return nil
	}
	// A folder without the attribute is a bucket whose making was cut short.
	// It is empty, or it is not ours to remove.
	if err := os.Remove(filepath.Join(l.objects(), bucket)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("objects without their metadata: %w", err)
	}
	acl, err := json.Marshal(auth.ACL{Owner: accessKeyID})
	if err != nil {
		return err
	}
	name := bucket
	return be.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket:                    &name,
		ObjectOwnership:           types.ObjectOwnershipBucketOwnerEnforced,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{},
	}, acl)
}

// server is a gateway that knows whether it is answering anybody.
type server struct {
	gateway *s3api.S3ApiServer
	busy    atomic.Int64 // requests
	failed  chan error   // yields the end of serving
}

// end lets requests finish whose senders are gone, such as the completion of
// an upload. Without any it does not ask the gateway to shut down, which takes
// it 100 ms that the next command would wait for.
func (s *server) end() {
	if s.busy.Load() > 0 {
		_ = s.gateway.ShutDown() // it has its own time limit, after which the process ends
	}
}

// listen serves be on a free port of the loopback interface and completes addr.
func listen(ctx context.Context, be guarded, addr *address) (*server, error) {
	var err error
	for range portTries {
		var host string
		if host, err = freeAddress(ctx); err != nil {
			return nil, err
		}
		bound := make(chan struct{})
		var srv *server
		if srv, err = newServer(be, *addr, func() { close(bound) }); err != nil {
			return nil, err
		}
		go func() { srv.failed <- srv.gateway.ServeMultiPort([]string{host}) }()
		select {
		case <-bound:
			addr.Endpoint = "http://" + host
			return srv, nil
		case err = <-srv.failed:
		}
	}
	return nil, fmt.Errorf("no port could be had: %w", err)
}

// freeAddress returns an address that was free just now: versitygw takes
// addresses, not listeners.
func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// newServer is embedgw.RunVersityGW without what is not wanted here: user
// management, metrics, events, web pages.
func newServer(be guarded, addr address, onListen func()) (*server, error) {
	srv := &server{failed: make(chan error, 1)}
	root := middlewares.RootUserConfig{Access: addr.AccessKeyID, Secret: addr.SecretAccessKey}
	iam := auth.NewIAMServiceSingle(auth.Account{Access: root.Access, Secret: root.Secret, Role: auth.RoleAdmin})
	gateway, err := s3api.New(be, root, region, iam, nil, nil, nil, nil,
		s3api.WithQuiet(),
		s3api.WithKeepAlive(),
		s3api.WithConcurrencyLimiter(maxConnections, maxRequests),
		s3api.WithMpMaxParts(maxParts),
		s3api.WithOnListen(onListen),
		s3api.WithMiddleware("/", func(c fiber.Ctx) error {
			srv.busy.Add(1)
			defer srv.busy.Add(-1)
			return c.Next()
		}),
		s3api.WithRoute(fiber.MethodGet, probePath+":nonce", func(c fiber.Ctx) error {
			return c.SendString(addr.proof(c.Params("nonce")))
		}),
	)
	srv.gateway = gateway
	return srv, err
}
