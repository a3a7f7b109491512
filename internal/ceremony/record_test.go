package ceremony

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestFoldersOfHere: an output whose folder is the one that people stand in, as
// in all runbooks, is made like any other.
func TestFoldersOfHere(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{".", "./published", "published/.."} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, "root", "below", fmt.Sprintf("%d.json", len(dir)))
		if err := writeFiles(dir, map[string][]byte{"root/below/" + filepath.Base(name): []byte("x")}, nil); err != nil {
			t.Errorf("%q: %v", dir, err)
		}
		if err := mkdirs(dir, filepath.Join(dir, "a", "b")); err != nil {
			t.Errorf("%q: %v", dir, err)
		}
		for _, made := range []string{name, filepath.Join(dir, "a", "b")} {
			if _, err := os.Stat(made); err != nil {
				t.Errorf("%q: %v", dir, err)
			}
		}
	}
}
