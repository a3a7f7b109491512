package client

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster"
)

// A StateError says that the state directory is damaged. It is a fault of the
// disk, of a person or of a program, not a refusal of what a server sent.
type StateError struct {
	File    string // the file's path
	Problem string
	Err     error // the cause, or nil
}

func (e *StateError) Error() string {
	s := fmt.Sprintf("state file %q is damaged: %s", e.File, e.Problem)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *StateError) Unwrap() error { return e.Err }

// ExitCode is 1.
func (e *StateError) ExitCode() int { return 1 }

// Hint says what to do.
func (e *StateError) Hint() string {
	return "look for a failing disk or another program; then restore the directory from a copy, or move it away and begin with init and the pinned digest (what it remembered is lost)"
}

// damaged returns the StateError for a file, or err itself if it says which
// file is damaged already.
func damaged(file, problem string, err error) error {
	var e *StateError
	if errors.As(err, &e) {
		return err
	}
	return &StateError{File: file, Problem: problem, Err: err}
}

// ErrNoState is wrapped by the error for a directory without a pin.
var ErrNoState = errors.New("no client state; make it with init")

// A directory reads and writes state files by their slash-separated names
// below it. It follows no symbolic link below itself.
type directory struct {
	path string
	// before is called before each write or removal, and may end it: so a
	// test stops a program at any of them.
	before func(name string) error
}

func (d directory) file(name string) string { return filepath.Join(d.path, filepath.FromSlash(name)) }

// plain checks that no part of name is a symbolic link, and what kind the
// last is. The error may be fs.ErrNotExist.
func (d directory) plain(name string) error {
	parts := strings.Split(name, "/")
	for i := range parts {
		part := strings.Join(parts[:i+1], "/")
		info, err := os.Lstat(d.file(part))
		switch last := i == len(parts)-1; {
		case err != nil:
			return err
		case last && !info.Mode().IsRegular():
			return &StateError{File: d.file(part), Problem: fmt.Sprintf("found a %s, wanted a regular file", kind(info.Mode()))}
		case !last && !info.IsDir():
			return &StateError{File: d.file(part), Problem: fmt.Sprintf("found a %s, wanted a directory", kind(info.Mode()))}
		}
	}
	return nil
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m.IsDir():
		return "directory"
	case m.IsRegular():
		return "file"
	}
	return "special file"
}

// read returns a file of at most limit bytes. That it is not there is
// fs.ErrNotExist.
func (d directory) read(name string, limit int64) ([]byte, error) {
	if err := d.plain(name); err != nil {
		return nil, err
	}
	f, err := os.Open(d.file(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &StateError{File: d.file(name), Problem: fmt.Sprintf("it is longer than %d bytes", limit)}
	}
	return b, nil
}

// write puts a file in its place, whole or not at all, and makes directories
// as needed.
func (d directory) write(name string, data []byte) error {
	if d.before != nil {
		if err := d.before(name); err != nil {
			return err
		}
	}
	if err := d.plain(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.makeParents(name); err != nil {
		return err
	}
	return durable.Replace(d.file(name), data, 0o600)
}

// writeCache writes to a file of which nothing is of use unless its digest is
// right: it need not be whole, and nothing waits for the disk. how is
// os.O_APPEND or os.O_TRUNC.
func (d directory) writeCache(name string, data []byte, how int) error {
	if d.before != nil {
		if err := d.before(name); err != nil {
			return err
		}
	}
	if err := d.plain(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(d.file(name), os.O_WRONLY|os.O_CREATE|how, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// makeParents makes the directories of a file that are not there.
func (d directory) makeParents(name string) error {
	parts := strings.Split(name, "/")
	for i := 1; i < len(parts); i++ {
		dir := strings.Join(parts[:i], "/")
		if _, err := os.Lstat(d.file(dir)); err == nil {
			continue
		}
		if err := os.Mkdir(d.file(dir), 0o700); err != nil {
			return err
		}
		if err := durable.SyncDir(filepath.Dir(d.file(dir))); err != nil {
			return err
		}
	}
	return nil
}

// remove removes files; those that are not there are no error. It is for
// what means nothing any more, so it is not brought to the disk.
func (d directory) remove(names ...string) error {
	for _, name := range names {
		if d.before != nil {
			if err := d.before(name); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(d.file(name)); err != nil {
			return err
		}
	}
	return nil
}

// names returns the sorted names in a directory, without temporary files. A
// directory that is not there is empty.
func (d directory) names(name string) ([]string, error) {
	info, err := os.Lstat(d.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &StateError{File: d.file(name), Problem: fmt.Sprintf("found a %s, wanted a directory", kind(info.Mode()))}
	}
	entries, err := os.ReadDir(d.file(name))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if durable.Temporary(e.Name()) {
			_ = os.Remove(filepath.Join(d.file(name), e.Name())) // left by a program that was killed
			continue
		}
		all = append(all, e.Name())
	}
	slices.Sort(all)
	return all, nil
}

// writeSigned writes a document's signatures and then the document, which
// counts only from then on.
func (d directory) writeSigned(name string, s roster.Signed) error {
	if len(s.Signatures) > 0 {
		if err := d.write(roster.SignaturePath(name), s.Signatures); err != nil {
			return err
		}
	}
	return d.write(name, s.Document)
}

// readSigned reads what writeSigned wrote. A document without its signatures
// is damage.
func (d directory) readSigned(name string, limit int64) (roster.Signed, error) {
	doc, err := d.read(name, limit)
	if err != nil {
		return roster.Signed{}, err
	}
	asc, err := d.read(roster.SignaturePath(name), roster.MaxSignatureFile)
	if errors.Is(err, fs.ErrNotExist) {
		err = &StateError{File: d.file(roster.SignaturePath(name)), Problem: "it is missing"}
	}
	return roster.Signed{Document: doc, Signatures: asc}, err
}
