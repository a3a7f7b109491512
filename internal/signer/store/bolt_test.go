package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rootward/rootward/internal/signer/store"
)

const table store.Table = "things"

func open(t *testing.T, path string) *store.Bolt {
	t.Helper()
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func update(t *testing.T, s store.Store, change func(store.Writer) error) {
	t.Helper()
	if err := s.Update(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s store.Store, key string) (value string, found bool) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) error {
		v, ok, err := r.Load(table, key)
		value, found = string(v), ok
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return value, found
}

func TestWrittenThingsStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	update(t, s, func(w store.Writer) error { return w.Store(table, "a", []byte("1")) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	defer s.Close()
	if v, found := load(t, s, "a"); !found || v != "1" {
		t.Errorf("after closing and opening, a is %q (%v), wanted 1", v, found)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v (%v), wanted 0600", info.Mode(), err)
	}
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	defer s.Close()
	update(t, s, func(w store.Writer) error { return w.Store(table, "a", []byte("1")) })
	no := errors.New("no")
	err := s.Update(t.Context(), func(w store.Writer) error {
		err := errors.Join(w.Store(table, "a", []byte("2")), w.Store(table, "b", []byte("2")), w.Clear("others"))
		if v, _, _ := w.Load(table, "b"); string(v) != "2" {
			t.Errorf("within the update b is %q, wanted what it wrote", v)
		}
		return errors.Join(err, no)
	})
	if !errors.Is(err, no) {
		t.Errorf("the update ends with %v, wanted its own error", err)
	}
	a, _ := load(t, s, "a")
	if _, found := load(t, s, "b"); a != "1" || found {
		t.Error("an update that failed wrote something")
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Update(ended, func(store.Writer) error { t.Error("called"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context an update gives %v", err)
	}
}

// Updates are serial: what one reads and then writes, no other changes.
func TestUpdatesAreSerial(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	defer s.Close()
	const n = 20
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			err := s.Update(context.Background(), func(w store.Writer) error {
				v, _, err := w.Load(table, "count")
				return errors.Join(err, w.Store(table, "count", append(v, 'x')))
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if v, _ := load(t, s, "count"); v != strings.Repeat("x", n) {
		t.Errorf("after %d updates the count is %d", n, len(v))
	}
}

func TestEachAndLast(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	defer s.Close()
	keys := func() (all string, last string) {
		err := s.View(t.Context(), func(r store.Reader) error {
			last, _, _, _ = r.Last(table)
			return r.Each(table, "b", func(k string, v []byte) error {
				all += fmt.Sprintf("%s=%s ", k, v)
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return all, last
	}
	if all, last := keys(); all != "" || last != "" {
		t.Errorf("an empty table has %q, and last %q", all, last)
	}
	update(t, s, func(w store.Writer) error {
		var err error
		for _, k := range []string{"c", "b2", "a", "b10", "b"} {
			err = errors.Join(err, w.Store(table, k, []byte(k)))
		}
		return errors.Join(err, w.Delete(table, "a"), w.Delete(table, "never"), w.Delete("none", "a"))
	})
	if all, last := keys(); all != "b=b b10=b10 b2=b2 " || last != "c" {
		t.Errorf("with the prefix b there are %q, and last is %q", all, last)
	}
	stop := errors.New("stop")
	err := s.View(t.Context(), func(r store.Reader) error {
		return r.Each(table, "", func(string, []byte) error { return stop })
	})
	if err != stop {
		t.Errorf("an error of visit comes back as %v", err)
	}
	update(t, s, func(w store.Writer) error { return w.Clear(table) })
	if all, _ := keys(); all != "" {
		t.Errorf("a cleared table has %q", all)
	}
	if err := s.Update(t.Context(), func(w store.Writer) error { return w.Store(table, "a", nil) }); err == nil {
		t.Error("an empty value was stored")
	}
}

func TestOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	defer s.Close()
	if _, err := store.Open(path); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a second opening gives %v, wanted that it is in use", err)
	}
	if _, err := store.Open(filepath.Join(path, "below")); err == nil {
		t.Error("a store was opened below a file")
	}
}
