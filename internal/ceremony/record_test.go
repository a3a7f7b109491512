package ceremony

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// TestHalfAnOutput: what a crash left of an output, the sealed revocations among
// it, is gone once the output is whole; what is not ours stays.
func TestHalfAnOutput(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	s.sign("record", first, "Alice", "Bob", "Carol")
	s.write(".tmp-out-123/sealed/revocations/x.json", []byte("half"))
	s.write(".tmp-out-mine/x", []byte("not ours"))
	s.write(".tmp-others-123/x", []byte("not ours"))
	if _, err := s.combine("record", "out", first); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(s.path(".tmp-*"))
	if want := []string{s.path(".tmp-others-123"), s.path(".tmp-out-mine")}; !slices.Equal(left, want) {
		t.Errorf("left behind: %v, want %v", left, want)
	}
}
