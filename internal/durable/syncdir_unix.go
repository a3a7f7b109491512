//go:build !windows

package durable

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// SyncDir brings the entries of a directory to the disk: files made, renamed
// and removed in it. Directories that were made on the way are their parents'
// entries, and want their own call. A file system that cannot do it (some for
// networks) is taken to need no help.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("bringing a directory to the disk: %w", err)
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	if err = errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("bringing directory %q to the disk: %w", dir, err)
	}
	return nil
}
