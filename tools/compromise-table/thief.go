package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

const mallory = "Mallory"

// A compromise is a set of keys in the wrong hands. Whoever has one also
// stands between the client and the index, and has a copy of all that was ever
// published.
type compromise struct {
	id          string
	snapshot    bool
	countersign bool
	target      string   // the established package that is attacked
	maintainers []string // whose keys are stolen
	keyholders  []string // whose cards and PINs are stolen
	sealed      bool     // the sealed revocations too, as a keyholder has them
}

// compromises are the sets that are played: the rows of the design's promise,
// and the combinations of PEP 480's Table 1 that have a counterpart.
var compromises = []compromise{
	{id: "network", target: solo},
	{id: "snapshot", target: solo, snapshot: true},
	{id: "countersign", target: solo, countersign: true},
	{id: "online", target: solo, snapshot: true, countersign: true},
	{id: "dropped", target: moved, maintainers: []string{"Olga"}},
	{id: "online+dropped", target: moved, snapshot: true, countersign: true, maintainers: []string{"Olga"}},
	{id: "keyholder", target: solo, keyholders: []string{"Alice"}, sealed: true},
	{id: "online+keyholder", target: solo, snapshot: true, countersign: true, keyholders: []string{"Alice"}, sealed: true},
	{id: "maintainer-1", target: solo, maintainers: []string{"Dora"}},
	{id: "maintainer-2", target: pair, maintainers: []string{"Dora"}},
	{id: "online+maintainer-1", target: solo, snapshot: true, countersign: true, maintainers: []string{"Dora"}},
	{id: "online+maintainer-2", target: pair, snapshot: true, countersign: true, maintainers: []string{"Dora"}},
	{id: "quorum", target: solo, keyholders: []string{"Alice", "Bob"}, sealed: true},
}

// A thief holds the keys of a compromise and changes a copy of the index with
// them. Wherever a key is needed that is not among them, Mallory's own signs.
type thief struct {
	*world
	keys compromise
	name string // the package that is attacked
}

// newThief returns a thief of the index as it is at a time.
func newThief(w *world, c compromise, name string, at time.Time) *thief {
	t := &thief{w.clone(), c, name}
	t.Now = at
	t.Snapshot, t.Countersign = own("snapshot"), own("countersign")
	if c.snapshot {
		t.Snapshot = rostertest.Person("snapshot-1")
	}
	if c.countersign {
		t.Countersign = rostertest.Person("countersign-1")
	}
	return t
}

// submitter returns a thief whose documents an index accepts that checks
// nothing and signs everything: the client alone has to refuse.
func submitter(w *world, c compromise, name string) *thief { return &thief{w, c, name} }

// own is one of Mallory's keys.
func own(role string) *rostertest.Signer { return rostertest.Person(mallory + "'s " + role) }

// maintainers are the stolen maintainers' keys and Mallory's.
func (t *thief) maintainers() []*rostertest.Signer {
	return append(rostertest.People(t.keys.maintainers...), rostertest.Person(mallory))
}

// publish signs a snapshot of the thief's map, as long as the roster allows.
func (t *thief) publish() {
	t.Publish(func(c *roster.SnapshotContent) {
		c.Expires = roster.At(t.Now.Add(24 * time.Hour))
		c.Roster = t.Root.Version
	})
}

// seize publishes a next roster: the thief's online keys, an anchor made of
// the thief's map, and Mallory's friends beside the stolen keyholders.
func (t *thief) seize() {
	next := t.Next()
	people := rostertest.People(append(slices.Clone(t.keys.keyholders), "Mallory's friend", "Mallory's aunt")...)
	rostertest.SetKeyholders(&next, people...)
	t.ReplaceOnlineKeys(&next, "Mallory's countersign", "Mallory's snapshot")
	next.Revoked = t.Root.Revoked
	next.Anchor, next.Threshold, next.SnapshotFloor = t.Map().Root, 2, t.Root.SnapshotFloor+1
	t.PutSigned(roster.RosterPath(next.Version), t.Draft(next).Bytes(), people...)
	t.Root = next
	t.publish()
}

// release publishes a release of the attacked package with Mallory's bytes.
func (t *thief) release(version string, signers ...*rostertest.Signer) {
	t.Release(t.name, file(t.name, version), evilBytes(t.name, version), signers...)
}

// upload adds a file with Mallory's bytes, unsigned.
func (t *thief) upload(version string) {
	t.Upload(t.name, file(t.name, version), evilBytes(t.name, version))
}

// back makes the attacked package what it was at a snapshot.
func (t *thief) back(to uint64) {
	if p, ok := t.past[to][t.name]; ok {
		one := *p
		t.Packages[t.name] = &one
	}
}

// backIndex does so with the index alone.
func (t *thief) backIndex(to uint64) {
	if p, ok := t.past[to][t.name]; ok {
		t.Package(t.name).Index = p.Index
	} else {
		x, err := roster.NewIndex(t.Repository, t.name)
		if err != nil {
			t.T.Fatal(err)
		}
		t.Package(t.name).Index = x
	}
}

// claim publishes a first list by which Mallory maintains the package.
func (t *thief) claim() {
	c := t.FirstList(t.name, rostertest.Person(mallory))
	c.Inherits = t.Package(t.name).Index.Inheritance()
	t.PutList(c, rostertest.Person(mallory))
}

// succeed publishes a list by which Mallory maintains the package, after a
// list of it, signed with what there is.
func (t *thief) succeed(after *roster.List) {
	c := t.FirstList(t.name, rostertest.Person(mallory))
	c.Version, c.Previous = t.Packages[t.name].List.Version()+1, roster.Ref{Digest: after.Digest()}
	t.PutList(c, t.maintainers()...)
}

// latest points at an older snapshot.
func (t *thief) latest(version uint64) { t.Put(roster.LatestPath, fmt.Appendf(nil, "%d\n", version)) }

// swapIn puts Mallory's bytes where the honest file is.
func (t *thief) swapIn(version string) {
	honest := []byte(honestBytes(t.name, version))
	t.Put(roster.FilePath(digest.Sum(honest), file(t.name, version)), []byte(evilBytes(t.name, version)))
}

// revokeOnline publishes revocations of the online keys, with the signatures
// that the thief can make.
func (t *thief) revokeOnline() {
	if !t.keys.sealed {
		t.Keyholders = append(rostertest.People(t.keys.keyholders...), own("friend"), own("aunt"))
	}
	t.RevokeOnline(rostertest.Person("snapshot-1").Key)
	t.RevokeOnline(rostertest.Person("countersign-1").Key)
}

// status withdraws the package.
func (t *thief) status(s tree.Status) { t.Package(t.name).Status = s }
