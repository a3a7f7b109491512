package client_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// revocationPaths are what a refresh asks about the online keys.
func revocationPaths(s *server) []string {
	return []string{roster.RevocationPath(s.Countersign.Key.ID()), roster.RevocationPath(s.Snapshot.Key.ID())}
}

func TestRefreshRequests(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	if got := s.Requests(); len(got) > 0 {
		t.Fatalf("init asked for %q, want no request", got)
	}
	if _, err := u.refresh(); err != nil {
		t.Fatal(err)
	}
	first := append([]string{"root/2.json", "latest", "snapshots/1.json", "snapshots/1.json.asc"}, revocationPaths(s)...)
	sameRequests(t, s.Requests(), first...)

	// The same snapshot is looked at, to notice two of one version, and its
	// signature is not fetched again.
	if _, err := u.refresh(); err != nil {
		t.Fatal(err)
	}
	sameRequests(t, s.Requests(), append([]string{"root/2.json", "latest", "snapshots/1.json"}, revocationPaths(s)...)...)
}

func TestSecondGetAsksForLittle(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.download(v, pkg, wheel); err != nil {
		t.Fatal(err)
	}
	s.Requests()
	if _, err := v.Authorise(t.Context(), pkg, wheel); err != nil {
		t.Fatal(err)
	}
	list := roster.ListPath(pkg, s.Packages[pkg].List.Digest())
	manifest := roster.ManifestPath(pkg, s.Packages[pkg].Index.Lines()[0].Digest)
	sameRequests(t, s.Requests(), roster.CountersignaturePath(list), manifest, roster.SignaturePath(manifest))
}

func TestStateHoldsTheExactBytes(t *testing.T) {
	s := serve(t, example(t))
	s.Anchor()
	u := newUser(t, s)
	u.wantWheel()
	for _, path := range []string{"root/1.json", "root/1.json.asc", "root/2.json", "root/2.json.asc", "snapshots/1.json", "snapshots/1.json.asc",
		roster.IndexPath(pkg, s.Packages[pkg].Index.Digest()), roster.ListPath(pkg, s.Packages[pkg].List.Digest())} {
		if !u.has(s.Files[path]) {
			t.Errorf("no state file holds the bytes of %s", path)
		}
	}
	for name := range files(t, u.State) {
		if slices.Contains([]string{pkg, wheel}, name) {
			t.Errorf("state file %q has a name from outside", name)
		}
	}
}

func TestInit(t *testing.T) {
	s := serve(t, example(t))
	first := s.Signed("root/1.json")
	t.Run("wrong digest", func(t *testing.T) {
		_, err := client.Init(t.Context(), t.TempDir()+"/state", first, digest.Sum([]byte("another")))
		refused(t, err, roster.LayerRoster, "the digest is not the pinned one")
	})
	t.Run("not signed by its keyholders", func(t *testing.T) {
		dir := t.TempDir() + "/state"
		_, err := client.Init(t.Context(), dir, roster.Signed{Document: first.Document, Signatures: rostertest.Sign(t, first.Document, thief)}, digest.Digest{})
		refused(t, err, roster.LayerRoster, "quorum")
		if _, err := client.Open(client.Config{State: dir}); !errors.Is(err, client.ErrNoState) {
			t.Errorf("the refused init left a state: %v", err)
		}
	})
	t.Run("again", func(t *testing.T) {
		u := newUser(t, s)
		u.wantWheel()
		before := files(t, u.State)
		if _, err := client.Init(t.Context(), u.State, first, digest.Digest{}); err != nil {
			t.Fatal(err)
		}
		sameFiles(t, u.State, before)
	})
	t.Run("on another's state", func(t *testing.T) {
		u := newUser(t, s)
		other := rostertest.New(t)
		next := other.Succeed(nil)
		_, err := client.Init(t.Context(), u.State, other.Signed("root/2.json"), digest.Digest{})
		refused(t, err, roster.LayerMemory, "trusts another roster already")
		if u.has(next.Bytes()) {
			t.Error("the refused roster was kept")
		}
	})
}

func TestWalk(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	for range 3 {
		s.Succeed(nil)
	}
	v, err := u.refresh()
	if err != nil || v.Roster().Version() != 4 {
		t.Fatalf("reached %v (%v), want roster 4", v, err)
	}
	s.Requests()
	if v, err = u.refresh(); err != nil || v.Roster().Version() != 4 {
		t.Fatalf("reached %v (%v), want roster 4", v, err)
	}
	if slices.Contains(s.Requests(), "root/2.json") {
		t.Error("a remembered roster was asked for again")
	}
}

func TestWalkIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(*server)
		words string
	}{
		{"unsigned", func(s *server) {
			s.Files["root/2.json.asc"] = rostertest.Sign(t, s.Files["root/2.json"], thief)
		}, "quorum of roster version 1 not met"},
		{"one signature short", func(s *server) {
			s.Files["root/2.json.asc"] = rostertest.Sign(t, s.Files["root/2.json"], rostertest.Person("Alice"))
		}, "quorum of roster version 1 not met"},
		{"a version skipped", func(s *server) {
			s.Succeed(nil)
			s.PutSigned("root/2.json", s.Files["root/3.json"], s.Keyholders...)
		}, "version 3 does not follow version 1"},
		{"too long", func(s *server) { s.Files["root/2.json"] = make([]byte, roster.MaxRoster+1) }, "too long"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, example(t))
			u := newUser(t, s)
			u.wantWheel()
			before := files(t, u.State)
			s.Succeed(nil)
			good := s.Signed("root/2.json")
			tc.spoil(s)
			_, err := u.refresh()
			refused(t, err, roster.LayerRoster, tc.words)
			sameFiles(t, u.State, before)
			delete(s.Files, "root/3.json")
			s.Files["root/2.json"], s.Files["root/2.json.asc"] = good.Document, good.Signatures
			u.wantWheel() // what was refused does no harm later
		})
	}
}

// An expired roster is remembered, and nothing more happens.
func TestExpiredRoster(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	s.Succeed(func(r *roster.Root) { r.Expires = roster.At(s.Now.Add(time.Hour)) })
	s.Now = s.Now.Add(2 * time.Hour)
	_, err := u.refresh()
	stale(t, err, roster.LayerRoster, "expired")
	if !u.has(s.Files["root/2.json"]) {
		t.Error("the expired roster was not remembered")
	}
	sameRequests(t, s.Requests(), "latest", "root/2.json", "root/2.json.asc", "root/3.json")

	// Only the last roster of a walk must be current.
	s.Succeed(nil)
	s.Publish(nil)
	u.wantWheel()
}

func TestRevocation(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	u.wantWheel()
	s.RevokeOnline(s.Snapshot.Key)
	_, err := u.refresh()
	refused(t, err, roster.LayerSnapshot, "a snapshot key that is revoked")
	if !u.has(s.Files[roster.RevocationPath(s.Snapshot.Key.ID())]) {
		t.Error("the revocation was not remembered")
	}
	// It is remembered for ever: withdrawing it changes nothing.
	delete(s.Files, roster.RevocationPath(s.Snapshot.Key.ID()))
	s.Publish(nil)
	_, err = u.refresh()
	refused(t, err, roster.LayerSnapshot, "a snapshot key that is revoked")

	// New online keys end the emergency.
	s.Succeed(func(r *roster.Root) { s.ReplaceOnlineKeys(r, "countersign-2", "snapshot-2"); r.SnapshotFloor = 10 })
	list := s.Packages[pkg].List
	s.Put(roster.CountersignaturePath(roster.ListPath(pkg, list.Digest())), rostertest.Sign(t, list.Bytes(), s.Countersign))
	s.Publish(nil)
	u.wantWheel()
}

// A revocation that is there and not valid does not count, and is reported.
func TestInvalidRevocation(t *testing.T) {
	path := func(s *server) string { return roster.RevocationPath(s.Snapshot.Key.ID()) }
	for name, spoil := range map[string]func(*server){
		"not signed":   func(s *server) { s.Files[path(s)+".asc"] = rostertest.Sign(t, s.Files[path(s)], thief) },
		"malformed":    func(s *server) { s.Files[path(s)] = []byte("{}") },
		"endless":      func(s *server) { s.Files[path(s)] = make([]byte, roster.MaxRevocation+1) },
		"no signature": func(s *server) { delete(s.Files, path(s)+".asc") },
		"another key's": func(s *server) {
			s.RevokeOnline(s.Countersign.Key)
			other := roster.RevocationPath(s.Countersign.Key.ID())
			s.Files[path(s)], s.Files[path(s)+".asc"] = s.Files[other], s.Files[other+".asc"]
			delete(s.Files, other)
		},
		"unknown roster": func(s *server) {
			doc, err := roster.OnlineRevocation{Repository: s.Repository, Roster: digest.Sum([]byte("none")), Key: roster.Key{PublicKey: s.Snapshot.Key},
				Reason: "stolen", Issued: roster.At(s.Now)}.Format()
			if err != nil {
				t.Fatal(err)
			}
			s.PutSigned(path(s), doc, s.Keyholders...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, example(t))
			u := newUser(t, s)
			s.RevokeOnline(s.Snapshot.Key)
			spoil(s)
			doc := s.Files[path(s)]
			u.wantWheel()
			if !slices.ContainsFunc(u.Steps(), func(s client.Step) bool { return s.Warning && s.Layer == roster.LayerRevocation }) {
				t.Error("the invalid revocation was not reported")
			}
			if u.has(doc) {
				t.Error("the invalid revocation was kept")
			}
		})
	}
}

// A revocation that was signed in advance may name an earlier roster than the
// client's first; it is found by going back along the digests.
func TestRevocationNamesAnEarlierRoster(t *testing.T) {
	setup := func(t *testing.T) (*server, *user) {
		s := serve(t, example(t))
		s.RevokeOnline(s.Snapshot.Key) // under roster 1
		s.Succeed(nil)
		s.Succeed(nil)
		return s, userFrom(t, s, 3)
	}
	t.Run("found", func(t *testing.T) {
		s, u := setup(t)
		_, err := u.refresh()
		refused(t, err, roster.LayerSnapshot, "a snapshot key that is revoked")
		// From now on the directory holds all it needs.
		delete(s.Files, "root/1.json")
		delete(s.Files, "root/2.json")
		delete(s.Files, roster.RevocationPath(s.Snapshot.Key.ID()))
		_, err = u.refresh()
		refused(t, err, roster.LayerSnapshot, "a snapshot key that is revoked")
	})
	t.Run("withheld", func(t *testing.T) {
		s, u := setup(t)
		delete(s.Files, "root/1.json")
		_, err := u.refresh()
		stale(t, err, roster.LayerRoster, "withheld")
	})
	t.Run("another roster of that version", func(t *testing.T) {
		s, u := setup(t)
		other := rostertest.New(t)
		other.Root.SnapshotLifetime++
		draft := other.Draft(other.Root)
		s.PutSigned("root/1.json", draft.Bytes(), other.Keyholders...)
		_, err := u.refresh()
		refused(t, err, roster.LayerRoster, "the digest is not the pinned one")
	})
}

// Every online key that a snapshot names revoked must be found revoked.
func TestSnapshotNamesRevokedKeys(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	stolen := s.Countersign.Key
	s.Revoked = []digest.Digest{digest.Digest(stolen.ID())}
	s.Publish(nil)
	_, err := u.refresh()
	stale(t, err, roster.LayerRevocation, "no valid revocation of it was found")
	if u.has(s.Files["snapshots/2.json"]) {
		t.Error("the snapshot was remembered before all of it verified")
	}
	s.RevokeOnline(stolen)
	if _, err := u.refresh(); err != nil {
		t.Fatal(err)
	}

	// The next roster's revoked counts too, for a client that never saw the
	// revocation; and a key that the roster no longer lists is asked for.
	s.Succeed(func(r *roster.Root) { s.ReplaceOnlineKeys(r, "countersign-2", "snapshot-2") })
	s.Publish(nil)
	delete(s.Files, roster.RevocationPath(stolen.ID()))
	v, err := newUser(t, s).refresh()
	if err != nil {
		t.Fatal(err)
	}
	if !v.Revoked().Has(stolen.Material()) {
		t.Error("the view does not show as revoked what the roster revokes")
	}
}

func TestSnapshotNamesKeyOfAFormerRoster(t *testing.T) {
	s := serve(t, example(t))
	former := s.Countersign.Key
	s.RevokeOnline(former)
	s.Succeed(func(r *roster.Root) { // replaced, without being revoked by the roster
		s.Countersign = rostertest.Person("countersign-2")
		r.OnlineKeys[0].Key.PublicKey = s.Countersign.Key
	})
	s.Revoked = []digest.Digest{digest.Digest(former.ID())}
	s.Publish(nil)
	if _, err := newUser(t, s).refresh(); err != nil {
		t.Fatal(err)
	}
	delete(s.Files, roster.RevocationPath(former.ID()))
	_, err := newUser(t, s).refresh()
	stale(t, err, roster.LayerRevocation, "no valid revocation of it was found")
}

func TestSnapshotIsRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		spoil func(*server)
		words string
	}{
		{"older than remembered", func(s *server) { s.Files["latest"] = []byte("1\n") }, "older than the snapshot that this client remembers"},
		{"same version, other bytes", func(s *server) {
			s.SnapshotVersion = 1
			s.Publish(func(c *roster.SnapshotContent) { c.Expires = roster.At(s.Now.Add(time.Hour)) })
		}, "other bytes than the snapshot of this version"},
		{"by another key", func(s *server) {
			s.Publish(nil)
			s.PutSigned("snapshots/3.json", s.Files["snapshots/3.json"], s.Countersign)
		}, "not signed by any snapshot key"},
		{"of another version", func(s *server) {
			s.PutSigned("snapshots/3.json", s.Files["snapshots/2.json"], s.Snapshot)
			s.Files["latest"] = []byte("3\n")
		}, "it says that it is another version"},
		{"lives too long", func(s *server) {
			s.Publish(func(c *roster.SnapshotContent) { c.Expires = roster.At(s.Now.Add(25 * time.Hour)) })
		}, "lives longer"},
		{"from the future", func(s *server) {
			s.Publish(func(c *roster.SnapshotContent) { c.Issued = roster.At(s.Now.Add(6 * time.Minute)) })
		}, "issued in the future"},
		{"latest without line end", func(s *server) { s.Files["latest"] = []byte("2") }, "malformed"},
		{"latest with a sign", func(s *server) { s.Files["latest"] = []byte("+2\n") }, "malformed"},
		{"latest with a zero", func(s *server) { s.Files["latest"] = []byte("02\n") }, "malformed"},
		{"latest is zero", func(s *server) { s.Files["latest"] = []byte("0\n") }, "malformed"},
		{"latest beyond 2^53", func(s *server) { s.Files["latest"] = []byte("9007199254740992\n") }, "malformed"},
		{"latest too long", func(s *server) { s.Files["latest"] = []byte("000000000000000002\n") }, "too long"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, example(t))
			s.Publish(nil)
			u := newUser(t, s)
			u.wantWheel()
			before := files(t, u.State)
			good := map[string][]byte{"latest": s.Files["latest"], "snapshots/2.json": s.Files["snapshots/2.json"]}
			tc.spoil(s)
			_, err := u.refresh()
			refused(t, err, roster.LayerSnapshot, tc.words)
			sameFiles(t, u.State, before)
			for path, b := range good {
				s.Files[path] = b
			}
			u.wantWheel()
		})
	}
}

func TestExpiredSnapshot(t *testing.T) {
	s := serve(t, example(t))
	s.Now = s.Now.Add(12 * time.Hour)
	u := newUser(t, s)
	_, err := u.refresh()
	stale(t, err, roster.LayerSnapshot, "expired")
	if u.has(s.Files["snapshots/1.json"]) {
		t.Error("the expired snapshot was remembered")
	}
	s.Now = s.Now.Add(-time.Second)
	u.wantWheel()
	s.Now = s.Now.Add(time.Second) // the remembered one expires like any other
	_, err = u.refresh()
	stale(t, err, roster.LayerSnapshot, "expired")
}

// The snapshot's signature is renewed when the key changes; its bytes stay.
func TestRenewedSignature(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	u.wantWheel()
	s.Succeed(func(r *roster.Root) { s.ReplaceOnlineKeys(r, "countersign-2", "snapshot-2") })
	_, err := u.refresh()
	refused(t, err, roster.LayerSnapshot, "not signed by any snapshot key")
	s.PutSigned("snapshots/1.json", s.Files["snapshots/1.json"], s.Snapshot)
	for range 2 {
		if _, err := u.refresh(); err != nil {
			t.Fatal(err)
		}
	}
	if !u.has(s.Files["snapshots/1.json.asc"]) {
		t.Error("the renewed signature was not kept")
	}
}

// A snapshot under a later roster than the one reached sends the client back
// to walk, once.
func TestSnapshotUnderALaterRoster(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	u.wantWheel()
	s.Succeed(nil)
	s.Publish(nil)
	s.Requests()
	late := s.Files["root/2.json"]
	delete(s.Files, "root/2.json")
	asked := 0
	s.Before = func(path string) { // the roster appears while the client is under way
		if path == "latest" {
			if asked++; asked == 1 {
				s.Files["root/2.json"] = late
			}
		}
	}
	v, err := u.refresh()
	if err != nil || v.Roster().Version() != 2 {
		t.Fatalf("got %v (%v), want roster 2", v, err)
	}

	s.Succeed(nil)
	s.Publish(nil)
	delete(s.Files, "root/3.json")
	s.Requests()
	_, err = u.refresh()
	stale(t, err, roster.LayerSnapshot, "made under root roster 3")
	if n := count(s.Requests(), "latest"); n != 2 {
		t.Errorf("asked %d times, want twice", n)
	}
}

func TestNoNetwork(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	s.URL = "http://127.0.0.1:1"
	_, err := u.refresh()
	stale(t, err, roster.LayerRoster, "cannot be fetched")
}

func count(all []string, want string) (n int) {
	for _, s := range all {
		if s == want {
			n++
		}
	}
	return n
}

// Another program holds the lock: a client waits, as long as its context lets it.
func TestLockIsHeld(t *testing.T) {
	u := newUser(t, serve(t, example(t)))
	held, err := durable.Lock(t.Context(), u.State+"/lock")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { _, err := u.refresh(); done <- err }()
	select {
	case err := <-done:
		t.Fatalf("the refresh did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := held.Release(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func sameFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := files(t, dir)
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("state file %s is gone", name)
		}
	}
	for name, b := range got {
		if old, ok := want[name]; !ok || old != b {
			t.Errorf("state file %s is new or changed: %s", name, fmt.Sprintf("%.200q", b))
		}
	}
}
