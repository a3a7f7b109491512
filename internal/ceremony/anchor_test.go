package ceremony

import (
	"crypto/ecdsa"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// An indexed stage has the keyholders and the public repository of a test
// index, whose cards give no attestation.
type indexed struct {
	*stage
	*rostertest.Index
	at time.Time
}

func newIndexed(t *testing.T) *indexed {
	x := &indexed{Index: rostertest.New(t)}
	x.stage = &stage{t: t, dir: t.TempDir(), repository: x.Index.Repository, cards: make(map[string]*softCard), pin: x.Pin()}
	for i, k := range x.Keyholders {
		serial := uint32(2001 + i)
		e, err := Enrolment{Repository: x.Index.Repository, Holder: k.Name, Serial: serial, Firmware: "5.7.1", Slot: slot,
			Key: roster.Key{PublicKey: k.Key}, Attesting: roster.NoAttestation, Enrolled: roster.At(rostertest.Epoch)}.Format()
		if err != nil {
			t.Fatal(err)
		}
		x.write("enrolments/"+enrolmentName(serial), e)
		x.cards[k.Name] = &softCard{t: t, serial: serial, key: k.Private.(*ecdsa.PrivateKey), pin: "271828", tries: 3}
	}
	o, err := handover.OnlineKeys{Repository: x.Index.Repository, Keys: []handover.OnlineKey{
		{Role: roster.RoleCountersign, Name: "countersign", Key: roster.Key{PublicKey: x.Countersign.Key}},
		{Role: roster.RoleSnapshot, Name: "snapshot", Key: roster.Key{PublicKey: x.Index.Snapshot.Key}}}}.Format()
	if err != nil {
		t.Fatal(err)
	}
	x.write("online-1.json", o)
	return x
}

// keep publishes a snapshot, copies what is public into the stage, and keeps
// the snapshot as a keyholder's client does; the ceremony is eight days later.
func (x *indexed) keep() {
	x.stage.t.Helper()
	version := x.Publish(nil)
	root := x.Map()
	if _, _, err := tree.Build(nil, func(d digest.Digest, file []byte) error { // as the first ceremony put it out
		x.Put(roster.MapPath(d), slices.Clone(file))
		return nil
	}); err != nil {
		x.stage.t.Fatal(err)
	}
	for path, b := range x.Files {
		x.write("public/"+path, b)
	}
	kept, err := handover.KeptSnapshot{Repository: x.Index.Repository, Version: version,
		Snapshot: digest.Sum(x.Files[roster.SnapshotPath(version)]), Map: root, KeptAt: roster.At(x.Now)}.Format()
	if err != nil {
		x.stage.t.Fatal(err)
	}
	x.write("kept.json", kept)
	x.at = x.Now.AddDate(0, 0, 8)
}

var program = digest.Sum([]byte("program"))

func (x *indexed) mustLoad(plan string, at time.Time) *Case {
	x.stage.t.Helper()
	c := x.stage.mustLoad(plan, at)
	c.Program = program
	return c
}

// anchoring is the plan that anchors the kept map, with more lines for anchor.
func (x *indexed) anchoring(more string) string {
	p := x.plan("renewal, anchor", int(x.Roster.Version())+1, x.at, "Alice", "Bob", "Carol")
	p = strings.Replace(p, "attestation_roots: [root.pem]\n", "cards_without_attestation: [Alice, Bob, Carol]\nalgorithms: [P-256]\n", 1)
	p = strings.Replace(p, "snapshot_floor: 5", "snapshot_floor: 0", 1)
	// No rehearsal, so it names the program and who is there.
	p += "program: " + program.String() + "\nroles: {administrator: Grace, witnesses: [{name: Heidi}, {name: Ivan}]}\n" +
		"switched_off: [{check: ROLES-CERTIFICATE, reason: they sign on paper, approved_by: Grace}]\n"
	window := fmt.Sprintf("  not_before: %s\n  expires: %s\n", roster.At(rostertest.Epoch), roster.At(rostertest.Epoch.AddDate(3, 0, 0)))
	begin, end := strings.Index(p, "  not_before:"), strings.Index(p, "keyholders:")
	return p[:begin] + window + p[end:] + "previous: {directory: public, pin: " + x.pin.String() + "}\n" +
		"anchor:\n  kept_snapshot: kept.json\n  repository: public\n  waiting_period: 168h\n" + more
}

// TestAnchorWithOverride anchors a map in which one package is new, one was
// changed by its maintainers, one was changed by a thief, and one is given new
// maintainers by the root.
func TestAnchorWithOverride(t *testing.T) {
	x := newIndexed(t)
	alder, birch, thief := rostertest.Person("alder"), rostertest.Person("birch"), rostertest.Person("thief")
	for _, name := range []string{"changed", "stolen", "lost"} {
		x.Claim(name, alder)
	}
	x.Roster = x.Anchor() // roster 2, in which the three are established
	x.Now = x.Now.AddDate(0, 1, 0)
	x.PutList(x.NextList("changed", birch), alder, birch)
	x.PutList(x.NextList("stolen", thief), thief)
	x.Claim("new", birch)
	override := x.NextList("lost", birch)
	lost := x.Packages["lost"].List
	by := x.PutList(override, birch)
	x.Packages["lost"].List = lost // the signer serves the former one until the ceremony
	x.keep()

	refused := func(more, text string) {
		t.Helper()
		_, err := Build(t.Context(), x.mustLoad(x.anchoring(more), x.at), rand.Reader)
		refusedWith(t, err, text)
	}
	refused("  overrides: [{package: lots, list: "+by.Digest().String()+"}]\n", "neither map holds")
	refused("  overrides: [{package: lost, list: "+lost.Digest().String()+"}]\n", "the override that the plan names is refused")
	refused("  postpone: [changed]\n", "no new name of the map")

	c := x.mustLoad(x.anchoring("  overrides: [{package: lost, list: "+by.Digest().String()+"}]\n"), x.at)
	d := x.begin("record", c)
	want := change.Anchor{Map: d.Anchor.Map, Size: 4, New: 1, Succeeded: 1,
		Overrides: []change.Name{{Package: "lost", Why: fmt.Sprintf("list version 2 (%s) in place of version 1", by.Digest())}}}
	if len(d.Anchor.Refused) != 1 || d.Anchor.Refused[0].Package != "stolen" {
		t.Fatalf("refused are %+v, want the stolen package", d.Anchor.Refused)
	}
	d.Anchor.Refused = nil
	if got := *d.Anchor; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("anchor is %+v, want %+v", got, want)
	}
	desk := &paper{types: map[string]string{"OVERRIDES the maintainers of lost": "lots"}}
	refusedWith(t, x.trySign("record", x.at, "Alice", desk), "Alice has not approved the override of lost")
	if n := len(desk.asked); n != 2 {
		t.Errorf("asked %q, want the words and the override, and no PIN", desk.asked)
	}
	for _, name := range []string{"Alice", "Carol"} {
		desk := &paper{types: map[string]string{"OVERRIDES the maintainers of lost": "lost"}}
		if err := x.trySign("record", x.at, name, desk); err != nil {
			t.Fatal(err)
		}
		if !desk.heard("OVERRIDES the maintainers of lost: list version 2") || !desk.heard("REFUSED in the anchor, its former state stays: stolen") {
			t.Errorf("%s was told:\n%s", name, strings.Join(desk.said, "\n"))
		}
	}
	result, err := x.combine("record", "out", x.at)
	if err != nil {
		t.Fatal(err)
	}
	x.published(t, result.Roster, by)
}

// published looks the packages up in what the ceremony put out, and nowhere else.
func (x *indexed) published(t *testing.T, r *roster.Roster, by *roster.List) {
	t.Helper()
	folder, err := OpenFolder(x.path("out", PublishName))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	versions := map[string]uint64{"changed": 2, "stolen": 1, "lost": 2, "new": 1}
	for name, want := range versions {
		leaf, found, err := roster.Lookup(t.Context(), r.Root().Anchor, name, folder.Fetch)
		if err != nil || !found || leaf.ListVersion != want {
			t.Errorf("%s in the new anchor: version %d, found %t, %v; want version %d", name, leaf.ListVersion, found, err, want)
		}
	}
	path := roster.ListPath("lost", by.Digest())
	for _, p := range []string{path, roster.SignaturePath(path)} {
		b, err := folder.Fetch(t.Context(), p, roster.MaxList)
		if err != nil || !slices.Equal(b, x.Files[p]) {
			t.Errorf("the output lacks the override's %s: %v", p, err)
		}
	}
}

// TestOverrideOfWhatIsNew: the root may overrule a list that it has never seen,
// and says that there is none in the anchor, not version 0 of it.
func TestOverrideOfWhatIsNew(t *testing.T) {
	x := newIndexed(t)
	x.Roster = x.Anchor()
	x.Now = x.Now.AddDate(0, 1, 0)
	owner, squatter := rostertest.Person("birch"), rostertest.Person("thief")
	x.Claim("new", squatter)
	was := x.Packages["new"].List
	by := x.PutList(x.NextList("new", owner), owner)
	x.Packages["new"].List = was
	x.keep()
	d := x.begin("record", x.mustLoad(x.anchoring("  overrides: [{package: new, list: "+by.Digest().String()+"}]\n"), x.at))
	want := change.Name{Package: "new", Why: fmt.Sprintf("list version 2 (%s), where the anchor so far has no list", by.Digest())}
	if got := d.Anchor.Overrides; len(got) != 1 || got[0] != want {
		t.Errorf("overrides are %+v, want %+v", got, want)
	}
}

// TestPostponed leaves a new name for the next ceremony.
func TestPostponed(t *testing.T) {
	x := newIndexed(t)
	x.Claim("early", rostertest.Person("alder"))
	x.Claim("later", rostertest.Person("birch"))
	x.keep()
	d, err := Build(t.Context(), x.mustLoad(x.anchoring("  postpone: [later]\n"), x.at), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if d.Anchor.Size != 1 || len(d.Anchor.Postponed) != 1 || !slices.Contains(d.Sentences(), "Postponed to the next anchor: later.") {
		t.Errorf("anchor is %+v", d.Anchor)
	}
}

// TestAnchorDistrustsTheCopy takes a node of the map away, or changes it.
func TestAnchorDistrustsTheCopy(t *testing.T) {
	x := newIndexed(t)
	x.Claim("early", rostertest.Person("alder"))
	x.keep()
	node := x.path("public", roster.MapPath(x.Map().Root))
	whole, err := os.ReadFile(node)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(node, []byte(strings.Replace(string(whole), string(tree.Active), "active ", 1)), 0o644)
	_, err = Build(t.Context(), x.mustLoad(x.anchoring(""), x.at), rand.Reader)
	refusedWith(t, err, "anchor the map to be anchored: cannot be read")
	os.Remove(node)
	_, err = Build(t.Context(), x.mustLoad(x.anchoring(""), x.at), rand.Reader)
	refusedWith(t, err, "no such file")
}
