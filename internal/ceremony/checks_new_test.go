package ceremony

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

func does(c *Case, acts ...plan.Act) { c.Plan.Acts = acts }

// compromise has a plan revoke keys that are no online keys.
func compromise(c *Case, keys ...roster.RevokedKey) {
	does(c, append(c.Plan.Acts, plan.CardCompromised)...)
	c.Revoke = keys
}

// produce turns a rehearsal's case into one of production.
func produce(c *Case) {
	c.Plan.Repository, c.extraRoots = "packages.example", 0
	for i := range c.Keyholders {
		c.Keyholders[i].Enrolment.Repository = c.Plan.Repository
	}
	for i := range c.Online {
		c.Online[i].repository = c.Plan.Repository
	}
	c.Program = digest.Sum([]byte("program"))
	c.Plan.Program.Digest = c.Program
	c.Plan.Roles = plan.Roles{Administrator: "Grace", Witnesses: []plan.Witness{{Name: "Heidi"}, {Name: "Ivan"}}}
	for _, w := range c.Plan.Roles.Witnesses {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		k, err := pgp.NewPublicKey(private.Public(), first)
		if err != nil {
			panic(err)
		}
		c.Witnesses = append(c.Witnesses, Witness{Name: w.Name, Keys: []*pgp.PublicKey{k}})
	}
}

func (s *stage) production() *Case {
	c := s.genesis()
	produce(c)
	return c
}

// act does what the plan says, into a folder that is thrown away.
func act(t *testing.T, c *Case) error {
	t.Helper()
	switch c.Plan.Family() {
	case plan.SealedFamily:
		if c.Plan.Does(plan.OpenRevocations) {
			_, err := OpenSealed(t.Context(), c, filepath.Join(t.TempDir(), "out"))
			return err
		}
		_, err := DestroySealed(c)
		return err
	case plan.DraftFamily:
		return AbandonPlanned(t.Context(), c, &paper{}, second)
	}
	_, err := Build(t.Context(), c, rand.Reader)
	return err
}

func productionVectors(s *stage) []vector {
	off := func(c *Case, check, by string) {
		c.Plan.SwitchedOff = append(c.Plan.SwitchedOff, plan.SwitchedOff{Check: check, Reason: "as agreed", ApprovedBy: by})
	}
	return []vector{
		{"", "as it is", func(*Case) {}},
		{"SWITCHED-OFF", "no such check", func(c *Case) { off(c, "ROOT-SPARES", "Grace") }},
		{"SWITCHED-OFF", "a firm one", func(c *Case) { off(c, "ACT-SCOPE", "Grace") }},
		{"SWITCHED-OFF", "itself", func(c *Case) { off(c, "SWITCHED-OFF", "Grace") }},
		{"SWITCHED-OFF", "twice", func(c *Case) { off(c, "ROOT-SPARE", "Grace"); off(c, "ROOT-SPARE", "Alice") }},
		{"SWITCHED-OFF", "by a stranger", func(c *Case) { off(c, "ROOT-SPARE", "Mallory") }},
		{"SWITCHED-OFF", "by nobody", func(c *Case) { c.Plan.Roles.Administrator = "Grace"; off(c, "ROOT-SPARE", "") }},
		{"", "by a witness", func(c *Case) { off(c, "ROOT-SPARE", "Heidi"); c.Plan.Roster.Threshold = 3 }},
		{"PROGRAM-DIGEST", "another program", func(c *Case) { c.Program = digest.Sum([]byte("other")) }},
		{"PROGRAM-DIGEST", "a program that does not know itself", func(c *Case) { c.Program = digest.Digest{} }},
		{"PROGRAM-DIGEST", "none named", func(c *Case) { c.Plan.Program = plan.Digest{} }},
		{"OUTPUT-FREE", "a record that exists", func(c *Case) { c.Plan.Outputs.Record = "record-1" }},
		{"", "a record that is held", func(c *Case) { c.Plan.Outputs.Record, c.Record = "record-1", s.path("record-1") }},
		{"OUTPUT-FREE", "a record while another is held", func(c *Case) { c.Plan.Outputs.Record, c.Record = "record-1", s.path("record-2") }},
		{"OUTPUT-FREE", "an output that is held as a record", func(c *Case) { c.Plan.Outputs.Published, c.Record = "record-1", s.path("record-1") }},
		{"OUTPUT-FREE", "an output that exists", func(c *Case) { c.Plan.Outputs.Published = "out-1" }},
		{"", "both new", func(c *Case) { c.Plan.Outputs = plan.Outputs{Record: "record-9", Published: "out-9"} }},
		{"OUTPUT-FREE", "both one", func(c *Case) { c.Plan.Outputs = plan.Outputs{Record: "record-9", Published: "record-9"} }},
		{"OUTPUT-FREE", "one in the other", func(c *Case) { c.Plan.Outputs = plan.Outputs{Record: "record-9", Published: "record-9/out"} }},
		{"OUTPUT-FREE", "within what is read", func(c *Case) {
			c.Plan.Previous.Directory, c.Plan.Outputs.Published = "out-1", "out-1/more"
		}},
		{"ROLES-PRESENT", "no administrator", func(c *Case) { c.Plan.Roles.Administrator = "" }},
		{"ROLES-PRESENT", "one witness", func(c *Case) { c.Plan.Roles.Witnesses = c.Plan.Roles.Witnesses[:1] }},
		{"", "one witness, as the policy has it", func(c *Case) {
			one := 1
			c.Plan.Roles.Witnesses, c.Plan.Policy.WitnessesMin = c.Plan.Roles.Witnesses[:1], &one
		}},
		{"ROLES-DISTINCT", "an administrator who holds a key", func(c *Case) { c.Plan.Roles.Administrator = "Alice" }},
		{"ROLES-DISTINCT", "a witness twice", func(c *Case) { c.Plan.Roles.Witnesses[1].Name = "Heidi" }},
		{"ROLES-DISTINCT", "a witness who holds a key", func(c *Case) { c.Plan.Roles.Witnesses[0].Name = "Bob" }},
		{"ROLES-CERTIFICATE", "a witness without", func(c *Case) { c.Witnesses[1].Keys = nil }},
		{"KEY-ROLE-UNIQUE", "a witness with a keyholder's key", func(c *Case) { c.Witnesses[1].Keys = []*pgp.PublicKey{c.Keyholders[0].Enrolment.Key.PublicKey} }},
		{"", "a check switched off", func(c *Case) { c.Plan.Roster.Threshold = 3; off(c, "ROOT-SPARE", "Carol") }},
		{"ROOT-SPARE", "another one switched off", func(c *Case) { c.Plan.Roster.Threshold = 3; off(c, "ROOT-OVERLAP", "Carol") }},
	}
}

// scopeVectors change one thing each, and list the wrong act, or the right one.
func scopeVectors(s, other *stage) []vector {
	dave := s.holder("Dave", other)
	swap := func(c *Case) (out Holder) { // Alice's key leaves, Dave's card comes under her name
		out = c.Keyholders[0]
		c.Keyholders[0] = dave
		c.Keyholders[0].Name, c.Keyholders[0].Enrolment.Holder = "Alice", "Alice"
		return out
	}
	with := func(more ...plan.Act) []plan.Act { return append([]plan.Act{plan.Renewal, plan.Reanchor}, more...) }
	keyed := func(turn func(*Case), acts ...plan.Act) func(*Case) {
		return func(c *Case) { turn(c); does(c, acts...) }
	}
	newOnline := func(c *Case) { c.Online[0].Key = packet(s.t, newKey(s.t).Public()) }
	var all []vector
	for _, v := range []struct {
		what  string
		turn  func(*Case)
		right []plan.Act
		wrong []plan.Act
	}{
		{"the expiry", func(*Case) {}, with(), []plan.Act{plan.Reanchor}},
		{"a new anchor", func(*Case) {}, with(), []plan.Act{plan.Renewal}},
		{"a snapshot's life", func(c *Case) {
			c.Plan.Roster.Expires.Time = c.previous().Expires
			c.Plan.Roster.SnapshotLifetime.D = time.Hour
		}, with(), []plan.Act{plan.Reanchor}},
		{"the threshold", func(c *Case) { c.Plan.Roster.Threshold = 3; *c.Plan.Policy.SpareMin = 0 }, with(plan.Keyholders), with()},
		{"a keyholder more", func(c *Case) { c.Keyholders = append(c.Keyholders, dave) }, with(plan.Keyholders), with()},
		{"a keyholder less", func(c *Case) { c.Keyholders = c.Keyholders[1:]; *c.Plan.Policy.SpareMin = 0 }, with(plan.Keyholders), with()},
		{"a keyholder less, whose card is lost", func(c *Case) { c.Keyholders = c.Keyholders[1:]; *c.Plan.Policy.SpareMin = 0 }, with(plan.CardLost), with(plan.CardRetired)},
		{"a keyholder less, who signs", func(c *Case) {
			c.Outgoing, c.Keyholders = c.Keyholders[:1], c.Keyholders[1:]
			*c.Plan.Policy.SpareMin = 0
		}, with(plan.Keyholders), with(plan.CardLost)},
		{"another name", func(c *Case) { c.Keyholders[0].Name, c.Keyholders[0].Enrolment.Holder = "Alicia", "Alicia" }, with(plan.Keyholders), with()},
		{"a lost card", func(c *Case) { swap(c) }, with(plan.CardLost), with(plan.CardRetired)},
		{"a lost card, called compromised", func(c *Case) { swap(c) }, with(plan.CardLost), with(plan.CardCompromised)},
		{"a retired card", func(c *Case) { c.Outgoing = []Holder{swap(c)} }, with(plan.CardRetired), with(plan.CardLost)},
		{"a compromised card", func(c *Case) {
			c.Revoke = []roster.RevokedKey{s.revoke(swap(c).Enrolment.Key, second)}
		}, with(plan.CardCompromised), with(plan.CardLost)},
		{"an online key", newOnline, with(plan.OnlineRotation), with()},
		{"an online key's window", func(c *Case) {
			c.Plan.Roster.Expires.Time = c.previous().Expires
			c.Online[0].Expires = roster.At(first.AddDate(5, 0, 0))
		}, with(), []plan.Act{plan.Reanchor}},
		{"an online key's window, called a rotation", func(c *Case) { c.Online[0].Expires = roster.At(first.AddDate(5, 0, 0)) }, with(), with(plan.OnlineRotation)},
		{"an online key, called a theft", newOnline, with(plan.OnlineRotation), with(plan.OnlineTheft)},
		{"a rotation with another floor", newOnline, with(plan.OnlineRotation), nil},
	} {
		if v.wrong != nil {
			all = append(all, vector{"ACT-SCOPE", v.what + " by " + fmt.Sprint(v.wrong), keyed(v.turn, v.wrong...)})
		}
		all = append(all, vector{"", v.what + " by " + fmt.Sprint(v.right), keyed(v.turn, v.right...)})
	}
	return append(all,
		vector{"ACT-SCOPE", "another floor", func(c *Case) { c.Plan.Roster.SnapshotFloor = 6 }},
		vector{"ACT-SCOPE", "nobody comes or leaves", func(c *Case) { does(c, with(plan.Keyholders)...) }},
		vector{"ACT-SCOPE", "another attestation", func(c *Case) {
			c.Keyholders[0].Enrolment.Attesting = strings.Repeat("a", 64)
		}})
}

// backVectors look back along the chain.
func backVectors(s, other *stage) []vector {
	const day = 24 * time.Hour
	expires := first.AddDate(1, 0, 0)
	held := func(c *Case, at time.Time) { c.At = at; reissue(c, at); c.Kept.KeptAt = roster.At(at.Add(-8 * day)) }
	back := func(c *Case) roster.Root { // the other stage's roster stands before the last
		before := other.succession("Alice", "Bob", "Carol").Chain.Rosters[0]
		c.Chain = &Chain{Rosters: []*roster.Roster{before, c.Chain.Last()}, Signed: c.Chain.Signed}
		does(c, plan.Renewal, plan.Reanchor, plan.OnlineRotation)
		return before.Root()
	}
	two := func(c *Case) {
		c.Keyholders = c.Keyholders[2:]
		c.Keyholders = append(c.Keyholders, s.holder("Dave", other))
	}
	return []vector{
		{"", "a week before the end", func(c *Case) { held(c, expires.Add(-7*day)) }},
		{"ROOT-OVERLAP", "a second later", func(c *Case) { held(c, expires.Add(-7*day+time.Second)) }},
		{"", "a second later, as the policy has it", func(c *Case) { held(c, expires.Add(-7*day+time.Second)); c.Plan.Policy.OverlapMin.D = 6 * day }},
		{"ROOT-QUORUM", "two leave", func(c *Case) {
			two(c)
			does(c, plan.Renewal, plan.Reanchor, plan.Keyholders)
			*c.Plan.Policy.SpareMin = 0
		}},
		{"", "two leave, one signs", func(c *Case) {
			c.Outgoing = []Holder{c.Keyholders[0]}
			two(c)
			does(c, plan.Renewal, plan.Reanchor, plan.Keyholders)
			*c.Plan.Policy.SpareMin = 0
		}},
		{"KEYHOLDER-OUTGOING", "a revoked key signs", func(c *Case) {
			c.Outgoing = []Holder{c.Keyholders[0]}
			c.Keyholders = c.Keyholders[1:]
			*c.Plan.Policy.SpareMin = 0
			compromise(c, s.revoke(c.Outgoing[0].Enrolment.Key, second))
		}},
		{"KEY-RETURNS", "an online key", func(c *Case) { c.Online[0].Key = back(c).OnlineKeys[0].Key }},
		{"KEY-ROLE-FIXED", "an online key in another role", func(c *Case) { c.Online[1].Key = back(c).OnlineKeys[0].Key }},
		{"KEY-ROLE-FIXED", "a keyholder's key goes online", func(c *Case) { c.Online[1].Key = back(c).Keyholders[0].Key }},
		{"KEY-ROLE-FIXED", "two keys change roles", func(c *Case) {
			c.Online[0].Key, c.Online[1].Key = c.Online[1].Key, c.Online[0].Key
			does(c, plan.Renewal, plan.Reanchor, plan.OnlineRotation)
		}},
		{"", "a rehearsal's witness without certificate", func(c *Case) { c.Witnesses = []Witness{{Name: "Heidi"}} }},
		{"KEY-ROLE-UNIQUE", "a list with an online key", func(c *Case) { c.lists.clash = fmt.Errorf("a clash") }},
	}
}

// holder is somebody of the stage who is no keyholder yet, as a plan loads them.
func (s *stage) holder(name string, _ *stage) Holder {
	s.t.Helper()
	c := s.succession("Alice", "Bob", name)
	return c.Keyholders[2]
}

// chainOfTwo holds a second ceremony, so that what the first sealed is
// superseded, and puts both rosters into chain/.
func (s *stage) chainOfTwo() (time.Time, error) {
	s.t.Helper()
	s.begin("record-2", s.succession("Alice", "Bob", "Carol"))
	s.sign("record-2", second, "Alice", "Bob")
	if _, err := s.combine("record-2", "out-2", second); err != nil {
		return second, err
	}
	for _, out := range []string{"out-1", "out-2"} {
		if err := os.CopyFS(s.path("chain-of-"+out), os.DirFS(s.path(out, PublishName))); err != nil {
			return second, err
		}
	}
	return second.Add(time.Hour), os.CopyFS(s.path("chain-of-out-2/root"), onlyFirst{os.DirFS(s.path("out-1", PublishName, "root"))})
}

// onlyFirst shows the first roster and its signatures.
type onlyFirst struct{ fs.FS }

func (o onlyFirst) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(o.FS, name)
	return slices.DeleteFunc(all, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), "1.json") }), err
}

// sealedPlan is a plan of the sealed family.
func (s *stage) sealedPlan(act plan.Act, envelope, chain string, open ...pgp.KeyID) string {
	p := fmt.Sprintf("ceremony: emergency\nacts: [%s]\nrepository: %s\nprevious: {directory: %s, pin: %s}\nsealed:\n  directory: %s\n  reason: as it happened\n",
		act, s.repository, chain, s.pin, envelope)
	outputs := "outputs: {record: sealed-record, published: opened}\n"
	if act == plan.DestroyRevocations {
		outputs = "outputs: {record: sealed-record}\n"
	}
	p = outputs + p
	if len(open) > 0 {
		p += "  open:\n"
		for _, id := range open {
			p += "    - " + id.String() + "\n"
		}
	}
	return p
}

// onlineIDs are the online keys of the stage's rosters.
func (s *stage) onlineIDs() []pgp.KeyID {
	s.t.Helper()
	var ids []pgp.KeyID
	for _, k := range s.succession("Alice", "Bob", "Carol").previous().OnlineKeys {
		ids = append(ids, k.Key.ID())
	}
	return ids
}

func (s *stage) opening(at time.Time) *Case {
	s.t.Helper()
	return s.mustLoad(s.sealedPlan(plan.OpenRevocations, "out-2/sealed", "chain-of-out-2", s.onlineIDs()...), at)
}

func (s *stage) destroying(at time.Time) *Case {
	s.t.Helper()
	return s.mustLoad(s.sealedPlan(plan.DestroyRevocations, "out-1/sealed", "chain-of-out-2"), at)
}

func openVectors(s *stage) []vector {
	stranger := plan.Digest{Digest: digest.Sum([]byte("stranger"))}
	return []vector{
		{"", "as it is", func(*Case) {}},
		{"SEALED-ENVELOPE", "something else in it", func(c *Case) { c.Sealed.Strange = []string{"notes.txt"} }},
		{"SEALED-ENVELOPE", "no label", func(c *Case) { c.Sealed.Label = false }},
		{"SEALED-VALID", "one that does not verify", func(c *Case) { c.Sealed.Revocations[0].Err = fmt.Errorf("too few signatures") }},
		{"SEALED-LISTED", "a key that no roster lists", func(c *Case) { c.Plan.Sealed.Open[0] = stranger }},
		{"SEALED-LISTED", "a key twice", func(c *Case) { c.Plan.Sealed.Open = append(c.Plan.Sealed.Open, c.Plan.Sealed.Open[0]) }},
		{"SEALED-LISTED", "a key whose revocation is elsewhere", func(c *Case) { c.Sealed.Revocations = c.Sealed.Revocations[:1] }},
		{"SEALED-NEWEST", "an envelope of the roster before", func(c *Case) {
			old := s.mustLoad(s.sealedPlan(plan.OpenRevocations, "out-1/sealed", "chain-of-out-2", s.onlineIDs()...), c.At)
			c.Sealed = old.Sealed
		}},
		{"SEALED-BOTH-ROLES", "one role", func(c *Case) { c.Plan.Sealed.Open = c.Plan.Sealed.Open[:1] }},
		{"REPOSITORY-MATCH", "another index", func(c *Case) { c.Plan.Repository = otherRehearsal }},
		{"CLOCK-AFTER-PREVIOUS", "before the newest roster", func(c *Case) { c.At = second.Add(-time.Second) }},
		{"OUTPUT-FREE", "into the envelope", func(c *Case) { c.Plan.Outputs.Published = "out-2/sealed/more" }},
	}
}

func destroyVectors(s *stage) []vector {
	return []vector{
		{"", "as it is", func(*Case) {}},
		{"SEALED-ENVELOPE", "nothing in it", func(c *Case) { c.Sealed.Revocations = nil }},
		{"SEALED-VALID", "one that does not verify", func(c *Case) {
			c.Sealed.Revocations[0].Err, c.Sealed.Revocations[0].Under = fmt.Errorf("too few signatures"), nil
		}},
		{"SEALED-SUPERSEDED", "the newest set", func(c *Case) {
			newest := s.mustLoad(s.sealedPlan(plan.DestroyRevocations, "out-2/sealed", "chain-of-out-2"), c.At)
			c.Sealed = newest.Sealed
		}},
		{"SEALED-COMPLETE", "one is missing", func(c *Case) { c.Sealed.Revocations = c.Sealed.Revocations[:1] }},
	}
}

// abandoning is a plan that abandons a draft which was never combined.
func (s *stage) abandoning() *Case {
	s.t.Helper()
	if _, err := os.Stat(s.path("record-9")); err != nil {
		s.begin("record-9", s.genesis())
	}
	c := s.genesis()
	d, err := Build(s.t.Context(), c, rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.mustLoad(fmt.Sprintf("ceremony: abandoned\nacts: [abandon]\nrepository: %s\nabandon: {record: record-9, draft: %s, reason: a wrong date}\n",
		s.repository, d.Roster.Digest()), second)
}

func abandonVectors() []vector {
	return []vector{
		{"", "as it is", func(*Case) {}},
		{"DRAFT-MATCH", "another draft", func(c *Case) { c.Plan.Abandon.Draft.Digest = digest.Sum([]byte("other")) }},
		{"DRAFT-MATCH", "no draft", func(c *Case) { c.Doomed.Digest = digest.Digest{} }},
		{"DRAFT-UNCOMBINED", "a roster", func(c *Case) { c.Doomed.Combined = "2026-11-23T12:00:00Z" }},
		{"REPOSITORY-MATCH", "another index", func(c *Case) { c.Doomed.Repository = otherRehearsal }},
	}
}
