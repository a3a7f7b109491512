package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/rootward/rootward/internal/durable"
)

// Extract writes the files to a new folder, which appears whole or not at all.
// It writes through an [os.Root], so that nothing lands outside. A folder that
// exists is refused with a [*durable.ExistsError].
func (b *Bundle) Extract(dir string) error {
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(dir); err == nil {
		return &durable.ExistsError{Path: dir}
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".tmp-bundle-*")
	if err != nil {
		return fmt.Errorf("opening a bundle: %w", err)
	}
	defer os.RemoveAll(tmp) // gone already if it was renamed
	if err := b.extract(tmp); err != nil {
		return fmt.Errorf("opening a bundle: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("opening a bundle: %w", err)
	}
	return durable.SyncDir(filepath.Dir(dir))
}

func (b *Bundle) extract(tmp string) error {
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(tmp)
	if err != nil {
		return err
	}
	defer root.Close()
	made := map[string]bool{".": true}
	for _, f := range b.manifest.Files {
		folder := path.Dir(f.Path)
		if !made[folder] {
			if err := root.MkdirAll(folder, 0o755); err != nil {
				return err
			}
			for ; !made[folder]; folder = path.Dir(folder) {
				made[folder] = true
			}
		}
		if err := writeNew(root, f.Path, b.files[f.Path]); err != nil {
			return err
		}
	}
	for folder := range made {
		if err := durable.SyncDir(filepath.Join(tmp, filepath.FromSlash(folder))); err != nil {
			return err
		}
	}
	return nil
}

func writeNew(root *os.Root, path string, content []byte) error {
	f, err := root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(0o644))
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
