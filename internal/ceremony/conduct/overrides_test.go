package conduct

import (
	"crypto/ecdsa"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// thisProgram is the program that the plan below names.
var thisProgram = digest.Sum([]byte("program"))

// An indexed stage has the keyholders and the public repository of a test index,
// which is no rehearsal; Dave has a card too.
type indexed struct {
	*stage
	*rostertest.Index
	at time.Time // of the ceremony
}

func newIndexed(t *testing.T) *indexed {
	t.Helper()
	x := &indexed{Index: rostertest.New(t)}
	x.stage = &stage{t: t, dir: t.TempDir(), reader: &reader{cards: make(map[string]*softCard)}}
	for i, k := range append(x.Keyholders, rostertest.Person("Dave")) {
		serial := uint32(2001 + i)
		e, err := ceremony.Enrolment{Repository: x.Index.Repository, Holder: k.Name, Serial: serial, Firmware: "5.7.1", Slot: "9c",
			Key: roster.Key{PublicKey: k.Key}, Attesting: roster.NoAttestation, Enrolled: roster.At(rostertest.Epoch)}.Format()
		if err != nil {
			t.Fatal(err)
		}
		x.write(fmt.Sprintf("enrolments/%d.json", serial), e)
		x.reader.cards[k.Name] = &softCard{serial: serial, key: k.Private.(*ecdsa.PrivateKey), pin: pin, tries: 3}
	}
	o, err := handover.OnlineKeys{Repository: x.Index.Repository, Keys: []handover.OnlineKey{
		{Role: roster.RoleCountersign, Name: "countersign", Key: roster.Key{PublicKey: x.Countersign.Key}},
		{Role: roster.RoleSnapshot, Name: "snapshot", Key: roster.Key{PublicKey: x.Index.Snapshot.Key}}}}.Format()
	if err != nil {
		t.Fatal(err)
	}
	x.write("online.json", o)
	return x
}

// keep publishes a snapshot, which a keyholder's client keeps, and copies what is
// public; the ceremony is eight days later.
func (x *indexed) keep() {
	x.stage.t.Helper()
	version := x.Publish(nil)
	if _, _, err := tree.Build(nil, func(d digest.Digest, file []byte) error { // as the first ceremony put it out
		x.Put(roster.MapPath(d), append([]byte(nil), file...))
		return nil
	}); err != nil {
		x.stage.t.Fatal(err)
	}
	for path, b := range x.Files {
		x.write("public/"+path, b)
	}
	kept, err := handover.KeptSnapshot{Repository: x.Index.Repository, Version: version,
		Snapshot: digest.Sum(x.Files[roster.SnapshotPath(version)]), Map: x.Map(), KeptAt: roster.At(x.Now)}.Format()
	if err != nil {
		x.stage.t.Fatal(err)
	}
	x.write("kept.json", kept)
	x.at = x.Now.AddDate(0, 0, 8)
}

// renewal is the plan in which Dave takes Carol's place, and the anchor is made
// anew with the overrides.
func (x *indexed) renewal(overrides ...*roster.List) string {
	x.stage.t.Helper()
	p := fmt.Sprintf(`ceremony: 2026-renewal
acts: [renewal, keyholders, anchor]
repository: %[1]s
program: %[2]s
roles:
  administrator: Grace
  witnesses: [{name: Heidi}, {name: Ivan}]
outputs: {record: record, published: out}
switched_off: [{check: ROLES-CERTIFICATE, reason: they sign on paper, approved_by: Grace}]
roster: {version: %[3]d, issued: %[4]s, expires: %[5]s, threshold: 2, snapshot_lifetime: 24h, snapshot_floor: 0}
previous: {directory: public, pin: %[6]s}
online_keys: {file: online.json, not_before: %[7]s, expires: %[8]s}
cards_without_attestation: [Alice, Bob, Dave]
algorithms: [P-256]
keyholders:
  - {name: Alice, card: 2001, enrolment: enrolments/2001.json}
  - {name: Bob, card: 2002, enrolment: enrolments/2002.json}
  - {name: Dave, card: 2004, enrolment: enrolments/2004.json}
anchor:
  kept_snapshot: kept.json
  repository: public
  waiting_period: 168h
  overrides:
`, x.Index.Repository, thisProgram, x.Roster.Version()+1, roster.At(x.at), roster.At(x.at.AddDate(1, 0, 0)), x.Pin(),
		roster.At(rostertest.Epoch), roster.At(rostertest.Epoch.AddDate(3, 0, 0)))
	for _, l := range overrides {
		p += fmt.Sprintf("    - {package: %s, list: %s}\n", l.Package(), l.Digest())
	}
	x.write("plan.yaml", []byte(p))
	return x.path("plan.yaml")
}

// overridden has the lists of two packages made by others than their maintainers,
// whose keys are lost, beside an ordinary succession, a theft and a new name.
func (x *indexed) overridden() []*roster.List {
	alder, birch, thief := rostertest.Person("alder"), rostertest.Person("birch"), rostertest.Person("thief")
	for _, name := range []string{"changed", "disputed", "lost", "stolen"} {
		x.Claim(name, alder)
	}
	x.Roster = x.Anchor()
	x.Now = x.Now.AddDate(0, 1, 0)
	x.PutList(x.NextList("changed", birch), alder, birch)
	x.PutList(x.NextList("stolen", thief), thief)
	x.Claim("new", birch)
	var all []*roster.List
	for _, name := range []string{"disputed", "lost"} {
		former := x.Packages[name].List
		all = append(all, x.PutList(x.NextList(name, birch), birch))
		x.Packages[name].List = former // which the signer serves until the ceremony
	}
	x.keep()
	return all
}

var overrideAsked = regexp.MustCompile(`^OVERRIDES the maintainers of (\w+): .* Type the package's name to approve$`)

// TestRenewalWithOverrides holds a renewal in which one keyholder is replaced and
// two packages are given new maintainers: each keyholder approves each of the two
// by name, and nothing else does.
func TestRenewalWithOverrides(t *testing.T) {
	x := newIndexed(t)
	h := x.hall(time.Time{})
	plan := x.renewal(x.overridden()...)
	h.now = x.at
	reflex := 0
	h.answer = func(prompt string) string {
		m := overrideAsked.FindStringSubmatch(prompt)
		if m == nil {
			return ""
		}
		if reflex++; reflex <= 2 {
			return []string{"yes", "disputed"}[reflex-1]
		}
		return m[1]
	}
	cfg := h.config(plan)
	cfg.Machine = func(bool) Machine { return Machine{Program: thisProgram, Lines: []string{"Nothing was found."}} }
	o, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatalf("the ceremony ends with: %v\n%s", err, tail(h.shown.String(), 60))
	}
	if len(o.Signed) != 3 || len(o.Missing) != 0 {
		t.Errorf("signed by %v, missing %v", o.Signed, o.Missing)
	}
	golden(t, "renewal.txt", h.normal())
	console(t, h.shown.String())
	approved := make(map[string]int)
	for _, e := range x.entries("record") {
		facts, _ := e["facts"].(map[string]any)
		if e["event"] == "override" {
			approved[fmt.Sprintf("%v %v %v", facts["holder"], facts["package"], facts["approved"])]++
		}
	}
	want := "map[Alice disputed false:1 Alice disputed true:1 Alice lost true:1 Bob disputed true:1 Bob lost true:1 Dave disputed true:1 Dave lost true:1]"
	if got := fmt.Sprint(approved); got != want {
		t.Errorf("the record has approvals %s, want %s", got, want)
	}
	x.follows(t, o.Version, map[string]uint64{"changed": 2, "disputed": 2, "lost": 2, "new": 1, "stolen": 1})
}

// follows walks the rosters, from the first one's digest, to the one that was
// published, and looks names up in its anchor.
func (x *indexed) follows(t *testing.T, version uint64, lists map[string]uint64) {
	t.Helper()
	r := x.Roster
	out, err := ceremony.OpenFolder(x.path("out", ceremony.PublishName))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	signed, err := roster.FetchSigned(t.Context(), roster.RosterPath(version), roster.MaxRoster, out.Fetch)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = r.Succeed(signed); err != nil {
		t.Fatal(err)
	}
	for name, want := range lists {
		leaf, found, err := roster.Lookup(t.Context(), r.Root().Anchor, name, out.Fetch)
		if err != nil || !found || leaf.ListVersion != want {
			t.Errorf("%s: list version %d, found %t, %v; want %d", name, leaf.ListVersion, found, err, want)
		}
	}
	var names []string
	for _, k := range r.Root().Keyholders {
		names = append(names, k.Name)
	}
	if got := strings.Join(names, " "); got != "Alice Bob Dave" {
		t.Errorf("keyholders are %s", got)
	}
}
