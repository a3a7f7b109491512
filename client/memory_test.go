package client_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// succession publishes the next list of the package, by its maintainers, and
// a snapshot.
func succession(s *server, by *rostertest.Signer, maintainers ...*rostertest.Signer) *roster.List {
	s.T.Helper()
	signers := append([]*rostertest.Signer{by}, slices.DeleteFunc(slices.Clone(maintainers), func(m *rostertest.Signer) bool { return m == by })...)
	l := s.PutList(s.NextList(pkg, maintainers...), signers...)
	s.Publish(nil)
	return l
}

// setList makes the package's current list one that was published already.
func setList(s *server, l *roster.List) {
	s.Packages[pkg].List = l
	s.Publish(nil)
}

// reclaim publishes another version 1 of the package's list, by the thief of
// the online keys.
func reclaim(s *server) *roster.List {
	s.T.Helper()
	l := s.Claim(pkg, thief)
	s.Publish(nil)
	return l
}

// override publishes a list that the root puts in the place of the current
// one, anchors it, and publishes a snapshot.
func override(s *server, owner *rostertest.Signer) *roster.List {
	s.T.Helper()
	l := s.PutList(s.NextList(pkg, owner), owner)
	s.Anchor()
	s.Publish(nil)
	return l
}

// changeFloor publishes a roster that changes snapshot_floor.
func changeFloor(s *server) {
	s.T.Helper()
	s.Succeed(func(r *roster.Root) { r.SnapshotFloor = s.SnapshotVersion + 100 })
	s.Publish(nil)
}

// The design's table of clients, row by row and column by column.
func TestClientTable(t *testing.T) {
	t.Parallel()
	anchored := func(t *testing.T) *server {
		s := serve(t, example(t))
		s.Anchor()
		s.Publish(nil)
		return s
	}

	t.Run("new, list in the anchor: follow from the anchored list", func(t *testing.T) {
		s := anchored(t)
		newUser(t, s).wantOutcome(client.Established)
		succession(s, dora, erin)
		newUser(t, s).wantOutcome(client.Established)
		reclaim(s)
		_, err := newUser(t, s).outcome()
		refused(t, err, roster.LayerList, "no succession leads here from the anchored list")
	})
	t.Run("new, neither: new or unsigned; policy", func(t *testing.T) {
		s := serve(t, example(t))
		newUser(t, s).wantOutcome(client.New)
		u := newUser(t, s)
		u.Accept = "established"
		_, err := u.outcome()
		isOutcome(t, err, client.New)
		s.Packages[pkg].List = nil
		s.Publish(nil)
		_, err = newUser(t, s).outcome()
		isOutcome(t, err, client.Unsigned)
	})

	t.Run("remembering, list in the anchor: also through the remembered list", func(t *testing.T) {
		s := anchored(t)
		u := newUser(t, s)
		first := s.Packages[pkg].List
		second := succession(s, dora, dora, erin)
		u.wantOutcome(client.Established)
		setList(s, first)
		_, err := u.outcome()
		refused(t, err, roster.LayerMemory, "neither the one that this client remembers nor one that follows it")
		setList(s, second)
		succession(s, erin, erin)
		u.wantOutcome(client.Established)
	})
	t.Run("remembering, not in the anchor: from version 1 through the remembered list", func(t *testing.T) {
		s := serve(t, example(t))
		u := newUser(t, s)
		u.wantOutcome(client.New)
		u.wantOutcome(client.Remembered)
		first := s.Packages[pkg].List
		second := succession(s, dora, dora, erin)
		u.wantOutcome(client.Remembered)
		setList(s, first)
		_, err := u.outcome()
		refused(t, err, roster.LayerMemory, "neither the one that this client remembers")
		setList(s, second)
		u.wantOutcome(client.Remembered)
	})
	t.Run("remembering, not in the anchor: another version 1 is refused", func(t *testing.T) {
		s := serve(t, example(t))
		u := newUser(t, s)
		u.wantOutcome(client.New)
		reclaim(s)
		_, err := u.outcome()
		refused(t, err, roster.LayerMemory, "neither the one that this client remembers")
	})
	t.Run("remembering, not in the anchor: absent is refused", func(t *testing.T) {
		s := serve(t, example(t))
		u := newUser(t, s)
		u.Accept = "new,unsigned,remembered"
		u.wantOutcome(client.New)
		p := s.Packages[pkg]
		p.List = nil
		s.Publish(nil)
		_, err := u.outcome()
		refused(t, err, roster.LayerMemory, "the index shows none")
		delete(s.Packages, pkg)
		s.Publish(nil)
		_, err = u.outcome()
		refused(t, err, roster.LayerMemory, "absent from the index")
	})
	t.Run("remembering, neither: new or unsigned; policy", func(t *testing.T) {
		s := serve(t, example(t))
		u := newUser(t, s)
		if _, err := u.refresh(); err != nil {
			t.Fatal(err)
		}
		u.wantOutcome(client.New)
	})

	t.Run("long offline, list in the anchor: what does not descend from it is forgotten", func(t *testing.T) {
		s := anchored(t)
		u := newUser(t, s)
		succession(s, dora, dora, erin)
		u.wantOutcome(client.Established) // remembers version 2
		override(s, rostertest.Person("Frank"))
		u.wantOutcome(client.Established)
	})
	t.Run("long offline, list in the anchor: a remembered one that it follows is left behind", func(t *testing.T) {
		s := serve(t, example(t))
		u := newUser(t, s)
		u.wantOutcome(client.New) // remembers version 1
		succession(s, dora, erin)
		s.Anchor()
		s.Publish(nil)
		u.wantOutcome(client.Established)
	})
	t.Run("long offline, not in the anchor: binds as before", func(t *testing.T) {
		s := serve(t, example(t))
		u := newUser(t, s)
		u.wantOutcome(client.New)
		s.Succeed(nil)
		s.Succeed(nil)
		u.wantOutcome(client.Remembered)
		reclaim(s)
		_, err := u.outcome()
		refused(t, err, roster.LayerMemory, "neither the one that this client remembers")
	})
	t.Run("long offline, not in the anchor, floor changed: forgotten, then new", func(t *testing.T) {
		s := serve(t, example(t))
		u := newUser(t, s)
		u.wantOutcome(client.New)
		changeFloor(s)
		s.Succeed(nil)
		reclaim(s)
		u.wantOutcome(client.New)
	})
	t.Run("long offline, neither: new or unsigned; policy", func(t *testing.T) {
		s := serve(t, rostertest.New(t))
		s.Upload(pkg, wheel, content)
		s.Publish(nil)
		u := newUser(t, s)
		u.Accept = "unsigned,new"
		u.wantOutcome(client.Unsigned)
		s.Succeed(nil)
		s.Claim(pkg, dora)
		s.Publish(nil)
		u.wantOutcome(client.New)
	})
}

// "Each ... remembered as soon as they themselves verified, in this order, and
// a later refusal does not undo it."
func TestRememberedInOrder(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	u.wantWheel()

	// A roster, whatever becomes of the snapshot.
	s.Succeed(nil)
	delete(s.Files, "latest")
	_, err := u.refresh()
	stale(t, err, roster.LayerSnapshot, "withheld")
	if !u.has(s.Files["root/2.json"]) {
		t.Error("the roster was not remembered")
	}

	// A revocation, whatever becomes of the snapshot.
	s.RevokeOnline(s.Countersign.Key)
	_, err = u.refresh()
	stale(t, err, roster.LayerSnapshot, "withheld")
	if !u.has(s.Files[roster.RevocationPath(s.Countersign.Key.ID())]) {
		t.Error("the revocation was not remembered")
	}

	// A snapshot, whatever becomes of the package; and the index, whatever
	// becomes of the list, whose countersignature is by a revoked key.
	s.Release(pkg, "example-1.1-py3-none-any.whl", "1.1", dora)
	s.Publish(nil)
	_, err = u.get(pkg, wheel)
	refused(t, err, roster.LayerList, "a countersign key that is revoked")
	if !u.has(s.Files["snapshots/2.json"]) {
		t.Error("the snapshot was not remembered")
	}
	if !u.has(s.Packages[pkg].Index.Bytes()) {
		t.Error("the index was not remembered")
	}
}

// A list, whatever becomes of the release.
func TestListIsRememberedBeforeTheRelease(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	_, err := u.get(pkg, "example-9.9-py3-none-any.whl")
	refused(t, err, roster.LayerIndex, "no line names file")
	u.wantOutcome(client.Remembered)
}

// "A list that policy refused is not remembered."
func TestPolicyRefusedListIsNotRemembered(t *testing.T) {
	for name, spoil := range map[string]func(*server, *user){
		"new": func(s *server, u *user) { u.Accept = "established,remembered" },
		"frozen": func(s *server, u *user) {
			u.Accept = "established,remembered,new"
			s.PutList(roster.ListContent{Repository: s.Repository, Package: pkg, Version: 2, Issued: roster.At(s.Now),
				Previous: roster.Ref{Digest: s.Packages[pkg].List.Digest()}, Inherits: s.Packages[pkg].Index.Inheritance()}, dora)
			s.Publish(nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, example(t))
			u := newUser(t, s)
			spoil(s, u)
			_, err := u.outcome()
			isOutcome(t, err, client.Outcome(name))
			if u.has(s.Packages[pkg].List.Bytes()) {
				t.Error("the list was remembered")
			}
			u.Accept = "new,frozen" // not remembered, so still new
			u.wantOutcome(client.New)
		})
	}
}

// "A remembered list binds while it stands from the newest anchor; one that
// does not is forgotten, whatever its version."
func TestListThatNoLongerStandsIsForgotten(t *testing.T) {
	s := serve(t, example(t))
	s.Anchor()
	s.Publish(nil)
	u := newUser(t, s)
	u.wantOutcome(client.Established)
	first := s.Packages[pkg].List

	// A thief of Dora's key makes list 5, which the client takes and remembers.
	c := s.NextList(pkg, thief)
	c.Version = 5
	s.PutList(c, dora, thief)
	s.Publish(nil)
	u.wantOutcome(client.Established)

	// Dora revokes her key, so list 5 no longer stands, and list 1, which does
	// because it is anchored, is accepted again.
	s.Packages[pkg].List = first
	s.RevokeKey(dora, pkg)
	s.Publish(nil)
	u.wantOutcome(client.Established)
}

// "The client keeps those lists, and asks no server whether they stand."
func TestRememberedListsAreJudgedWithoutAServer(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	u.wantOutcome(client.New)
	succession(s, dora, erin)
	succession(s, erin, erin, dora)
	u.wantOutcome(client.Remembered)
	for path := range s.Files {
		if strings.HasPrefix(path, "lists/") {
			delete(s.Files, path)
		}
	}
	s.Requests()
	l := reclaim(s)
	_, err := u.outcome()
	refused(t, err, roster.LayerMemory, "neither the one that this client remembers")
	for _, path := range s.Requests() {
		if strings.HasPrefix(path, "lists/") && !strings.HasPrefix(path, roster.ListPath(pkg, l.Digest())) {
			t.Errorf("asked for %s, which it keeps", path)
		}
	}
}

// A standing list can gain signatures later; those kept may then be too few.
func TestSignaturesAreAddedToAStandingList(t *testing.T) {
	s := serve(t, rostertest.New(t))
	c := s.FirstList(pkg, dora, erin)
	s.PutList(c, dora, erin)
	s.Release(pkg, wheel, content, erin)
	next := s.NextList(pkg, dora, erin)
	s.PutList(next, dora)
	s.Publish(nil)
	u := newUser(t, s)
	u.wantOutcome(client.New)

	s.RevokeKey(dora, pkg)
	s.Publish(nil)
	_, err := u.outcome()
	refused(t, err, roster.LayerList, "not approved by the maintainers of version 1")

	list := s.Packages[pkg].List
	s.PutSigned(roster.ListPath(pkg, list.Digest()), list.Bytes(), dora, erin)
	u.wantOutcome(client.New) // the list kept did not stand, so it was forgotten
	u.wantOutcome(client.Remembered)
}

// "A roster that changes snapshot_floor makes clients forget what only the
// online keys vouched for ...; never revocations."
func TestFloorChangeForgets(t *testing.T) {
	t.Run("the snapshot's version", func(t *testing.T) {
		s := serve(t, example(t))
		s.Publish(func(c *roster.SnapshotContent) { c.Version = 1 << 52 }) // a thief runs ahead
		u := newUser(t, s)
		u.wantWheel()
		s.SnapshotVersion = 1
		s.Publish(nil)
		_, err := u.refresh()
		refused(t, err, roster.LayerSnapshot, "older than the snapshot that this client remembers")
		changeFloor(s)
		u.wantWheel()
		if u.has(s.Files[roster.SnapshotPath(1<<52)]) {
			t.Error("the thief's snapshot is still there")
		}
	})
	t.Run("a floor that comes down", func(t *testing.T) {
		s := serve(t, example(t))
		changeFloor(s)
		u := newUser(t, s)
		u.wantWheel()
		s.SnapshotVersion = 1
		s.Succeed(func(r *roster.Root) { r.SnapshotFloor = 0 })
		s.Publish(nil)
		u.wantWheel()
	})
	t.Run("a floor that went away and came back while the client was away", func(t *testing.T) {
		s := serve(t, example(t))
		u := newUser(t, s)
		u.wantOutcome(client.New)
		s.Succeed(func(r *roster.Root) { r.SnapshotFloor = 1 })
		s.Succeed(func(r *roster.Root) { r.SnapshotFloor = 0 })
		reclaim(s)
		u.wantOutcome(client.New)
	})
	t.Run("the length of each index", func(t *testing.T) {
		s := serve(t, example(t))
		s.Anchor()
		s.Publish(nil)
		u := newUser(t, s)
		short := s.Packages[pkg].Index
		s.Upload(pkg, "example-6.6-py3-none-any.whl", "a thief's line") // beyond the anchored index
		s.Publish(nil)
		u.wantWheel()
		s.Packages[pkg].Index = short
		s.Publish(nil)
		_, err := u.get(pkg, wheel)
		refused(t, err, roster.LayerIndex, "does not extend the index that this client remembers")
		changeFloor(s)
		u.wantWheel()
	})
	t.Run("never revocations", func(t *testing.T) {
		s := serve(t, example(t))
		u := newUser(t, s)
		s.RevokeKey(dora, pkg)
		s.Publish(nil)
		_, err := u.get(pkg, wheel)
		refused(t, err, roster.LayerManifest, "not signed by the maintainers")
		s.RevokeOnline(rostertest.Person("countersign-1").Key)
		_, err = u.get(pkg, wheel)
		refused(t, err, roster.LayerList, "a countersign key that is revoked")
		changeFloor(s)
		for path := range s.Files {
			if strings.Contains(path, "revocations/") {
				delete(s.Files, path)
			}
		}
		v, err := u.refresh()
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []*rostertest.Signer{dora, rostertest.Person("countersign-1")} {
			if !v.Revoked().Has(k.Key.Material()) {
				t.Errorf("the revocation of %s's key is forgotten", k.Name)
			}
		}
	})
	t.Run("not the lists of a name that the anchor holds", func(t *testing.T) {
		s := serve(t, example(t))
		s.Anchor()
		s.Publish(nil)
		u := newUser(t, s)
		first := s.Packages[pkg].List
		succession(s, dora, dora, erin)
		u.wantOutcome(client.Established)
		changeFloor(s)
		setList(s, first)
		_, err := u.outcome()
		refused(t, err, roster.LayerMemory, "neither the one that this client remembers")
	})
}

// A maintainer's revocation counts for every package, wherever it was seen.
func TestKeyRevocationCountsEverywhere(t *testing.T) {
	s := serve(t, example(t))
	s.Claim("other", dora, erin)
	s.RevokeKey(dora, "other")
	s.Publish(nil)
	u := newUser(t, s)
	u.wantWheel() // the client has not seen it
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Package(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	_, err = v.Authorise(t.Context(), pkg, wheel)
	refused(t, err, roster.LayerManifest, "not signed by the maintainers")
}

// Lists and manifests have no expiry.
func TestOldListsStillCount(t *testing.T) {
	s := serve(t, example(t))
	s.Anchor()
	for range 2 {
		s.Now = s.Now.AddDate(0, 11, 0)
		s.Succeed(nil)
	}
	s.Publish(nil)
	u := newUser(t, s)
	u.wantWheel()
}

// Two views of one state: the older one looks again before it judges.
func TestAnotherProgramRefreshed(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	old, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	s.Release(pkg, "example-1.1-py3-none-any.whl", "1.1", dora)
	succession(s, dora, dora, erin)
	u.wantWheel() // remembers a longer index and list 2
	if _, err := u.download(old, pkg, wheel); err != nil {
		t.Fatalf("the older view: %v", err)
	}
	if got := old.Snapshot().Version(); got != 2 {
		t.Errorf("the older view is at snapshot %d, want 2", got)
	}
}

func TestKnown(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	r, snapshot, err := u.open().Known(t.Context())
	if err != nil || r.Version() != 1 || snapshot != 0 {
		t.Fatalf("got %v, %d, %v; want roster 1 and no snapshot", r, snapshot, err)
	}
	s.Now = s.Now.Add(time.Minute)
	s.Succeed(nil)
	s.Publish(nil)
	u.wantWheel()
	s.Requests()
	r, snapshot, err = u.open().Known(t.Context())
	if err != nil || r.Version() != 2 || snapshot != 2 {
		t.Fatalf("got %v, %d, %v; want roster 2 and snapshot 2", r, snapshot, err)
	}
	if got := s.Requests(); len(got) > 0 {
		t.Errorf("asked for %q, want no request", got)
	}
}
