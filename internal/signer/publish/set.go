package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many files or directories wait for the disk at once.
const atOnce = 64

// A File is one that is to be published.
type File struct {
	Path    string
	Bytes   []byte
	Mutable bool // a file of signatures, or `latest`; others are written once
}

// All publishes files as a set: the bytes of all are brought to the disk, then
// they get their names, in the order of files, and then the directories are
// brought to the disk, each once. When All returns nil, all is there to stay.
// When it does not, or after a crash or a loss of power, any of the files may
// be there, each of them whole, and the call may be repeated. So no file of a
// set may be what tells readers of another one.
//
// A file that is there already with these bytes is left as it is. One that is
// written once and holds others gives a [*ConflictError]; if it was there
// before the call, nothing was written.
func (d *Directory) All(files []File) error {
	places := make([]string, len(files))
	dirs := make(map[string]bool)
	for i, f := range files {
		var err error
		if places[i], err = d.place(f.Path); err != nil {
			return err
		}
		dirs[filepath.Dir(places[i])] = true
	}
	if err := d.makeDirs(dirs); err != nil {
		return err
	}
	temporary, err := d.write(files, places)
	if err == nil {
		err = d.name(files, places, temporary)
	}
	if err != nil {
		for _, tmp := range temporary {
			if tmp != "" {
				os.Remove(tmp) // gone already, if it was named
			}
		}
		return err
	}
	// Those of files that were there as well: a crash may have come before it.
	return d.syncDirs(dirs)
}

// write writes the files that are not there yet, and returns the name of each;
// "" for one that is there.
func (d *Directory) write(files []File, places []string) (temporary []string, err error) {
	temporary = make([]string, len(files))
	var missing []int
	for i, f := range files {
		there, err := holds(places[i], f)
		if err != nil {
			return nil, err
		}
		if !there {
			missing = append(missing, i)
		}
	}
	return temporary, inParallel(len(missing), func(n int) (err error) {
		i := missing[n]
		temporary[i], err = d.files.WriteTemporary(places[i], files[i].Bytes, fileMode)
		return err
	})
}

// name gives the temporary files their names, in order.
func (d *Directory) name(files []File, places, temporary []string) error {
	for i, tmp := range temporary {
		if tmp == "" {
			continue
		}
		if files[i].Mutable {
			if err := d.files.Rename(tmp, places[i]); err != nil {
				return err
			}
			continue
		}
		err := d.files.NameNew(tmp, places[i])
		if errors.Is(err, fs.ErrExist) { // it came since, or is a link
			var there bool
			if there, err = holds(places[i], files[i]); err == nil && !there {
				err = fmt.Errorf("published file %q can be neither written nor read", places[i])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether the file is there already with its bytes. If it is
// there with others and is written once, the error is a [*ConflictError].
func holds(place string, f File) (bool, error) {
	there, err := read(place, int64(len(f.Bytes)))
	switch {
	case err == nil && bytes.Equal(there, f.Bytes):
		return true, nil
	case f.Mutable || errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("comparing a published file: %w", err)
	}
	return false, &ConflictError{place}
}

// makeDirs makes directories and those above them, and brings their entries to
// the disk.
func (d *Directory) makeDirs(dirs map[string]bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	unknown, parents := make(map[string]bool), make(map[string]bool)
	for dir := range dirs {
		for ; !d.made[dir] && !unknown[dir]; dir = filepath.Dir(dir) {
			unknown[dir], parents[filepath.Dir(dir)] = true, true
		}
	}
	for dir := range unknown {
		if err := os.MkdirAll(dir, dirMode); err != nil {
			return fmt.Errorf("making a directory to publish in: %w", err)
		}
	}
	if err := d.syncDirs(parents); err != nil {
		return err
	}
	maps.Copy(d.made, unknown)
	return nil
}

func (d *Directory) syncDirs(dirs map[string]bool) error {
	all := slices.Sorted(maps.Keys(dirs))
	return inParallel(len(all), func(i int) error { return d.files.SyncDir(all[i]) })
}

// inParallel calls do for 0 to n-1, for some at once, and returns the first
// error. It may leave out what had not begun then.
func inParallel(n int, do func(i int) error) error {
	all, ctx := errgroup.WithContext(context.Background())
	all.SetLimit(atOnce)
	for i := range n {
		all.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			return do(i)
		})
	}
	return all.Wait()
}
