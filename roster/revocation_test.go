package roster_test

import (
	"testing"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

func TestOpenRevocation(t *testing.T) {
	for _, c := range []struct {
		name    string
		edit    func(x *rostertest.Index, o *roster.OnlineRevocation)
		signers []string
		want    string
	}{
		{"by two keyholders", nil, []string{"Alice", "Carol"}, ""},
		{"by one", nil, []string{"Alice"}, "quorum of roster version 1 not met"},
		{"by one and the key itself", nil, []string{"Alice", "snapshot-1"}, "quorum of roster version 1 not met"},
		{"by the online keys", nil, []string{"snapshot-1", "countersign-1"}, "quorum of roster version 1 not met"},
		{"another repository", func(_ *rostertest.Index, o *roster.OnlineRevocation) { o.Repository = "other.example" }, []string{"Alice", "Bob"}, "for another repository"},
		{"another key", func(x *rostertest.Index, o *roster.OnlineRevocation) { o.Key = key(x.Countersign) }, []string{"Alice", "Bob"}, "it revokes another key"},
		{"the key in another packet", func(x *rostertest.Index, o *roster.OnlineRevocation) { o.Key = key(x.Snapshot.Repacked()) }, []string{"Alice", "Bob"}, "it revokes another key"},
		{"under another roster", func(x *rostertest.Index, o *roster.OnlineRevocation) { o.Roster = rostertest.EmptyMap() }, []string{"Alice", "Bob"}, "under another roster"},
		{"a reason that hides", func(_ *rostertest.Index, o *roster.OnlineRevocation) { o.Reason = "\u202e" }, []string{"Alice", "Bob"}, "malformed reason"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := rostertest.New(t)
			o := roster.OnlineRevocation{Repository: x.Repository, Roster: x.Roster.Digest(), Key: key(x.Snapshot), Reason: "stolen", Issued: roster.At(x.Now)}
			if c.edit != nil {
				c.edit(x, &o)
			}
			doc, err := o.Format()
			accepted(t, err)
			s := roster.Signed{Document: doc, Signatures: rostertest.Sign(t, doc, people(c.signers...)...)}
			r, err := x.Roster.OpenRevocation(s, x.Snapshot.Key.ID())
			if c.want != "" {
				refused(t, err, roster.LayerRevocation, c.want)
				return
			}
			accepted(t, err)
			if r.Key().ID() != x.Snapshot.Key.ID() || r.Reason() != "stolen" {
				t.Errorf("revoked %s: %s", r.Key(), r.Reason())
			}
		})
	}
}

func TestOnlyAnOnlineKeyOfTheRosterIsRevokedSo(t *testing.T) {
	x := rostertest.New(t)
	x.RevokeOnline(person("Dave").Key)
	id := person("Dave").Key.ID()
	_, err := x.Roster.OpenRevocation(x.Signed(roster.RevocationPath(id)), id)
	refused(t, err, roster.LayerRevocation, "lists no such online key")
}

func TestTheReasonOfAKeyRevocationHidesNothing(t *testing.T) {
	dave := person("Dave")
	doc, err := roster.MaintainerRevocation{Repository: rostertest.Repository, Key: key(dave), Reason: "lost\u202e", Issued: roster.At(rostertest.Epoch)}.Format()
	accepted(t, err)
	_, err = roster.OpenKeyRevocation(roster.Signed{Document: doc, Signatures: rostertest.Sign(t, doc, dave)}, rostertest.Repository)
	refused(t, err, roster.LayerRevocation, "malformed reason")
}

func TestOpenKeyRevocation(t *testing.T) {
	x := rostertest.New(t)
	dave := person("Dave")
	for _, c := range []struct {
		name string
		repo string
		key  *rostertest.Signer
		by   *rostertest.Signer
		want string
	}{
		{"by itself", x.Repository, dave, dave, ""},
		{"by another", x.Repository, dave, person("Mallory"), "the key that it revokes has not signed it"},
		{"by the root", x.Repository, dave, person("Alice"), "the key that it revokes has not signed it"},
		{"for another repository", "other.example", dave, dave, "for another repository"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := roster.MaintainerRevocation{Repository: c.repo, Key: key(c.key), Reason: "lost", Issued: roster.At(x.Now)}.Format()
			accepted(t, err)
			_, err = roster.OpenKeyRevocation(roster.Signed{Document: doc, Signatures: rostertest.Sign(t, doc, c.by)}, x.Repository)
			if c.want == "" {
				accepted(t, err)
			} else {
				refused(t, err, roster.LayerRevocation, c.want)
			}
		})
	}
}
