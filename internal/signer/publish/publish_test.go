package publish_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
