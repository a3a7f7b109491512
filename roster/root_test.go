package roster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

func TestDraftRefusesWhatContradictsTheFormat(t *testing.T) {
	x := rostertest.New(t)
	long := x.Now.AddDate(1, 0, 0)
	for name, c := range map[string]struct {
		edit func(*roster.Root)
		want string
	}{
		"repository in capitals":   {func(r *roster.Root) { r.Repository = "Packages.example" }, "lower-case DNS name"},
		"version zero":             {func(r *roster.Root) { r.Version = 0 }, "version is 0"},
		"version too large":        {func(r *roster.Root) { r.Version, r.Previous = 1<<53, ref(x.Pin()) }, "wanted 1 to 2^53-1"},
		"first with a previous":    {func(r *roster.Root) { r.Previous = ref(x.Pin()) }, "empty previous"},
		"later without one":        {func(r *roster.Root) { r.Version = 2 }, "empty previous"},
		"expires when issued":      {func(r *roster.Root) { r.Expires = r.Issued }, "is not before expires"},
		"no snapshot lifetime":     {func(r *roster.Root) { r.SnapshotLifetime = 0 }, "snapshot_lifetime is 0"},
		"long snapshot lifetime":   {func(r *roster.Root) { r.SnapshotLifetime = 31 * 24 * 3600 }, "snapshot_lifetime is"},
		"floor too large":          {func(r *roster.Root) { r.SnapshotFloor = 1 << 53 }, "snapshot_floor is"},
		"no anchor":                {func(r *roster.Root) { r.Anchor = digest.Digest{} }, "digest is missing"},
		"threshold zero":           {func(r *roster.Root) { r.Threshold = 0 }, "threshold is 0"},
		"threshold negative":       {func(r *roster.Root) { r.Threshold = -1 }, "threshold is -1"},
		"threshold above people":   {func(r *roster.Root) { r.Threshold = 4 }, "threshold is 4"},
		"nobody":                   {func(r *roster.Root) { r.Keyholders = nil }, "threshold is 2"},
		"one name for two":         {func(r *roster.Root) { r.Keyholders[1].Name = "Alice" }, `two people are named "Alice"`},
		"one key for two":          {func(r *roster.Root) { r.Keyholders[1].Key = key(person("Alice")) }, "wanted each key once"},
		"one key in two packets":   {func(r *roster.Root) { r.Keyholders[1].Key = key(person("Alice").Repacked()) }, "wanted each key once"},
		"keyholder is online key":  {func(r *roster.Root) { r.Keyholders[1].Key = key(x.Snapshot) }, "wanted each key once"},
		"one key for both roles":   {func(r *roster.Root) { r.OnlineKeys[1].Key = r.OnlineKeys[0].Key }, "wanted each key once"},
		"unknown role":             {func(r *roster.Root) { r.OnlineKeys[1].Role = "timestamp" }, `role "timestamp"`},
		"no snapshot key":          {func(r *roster.Root) { r.OnlineKeys = r.OnlineKeys[:1] }, `no online key has the role "snapshot"`},
		"online key expires early": {func(r *roster.Root) { r.OnlineKeys[0].Expires = r.OnlineKeys[0].NotBefore }, "is not before expires"},
		"revoked key has a role":   {func(r *roster.Root) { r.Revoked = revoked(x, person("Bob")) }, "wanted each key once"},
		"revoked in other packet":  {func(r *roster.Root) { r.Revoked = revoked(x, x.Snapshot.Repacked()) }, "wanted each key once"},
		"revoked without reason":   {func(r *roster.Root) { r.Revoked = revoked(x, person("Mallory")); r.Revoked[0].Reason = "" }, "reason of a revocation"},
		"attestation is no digest": {func(r *roster.Root) { r.Keyholders[0].Attestation = "yes" }, `attestation is "yes"`},
		"attestation of zeros":     {func(r *roster.Root) { r.Keyholders[0].Attestation = strings.Repeat("0", 64) }, `attestation is "000`},
		"name with an escape":      {func(r *roster.Root) { r.Keyholders[0].Name = "Ali\x1b[2Kce" }, "U+001B"},
		"name turned around":       {func(r *roster.Root) { r.Keyholders[0].Name = "Ali\u202ece" }, "U+202E"},
		"name not NFC":             {func(r *roster.Root) { r.Keyholders[0].Name = "Rene\u0301" }, "normal form C"},
		"name led by a mark":       {func(r *roster.Root) { r.Keyholders[0].Name = "\u0301a" }, "begins with a combining mark"},
		"too many revoked":         {func(r *roster.Root) { r.Revoked = manyRevoked(x, 1025) }, "1025 revoked keys"},
		"name of nothing":          {func(r *roster.Root) { r.Keyholders[0].Name = "" }, "0 bytes"},
		"name too long":            {func(r *roster.Root) { r.Keyholders[0].Name = strings.Repeat("a", 101) }, "101 bytes"},
		"name with two spaces":     {func(r *roster.Root) { r.Keyholders[0].Name = "Alice  A" }, "a space too many"},
		"too many keyholders":      {func(r *roster.Root) { rostertest.SetKeyholders(r, many("holder", 33)...) }, "33 keyholders"},
		"too many online keys":     {func(r *roster.Root) { r.OnlineKeys = online(x, 9) }, "9 online keys"},
	} {
		t.Run(name, func(t *testing.T) {
			r := x.Roster.Root()
			r.Issued, r.Expires = roster.At(x.Now), roster.At(long)
			c.edit(&r)
			if _, err := roster.NewDraft(r); err == nil {
				t.Fatalf("accepted; wanted %s", c.want)
			} else {
				refused(t, err, roster.LayerRoster, c.want)
			}
		})
	}
}

func revoked(x *rostertest.Index, s *rostertest.Signer) []roster.RevokedKey {
	return []roster.RevokedKey{{Key: key(s), Reason: "stolen", At: roster.At(x.Now)}}
}

func many(name string, n int) []*rostertest.Signer {
	var all []*rostertest.Signer
	for i := range n {
		all = append(all, person(fmt.Sprintf("%s %d", name, i)))
	}
	return all
}

func manyRevoked(x *rostertest.Index, n int) []roster.RevokedKey {
	var all []roster.RevokedKey
	for _, s := range many("revoked", n) {
		all = append(all, revoked(x, s)...)
	}
	return all
}

func online(x *rostertest.Index, n int) []roster.OnlineKey {
	var all []roster.OnlineKey
	for _, s := range many("online", n) {
		k := x.Root.OnlineKeys[0]
		k.Key = key(s)
		all = append(all, k)
	}
	return all
}

func TestRosterKeysAreOfHardwareKinds(t *testing.T) {
	x := rostertest.New(t)
	for name, public := range weakKeys(t) {
		k, err := pgp.NewPublicKey(public, rostertest.Epoch)
		accepted(t, err)
		r := x.Roster.Root()
		r.Keyholders[0].Key = roster.Key{PublicKey: k}
		_, err = roster.NewDraft(r)
		t.Log(name)
		refused(t, err, roster.LayerRoster, "wanted P-256, P-384, or RSA of at least 3072 bits")
		r = x.Roster.Root()
		r.OnlineKeys[0].Key = roster.Key{PublicKey: k}
		_, err = roster.NewDraft(r)
		refused(t, err, roster.LayerRoster, "wanted P-256, P-384, or RSA of at least 3072 bits")
	}
}

func TestTrustThePinnedRosterOnly(t *testing.T) {
	x := rostertest.New(t)
	s := x.Signed(roster.RosterPath(1))
	_, err := roster.Trust(s, digest.Sum([]byte("another")), rostertest.EmptyMap())
	refused(t, err, roster.LayerRoster, "the digest is not the pinned one")

	t.Run("a first roster is signed by all its keyholders", func(t *testing.T) {
		s.Signatures = rostertest.Sign(t, s.Document, people("Alice", "Bob")...)
		_, err := roster.Trust(s, x.Pin(), rostertest.EmptyMap())
		refused(t, err, roster.LayerRoster, "a newly listed keyholder has not signed")
	})
	t.Run("and by its threshold", func(t *testing.T) {
		s.Signatures = rostertest.Sign(t, s.Document, person("Alice"))
		_, err := roster.Trust(s, x.Pin(), rostertest.EmptyMap())
		refused(t, err, roster.LayerRoster, "signed by 1 of the 2 people required")
	})
	t.Run("and anchors the empty map", func(t *testing.T) {
		r := x.Roster.Root()
		r.Anchor = digest.Sum([]byte("some map"))
		d := x.Draft(r)
		_, err := roster.Trust(roster.Signed{Document: d.Bytes(), Signatures: rostertest.Sign(t, d.Bytes(), x.Keyholders...)}, d.Digest(), rostertest.EmptyMap())
		refused(t, err, roster.LayerRoster, "must anchor the empty map")
	})
	t.Run("and revokes nothing", func(t *testing.T) {
		r := x.Roster.Root()
		r.Revoked = revoked(x, person("Mallory"))
		d := x.Draft(r)
		_, err := roster.Trust(roster.Signed{Document: d.Bytes(), Signatures: rostertest.Sign(t, d.Bytes(), x.Keyholders...)}, d.Digest(), rostertest.EmptyMap())
		refused(t, err, roster.LayerRoster, "the first roster revokes keys")
	})
	t.Run("a later roster may be pinned, with its own threshold", func(t *testing.T) {
		y := rostertest.New(t)
		r := y.Succeed(nil)
		s := y.Signed(roster.RosterPath(2))
		s.Signatures = rostertest.Sign(t, s.Document, people("Alice", "Carol")...)
		_, err := roster.Trust(s, r.Digest(), rostertest.EmptyMap())
		accepted(t, err)
		s.Signatures = rostertest.Sign(t, s.Document, people("Carol")...)
		_, err = roster.Trust(s, r.Digest(), rostertest.EmptyMap())
		refused(t, err, roster.LayerRoster, "signed by 1 of the 2")
	})
}

// TestSucceed is TUF's table of root rotations: who must sign what.
func TestSucceed(t *testing.T) {
	for _, c := range []struct {
		name    string
		holders []string // of the successor
		m       int
		signers []string
		want    string // "" is accepted
	}{
		{"the same people, two sign", []string{"Alice", "Bob", "Carol"}, 2, []string{"Alice", "Bob"}, ""},
		{"the same people, one signs", []string{"Alice", "Bob", "Carol"}, 2, []string{"Carol"}, "quorum of roster version 1 not met"},
		{"signatures by strangers are ignored", []string{"Alice", "Bob", "Carol"}, 2, []string{"Alice", "Bob", "Mallory"}, ""},
		{"strangers do not count", []string{"Alice", "Bob", "Carol"}, 2, []string{"Alice", "Mallory", "Trudy"}, "quorum of roster version 1 not met"},
		{"one replaced, all sign", []string{"Alice", "Bob", "Dave"}, 2, []string{"Alice", "Bob", "Dave"}, ""},
		{"one replaced, the new one has not consented", []string{"Alice", "Bob", "Dave"}, 2, []string{"Alice", "Bob"}, "a newly listed keyholder has not signed"},
		{"one replaced, one old and the new", []string{"Alice", "Bob", "Dave"}, 2, []string{"Alice", "Dave"}, "quorum of roster version 1 not met"},
		{"one replaced, the leaving one signs for the old", []string{"Alice", "Bob", "Dave"}, 2, []string{"Alice", "Carol", "Dave"}, ""},
		{"all replaced", []string{"Dave", "Erin", "Frank"}, 2, []string{"Alice", "Bob", "Dave", "Erin", "Frank"}, ""},
		{"all replaced, not signed by the old", []string{"Dave", "Erin", "Frank"}, 2, []string{"Dave", "Erin", "Frank"}, "quorum of roster version 1 not met"},
		{"all replaced, not signed by the new", []string{"Dave", "Erin", "Frank"}, 2, []string{"Alice", "Bob", "Carol"}, "quorum of roster version 2 not met"},
		{"threshold up", []string{"Alice", "Bob", "Carol"}, 3, []string{"Alice", "Bob", "Carol"}, ""},
		{"threshold up, by the old threshold", []string{"Alice", "Bob", "Carol"}, 3, []string{"Alice", "Bob"}, "quorum of roster version 2 not met"},
		{"threshold down", []string{"Alice", "Bob", "Carol"}, 1, []string{"Alice", "Bob"}, ""},
		{"threshold down, by the new threshold", []string{"Alice", "Bob", "Carol"}, 1, []string{"Alice"}, "quorum of roster version 1 not met"},
		{"nobody signs", []string{"Alice", "Bob", "Carol"}, 2, []string{"Mallory"}, "quorum of roster version 1 not met"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := rostertest.New(t)
			next := x.Next()
			rostertest.SetKeyholders(&next, people(c.holders...)...)
			next.Threshold = c.m
			d := x.Draft(next)
			r, err := x.Roster.Succeed(roster.Signed{Document: d.Bytes(), Signatures: rostertest.Sign(t, d.Bytes(), people(c.signers...)...)})
			if c.want != "" {
				refused(t, err, roster.LayerRoster, c.want)
				return
			}
			accepted(t, err)
			if r.Version() != 2 || len(r.Approvals()) != 2 || !r.Approvals()[0].For(r.Digest()) {
				t.Errorf("version %d with %d approvals", r.Version(), len(r.Approvals()))
			}
		})
	}
}

func TestSucceedOnlyTheImmediatePredecessor(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(x *rostertest.Index, r *roster.Root)
		want string
	}{
		"a version skipped":      {func(_ *rostertest.Index, r *roster.Root) { r.Version = 3 }, "version 3 does not follow version 1"},
		"another previous":       {func(_ *rostertest.Index, r *roster.Root) { r.Previous = ref(digest.Sum(nil)) }, "previous is another"},
		"another repository":     {func(_ *rostertest.Index, r *roster.Root) { r.Repository = "other.example" }, "it is for another repository"},
		"a rehearsal's":          {func(_ *rostertest.Index, r *roster.Root) { r.Repository = "rehearsal.packages.example" }, "it is for another repository"},
		"revoked keys forgotten": {func(_ *rostertest.Index, r *roster.Root) { r.Revoked = nil }, "revoked keys must be repeated"},
		"reason rewritten":       {func(_ *rostertest.Index, r *roster.Root) { r.Revoked[0].Reason = "retired" }, "revoked keys must be repeated"},
		"revoked another key":    {func(_ *rostertest.Index, r *roster.Root) { r.Revoked[0].Key = key(person("Trudy")) }, "revoked keys must be repeated"},
		"revoked at another time": {func(x *rostertest.Index, r *roster.Root) { r.Revoked[0].At = roster.At(x.Now.Add(time.Hour)) },
			"revoked keys must be repeated"},
	} {
		t.Run(name, func(t *testing.T) {
			x := rostertest.New(t)
			if strings.HasPrefix(name, "revoked") || strings.HasPrefix(name, "reason") {
				x.Succeed(func(r *roster.Root) { r.Revoked = revoked(x, person("Mallory")) })
			}
			next := x.Next()
			c.edit(x, &next)
			d := x.Draft(next)
			_, err := x.Roster.Succeed(roster.Signed{Document: d.Bytes(), Signatures: rostertest.Sign(t, d.Bytes(), x.Keyholders...)})
			refused(t, err, roster.LayerRoster, c.want)
		})
	}
}

// A stolen card cannot complete a draft that throws it out.
func TestKeyRevokedByTheSuccessorCountsForNeitherQuorum(t *testing.T) {
	x := rostertest.New(t)
	next := x.Next()
	rostertest.SetKeyholders(&next, people("Alice", "Carol", "Dave")...)
	next.Revoked = revoked(x, person("Bob"))
	d := x.Draft(next)
	_, err := x.Roster.Succeed(roster.Signed{Document: d.Bytes(), Signatures: rostertest.Sign(t, d.Bytes(), people("Alice", "Bob", "Dave")...)})
	refused(t, err, roster.LayerRoster, `signatures by revoked keys do not count ("Bob")`)
	_, err = x.Roster.Succeed(roster.Signed{Document: d.Bytes(), Signatures: rostertest.Sign(t, d.Bytes(), people("Alice", "Carol", "Dave")...)})
	accepted(t, err)
}

func TestEveryRefusalSaysWhatToDo(t *testing.T) {
	for _, e := range []*roster.Error{{}, {Layer: roster.LayerList}, {Layer: roster.LayerAnchor}, {Stale: true}, {Do: "this"}} {
		if e.Hint() == "" || e.Do != "" && e.Hint() != e.Do {
			t.Errorf("%+v: hint %q", e, e.Hint())
		}
	}
}

func TestCurrentUntilJustBeforeExpires(t *testing.T) {
	x := rostertest.New(t)
	expires := x.Root.Expires.Time
	accepted(t, x.Roster.Current(expires.Add(-time.Nanosecond)))
	stale(t, x.Roster.Current(expires), roster.LayerRoster, "expired")
}

func TestOnlineKeyCountsInItsWindowAndUnrevoked(t *testing.T) {
	x := rostertest.New(t)
	from, to := x.Root.OnlineKeys[1].NotBefore.Time, x.Root.OnlineKeys[1].Expires.Time
	for name, c := range map[string]struct {
		at      time.Time
		revoked roster.Revoked
		want    int
	}{
		"from not_before":             {from, nil, 1},
		"just before not_before":      {from.Add(-time.Nanosecond), nil, 0},
		"just before expires":         {to.Add(-time.Nanosecond), nil, 1},
		"at expires":                  {to, nil, 0},
		"revoked":                     {from, roster.Revoked{x.Snapshot.Key.Material(): "stolen"}, 0},
		"revoked in another packet":   {from, roster.Revoked{x.Snapshot.Repacked().Key.Material(): "stolen"}, 0},
		"the other role's is revoked": {from, roster.Revoked{x.Countersign.Key.Material(): "stolen"}, 1},
	} {
		if got := x.Roster.OnlineKey(roster.RoleSnapshot, c.at, c.revoked); len(got) != c.want {
			t.Errorf("%s: %d keys, wanted %d", name, len(got), c.want)
		}
	}
}
