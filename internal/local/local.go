// Package local is the embedded S3 store behind "local:": a real S3 server
// that keeps its objects in a folder, so that everything works with no account.
//
// The server, versitygw with its posix backend, is a child process: the running
// executable started again as "EXE local-serve ROOT". It changes its working
// directory and wants a process of its own, and so its memory and its crashes
// stay apart. The processes that use one root share one child:
//
//   - Every user holds a shared lock on users.lock. The child waits for the
//     exclusive one and then ends, so it ends with the last user, however that
//     user ended: the kernel releases the locks of a process that was killed.
//   - Whoever finds no child starts one, under start.lock.
//   - The child holds server.lock for as long as it serves, so there is never
//     a second one. Its address and credentials are in server.json (0600).
//
// versitygw does not sync files to the disk before it answers: a crash of the
// machine, unlike one of a process, may lose what was just stored.
//
// The binary that calls Open must be able to become that child: it runs Serve
// for the command ServeCommand, or calls ServeIfChild first in its main or
// TestMain.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/hoist-cli/hoist/internal/fault"
)

const (
	// startTimeout bounds a whole Open: the wait for an ending child, for
	// somebody else's start and for one's own.
	startTimeout = 30 * time.Second
	// endTimeout bounds how long the last user waits for the server to end.
	endTimeout = time.Second
	// retryDelay is how often a held lock is tried again.
	retryDelay = 5 * time.Millisecond
)

// Store is a running store and the right to use it until Close.
type Store struct {
	Endpoint        string // http://127.0.0.1:PORT; path style only
	AccessKeyID     string
	SecretAccessKey string
	Region          string
	Bucket          string // the one bucket that holds the keys of "local:"

	layout   layout
	metadata metadataKind
	users    *flock.Flock
}

// Open returns the store that keeps its objects below root, which is made if
// it is missing. It starts the server if nobody has. ctx bounds the opening
// only: the store stays until Close.
func Open(ctx context.Context, root string) (*Store, error) {
	s, err := open(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("local store at %s: %w", root, explain(err, root))
	}
	return s, nil
}

// explain adds to an error of the file system what can be done.
func explain(err error, root string) error {
	if errors.Is(err, fs.ErrPermission) {
		return fault.WithHint(&fault.Error{Kind: fault.Denied, Err: err}, "check who owns %s and what is in it", root)
	}
	return err
}

func open(ctx context.Context, root string) (_ *Store, err error) {
	if os.Getenv(childMarker) != "" {
		// A binary that was started to serve and runs its main instead must
		// not start itself again, and again.
		return nil, errors.New("this process was started to serve the store and cannot open one: its main must call local.ServeIfChild first")
	}
	root, err = filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	l := layout{root}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fault.WithHint(err, "the store's root must be a folder: give another one as root in the profile")
	}

	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fault.New(fault.Temporary, "not ready after %v", startTimeout))
	defer cancel()

	starting := flock.New(l.startLock())
	if err := acquire(ctx, starting.TryLockContext); err != nil {
		return nil, fmt.Errorf("waiting for another start of it: %w", err)
	}
	defer starting.Unlock()

	users := flock.New(l.usersLock())
	if err := acquire(ctx, users.TryRLockContext); err != nil {
		return nil, fmt.Errorf("waiting for the former server to end: %w", err)
	}
	defer func() {
		if err != nil {
			users.Unlock()
		}
	}()

	addr, err := reach(ctx, l)
	if err != nil {
		return nil, err
	}
	kind, err := l.readMetadataKind()
	if err != nil {
		return nil, err
	}
	return &Store{
		Endpoint:        addr.Endpoint,
		AccessKeyID:     addr.AccessKeyID,
		SecretAccessKey: addr.SecretAccessKey,
		Region:          region,
		Bucket:          bucket,
		layout:          l,
		metadata:        kind,
		users:           users,
	}, nil
}

// reach returns the address of the serving child, and starts one if there is
// none. The caller holds start.lock, and users.lock shared.
func reach(ctx context.Context, l layout) (address, error) {
	var silent error
	for {
		serving, err := isLocked(l.serverLock())
		if err != nil {
			return address{}, err
		}
		if !serving {
			if err := startChild(ctx, l); err != nil {
				return address{}, err
			}
		}
		// A child that holds the lock may still be getting ready, if the
		// process that started it was killed meanwhile, or be on its way out.
		addr, err := l.readAddress()
		if err == nil {
			err = addr.probe(ctx)
		}
		if err == nil {
			return addr, nil
		}
		if ctx.Err() == nil {
			silent = err
		}
		select {
		case <-ctx.Done():
			err := fault.New(fault.Temporary, "%w: something holds %s and does not answer: %w", context.Cause(ctx), l.serverLock(), cmp.Or(silent, err))
			return address{}, fault.WithHint(err, "containers and machines cannot share a store: give each a root of its own")
		case <-time.After(retryDelay):
		}
	}
}

// Close gives the store up. The server ends when its last user has, and then
// Close waits for it, so that whoever removes the root next meets nobody there.
func (s *Store) Close() error {
	if err := s.users.Unlock(); err != nil {
		return err
	}
	for deadline := time.Now().Add(endTimeout); time.Now().Before(deadline); <-time.After(time.Millisecond) {
		if s.layout.abandoned() {
			break
		}
	}
	return nil
}

// abandoned says whether no server is about to end: it has, or others use it.
func (l layout) abandoned() bool {
	users := flock.New(l.usersLock())
	alone, err := users.TryLock()
	if err == nil && !alone {
		shared, err := users.TryRLock() // not while the ending server holds it
		return err != nil || shared && users.Unlock() == nil
	}
	serving, busy := isLocked(l.serverLock()) // else it is yet to hear that it is alone
	return err != nil || busy != nil || users.Unlock() != nil || !serving
}

// acquire takes a lock with one of flock's methods that wait.
func acquire(ctx context.Context, lock func(context.Context, time.Duration) (bool, error)) error {
	_, err := lock(ctx, retryDelay)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return fault.WithHint(err, "the root must be on a file system that has locks")
	}
	return err
}

// isLocked says whether another process holds the lock at path.
func isLocked(path string) (bool, error) {
	lock := flock.New(path)
	free, err := lock.TryLock()
	if err != nil {
		return false, err
	}
	return !free, lock.Unlock()
}
