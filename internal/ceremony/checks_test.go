package ceremony

import (
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

const (
	rehearsal      = "rehearsal.packages.example"
	otherRehearsal = "rehearsal.other.example"
)

// A vector turns a good case into one that exactly one check refuses.
type vector struct {
	check string
	what  string
	turn  func(*Case)
}

// reissue moves the roster's dates, and keeps its life as it was.
func reissue(c *Case, to time.Time) {
	life := validity(c)
	c.Plan.Roster.Issued.Time = roster.At(to)
	c.Plan.Roster.Expires.Time = roster.At(to.Add(life))
}

func live(c *Case, life time.Duration) {
	c.Plan.Roster.Expires.Time = roster.At(c.Plan.Roster.Issued.Add(life))
}

func (s *stage) reattest(h *Holder, a attesting) {
	h.Evidence = s.maker.attest(s.t, h.Enrolment.Key.Public(), a)
	roots := x509.NewCertPool()
	roots.AddCert(s.maker.root)
	h.attested, h.attestErr = hsm.CheckAttestation(h.Evidence, roots, h.Enrolment.Key.Public(), first)
}

func (s *stage) revoke(key roster.Key, at time.Time) roster.RevokedKey {
	return roster.RevokedKey{Key: key, Reason: "lost", At: roster.At(at)}
}

// genesisVectors are those that need no previous roster.
func genesisVectors(s *stage) []vector {
	const day = 24 * time.Hour
	stranger := Holder{Name: "Zed", Card: 99, Enrolment: Enrolment{Repository: rehearsal, Holder: "Zed", Serial: 99, Key: packet(s.t, newKey(s.t).Public())}}
	return []vector{
		{"", "as it is", func(*Case) {}},
		{"INPUT-DIGEST", "another file", func(c *Case) { c.Inputs[1].Want = digest.Sum([]byte("other")) }},
		{"", "the right file", func(c *Case) { c.Inputs[1].Want = c.Inputs[1].Digest }},
		{"", "in production", produce},
		{"REHEARSAL-NAME", "production trusts a root of its own", func(c *Case) { produce(c); c.extraRoots = 1 }},
		{"REPOSITORY-MATCH", "an enrolment for another", func(c *Case) { c.Keyholders[1].Enrolment.Repository = otherRehearsal }},
		{"REPOSITORY-MATCH", "online keys for another", func(c *Case) { c.Online[1].repository = otherRehearsal }},
		{"ACT-VERSION", "the first is 2", func(c *Case) { c.Plan.Roster.Version = 2 }},
		{"ACT-ANCHOR", "the first keeps an anchor", func(c *Case) { c.Plan.Anchor = plan.Anchor{Fixed: plan.AnchorKeep} }},
		{"ACT-GENESIS", "somebody leaves", func(c *Case) { c.Outgoing = []Holder{stranger} }},
		{"ACT-GENESIS", "a key is revoked", func(c *Case) { c.Revoke = []roster.RevokedKey{s.revoke(stranger.Enrolment.Key, first)} }},
		{"", "issued a week ahead", func(c *Case) { reissue(c, first.Add(7*day)) }},
		{"ROOT-ISSUED", "a week and a second ahead", func(c *Case) { reissue(c, first.Add(7*day+time.Second)) }},
		{"ROOT-ISSUED", "a week and a second ago", func(c *Case) {
			reissue(c, first.Add(-7*day-time.Second))
			for i := range c.Online {
				c.Online[i].NotBefore = roster.At(first.Add(-8 * day))
			}
		}},
		{"", "clocks compared to the minute", func(c *Case) { c.Plan.Policy.ClockTolerance.D = time.Minute }},
		{"CLOCK-TOLERANCE", "closer than people read", func(c *Case) { c.Plan.Policy.ClockTolerance.D = time.Minute - time.Second }},
		{"CLOCK-TOLERANCE", "wider than clients forgive", func(c *Case) { c.Plan.Policy.ClockTolerance.D = roster.MaxSkew + time.Second }},
		{"", "lives 30 days", func(c *Case) { live(c, 30*day) }},
		{"ROOT-VALIDITY-MIN", "lives a second less", func(c *Case) { live(c, 30*day-time.Second) }},
		{"", "lives 800 days", func(c *Case) { live(c, 800*day) }},
		{"ROOT-VALIDITY-MAX", "lives a second more", func(c *Case) { live(c, 800*day+time.Second) }},
		{"ROOT-THRESHOLD-MIN", "one person is the root", func(c *Case) { c.Plan.Roster.Threshold = 1 }},
		{"ROOT-SPARE", "nobody may be lost", func(c *Case) { c.Plan.Roster.Threshold = 3 }},
		{"", "nobody may be lost, as the policy has it", func(c *Case) { c.Plan.Roster.Threshold, *c.Plan.Policy.SpareMin = 3, 0 }},
		{"", "snapshots live a week", func(c *Case) { c.Plan.Roster.SnapshotLifetime.D = 7 * day }},
		{"SNAPSHOT-LIFETIME", "a second longer", func(c *Case) { c.Plan.Roster.SnapshotLifetime.D = 7*day + time.Second }},
		{"KEYHOLDER-UNIQUE", "two of one name", func(c *Case) { c.Keyholders[1].Name, c.Keyholders[1].Enrolment.Holder = "Alice", "Alice" }},
		{"KEYHOLDER-UNIQUE", "two with one key", func(c *Case) { c.Keyholders[1].Enrolment.Key = c.Keyholders[0].Enrolment.Key }},
		{"ONLINE-KEYS-DISTINCT", "one key in two roles", func(c *Case) { c.Online[1].Key = c.Online[0].Key }},
		{"ONLINE-KEYS-DISTINCT", "a keyholder's key", func(c *Case) { c.Online[1].Key = c.Keyholders[0].Enrolment.Key }},
		{"", "online keys that end with the roster", func(c *Case) { c.Online[1].Expires = c.Plan.Roster.Expires.Time }},
		{"ONLINE-KEYS-WINDOW", "a key that ends a second before", func(c *Case) {
			c.Online[1].Expires = roster.At(c.Plan.Roster.Expires.Add(-time.Second))
		}},
		{"ONLINE-KEYS-WINDOW", "a key that begins a second late", func(c *Case) { c.Online[0].NotBefore = roster.At(first.Add(time.Second)) }},
		{"", "two keys, one after the other", func(c *Case) {
			later := c.Online[1]
			c.Online[1].Expires = roster.At(first.Add(90 * day))
			later.NotBefore, later.Key = c.Online[1].Expires, packet(s.t, newKey(s.t).Public())
			c.Online = append(c.Online, later)
		}},
		{"ONLINE-KEYS-WINDOW", "two keys, and a second between", func(c *Case) {
			later := c.Online[1]
			c.Online[1].Expires = roster.At(first.Add(90 * day))
			later.NotBefore, later.Key = roster.At(c.Online[1].Expires.Add(time.Second)), packet(s.t, newKey(s.t).Public())
			c.Online = append(c.Online, later)
		}},
		{"KEY-ALGORITHM", "P-384 where RSA is wanted", func(c *Case) { c.Plan.Algorithms = []hsm.Algorithm{hsm.RSA3072} }},
	}
}

// cardVectors are about the cards.
func cardVectors(s *stage) []vector {
	attested := func(turn func(*attesting)) func(*Case) {
		return func(c *Case) {
			a := usual(c.Keyholders[1].Card)
			turn(&a)
			s.reattest(&c.Keyholders[1], a)
		}
	}
	none := func(c *Case) {
		c.Keyholders[1].Enrolment.Attesting, c.Keyholders[1].attestErr = roster.NoAttestation, errors.New("none")
	}
	return []vector{
		{"CARD-SERIAL-UNIQUE", "two with one card", func(c *Case) {
			c.Keyholders[1].Card, c.Keyholders[1].Enrolment.Serial = c.Keyholders[0].Card, c.Keyholders[0].Card
			s.reattest(&c.Keyholders[1], usual(c.Keyholders[0].Card))
		}},
		{"CARD-ENROLMENT", "somebody else's", func(c *Case) { c.Keyholders[1].Enrolment.Holder = "Bobby" }},
		{"CARD-ENROLMENT", "another card's", func(c *Case) { c.Keyholders[1].Enrolment.Serial++ }},
		{"CARD-ATTESTED", "by another maker", func(c *Case) {
			good := s.maker
			s.maker = newMaker(s.t)
			evidence := s.maker.attest(s.t, c.Keyholders[1].Enrolment.Key.Public(), usual(c.Keyholders[1].Card))
			s.maker = good
			_, c.Keyholders[1].attestErr = hsm.CheckAttestation(evidence, c.roots(), c.Keyholders[1].Enrolment.Key.Public(), first)
		}},
		{"CARD-ATTESTED", "of another card", attested(func(a *attesting) { a.serial++ })},
		{"CARD-ATTESTED", "none, and not excused", none},
		{"", "none, and excused", func(c *Case) { none(c); c.Plan.CardsWithoutAttestation = []string{"Bob"} }},
		{"CARD-ATTESTED", "excused, and gives one", func(c *Case) { c.Plan.CardsWithoutAttestation = []string{"Bob"} }},
		{"CARD-ATTESTED", "a stranger excused", func(c *Case) { c.Plan.CardsWithoutAttestation = []string{"Zed"} }},
		{"CARD-SLOT", "slot 9a", attested(func(a *attesting) { a.slot = "9a" })},
		{"CARD-PIN-ALWAYS", "PIN once", attested(func(a *attesting) { a.policy[0] = 2 })},
		{"CARD-TOUCH-ALWAYS", "touch cached", attested(func(a *attesting) { a.policy[1] = 3 })},
		{"", "the oldest firmware", attested(func(a *attesting) { a.firmware = [3]byte{5, 7, 0} })},
		{"CARD-FIRMWARE", "older than the plan's", func(c *Case) { c.Plan.MinimumFirmware.Patch = 2 }},
		{"CARD-ADVISORY", "a firmware that leaks", func(c *Case) {
			c.Plan.MinimumFirmware.Firmware = hsm.Firmware{Major: 5, Minor: 4}
			attested(func(a *attesting) { a.firmware = [3]byte{5, 4, 3} })(c)
		}},
		{"", "a firmware that leaks, accepted", func(c *Case) {
			c.Plan.MinimumFirmware.Firmware = hsm.Firmware{Major: 5, Minor: 4}
			c.Plan.AcceptedAdvisories = []string{"YSA-2024-03"}
			attested(func(a *attesting) { a.firmware = [3]byte{5, 4, 3} })(c)
		}},
	}
}

// successionVectors are those that need a previous roster.
func successionVectors(s, other *stage) []vector {
	const day = 24 * time.Hour
	fresh := func() roster.Key { return packet(s.t, newKey(s.t).Public()) }
	theft := func(c *Case) { // of the countersign key; both are replaced
		does(c, plan.Renewal, plan.Reanchor, plan.OnlineTheft)
		c.Revoke = []roster.RevokedKey{s.revoke(c.Online[0].Key, second)}
		c.Online[0].Key, c.Online[1].Key = fresh(), fresh()
	}
	return []vector{
		{"", "as it is", func(*Case) {}},
		{"REPOSITORY-MATCH", "a chain of another", func(c *Case) {
			*c = *other.succession("Alice", "Bob", "Carol")
			c.Plan.Repository, c.Kept.Repository = rehearsal, rehearsal
			for i := range c.Keyholders {
				c.Keyholders[i].Enrolment.Repository = rehearsal
			}
			for i := range c.Online {
				c.Online[i].repository = rehearsal
			}
		}},
		{"REPOSITORY-MATCH", "a snapshot of another", func(c *Case) { c.Kept.Repository = otherRehearsal }},
		{"ACT-VERSION", "one is left out", func(c *Case) { c.Plan.Roster.Version = 3 }},
		{"ACT-ANCHOR", "the anchor is emptied", func(c *Case) {
			does(c, plan.Renewal)
			c.Plan.Anchor, c.Kept = plan.Anchor{Fixed: plan.AnchorEmpty}, nil
		}},
		{"CLOCK-AFTER-PREVIOUS", "the clock is before the previous roster", func(c *Case) {
			c.At = first.Add(-time.Second)
			reissue(c, first.Add(time.Second))
			c.Kept.KeptAt = roster.At(first.Add(-8 * day))
		}},
		{"CLOCK-AFTER-PREVIOUS", "the clock is before the kept snapshot", func(c *Case) { c.Kept.KeptAt = roster.At(second.Add(time.Second)) }},
		{"", "issued a second later", func(c *Case) {
			c.At = first.Add(time.Second)
			reissue(c, c.At)
			c.Kept.KeptAt = roster.At(first.Add(-8 * day))
		}},
		{"ROOT-ISSUED-AFTER", "issued together", func(c *Case) {
			c.At = first
			reissue(c, c.At)
			c.Kept.KeptAt = roster.At(first.Add(-8 * day))
		}},
		{"SNAPSHOT-FLOOR", "lower", func(c *Case) { theft(c); c.Plan.Roster.SnapshotFloor = 4 }},
		{"KEYHOLDER-OUTGOING", "a stranger leaves", func(c *Case) {
			c.Outgoing = []Holder{{Name: "Zed", Card: 99, Enrolment: Enrolment{Repository: rehearsal, Holder: "Zed", Serial: 99, Key: fresh()}}}
		}},
		{"KEYHOLDER-OUTGOING", "leaves and stays", func(c *Case) {
			h := c.Keyholders[0]
			h.Card, h.Enrolment.Serial = 99, 99
			c.Outgoing = []Holder{h}
		}},
		{"", "a key revoked as it is issued", func(c *Case) { compromise(c, s.revoke(fresh(), second)) }},
		{"REVOKE-TIME", "a second later", func(c *Case) { compromise(c, s.revoke(fresh(), second.Add(time.Second))) }},
		{"REVOKE-UNIQUE", "twice", func(c *Case) {
			r := s.revoke(fresh(), second)
			compromise(c, r, r)
		}},
		{"REVOKE-UNIQUE", "a keyholder's key", func(c *Case) {
			compromise(c, s.revoke(c.Keyholders[0].Enrolment.Key, second))
		}},
		{"REVOKE-UNIQUE", "a new online key", func(c *Case) {
			does(c, plan.Renewal, plan.Reanchor, plan.OnlineTheft)
			c.Online[0].Key = fresh()
			c.Revoke = []roster.RevokedKey{s.revoke(c.Online[0].Key, second)}
		}},
		{"REVOKE-OPENED", "a published revocation", func(c *Case) { c.Opened = c.previous().OnlineKeys[:1] }},
		{"", "a published revocation, carried", func(c *Case) {
			c.Opened = c.previous().OnlineKeys[:1]
			theft(c)
			c.Plan.Roster.SnapshotFloor = 6
		}},
		{"", "after a theft", func(c *Case) { theft(c); c.Plan.Roster.SnapshotFloor = 6 }},
		{"THEFT-FLOOR", "the floor stays", theft},
		{"THEFT-KEYS", "the other key stays", func(c *Case) {
			snapshot := c.Online[1].Key
			theft(c)
			c.Online[1].Key, c.Plan.Roster.SnapshotFloor = snapshot, 6
			does(c, plan.Renewal, plan.Reanchor, plan.OnlineTheft)
		}},
		{"ANCHOR-WAITING-MIN", "a second too short", func(c *Case) { c.Plan.Anchor.New.WaitingPeriod.D -= time.Second }},
		{"", "kept exactly a week ago", func(c *Case) { c.Kept.KeptAt = roster.At(second.Add(-7 * day)) }},
		{"ANCHOR-WAITING", "a second less", func(c *Case) { c.Kept.KeptAt = roster.At(second.Add(-7*day + time.Second)) }},
		{"ANCHOR-WAITING", "a longer period", func(c *Case) { c.Plan.Anchor.New.WaitingPeriod.D = 9 * day }},
		{"ANCHOR-OVERRIDES", "twice", func(c *Case) {
			o := plan.Override{Package: "demo", List: plan.Digest{Digest: digest.Sum([]byte("list"))}}
			c.Plan.Anchor.New.Overrides = []plan.Override{o, o}
		}},
		{"ANCHOR-OVERRIDES", "overridden and postponed", func(c *Case) {
			c.Plan.Anchor.New.Overrides = []plan.Override{{Package: "demo", List: plan.Digest{Digest: digest.Sum([]byte("list"))}}}
			c.Plan.Anchor.New.Postpone = []string{"demo"}
		}},
		{"ANCHOR-OVERRIDES", "no list", func(c *Case) { c.Plan.Anchor.New.Overrides = []plan.Override{{Package: "demo"}} }},
	}
}

// TestEachCheckAlone plays every vector: exactly the named check refuses it, so
// none can be taken out without a test that fails; and no draft is built.
func TestEachCheckAlone(t *testing.T) {
	s, other := founded(t, rehearsal), founded(t, otherRehearsal)
	seen := make(map[string]bool)
	at, err := s.chainOfTwo()
	if err != nil {
		t.Fatal(err)
	}
	play := func(base func() *Case, vectors []vector) {
		for _, v := range vectors {
			c := base()
			v.turn(c)
			var refused []string
			for _, f := range c.Judge() {
				if f.Refuses() {
					refused = append(refused, f.ID)
				}
			}
			var want []string
			if v.check != "" {
				want = []string{v.check}
				seen[v.check] = true
				var check *CheckError
				if err := act(t, c); !errors.As(err, &check) || check.Refused[0].ID != v.check {
					t.Errorf("%s: %s: the act answers %v, want that it is refused by the check", v.check, v.what, err)
				}
			}
			if !slices.Equal(refused, want) {
				t.Errorf("%s: refused by %v, want %v", v.what, refused, want)
			}
		}
	}
	play(s.genesis, slices.Concat(genesisVectors(s), cardVectors(s)))
	play(func() *Case { return s.succession("Alice", "Bob", "Carol") }, slices.Concat(successionVectors(s, other), scopeVectors(s, other), backVectors(s, other)))
	play(s.production, productionVectors(s))
	play(func() *Case { return s.opening(at) }, openVectors(s))
	play(func() *Case { return s.destroying(at) }, destroyVectors(s))
	play(func() *Case { return s.abandoning() }, abandonVectors())
	if len(Checks) != 58 {
		t.Errorf("there are %d checks, want the 58 that docs/ceremony-checks.md has", len(Checks))
	}
	for _, check := range Checks {
		if !seen[check.ID] {
			t.Errorf("no vector is refused by %s", check.ID)
		}
	}
}
