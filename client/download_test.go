package client_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster"
)

func TestDownloadIsThereAlready(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	a, err := v.Authorise(t.Context(), pkg, wheel)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), wheel)
	if already, err := v.Download(t.Context(), a, out); err != nil || already {
		t.Fatalf("got %v, %v; want a download", already, err)
	}
	s.Requests()
	if already, err := v.Download(t.Context(), a, out); err != nil || !already {
		t.Fatalf("got %v, %v; want that it is there already", already, err)
	}
	if got := s.Requests(); len(got) > 0 {
		t.Errorf("asked for %q, want no request", got)
	}
}

// What stands at the place of the download is never replaced.
func TestDownloadReplacesNothing(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	a, err := v.Authorise(t.Context(), pkg, wheel)
	if err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func(string) error{
		"another file":    func(p string) error { return os.WriteFile(p, []byte("mine"), 0o644) },
		"a directory":     func(p string) error { return os.Mkdir(p, 0o755) },
		"a dangling link": func(p string) error { return os.Symlink("nowhere", p) },
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), wheel)
			if err := put(out); err != nil {
				t.Skipf("cannot make %s here: %v", name, err)
			}
			before, _ := os.Lstat(out)
			s.Requests()
			_, err := v.Download(t.Context(), a, out)
			var exists *durable.ExistsError
			if !errors.As(err, &exists) || exists.ExitCode() != 3 {
				t.Fatalf("got %v, want a refusal because it exists", err)
			}
			if got := s.Requests(); len(got) > 0 {
				t.Errorf("asked for %q, want no request", got)
			}
			if after, _ := os.Lstat(out); !os.SameFile(before, after) {
				t.Error("it was replaced")
			}
			if entries, _ := os.ReadDir(filepath.Dir(out)); len(entries) != 1 {
				t.Errorf("found %v beside it", entries)
			}
		})
	}
	if _, err := v.Download(t.Context(), a, filepath.Join(t.TempDir(), "no", "directory")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that there is no such directory", err)
	}
}

func TestCheckFile(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	a, err := v.Authorise(t.Context(), pkg, wheel)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := a.CheckFile(file); err != nil {
		t.Errorf("a true copy: %v", err)
	}
	if err := v.CheckPublished(t.Context(), a); err != nil {
		t.Errorf("the published file: %v", err)
	}
	if err := os.WriteFile(file, []byte(content+"!"), 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, a.CheckFile(file), roster.LayerFile, "not the authorised one")
	s.Files[roster.FilePath(a.Release.File().SHA256, wheel)] = []byte(content[1:])
	refused(t, v.CheckPublished(t.Context(), a), roster.LayerFile, "not the authorised one")
}

// The file may be large; the temporary one stands beside it and is removed.
func TestRefusedDownloadLeavesNothing(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	a, err := v.Authorise(t.Context(), pkg, wheel)
	if err != nil {
		t.Fatal(err)
	}
	path := roster.FilePath(a.Release.File().SHA256, wheel)
	for _, bad := range [][]byte{nil, []byte("short"), []byte(content + "!"), []byte(content[1:] + "!")} {
		if s.Files[path] = bad; bad == nil {
			delete(s.Files, path)
		}
		dir := t.TempDir()
		if _, err := v.Download(t.Context(), a, filepath.Join(dir, wheel)); err == nil {
			t.Errorf("%q was taken for the wheel", bad)
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("%q: found %v", bad, entries)
		}
	}
}
