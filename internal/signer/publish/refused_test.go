package publish_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// No path leads out of the directory, neither to read nor to write.
func TestPathsOutOfTheDirectory(t *testing.T) {
	d, root := open(t)
	outside := filepath.Join(filepath.Dir(root), "outside")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "lists"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"../outside", "lists/../../outside", "/outside", ""} {
		if b, err := d.Read(path, 100); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "not one of a repository") {
			t.Errorf("reading %q gives %q and %v, wanted a refusal of the path", path, b, err)
		}
		if err := d.Immutable(path, []byte("x")); err == nil || !strings.Contains(err.Error(), "not one of a repository") {
			t.Errorf("writing %q gives %v, wanted a refusal of the path", path, err)
		}
	}
}

// What is no regular file is not read, even where reading it would succeed.
func TestReadOnlyRegularFiles(t *testing.T) {
	d, root := open(t)
	if err := os.Symlink(os.DevNull, filepath.Join(root, "latest")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if b, err := d.Read("latest", 100); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("reading a device gives %q and %v, wanted a refusal", b, err)
	}
}

// A file in the place of a directory is found when the directory is to be
// made, and told as that.
func TestFileInTheWayOfADirectory(t *testing.T) {
	d, root := open(t)
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "lists"), []byte("in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Immutable("lists/example/1.json", []byte("one")); err == nil || !strings.Contains(err.Error(), "making a directory") {
		t.Errorf("writing below a file gives %v, wanted that a directory cannot be made", err)
	}
}
