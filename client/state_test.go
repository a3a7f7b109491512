package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

func copyState(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "state")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// A damaged state is a fault that names the file; it is never taken for an
// attack by the server, and never makes a client forget.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	u := remembered(t)
	for name, good := range files(t, u.State) {
		if name == "lock" {
			continue
		}
		for damage, put := range map[string]func(string) error{
			"changed": func(p string) error { return os.WriteFile(p, change([]byte(good), len(good)/2), 0o600) },
			"cut":     func(p string) error { return os.WriteFile(p, []byte(good)[:len(good)/2], 0o600) },
			"empty":   func(p string) error { return os.WriteFile(p, nil, 0o600) },
			"a link": func(p string) error {
				return errors.Join(os.Rename(p, p+".moved"), os.Symlink(p+".moved", p))
			},
			"a directory": func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) },
		} {
			t.Run(name+" "+damage, func(t *testing.T) {
				v := &user{t: t, s: u.s, State: copyState(t, u.State)}
				path := filepath.Join(v.State, filepath.FromSlash(name))
				if err := put(path); err != nil {
					t.Skipf("cannot make it %s here: %v", damage, err)
				}
				got, err := v.tryGet()
				if repairable(name) && err == nil && got == content {
					return // it was fetched again
				}
				var e *client.StateError
				if !errors.As(err, &e) {
					t.Fatalf("got %q, %v; want a StateError", got, err)
				}
				if !strings.HasPrefix(e.File, v.State) || !blames(name, e.File[len(v.State)+1:]) || e.ExitCode() != 1 || e.Hint() == "" {
					t.Errorf("got %v, want a fault that names %q, with a hint", err, path)
				}
			})
		}
	}
}

// blames says whether a fault that names the file found leads a reader to the
// damaged one: the file itself, the document whose signatures it has, or what
// it names.
func blames(damaged, found string) bool {
	switch found = filepath.ToSlash(found); {
	case damaged == "pin":
		return found == "pin" || found == "root/2.json"
	}
	return found == damaged || found == strings.TrimSuffix(damaged, ".asc")
}

// repairable says whether a state file can be had from the repository again
// without trusting it: the snapshot's signature.
func repairable(name string) bool {
	return strings.HasPrefix(name, "snapshots/") && strings.HasSuffix(name, ".asc")
}

// tryGet is get, but for the opening, which may fail too.
func (u *user) tryGet() (string, error) {
	u.t.Helper()
	src, err := client.NewHTTPSource(u.s.URL)
	if err != nil {
		u.t.Fatal(err)
	}
	c, err := client.Open(client.Config{State: u.State, Source: src, Accept: client.DefaultPolicy()})
	if err != nil {
		return "", err
	}
	v, err := c.Refresh(u.t.Context(), u.s.Now)
	if err != nil {
		return "", err
	}
	return u.download(v, pkg, wheel)
}

// remembered is a state directory in which there is some of everything, and
// that is well.
func remembered(t *testing.T) *user {
	t.Helper()
	s := serve(t, example(t))
	s.RevokeOnline(rostertest.Person("snapshot-1").Key) // under roster 1
	s.Succeed(func(r *roster.Root) {                    // which lists it still
		r.OnlineKeys = append(r.OnlineKeys, r.OnlineKeys[1])
		r.OnlineKeys[2].Key.PublicKey = rostertest.Person("snapshot-2").Key
	})
	s.Snapshot = rostertest.Person("snapshot-2")
	s.Succeed(nil)
	s.RevokeKey(thief, pkg)
	succession(s, dora, dora, erin)
	u := userFrom(t, s, 2)
	u.wantWheel()
	have := strings.Join(names(files(t, u.State)), "\n")
	for _, want := range []string{"pin", "root/2.json", "root/3.json", "earlier/1.json", "revocations/", "key-revocations/", "snapshots/2/2-", "packages/"} {
		if !strings.Contains(have, want) {
			t.Fatalf("the state has no %s:\n%s", want, have)
		}
	}
	return u
}

func names(files map[string]string) []string {
	var all []string
	for n := range files {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// A directory link in the state is not followed either.
func TestLinkedDirectories(t *testing.T) {
	u := remembered(t)
	for _, name := range []string{"root", "revocations", "key-revocations", "snapshots", "packages", "earlier"} {
		t.Run(name, func(t *testing.T) {
			v := &user{t: t, s: u.s, State: copyState(t, u.State)}
			path, elsewhere := filepath.Join(v.State, name), filepath.Join(t.TempDir(), "elsewhere")
			if err := errors.Join(os.Rename(path, elsewhere), os.Symlink(elsewhere, path)); err != nil {
				t.Skipf("cannot make a link here: %v", err)
			}
			v.s.Release(pkg, "example-1."+fmt.Sprint(v.s.SnapshotVersion)+"-py3-none-any.whl", "", dora)
			v.s.Publish(nil)
			before := files(t, elsewhere)
			_, err := v.tryGet()
			var e *client.StateError
			if !errors.As(err, &e) || !strings.Contains(err.Error(), "symbolic link") {
				t.Fatalf("got %v, want a StateError for the link", err)
			}
			sameFiles(t, elsewhere, before)
		})
	}
}

// Whoever writes to the state directory cannot make the client trust another
// root: its rosters are verified from the pin at every start.
func TestStateCannotPromoteARoster(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	u.wantWheel()
	next := s.Next()
	rostertest.SetKeyholders(&next, thief)
	next.Threshold = 1
	doc := s.Draft(next).Bytes()
	for name, b := range map[string][]byte{"2.json": doc, "2.json.asc": rostertest.Sign(t, doc, thief)} {
		if err := os.WriteFile(filepath.Join(u.State, "root", name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := u.tryGet()
	var e *client.StateError
	if !errors.As(err, &e) || e.File != filepath.Join(u.State, "root", "2.json") {
		t.Fatalf("got %v, want a StateError that names root/2.json", err)
	}
}

// A roster missing in the middle is noticed, or the client would walk from
// before it.
func TestStateLacksARoster(t *testing.T) {
	u := remembered(t)
	u.s.Succeed(nil)
	u.wantWheel()
	path := filepath.Join(u.State, "root", "3.json")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err := u.tryGet()
	var e *client.StateError
	if !errors.As(err, &e) || e.File != path {
		t.Fatalf("got %v, want a StateError that names %s", err, path)
	}
}

// What another repository published does not pass, and a package's memory
// moved to another state is noticed.
func TestStateOfAnotherRepository(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	u.wantWheel()
	record := func(dir string) string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(dir, "packages", "*"))
		if err != nil || len(found) != 1 {
			t.Fatalf("found %v, %v; want one record", found, err)
		}
		return found[0]
	}
	path := record(u.State)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte(rostertest.Repository), []byte("another.example"), 1)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = u.tryGet()
	var e *client.StateError
	if !errors.As(err, &e) || e.File != path || !strings.Contains(err.Error(), "another.example") {
		t.Fatalf("got %v, want a StateError that names %s", err, path)
	}
}

// The cache of the map holds only files of the digest that they are named by,
// and one that is damaged costs a request, not trust and not a fault.
func TestMapCache(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	root := roster.MapPath(s.Map().Root)
	cache := filepath.Join(u.State, "map-cache")

	good := s.Files[root]
	s.Files[root] = change(good, len(good)/2)
	_, err := u.get(pkg, wheel)
	refused(t, err, roster.LayerMap, "not what it should be")
	if b, err := os.ReadFile(cache); err == nil {
		t.Errorf("the refused file was cached: %q", b)
	}

	s.Files[root] = good
	u.wantWheel()
	whole, err := os.ReadFile(cache)
	if err != nil || !bytes.Contains(whole, good) {
		t.Fatalf("the cache has not the root (%v)", err)
	}
	s.Requests()
	u.wantWheel()
	if count(s.Requests(), root) != 0 {
		t.Error("the cached file was asked for again")
	}
	long := bytes.Clone(whole)
	copy(long[32:36], []byte{0xff, 0xff, 0xff, 0xff})
	for name, b := range map[string][]byte{
		"a digest changed": change(whole, 3), "a file changed": change(whole, 60), "cut": whole[:len(whole)-1], "cut in the head": whole[:20],
		"an endless length": long, "empty": nil, "something else": []byte("<html>please log in</html>, and again and again"),
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second finds it mended
				if err := os.WriteFile(cache, b, 0o600); err != nil {
					t.Fatal(err)
				}
				s.Requests()
				u.wantWheel()
				if count(s.Requests(), root) != 1 {
					t.Error("the damaged file was not asked for again")
				}
				u.wantWheel()
				if count(s.Requests(), root) != 0 {
					t.Error("the cache was not mended")
				}
			}
		})
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := errors.Join(os.Rename(cache, elsewhere), os.Symlink(elsewhere, cache)); err != nil {
		t.Skipf("cannot make a link here: %v", err)
	}
	_, err = u.tryGet()
	var e *client.StateError
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("got %v, want a StateError for the link", err)
	}
}

// The cache does not grow without end, whoever publishes.
func TestMapCacheIsBounded(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	u.wantWheel()
	cache := filepath.Join(u.State, "map-cache")
	full := make([]byte, 0, 9<<20)
	for i := 0; len(full) < 8<<20; i++ { // as if many files had been kept
		d := digest.Sum([]byte(fmt.Sprint(i)))
		full = append(append(full, d[:]...), 0, 0, 0x10, 0)
		full = append(full, make([]byte, 0x1000)...)
	}
	if err := os.WriteFile(cache, full, 0o600); err != nil {
		t.Fatal(err)
	}
	u.wantWheel()
	info, err := os.Stat(cache)
	if err != nil || info.Size() > 100_000 {
		t.Errorf("the cache has %d bytes (%v), want it begun anew", info.Size(), err)
	}
	s.Requests()
	u.wantWheel()
	if count(s.Requests(), roster.MapPath(s.Map().Root)) != 0 {
		t.Error("what the new cache has was asked for again")
	}
}

// A state file is not read beyond what it may hold, and a link to a directory
// without revocations is not taken for there being none.
func TestStateGuards(t *testing.T) {
	u := remembered(t)
	v := &user{t: t, s: u.s, State: copyState(t, u.State)}
	if err := os.WriteFile(filepath.Join(v.State, "root", "3.json"), bytes.Repeat([]byte(" "), roster.MaxRoster+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := v.tryGet(); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v, want a fault for the length", err)
	}
	v = &user{t: t, s: u.s, State: copyState(t, u.State)}
	path := filepath.Join(v.State, "revocations")
	delete(u.s.Files, roster.RevocationPath(rostertest.Person("snapshot-1").Key.ID()))
	if err := errors.Join(os.RemoveAll(path), os.Symlink(t.TempDir(), path)); err != nil {
		t.Skipf("cannot make a link here: %v", err)
	}
	var e *client.StateError
	if _, err := v.tryGet(); !errors.As(err, &e) || e.File != path {
		t.Errorf("got %v, want a StateError that names %s", err, path)
	}
}

// A file of the state has one spelling and one place.
func TestStateIsStrict(t *testing.T) {
	u := remembered(t)
	for name, spoil := range map[string]func(dir string) (blamed string, err error){
		"a package's file with a byte more": func(dir string) (string, error) {
			path := filepath.Join(dir, "packages", digest.Sum([]byte(pkg)).String())
			b, err := os.ReadFile(path)
			return path, errors.Join(err, os.WriteFile(path, append(b, ' '), 0o600))
		},
		"a package's file whose first line has a space more": func(dir string) (string, error) {
			path := filepath.Join(dir, "packages", digest.Sum([]byte(pkg)).String())
			b, err := os.ReadFile(path)
			return path, errors.Join(err, os.WriteFile(path, append([]byte(" "), b...), 0o600))
		},
		"a revocation under another name": func(dir string) (string, error) {
			found, err := filepath.Glob(filepath.Join(dir, "key-revocations", "*.json"))
			if err != nil || len(found) != 1 {
				return "", fmt.Errorf("found %q (%v), want one revocation", found, err)
			}
			path := filepath.Join(dir, "key-revocations", digest.Sum([]byte("another")).String()+".json")
			return path, errors.Join(os.Rename(found[0], path), os.Rename(found[0]+".asc", path+".asc"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := &user{t: t, s: u.s, State: copyState(t, u.State)}
			blamed, err := spoil(v.State)
			if err != nil {
				t.Fatal(err)
			}
			var e *client.StateError
			if _, err := v.tryGet(); !errors.As(err, &e) || e.File != blamed {
				t.Errorf("got %v, want a StateError that names %s", err, blamed)
			}
		})
	}
}

// A pin whose repository was changed is noticed, and a record that lies at
// another package's place.
func TestStateMovedAbout(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	u.wantWheel()
	pin := filepath.Join(u.State, "pin")
	good, err := os.ReadFile(pin)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pin, bytes.Replace(good, []byte(rostertest.Repository), []byte("another.example"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = u.tryGet()
	var e *client.StateError
	if !errors.As(err, &e) || e.File != filepath.Join(u.State, "root", "1.json") {
		t.Errorf("got %v, want a StateError that names the pinned roster", err)
	}
	if err := os.WriteFile(pin, good, 0o600); err != nil {
		t.Fatal(err)
	}

	s.Claim("other", erin)
	s.Publish(nil)
	place := func(name string) string {
		return filepath.Join(u.State, "packages", digest.Sum([]byte(name)).String())
	}
	b, err := os.ReadFile(place(pkg))
	if err := errors.Join(err, os.WriteFile(place("other"), b, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err = u.get("other", "other-1.0.tar.gz")
	if !errors.As(err, &e) || e.File != place("other") {
		t.Errorf("got %v, want a StateError that names the file", err)
	}
	u.wantWheel()
}

func TestNoState(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "absent")} {
		if _, err := client.Open(client.Config{State: dir}); !errors.Is(err, client.ErrNoState) {
			t.Errorf("got %v, want ErrNoState", err)
		}
	}
}

var errKilled = errors.New("the program was killed here")

// A program may be killed at any write: the next one finds a state that is
// well, accepts, and remembers in the end exactly what it would have.
func TestKilledAtAnyWrite(t *testing.T) {
	t.Parallel()
	u := remembered(t)
	s := u.s
	s.Succeed(func(r *roster.Root) { r.SnapshotFloor = 50 })
	s.RevokeOnline(rostertest.Person("countersign-1").Key)
	s.Succeed(func(r *roster.Root) { s.ReplaceOnlineKeys(r, "countersign-3", "snapshot-3") })
	s.RevokeKey(rostertest.Person("Frank"), pkg)
	s.Release(pkg, "example-1.1-py3-none-any.whl", "1.1", erin)
	succession(s, erin, dora)
	s.Anchor()
	s.Publish(nil)

	try := func(state string, at int) (writes int, err error) {
		c, err := client.OpenFaulty(client.Config{State: state, Source: mustSource(t, s), Accept: client.DefaultPolicy()}, func(string) error {
			if writes++; writes == at {
				return errKilled
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		v, err := c.Refresh(t.Context(), s.Now)
		if err == nil {
			_, err = v.Package(t.Context(), pkg)
		}
		return writes, err
	}
	whole := copyState(t, u.State)
	n, err := try(whole, 0)
	if err != nil || n < 14 {
		t.Fatalf("%d writes (%v), want a scenario with at least 14", n, err)
	}
	want := files(t, whole)
	for at := 1; at <= n; at++ {
		state := copyState(t, u.State)
		if _, err := try(state, at); !errors.Is(err, errKilled) {
			t.Fatalf("write %d: got %v, want the fault", at, err)
		}
		// What a program leaves that is killed while it writes.
		if err := os.WriteFile(filepath.Join(state, "root", ".tmp-4.json-1-0"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := try(state, 0); err != nil {
			t.Fatalf("after the fault at write %d: %v", at, err)
		}
		sameFiles(t, state, want)
	}
}

func mustSource(t *testing.T, s *server) client.Source {
	t.Helper()
	src, err := client.NewHTTPSource(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// Likewise while the state is made.
func TestKilledDuringInit(t *testing.T) {
	s := serve(t, example(t))
	first := s.Signed("root/1.json")
	for name, leave := range map[string]func(string) error{
		"nothing":        func(string) error { return nil },
		"the signatures": func(d string) error { return os.WriteFile(d+"/root/1.json.asc", first.Signatures, 0o600) },
		"the roster": func(d string) error {
			return errors.Join(os.WriteFile(d+"/root/1.json.asc", first.Signatures, 0o600), os.WriteFile(d+"/root/1.json", first.Document, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := &user{t: t, s: s, State: filepath.Join(t.TempDir(), "state")}
			if err := errors.Join(os.MkdirAll(u.State+"/root", 0o700), leave(u.State)); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Init(t.Context(), u.State, first, digest.Digest{}); err != nil {
				t.Fatal(err)
			}
			u.wantWheel()
		})
	}
}
