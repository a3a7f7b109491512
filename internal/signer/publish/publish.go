// Package publish writes the static files of a repository into a directory
// that any web server can serve.
//
// Files whose name holds the digest of their bytes, and versions of documents,
// are written once. Only `latest` and the files of signatures are replaced.
// Each file appears whole, by renaming, and is on the disk when the call
// returns. The order of the calls is the caller's matter: what a reader comes
// to last is written first. Files that tell a reader nothing of each other are
// written as a set, because a thousand files that wait for the disk together
// wait hardly longer than one: see [Directory.All].
package publish

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
	// WriteTemporary writes a temporary file beside path, brings its bytes to
	// the disk and returns its name. Any number of goroutines may call it.
	WriteTemporary(path string, data []byte, mode fs.FileMode) (tmp string, err error)
	// NameNew gives it the name path; the error wraps fs.ErrExist if
	// something has that name. Whatever comes of it, tmp has gone.
	NameNew(tmp, path string) error
	// Rename gives it the name path in the place of what was there.
	Rename(tmp, path string) error
	// SyncDir brings the names in a directory to the disk. Any number of
	// goroutines may call it.
	SyncDir(dir string) error
}

// Disk writes with package durable.
type Disk struct{}

// WriteTemporary is [durable.WriteTemporary].
func (Disk) WriteTemporary(path string, data []byte, mode fs.FileMode) (string, error) {
	return durable.WriteTemporary(path, data, mode)
}

// NameNew is [durable.NameNew].
func (Disk) NameNew(tmp, path string) error { return durable.NameNew(tmp, path) }

// Rename is [durable.Rename].
func (Disk) Rename(tmp, path string) error { return durable.Rename(tmp, path) }

// SyncDir is [durable.SyncDir].
func (Disk) SyncDir(dir string) error { return durable.SyncDir(dir) }

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
	made map[string]bool // directories that are known to be there, and to stay
}

// Open returns the directory at root, which is made if need be. One program
// at a time may write to it.
func Open(root string, files Files) (*Directory, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("publishing to %q: %w", root, err)
	}
	d := &Directory{root: abs, files: files, made: make(map[string]bool)}
	if err := os.MkdirAll(abs, dirMode); err != nil {
		return nil, fmt.Errorf("making a directory to publish in: %w", err)
	}
	d.made[abs] = true
	return d, files.SyncDir(filepath.Dir(abs))
}

// Root is the directory's path, absolute.
func (d *Directory) Root() string { return d.root }

// Immutable publishes a file that is written once. If it is there already
// with these bytes, that is enough; with others, the error is a
// [*ConflictError].
func (d *Directory) Immutable(path string, data []byte) error {
	return d.All([]File{{Path: path, Bytes: data}})
}

// Mutable publishes a file of signatures, or `latest`, in the place of what
// was there.
func (d *Directory) Mutable(path string, data []byte) error {
	return d.All([]File{{Path: path, Bytes: data, Mutable: true}})
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

// place returns where a file of the repository is on the disk.
func (d *Directory) place(path string) (string, error) {
	if !fs.ValidPath(path) || path == "." || durable.Temporary(filepath.Base(path)) {
		return "", fmt.Errorf("path %q is not one of a repository", path)
	}
	return filepath.Join(d.root, filepath.FromSlash(path)), nil
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
