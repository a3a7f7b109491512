package conformance

import (
	"strings"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// The package that most cases are about.
const (
	sample  = "sample"
	wheel   = "sample-1.0-py3-none-any.whl"
	content = "the wheel of sample 1.0\n"

	other      = "other"
	otherWheel = "other-1.0-py3-none-any.whl"
)

var (
	alice, bob, carol  = rostertest.Person("Alice"), rostertest.Person("Bob"), rostertest.Person("Carol")
	dave, erin, frank  = rostertest.Person("Dave"), rostertest.Person("Erin"), rostertest.Person("Frank")
	grace, heidi       = rostertest.Person("Grace"), rostertest.Person("Heidi")
	mallory            = rostertest.Person("Mallory")
	signers            = rostertest.People
	rosterTwo          = roster.RosterPath(2)
	snapshotOne        = roster.SnapshotPath(1)
	everyOutcome       = "established,remembered,new,unsigned,frozen,yanked"
	second, minute, hr = time.Second, time.Minute, time.Hour
)

// claimed is an index in which Dave has claimed sample and released 1.0.
func claimed(r *Repo) {
	claim(r)
	r.Publish(nil)
}

func claim(r *Repo) {
	r.Claim(sample, dave)
	r.Release(sample, wheel, content, dave)
}

// anchored is claimed, and root roster 2 anchors it.
func anchored(r *Repo) {
	claimed(r)
	r.Anchor()
	r.Publish(nil)
}

// followed is claimed, and root roster 2 says nothing new.
func followed(r *Repo) {
	claim(r)
	r.Succeed(nil)
	r.Publish(nil)
}

// shared is an index in which Dave, Erin and Frank claimed sample, two of
// whom make the next list, and Dave released 1.0.
func shared(r *Repo) {
	c := r.FirstList(sample, dave, erin, frank)
	c.Threshold = 2
	r.PutList(c, dave, erin, frank)
	r.Release(sample, wheel, content, dave)
}

// nextList publishes the successor of sample's list, and a snapshot.
func nextList(r *Repo, maintainers, by []*rostertest.Signer) *roster.List {
	r.T.Helper()
	l := r.PutList(r.NextList(sample, maintainers...), by...)
	r.Publish(nil)
	return l
}

// key is a signer's key as documents hold it.
func key(s *rostertest.Signer) roster.Key { return roster.Key{PublicKey: s.Key} }

// replace returns an edit that puts new in place of the first old.
func replace(old, now string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, now, 1) }
}

// latest is the path of the newest snapshot.
func latest(r *Repo) string { return roster.SnapshotPath(r.SnapshotVersion) }
