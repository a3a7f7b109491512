package publish_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rootward/rootward/internal/signer/publish"
)

func open(t *testing.T) (*publish.Directory, string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "a", "www")
	d, err := publish.Open(root, publish.Disk{})
	if err != nil {
		t.Fatal(err)
	}
	return d, root
}

func TestImmutable(t *testing.T) {
	d, root := open(t)
	for range 2 { // again is enough
		if err := d.Immutable("lists/example/1.json", []byte("one")); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range []string{"two", "one and more", ""} {
		var conflict *publish.ConflictError
		if err := d.Immutable("lists/example/1.json", []byte(other)); !errors.As(err, &conflict) {
			t.Errorf("other bytes %q give %v, wanted a *ConflictError", other, err)
		}
	}
	path := filepath.Join(root, "lists", "example", "1.json")
	if b, err := os.ReadFile(path); err != nil || string(b) != "one" {
		t.Errorf("the file holds %q (%v), wanted what was first", b, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o444 == 0 || info.Mode().Perm()&0o022 != 0 {
		t.Errorf("the file has mode %v (%v), wanted that others read it and only we write", info.Mode(), err)
	}
}

// A symbolic link in the place of an immutable file is not followed.
func TestImmutableLink(t *testing.T) {
	d, root := open(t)
	if err := os.Symlink(filepath.Join(root, "elsewhere"), filepath.Join(root, "latest2")); err != nil {
		t.Fatal(err)
	}
	if err := d.Immutable("latest2", []byte("one")); err == nil {
		t.Error("an immutable file was written through a link")
	}
	if _, err := os.Stat(filepath.Join(root, "elsewhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the link's target was written")
	}
}

func TestMutable(t *testing.T) {
	d, _ := open(t)
	for _, s := range []string{"1\n", "2\n", "2\n", "10\n"} {
		if err := d.Mutable("latest", []byte(s)); err != nil {
			t.Fatal(err)
		}
		if b, err := d.Read("latest", 10); err != nil || string(b) != s {
			t.Fatalf("the file holds %q (%v), wanted %q", b, err, s)
		}
	}
}

func TestRead(t *testing.T) {
	d, _ := open(t)
	if err := d.Immutable("map/1", []byte("four")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read("map/1", 3); err == nil {
		t.Error("more than the limit was read")
	}
	if _, err := d.Read("map/2", 3); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file gives %v, wanted fs.ErrNotExist", err)
	}
	if _, err := d.Read("map", 100); err == nil {
		t.Error("a directory was read")
	}
}

// Paths stay in the directory, and never look like a temporary file.
func TestPaths(t *testing.T) {
	d, root := open(t)
	for _, path := range []string{"", ".", "../out", "/etc/out", "a/../../out", "a//b", "a/", "map/.tmp-1"} {
		if d.Immutable(path, []byte("x")) == nil || d.Mutable(path, []byte("x")) == nil {
			t.Errorf("path %q was written to", path)
		}
		if _, err := d.Read(path, 10); err == nil {
			t.Errorf("path %q was read", path)
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(root), "out")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file was written outside the directory")
	}
}

// watched notes the steps on the disk, and can fail at one.
type watched struct {
	publish.Disk
	mu    sync.Mutex
	steps []string
	fail  func(step string) bool
}

var errFull = errors.New("disk full")

func (w *watched) step(what, path string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	step := what + " " + filepath.Base(path)
	w.steps = append(w.steps, step)
	if w.fail != nil && w.fail(step) {
		return errFull
	}
	return nil
}

func (w *watched) WriteTemporary(path string, data []byte, mode fs.FileMode) (string, error) {
	if err := w.step("write", path); err != nil {
		return "", err
	}
	return w.Disk.WriteTemporary(path, data, mode)
}

func (w *watched) NameNew(tmp, path string) error {
	return errors.Join(w.step("name", path), w.Disk.NameNew(tmp, path))
}

func (w *watched) Rename(tmp, path string) error {
	return errors.Join(w.step("name", path), w.Disk.Rename(tmp, path))
}

func (w *watched) SyncDir(dir string) error {
	return errors.Join(w.Disk.SyncDir(dir), w.step("sync", dir))
}

// watch opens a directory whose steps are noted, and has a set for it.
func watch(t *testing.T) (d *publish.Directory, w *watched, root string, set []publish.File) {
	t.Helper()
	root, w = filepath.Join(t.TempDir(), "www"), &watched{}
	d, err := publish.Open(root, w)
	if err != nil {
		t.Fatal(err)
	}
	w.steps = nil
	return d, w, root, []publish.File{
		{Path: "b/2", Bytes: []byte("two")}, {Path: "a/1", Bytes: []byte("one")},
		{Path: "b/0.asc", Bytes: []byte("zero"), Mutable: true}, {Path: "a/deep/3", Bytes: []byte("three")},
	}
}

// The new directories are brought to the disk, then all bytes are, then names
// are given in order, and then their directories are brought to the disk once.
func TestAllKeepsItsOrder(t *testing.T) {
	d, w, _, set := watch(t)
	if err := d.All(set); err != nil {
		t.Fatal(err)
	}
	sort := func(from, to int) { slices.Sort(w.steps[from:to]) } // what is done at once has no order
	if len(w.steps) != 13 {
		t.Fatalf("%d steps %q, wanted 13", len(w.steps), w.steps)
	}
	sort(0, 2)
	sort(2, 6)
	sort(10, 13)
	want := []string{
		"sync a", "sync www",
		"write 0.asc", "write 1", "write 2", "write 3",
		"name 2", "name 1", "name 0.asc", "name 3",
		"sync a", "sync b", "sync deep",
	}
	if !slices.Equal(w.steps, want) {
		t.Errorf("the steps are\n%q, wanted\n%q", w.steps, want)
	}
	// Again, as after a crash: nothing is written, and the names are made sure of.
	w.steps = nil
	if err := d.All(set); err != nil {
		t.Fatal(err)
	}
	slices.Sort(w.steps)
	if want := []string{"sync a", "sync b", "sync deep"}; !slices.Equal(w.steps, want) {
		t.Errorf("a second time the steps are %q, wanted %q", w.steps, want)
	}
}

// An error at any step is returned, leaves no temporary file, and the call can
// be repeated.
func TestAllFails(t *testing.T) {
	for _, at := range []string{"write 2", "write 3", "name 2", "name 0.asc", "name 3", "sync www", "sync b", "sync deep"} {
		d, w, root, set := watch(t)
		w.fail = func(step string) bool { return step == at }
		if err := d.All(set); !errors.Is(err, errFull) {
			t.Errorf("%s failed: All = %v, wanted its error", at, err)
		}
		if strings.HasPrefix(at, "write") && slices.ContainsFunc(w.steps, func(s string) bool { return strings.HasPrefix(s, "name") }) {
			t.Errorf("%s failed, and files got their names all the same", at)
		}
		w.fail = nil
		if left := temporaries(t, root); len(left) > 0 {
			t.Errorf("%s failed: left behind are %q", at, left)
		}
		if err := d.All(set); err != nil {
			t.Errorf("after %s had failed: %v", at, err)
		}
		for _, f := range set {
			if b, err := d.Read(f.Path, 100); err != nil || string(b) != string(f.Bytes) {
				t.Errorf("after %s had failed, %s holds %q, %v", at, f.Path, b, err)
			}
		}
	}
}

func temporaries(t *testing.T, root string) (left []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), ".tmp-") {
			left = append(left, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// Nothing of a set is written if a file of it conflicts with one that is
// there, and a set that contradicts itself is refused.
func TestAllConflicts(t *testing.T) {
	d, _, root, set := watch(t)
	if err := d.Immutable("a/1", []byte("other")); err != nil {
		t.Fatal(err)
	}
	var conflict *publish.ConflictError
	if err := d.All(set); !errors.As(err, &conflict) || conflict.Path != filepath.Join(root, "a", "1") {
		t.Errorf("All = %v, wanted a *ConflictError for a/1", err)
	}
	if _, err := d.Read("b/2", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("beside a conflict a file was written (%v)", err)
	}
	twice := []publish.File{{Path: "c", Bytes: []byte("c")}, {Path: "c", Bytes: []byte("c")}}
	if err := d.All(twice); err != nil {
		t.Errorf("one file twice: %v", err)
	}
	twice = []publish.File{{Path: "d", Bytes: []byte("d")}, {Path: "d", Bytes: []byte("other")}}
	if err := d.All(twice); !errors.As(err, &conflict) {
		t.Errorf("two files of one name: %v, wanted a *ConflictError", err)
	}
	if left := temporaries(t, root); len(left) > 0 {
		t.Errorf("left behind are %q", left)
	}
}

// More files than wait for the disk at once.
func TestAllOfMany(t *testing.T) {
	d, _, _, _ := watch(t)
	var set []publish.File
	for i := range 300 {
		set = append(set, publish.File{Path: fmt.Sprintf("many/%d/file", i), Bytes: fmt.Append(nil, i)})
	}
	if err := d.All(set); err != nil {
		t.Fatal(err)
	}
	for _, f := range set {
		if b, err := d.Read(f.Path, 100); err != nil || string(b) != string(f.Bytes) {
			t.Fatalf("%s holds %q, %v", f.Path, b, err)
		}
	}
}
