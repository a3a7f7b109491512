package client_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// longExample is an index whose package has more than 8 KiB of lines.
func longExample(t *testing.T) *rostertest.Index {
	t.Helper()
	x := example(t)
	var lines []roster.Line
	for i := range 130 {
		lines = append(lines, roster.Line{Kind: roster.LineManifest, Version: fmt.Sprintf("0.%d", i), Digest: digest.Sum([]byte{byte(i)})})
	}
	x.Append(pkg, lines...)
	x.Publish(nil)
	return x
}

// Of a long index that grew, only what was appended is fetched; and where that
// cannot be had, or is not what it should be, the whole is, as if nobody had
// asked for a part.
func TestLongIndexGrows(t *testing.T) {
	t.Parallel()
	const next = "example-2.0-py3-none-any.whl"
	for name, c := range map[string]struct {
		answer func(s *server, w http.ResponseWriter, r *http.Request, path string) bool // to the request for a part
		whole  bool                                                                      // it is asked for after it
	}{
		"a part": {nil, false},
		"no ranges here": {func(s *server, w http.ResponseWriter, r *http.Request, path string) bool {
			_, _ = w.Write(s.Files[path])
			return true
		}, true},
		"416": {func(_ *server, w http.ResponseWriter, _ *http.Request, _ string) bool {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return true
		}, true},
		"404 for a part": {func(_ *server, w http.ResponseWriter, _ *http.Request, _ string) bool {
			w.WriteHeader(http.StatusNotFound)
			return true
		}, true},
		"the whole, said to be the part": {func(s *server, w http.ResponseWriter, r *http.Request, path string) bool {
			w.Header().Set("Content-Range", contentRange(r, len(s.Files[path])))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(s.Files[path])
			return true
		}, true},
		"another part": {func(s *server, w http.ResponseWriter, r *http.Request, path string) bool {
			b := s.Files[path]
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-9/%d", len(b)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(b[:10])
			return true
		}, true},
		"no range named": {func(s *server, w http.ResponseWriter, r *http.Request, path string) bool {
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(s.Files[path][rangeStart(r):])
			return true
		}, true},
		"other bytes": {func(s *server, w http.ResponseWriter, r *http.Request, path string) bool {
			b := s.Files[path]
			w.Header().Set("Content-Range", contentRange(r, len(b)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(change(b, len(b)-4)[rangeStart(r):])
			return true
		}, true},
		"too few bytes": {func(s *server, w http.ResponseWriter, r *http.Request, path string) bool {
			w.Header().Set("Content-Range", contentRange(r, len(s.Files[path])))
			w.WriteHeader(http.StatusPartialContent)
			return true
		}, true},
		"in a coding": {func(s *server, w http.ResponseWriter, r *http.Request, path string) bool {
			w.Header().Set("Content-Range", contentRange(r, len(s.Files[path])))
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(s.Files[path][rangeStart(r):])
			return true
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, longExample(t))
			u := newUser(t, s)
			u.wantWheel()
			had := len(s.Packages[pkg].Index.Bytes())
			s.Release(pkg, next, "2.0", dora)
			s.Publish(nil)
			path := roster.IndexPath(pkg, s.Packages[pkg].Index.Digest())
			var asked []string
			s.Ranges = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/"+path {
					return false
				}
				asked = append(asked, r.Header.Get("Range"))
				if r.Header.Get("Range") == "" || c.answer == nil {
					return false
				}
				return c.answer(s, w, r, path)
			}
			if got, err := u.get(pkg, next); err != nil || got != "2.0" {
				t.Fatalf("got %q (%v), want the new file", got, err)
			}
			want := []string{fmt.Sprintf("bytes=%d-", had)}
			if c.whole {
				want = append(want, "")
			}
			if !slices.Equal(asked, want) {
				t.Errorf("asked with the ranges %q, want %q", asked, want)
			}
			if !u.has(s.Packages[pkg].Index.Bytes()) {
				t.Error("the new index is not remembered")
			}
		})
	}
}

func rangeStart(r *http.Request) (from int) {
	_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
	return from
}

func contentRange(r *http.Request, length int) string {
	return fmt.Sprintf("bytes %d-%d/%d", rangeStart(r), length-1, length)
}

// A short index is fetched whole, and one that was changed before its end is
// refused whether it comes whole or in part.
func TestShortIndexComesWhole(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	u.wantWheel()
	s.Release(pkg, "example-2.0-py3-none-any.whl", "2.0", dora)
	s.Publish(nil)
	s.Ranges = func(w http.ResponseWriter, r *http.Request) bool {
		if got := r.Header.Get("Range"); got != "" {
			t.Errorf("%s was asked for with the range %q", r.URL.Path, got)
		}
		return false
	}
	u.wantWheel()
}

func TestLongIndexRewritten(t *testing.T) {
	s := serve(t, longExample(t))
	u := newUser(t, s)
	u.wantWheel()
	x := string(s.Packages[pkg].Index.Bytes())
	x = strings.Replace(x, "manifest 0.7 ", "manifest 0.7.1 ", 1) + "yank 0.1\n"
	index, err := roster.ParseIndex([]byte(x), s.Repository, pkg)
	if err != nil {
		t.Fatal(err)
	}
	s.Packages[pkg].Index = index
	s.Put(roster.IndexPath(pkg, index.Digest()), index.Bytes())
	s.Publish(nil)
	_, err = u.get(pkg, wheel)
	refused(t, err, roster.LayerIndex, "does not extend the index that this client remembers")
}

var _ client.Tailer = (*client.HTTPSource)(nil)
