// Package durable writes files that are still there, whole, after a crash or a
// loss of power, and locks that two programs of one machine share.
//
// [WriteNew] makes artefacts, which are written once; [Replace] keeps state,
// which is replaced whole. Both write a temporary file beside the target (see
// [Temporary]), bring its bytes to the disk, give it its name in one step, and
// bring the directory to the disk. So a reader sees all of the new bytes or
// none, and when the function has returned nil they stay. After a crash a
// temporary file may be left; it means nothing and can be removed.
//
// [WriteTemporary], [NameNew], [Rename] and [SyncDir] are the steps of which
// both are made, for those who write many files and wait for the disk once.
//
// What the disk and its file system promise with fsync is taken on trust. On
// Windows, where a directory cannot be brought to the disk, its entries are as
// durable as the system makes them.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const temporaryPrefix = ".tmp-"

// Temporary reports whether name, the last element of a path, is that of a
// temporary file of this package.
func Temporary(name string) bool { return strings.HasPrefix(name, temporaryPrefix) }

// An ExistsError says that a file which is written once is there already. It
// is a refusal, and matches [fs.ErrExist].
type ExistsError struct{ Path string }

func (e *ExistsError) Error() string { return fmt.Sprintf("file %q exists already", e.Path) }

// Unwrap lets errors.Is(err, fs.ErrExist) match.
func (e *ExistsError) Unwrap() error { return fs.ErrExist }

// ExitCode is 3: nothing was wrong, and nothing was done.
func (e *ExistsError) ExitCode() int { return 3 }

// Hint says what to do next.
func (e *ExistsError) Hint() string {
	return "it was left as it is; choose another place, or move it away if it is not needed"
}

// WriteNew writes data to a file that must not exist. If there is anything of
// that name, a directory or a dangling symbolic link too, the error is an
// [*ExistsError] and nothing is changed. The directory must exist. The file's
// mode is mode, less the umask.
//
// Of two calls at once for one path at most one succeeds. An error of the disk
// after the name was given can leave the file there. On a file system
// without hard links (FAT, as on most USB sticks) the name is taken first and
// the bytes follow in one step: there, and only there, a crash between the two
// can leave an empty file.
func WriteNew(path string, data []byte, mode fs.FileMode) error {
	if _, err := os.Lstat(path); err == nil { // before any work
		return &ExistsError{path}
	}
	tmp, err := WriteTemporary(path, data, mode)
	if err != nil {
		return err
	}
	if err := NameNew(tmp, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// NameNew gives the file tmp, which [WriteTemporary] wrote for path, that
// name, which nothing may have: else the error is an [*ExistsError], as of
// [WriteNew]. Whatever comes of it, tmp has gone. The name stays after a loss
// of power only when [SyncDir] of its directory has returned.
func NameNew(tmp, path string) error {
	defer os.Remove(tmp) // gone already, if it was renamed
	if err := publish(tmp, path, os.Link); err != nil {
		return err
	}
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing %q: removing its temporary file: %w", path, err)
	}
	return nil
}

// publish gives the file tmp the name path, which nothing may have. link is
// os.Link, but in tests.
func publish(tmp, path string, link func(old, new string) error) error {
	err := link(tmp, path)
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrExist) {
		return &ExistsError{path}
	}
	// No hard links here, then. Take the name, and replace what took it.
	claim, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &ExistsError{path}
	}
	if err != nil {
		return fmt.Errorf("writing a new file: %w", err)
	}
	if err := errors.Join(claim.Close(), os.Rename(tmp, path)); err != nil {
		os.Remove(path)
		return fmt.Errorf("writing a new file: %w", err)
	}
	return nil
}

// Replace writes data to a file, in the place of what it held, if it was
// there. The directory must exist. The file's mode is mode, less the umask. A
// symbolic link is replaced, not followed. If Replace fails, the file holds
// what it held or the new bytes, never a mixture.
func Replace(path string, data []byte, mode fs.FileMode) error {
	tmp, err := WriteTemporary(path, data, mode)
	if err != nil {
		return err
	}
	if err := Rename(tmp, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Rename gives the file tmp, which [WriteTemporary] wrote for path, that name,
// in the place of what had it, as [Replace] does. Whatever comes of it, tmp has
// gone. After a loss of power the name may be that of the former file until
// [SyncDir] of its directory has returned.
func Rename(tmp, path string) error {
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return fmt.Errorf("replacing a file: %w", err)
	}
	return nil
}

// WriteTemporary writes data to a new temporary file in the directory of path,
// brings its bytes to the disk, and returns its name. Where many files are
// written, many goroutines may call it at once: a file system brings what
// waits together to the disk together. [NameNew] or [Rename] come next, and
// [SyncDir] once for all names of a directory; until then a crash loses the
// names, and never leaves one without its bytes.
func WriteTemporary(path string, data []byte, mode fs.FileMode) (string, error) {
	f, err := createTemporary(path, mode)
	if err != nil {
		return "", fmt.Errorf("writing %q: %w", path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("writing %q: %w", path, err)
	}
	return f.Name(), nil
}

// createTemporary opens a new file. os.CreateTemp would do, but for the mode:
// it gives 0600, and a later chmod would pass over the umask.
func createTemporary(path string, mode fs.FileMode) (*os.File, error) {
	dir, base := filepath.Split(path)
	if len(base) > 64 { // names have a greatest length, of 255 bytes mostly
		base = base[:64]
	}
	pid := os.Getpid()
	for i := range 10_000 {
		name := fmt.Sprintf("%s%s%s-%d-%d", dir, temporaryPrefix, base, pid, i)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, fmt.Errorf("too many temporary files beside it, with names like %s%s-%d-0", temporaryPrefix, base, pid)
}
