// Package publish writes the static files of a repository into a directory
// that any web server can serve.
//
// Files whose name holds the digest of their bytes, and versions of documents,
// are written once. Only `latest` and the files of signatures are replaced.
// Each file appears whole, by renaming, and is on the disk when the call
// returns. The order of the calls is the caller's matter: what a reader comes
// to last is written first.
package publish

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rootward/rootward/internal/durable"
)

// modes of what is published: everybody may read it.
const (
	dirMode  = 0o755
	fileMode = 0o644
)

// Files are the operations on the disk. [Disk] is what a program uses.
type Files interface {
	// WriteNew writes a file that must not exist; the error wraps
	// fs.ErrExist if it does.
	WriteNew(path string, data []byte, mode fs.FileMode) error
	// Replace writes a file in the place of what was there.
	Replace(path string, data []byte, mode fs.FileMode) error
}

// Disk writes with package durable.
type Disk struct{}

// WriteNew is [durable.WriteNew].
func (Disk) WriteNew(path string, data []byte, mode fs.FileMode) error {
	return durable.WriteNew(path, data, mode)
}

// Replace is [durable.Replace].
func (Disk) Replace(path string, data []byte, mode fs.FileMode) error {
	return durable.Replace(path, data, mode)
}

// A ConflictError says that an immutable file is there already and holds other
// bytes than those to be published. Nothing was changed. Readers may have seen
// the other bytes, so this is for people to look into.
type ConflictError struct{ Path string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("published file %q holds other bytes than this signer gave it", e.Path)
}

// Hint says what to do.
func (e *ConflictError) Hint() string {
	return "somebody else wrote into the published directory: find out who, keep a copy of the file, move it away, and start again"
}

// A Directory is where a repository is published.
type Directory struct {
	root  string
	files Files

	mu   sync.Mutex      // guards made
	made map[string]bool // directories that are known to be there
}

// Open returns the directory at root, which is made if need be. One program
// at a time may write to it.
func Open(root string, files Files) (*Directory, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("publishing to %q: %w", root, err)
	}
	d := &Directory{root: abs, files: files, made: make(map[string]bool)}
	if err := d.makeDir(abs); err != nil {
		return nil, err
	}
	return d, nil
}

// Root is the directory's path, absolute.
func (d *Directory) Root() string { return d.root }

// Immutable publishes a file that is written once. If it is there already
// with these bytes, that is enough; with others, the error is a
// [*ConflictError].
func (d *Directory) Immutable(path string, data []byte) error {
	full, err := d.place(path)
	if err != nil {
		return err
	}
	err = d.files.WriteNew(full, data, fileMode)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	there, err := read(full, int64(len(data)))
	if err != nil {
		return fmt.Errorf("comparing a published file: %w", err)
	}
	if !bytes.Equal(there, data) {
		return &ConflictError{full}
	}
	// A crash may have come between its rename and that of the directory.
	return durable.SyncDir(filepath.Dir(full))
}

// Mutable publishes a file of signatures, or `latest`, in the place of what
// was there.
func (d *Directory) Mutable(path string, data []byte) error {
	full, err := d.place(path)
	if err != nil {
		return err
	}
	if there, err := read(full, int64(len(data))); err == nil && bytes.Equal(there, data) {
		return durable.SyncDir(filepath.Dir(full))
	}
	return d.files.Replace(full, data, fileMode)
}

// Read returns a published file of at most limit bytes. The error wraps
// [fs.ErrNotExist] if there is none. What it returns is not trusted.
func (d *Directory) Read(path string, limit int64) ([]byte, error) {
	if !fs.ValidPath(path) {
		return nil, fmt.Errorf("path %q is not one of a repository", path)
	}
	b, err := read(filepath.Join(d.root, filepath.FromSlash(path)), limit)
	if err == nil && int64(len(b)) > limit {
		return nil, fmt.Errorf("published file %q is longer than %d bytes", path, limit)
	}
	return b, err
}

// place returns where a file of the repository is on the disk, and makes its
// directories.
func (d *Directory) place(path string) (string, error) {
	if !fs.ValidPath(path) || path == "." || durable.Temporary(filepath.Base(path)) {
		return "", fmt.Errorf("path %q is not one of a repository", path)
	}
	full := filepath.Join(d.root, filepath.FromSlash(path))
	return full, d.makeDir(filepath.Dir(full))
}

// makeDir makes a directory and those above it, and brings their entries to
// the disk.
func (d *Directory) makeDir(dir string) error {
	d.mu.Lock()
	known := d.made[dir]
	d.mu.Unlock()
	if known {
		return nil
	}
	parent := filepath.Dir(dir)
	if strings.HasPrefix(dir, d.root+string(filepath.Separator)) {
		if err := d.makeDir(parent); err != nil {
			return err
		}
		if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("making a directory to publish in: %w", err)
		}
	} else if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("making a directory to publish in: %w", err)
	}
	if err := durable.SyncDir(parent); err != nil {
		return err
	}
	d.mu.Lock()
	d.made[dir] = true
	d.mu.Unlock()
	return nil
}

// read returns at most limit bytes of a regular file, plus one to tell that
// there are more.
func read(full string, limit int64) ([]byte, error) {
	f, err := os.Open(full)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", full)
	}
	return io.ReadAll(io.LimitReader(f, limit+1))
}
