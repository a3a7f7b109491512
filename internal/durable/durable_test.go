package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// onlyFile wants dir to hold one file with the given bytes and nothing else.
func onlyFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v; want the file alone", entries, err)
	}
}

func TestWriteNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := WriteNew(path, []byte("one"), 0o640); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, path, "one")
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("mode is %v, %v; want 0640 at most", info.Mode(), err)
	}
}

func TestWriteNewRefusesWhatExists(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := WriteNew(path, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := WriteNew(path, []byte("two"), 0o644)
	var exists *ExistsError
	if !errors.As(err, &exists) || exists.Path != path || !errors.Is(err, fs.ErrExist) || exists.ExitCode() != 3 || exists.Hint() == "" {
		t.Errorf("a second WriteNew = %v; want an ExistsError for %s", err, path)
	}
	if !strings.Contains(err.Error(), path) {
		t.Errorf("error %q does not name the file", err)
	}
	onlyFile(t, path, "one")
}

func TestWriteNewRefusesADanglingLink(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "a"), filepath.Join(dir, "elsewhere")
	if err := os.Symlink(target, path); err != nil {
		t.Skipf("no symbolic links: %v", err)
	}
	var exists *ExistsError
	if err := WriteNew(path, []byte("x"), 0o644); !errors.As(err, &exists) {
		t.Errorf("WriteNew over a dangling link = %v; want an ExistsError", err)
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link was followed: %v", err)
	}
}

// The last look is the one that counts: what appears after the first must not
// be overwritten, with hard links and without.
func TestPublishNeverOverwrites(t *testing.T) {
	noLinks := func(string, string) error { return errors.ErrUnsupported }
	for what, link := range map[string]func(string, string) error{"links": os.Link, "no links": noLinks} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			tmp, path := filepath.Join(dir, "t"), filepath.Join(dir, "a")
			if err := errors.Join(os.WriteFile(tmp, []byte("new"), 0o644), os.WriteFile(path, []byte("old"), 0o644)); err != nil {
				t.Fatal(err)
			}
			var exists *ExistsError
			if err := publish(tmp, path, link); !errors.As(err, &exists) {
				t.Errorf("publish over a file = %v; want an ExistsError", err)
			}
			if got, _ := os.ReadFile(path); string(got) != "old" {
				t.Errorf("the file holds %q", got)
			}
			os.Remove(path)
			if err := publish(tmp, path, link); err != nil {
				t.Errorf("publish = %v", err)
			}
			if got, _ := os.ReadFile(path); string(got) != "new" {
				t.Errorf("the file holds %q", got)
			}
		})
	}
}

func TestWriteNewHasOneWinner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	const n = 8
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = WriteNew(path, []byte{byte('0' + i)}, 0o644) })
	}
	wg.Wait()
	won := -1
	for i, err := range errs {
		var exists *ExistsError
		switch {
		case err == nil && won < 0:
			won = i
		case !errors.As(err, &exists):
			t.Errorf("writer %d: %v", i, err)
		}
	}
	if won < 0 {
		t.Fatal("nobody won")
	}
	onlyFile(t, path, string(rune('0'+won)))
}

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	for _, want := range []string{"one", "two", ""} {
		if err := Replace(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		onlyFile(t, path, want)
	}
}

func TestReplaceDoesNotFollowALink(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "a"), filepath.Join(dir, "target")
	if err := os.WriteFile(target, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Skipf("no symbolic links: %v", err)
	}
	if err := Replace(path, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(target); string(got) != "old" {
		t.Errorf("the target holds %q", got)
	}
	if got, _ := os.ReadFile(path); string(got) != "new" {
		t.Errorf("the file holds %q", got)
	}
}

func TestReplaceLeavesNoMixture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	long := func(c byte) []byte { return bytes.Repeat([]byte{c}, 1<<16) }
	if err := Replace(path, long('a'), 0o644); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for i := range 50 {
			if err := Replace(path, long(byte('a'+i%2)), 0o644); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
			got, err := os.ReadFile(path)
			if err != nil || len(got) != 1<<16 || bytes.Count(got, got[:1]) != len(got) {
				t.Fatalf("a reader saw %d bytes, mixed or missing (%v)", len(got), err)
			}
		}
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	for what, write := range map[string]func(string, []byte, fs.FileMode) error{"WriteNew": WriteNew, "Replace": Replace} {
		if err := write(filepath.Join(dir, "missing", "a"), []byte("x"), 0o644); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s in a missing directory = %v", what, err)
		}
	}
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Replace(sub, []byte("x"), 0o644); err == nil {
		t.Error("Replace of a directory is accepted")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// What a crash left is neither an obstacle nor mistaken for an artefact.
func TestLeftoversAreNoObstacle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	f, err := createTemporary(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if !Temporary(filepath.Base(f.Name())) || Temporary("a") || Temporary("latest") {
		t.Errorf("Temporary does not tell %q from an artefact", f.Name())
	}
	if err := WriteNew(path, []byte("x"), 0o644); err != nil {
		t.Errorf("WriteNew beside %q: %v", f.Name(), err)
	}
	long := filepath.Join(filepath.Dir(path), strings.Repeat("n", 255))
	if err := Replace(long, []byte("x"), 0o644); err != nil {
		t.Errorf("Replace of the longest name: %v", err)
	}
}

func TestSyncDir(t *testing.T) {
	dir := t.TempDir()
	if err := SyncDir(dir); err != nil {
		t.Error(err)
	}
	if err := SyncDir(filepath.Join(dir, "missing")); err == nil && runtime.GOOS != "windows" {
		t.Error("a missing directory is brought to the disk")
	}
}
