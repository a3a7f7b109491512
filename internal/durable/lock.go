package durable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// retry is how long Lock waits between two attempts.
const retry = 20 * time.Millisecond

// A Held is a lock that is held until it is released, or until the process
// ends, however it ends.
type Held struct{ file *os.File }

// Lock takes the lock at path, and waits for it until ctx is done. At least
// one attempt is made, with a ctx that is done already too. The file is made
// if need be, with mode 0600; it stays when the lock is released and must not
// be removed, because two files are two locks. Its directory must exist.
//
// The lock is advisory: it excludes other callers of Lock, of this process and
// of others on this machine. It does nothing on file systems for networks that
// have no such locks. Waiters are not served in order.
//
// If ctx ends first, the error says that the lock is held and wraps the
// error of ctx.
func Lock(ctx context.Context, path string) (*Held, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening a lock: %w", err)
	}
	tick := time.NewTicker(retry)
	defer tick.Stop()
	for {
		taken, err := tryLock(f)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("taking the lock %q: %w", path, err), f.Close())
		}
		if taken {
			return &Held{f}, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lock %q is held by another program: %w", path, ctx.Err()), f.Close())
		case <-tick.C:
		}
	}
}

// Release gives the lock up. A second call is an error.
func (h *Held) Release() error {
	if err := h.file.Close(); err != nil { // which unlocks
		return fmt.Errorf("releasing a lock: %w", err)
	}
	return nil
}
