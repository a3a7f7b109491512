package client_test

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// established is an index whose package the root has anchored, and a client
// that remembers it.
func established(t *testing.T) (*server, *user) {
	t.Helper()
	s := serve(t, example(t))
	s.Anchor()
	s.Publish(nil)
	u := newUser(t, s)
	u.wantWheel()
	return s, u
}

// Whoever holds the online keys, the database and the web root cannot change
// who releases an established package.
func TestThiefOfTheOnlineKeys(t *testing.T) {
	t.Parallel()
	const malware = "example-6.6-py3-none-any.whl"
	for _, tc := range []struct {
		name  string
		do    func(*server)
		layer roster.Layer
		words string
		file  string // wheel, if empty
	}{
		{"another wheel in its place", func(s *server) {
			s.Files[roster.FilePath(digest.Sum([]byte(content)), wheel)] = []byte("the thief's of this length")[:len(content)]
		}, roster.LayerFile, "the file is not the authorised one", ""},
		{"a longer wheel", func(s *server) {
			s.Files[roster.FilePath(digest.Sum([]byte(content)), wheel)] = []byte(content + ".")
		}, roster.LayerFile, "too long", ""},
		{"a shorter wheel", func(s *server) {
			s.Files[roster.FilePath(digest.Sum([]byte(content)), wheel)] = []byte(content[1:])
		}, roster.LayerFile, "the file is not the authorised one", ""},
		{"a new first list", func(s *server) { reclaim(s) }, roster.LayerList, "no succession leads here from the anchored list", ""},
		{"a next list signed by the thief", func(s *server) { s.PutList(s.NextList(pkg, thief), thief); s.Publish(nil) }, roster.LayerList, "not approved by the maintainers of version 1", ""},
		{"a list of another package's", func(s *server) {
			s.Packages[pkg].List = s.Claim("other", thief)
			delete(s.Packages, "other")
			l := s.Packages[pkg].List
			path := roster.ListPath(pkg, l.Digest())
			s.PutSigned(path, l.Bytes(), thief)
			s.Put(roster.CountersignaturePath(path), rostertest.Sign(s.T, l.Bytes(), s.Countersign))
			s.Publish(nil)
		}, roster.LayerList, "for another package", ""},
		{"no list", func(s *server) { s.Packages[pkg].List = nil; s.Publish(nil) }, roster.LayerList, "the root has anchored a maintainer list", ""},
		{"no package", func(s *server) { delete(s.Packages, pkg); s.Publish(nil) }, roster.LayerMap, "anchored by the root, but absent", ""},
		{"a manifest signed by the thief", func(s *server) {
			s.Release(pkg, malware, "malware", thief)
			s.Publish(nil)
		}, roster.LayerManifest, "not signed by the maintainers of list version 1", malware},
		{"a file uploaded unsigned", func(s *server) { s.Upload(pkg, malware, "malware"); s.Publish(nil) }, roster.LayerFile, "added unsigned", malware},
		{"lines taken out of the index", func(s *server) {
			x, err := roster.NewIndex(s.Repository, pkg)
			if err != nil {
				s.T.Fatal(err)
			}
			s.Packages[pkg].Index = x
			s.Publish(nil)
		}, roster.LayerIndex, "does not extend the anchored index", ""},
		{"an index in other words", func(s *server) {
			x, err := roster.NewIndex(s.Repository, pkg)
			if err != nil {
				s.T.Fatal(err)
			}
			s.Packages[pkg].Index = x
			s.Release(pkg, malware, "malware and more of it", thief)
			s.Release(pkg, "example-6.7-py3-none-any.whl", "malware", thief)
			s.Publish(nil)
		}, roster.LayerIndex, "does not extend the anchored index", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, u := established(t)
			good := s.SnapshotVersion
			tc.do(s)
			file := wheel
			if tc.file != "" {
				file = tc.file
			}
			_, err := u.get(pkg, file)
			refused(t, err, tc.layer, tc.words)
			if _, err := newUser(t, s).get(pkg, file); err == nil {
				t.Error("a client without memory takes it")
			}
			if s.SnapshotVersion == good && !u.has(s.Files[roster.SnapshotPath(good)]) {
				t.Error("the good snapshot is gone")
			}
		})
	}
}

// What one package's maintainers signed is nothing to another package, in one
// process and with all that the first verified still at hand.
func TestObjectsOfAnotherPackage(t *testing.T) {
	const other, otherWheel = "other", "other-1.0-py3-none-any.whl"
	setup := func(t *testing.T) (*server, *client.View) {
		s := serve(t, example(t))
		s.Claim(other, erin)
		s.Publish(nil)
		u := newUser(t, s)
		v, err := u.refresh()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.download(v, pkg, wheel); err != nil {
			t.Fatal(err)
		}
		return s, v
	}
	t.Run("a manifest for it, signed by the first's maintainer", func(t *testing.T) {
		s, v := setup(t)
		s.Release(other, otherWheel, "by Dora", dora)
		s.Publish(nil)
		_, err := v.Authorise(t.Context(), other, otherWheel) // in the same view
		refused(t, err, roster.LayerIndex, "no line names file")
		u := newUser(t, s)
		if v, err = u.refresh(); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Authorise(t.Context(), pkg, wheel); err != nil {
			t.Fatal(err)
		}
		_, err = v.Authorise(t.Context(), other, otherWheel)
		refused(t, err, roster.LayerManifest, "not signed by the maintainers of list version 1")
	})
	t.Run("the first's manifest in its index", func(t *testing.T) {
		s, _ := setup(t)
		m := s.Packages[pkg].Index.Lines()[0]
		s.Append(other, m)
		path := roster.ManifestPath(other, m.Digest)
		s.Files[path], s.Files[path+".asc"] = s.Files[roster.ManifestPath(pkg, m.Digest)], s.Files[roster.ManifestPath(pkg, m.Digest)+".asc"]
		s.Publish(nil)
		_, err := newUser(t, s).get(other, otherWheel)
		refused(t, err, roster.LayerManifest, "another release's")
	})
	t.Run("the first's list", func(t *testing.T) {
		s, _ := setup(t)
		l := s.Packages[pkg].List
		s.Packages[other].List = l
		for _, suffix := range []string{"", ".asc", ".countersign.asc"} {
			s.Files[roster.ListPath(other, l.Digest())+suffix] = s.Files[roster.ListPath(pkg, l.Digest())+suffix]
		}
		s.Publish(nil)
		u := newUser(t, s)
		u.wantWheel()
		_, err := u.get(other, otherWheel)
		refused(t, err, roster.LayerList, "for another package")
	})
	t.Run("the first's index", func(t *testing.T) {
		s, _ := setup(t)
		s.Packages[other].Index = s.Packages[pkg].Index
		s.Publish(nil)
		_, err := newUser(t, s).get(other, otherWheel)
		refused(t, err, roster.LayerIndex, "its first line is not this package's")
	})
}

// rich is an index whose verification needs each kind of file, and the paths
// that a new client asks for and gets.
func rich(t *testing.T) (*server, []string) {
	t.Helper()
	s := serve(t, example(t))
	s.Anchor()
	s.RevokeOnline(rostertest.Person("snapshot-1").Key)
	s.Succeed(func(r *roster.Root) { s.ReplaceOnlineKeys(r, "countersign-2", "snapshot-2") })
	s.RevokeKey(thief, pkg)
	succession(s, dora, dora, erin)
	newUser(t, s).wantWheel()
	paths := slices.DeleteFunc(s.Requests(), func(path string) bool { return s.Files[path] == nil })
	slices.Sort(paths)
	return s, slices.Compact(paths)
}

// A mirror that drops a file keeps the client from going on, and no more: the
// client says that it is withheld, and is well when the file is back.
func TestMirrorDropsFiles(t *testing.T) {
	t.Parallel()
	s, paths := rich(t)
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			u := newUser(t, s)
			good := s.Files[path]
			delete(s.Files, path)
			_, err := u.get(pkg, wheel)
			s.Files[path] = good
			if path == "root/2.json" || path == "root/3.json" {
				// The walk ends early; the snapshot shows it.
				stale(t, err, roster.LayerSnapshot, "made under root roster 3")
			} else {
				var e *roster.Error
				if !errors.As(err, &e) || !e.Stale || !errors.Is(err, roster.ErrAbsent) {
					t.Fatalf("got %v, want a stale error that says that the file is absent", err)
				}
			}
			u.wantWheel()
		})
	}
}

// A mirror that answers without end is cut off, and nothing of it is kept.
func TestMirrorNeverEnds(t *testing.T) {
	t.Parallel()
	s, paths := rich(t)
	endless := bytes.Repeat([]byte("x"), 64<<10)
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			u := newUser(t, s)
			s.Answer = func(w http.ResponseWriter, p string) bool {
				if p != path {
					return false
				}
				for {
					if _, err := w.Write(endless); err != nil {
						return true
					}
				}
			}
			_, err := u.get(pkg, wheel)
			s.Answer = nil
			var e *roster.Error
			if !errors.As(err, &e) || e.Stale || !strings.Contains(err.Error(), "longer than") {
				t.Fatalf("got %v, want a refusal for its length", err)
			}
			u.wantWheel()
		})
	}
}

// A mirror that changes any file is refused, whichever byte it is, and the
// client is well when the file is back.
func TestMirrorChangesFiles(t *testing.T) {
	t.Parallel()
	s, paths := rich(t)
	for _, path := range paths {
		good := s.Files[path]
		n := len(good)
		for name, bad := range map[string][]byte{
			"first byte": change(good, 0), "a byte of the middle": change(good, n/2), "last byte": change(good, n-1),
			"cut short": good[:n/2], "empty": {}, "a byte more": append(slices.Clone(good), ' '),
		} {
			t.Run(path+"/"+name, func(t *testing.T) {
				u := newUser(t, s)
				s.Files[path] = bad
				got, err := u.get(pkg, wheel)
				s.Files[path] = good
				if err == nil {
					t.Fatalf("got %q, want a refusal", got)
				}
				var e *roster.Error
				if !errors.As(err, &e) {
					t.Fatalf("got the fault %v, want an error of a layer", err)
				}
				if name == "empty" {
					u.wantWheel()
				}
			})
		}
	}
}

func change(b []byte, i int) []byte {
	c := slices.Clone(b)
	c[i] ^= 1
	return c
}

// A document that is well signed is still refused in another one's place.
func TestDocumentsInAnotherPlace(t *testing.T) {
	t.Parallel()
	s, paths := rich(t)
	documents := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return !strings.HasSuffix(p, ".json") })
	for _, at := range documents {
		for _, from := range documents {
			if at == from {
				continue
			}
			t.Run(at+" is "+from, func(t *testing.T) {
				u := newUser(t, s)
				before := maps.Clone(s.Files)
				s.Files[at], s.Files[at+".asc"] = before[from], before[from+".asc"]
				got, err := u.get(pkg, wheel)
				s.Files = before
				if err == nil {
					t.Fatalf("got %q, want a refusal", got)
				}
				u.wantWheel()
			})
		}
	}
}
