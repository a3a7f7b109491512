package ceremony

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// refusedWith wants a refusal (exit code 3) whose words hold text.
func refusedWith(t *testing.T, err error, text string) {
	t.Helper()
	var exit interface{ ExitCode() int }
	if err == nil || !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(err.Error(), text) {
		t.Fatalf("answer is %v, want a refusal with %q", err, text)
	}
}

func events(t *testing.T, s *stage, record string) []string {
	t.Helper()
	tr, err := transcript.Read(s.path(record, transcriptName))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range tr.Entries() {
		all = append(all, e.Event)
	}
	return all
}

// TestGenesisAndSuccession follows two ceremonies to what a client sees.
func TestGenesisAndSuccession(t *testing.T) {
	s := founded(t, rehearsal)
	c := s.succession("Bob", "Carol", "Dave")
	d := s.begin("record-2", c)
	s.sign("record-2", second, "Bob", "Carol")
	_, err := s.combine("record-2", "out-2", second)
	refusedWith(t, err, "signed by Bob, Carol, missing Dave")
	if _, err := os.Stat(s.path("out-2")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused combine left an output: %v", err)
	}
	s.sign("record-2", second, "Dave")
	result, err := s.combine("record-2", "out-2", second)
	if err != nil {
		t.Fatal(err)
	}
	if result.Roster.Digest() != d.Roster.Digest() || result.Revocations != 2 || len(result.Missing) != 0 {
		t.Errorf("result is %+v", result)
	}
	for _, out := range []string{"out-1", "out-2"} {
		for _, pattern := range []string{"publish/root/*.json", "publish/root/*.json.asc", "publish/" + roster.MapPath(EmptyMap()), "sealed/label.txt"} {
			if found, _ := filepath.Glob(s.path(out, pattern)); len(found) != 1 {
				t.Errorf("%s in %s: %d files, want one", pattern, out, len(found))
			}
		}
		for pattern, want := range map[string]int{"publish/root/attestations/*.pem": 3, "sealed/revocations/*": 4} {
			if found, _ := filepath.Glob(s.path(out, pattern)); len(found) != want {
				t.Errorf("%s in %s: %d files, want %d", pattern, out, len(found), want)
			}
		}
	}
	label, _ := os.ReadFile(s.path("out-2", "sealed", "label.txt"))
	for _, want := range []string{"SEALED", rehearsal, d.Roster.Digest().String(), d.Revocations[1].Digest().String()} {
		if !strings.Contains(string(label), want) {
			t.Errorf("the label lacks %q", want)
		}
	}
}

// TestLeavers says what happens when the previous roster's threshold wants
// people who leave: without them the draft is refused before any card.
func TestLeavers(t *testing.T) {
	s := founded(t, rehearsal)
	s.enrol("Erin", 1005)
	plan := s.plan("renewal, keyholders", 2, second, "Carol", "Dave", "Erin") + "anchor: keep\nprevious: {directory: out-1/publish, pin: " + s.pin.String() + "}\n"
	_, err := Build(t.Context(), s.mustLoad(plan, second), rand.Reader)
	refusedWith(t, err, "ROOT-QUORUM: 1 keyholders of roster 1 take part")
	c := s.mustLoad(plan+"outgoing: [{name: Alice, card: 1001, enrolment: enrolments/1001.json}]\n", second)
	d := s.begin("record-2", c)
	c.Outgoing = nil
	if err := rehearse(c, d, rand.Reader); err == nil || !strings.Contains(err.Error(), "quorum of roster version 1 not met") {
		t.Errorf("throw-away keys without Alice's give %v", err)
	}
	s.sign("record-2", second, "Carol", "Dave", "Erin")
	_, err = s.combine("record-2", "out-2", second)
	refusedWith(t, err, "missing Alice")
	s.sign("record-2", second, "Alice")
	if found, _ := filepath.Glob(s.path("record-2", "signatures", "1001", "*", "*.asc")); len(found) != 1 {
		t.Errorf("Alice, who leaves, signed %v, want the roster alone", found)
	}
	if _, err := s.combine("record-2", "out-2", second); err != nil {
		t.Fatal(err)
	}
}

// TestOpenedRevocation publishes one of the sealed revocations: a plan that does
// not carry it is refused, and one that does replaces both online keys.
func TestOpenedRevocation(t *testing.T) {
	s := founded(t, rehearsal)
	sealed, err := filepath.Glob(s.path("out-1", SealedName, "revocations", "*.json"))
	if err != nil || len(sealed) != 2 {
		t.Fatal(sealed, err)
	}
	plan := s.plan("renewal", 2, second, "Alice", "Bob", "Carol") + "anchor: keep\nprevious: {directory: out-1/publish, pin: " + s.pin.String() + "}\n"
	junk := "out-1/publish/revocations/" + filepath.Base(sealed[0])
	s.write(junk, []byte("{}"))
	s.write(junk+".asc", []byte("nothing"))
	if _, err := Build(t.Context(), s.mustLoad(plan, second), rand.Reader); err != nil {
		t.Errorf("junk in the place of a revocation: %v", err)
	}
	for _, end := range []string{"", ".asc"} {
		b, err := os.ReadFile(sealed[0] + end)
		if err != nil {
			t.Fatal(err)
		}
		s.write(junk+end, b)
	}
	_, err = Build(t.Context(), s.mustLoad(plan, second), rand.Reader)
	refusedWith(t, err, "REVOKE-OPENED")
	id := strings.TrimSuffix(filepath.Base(sealed[0]), ".json")
	plan = strings.NewReplacer("[renewal]", "[renewal, online-theft]", "online-1.json", "online-2.json", "snapshot_floor: 5", "snapshot_floor: 6").Replace(plan) +
		"revoke: [{key: " + id + ", reason: stolen, at: " + roster.At(second).String() + "}]\n"
	s.begin("record-2", s.mustLoad(plan, second))
	s.sign("record-2", second, "Alice", "Carol")
	if _, err := s.combine("record-2", "out-2", second); err != nil {
		t.Fatal(err)
	}
}

// TestStandby lists a second pair of online keys, each with its revocation.
func TestStandby(t *testing.T) {
	s := newStage(t, rehearsal)
	plan := s.plan("genesis", 1, first, "Alice", "Bob", "Carol") + "anchor: empty\nstandby_keys: {file: online-2.json, not_before: " +
		roster.At(first).String() + ", expires: " + roster.At(first.AddDate(2, 0, 0)).String() + "}\n"
	d := s.begin("record", s.mustLoad(plan, first))
	if n := len(d.Roster.Root().OnlineKeys); n != 4 || len(d.Revocations) != 4 {
		t.Errorf("%d online keys and %d revocations, want four of each", n, len(d.Revocations))
	}
	s.sign("record", first, "Alice", "Bob", "Carol")
	if result, err := s.combine("record", "out", first); err != nil || result.Revocations != 4 {
		t.Errorf("%+v, %v", result, err)
	}
	// In an emergency the pair in use is revoked, and the other one takes over.
	label, err := os.ReadFile(s.path("out", SealedName, labelName))
	if n := strings.Count(string(label), "STANDS BY"); err != nil || n != 2 {
		t.Errorf("the label marks %d keys as standing by, %v; want two\n%s", n, err, label)
	}
	stop, err := os.ReadDir(s.path("out", StopName))
	if err != nil || len(stop) != 4 {
		t.Errorf("%s holds %v, %v; want two revocations with their signatures", StopName, stop, err)
	}
	b, err := os.ReadFile(s.path("online-2.json"))
	if err != nil {
		t.Fatal(err)
	}
	standby, err := handover.ParseOnlineKeys(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range standby.Keys {
		if _, err := os.Lstat(s.path("out", StopName, k.Key.ID().String()+".json")); err == nil {
			t.Errorf("the envelope STOP holds the revocation of the standby key %s", k.Key.ID())
		}
		if _, err := os.Lstat(s.path("out", SealedName, roster.RevocationPath(k.Key.ID()))); err != nil {
			t.Errorf("the sealed set lacks the standby key: %v", err)
		}
	}
}

// TestRevokedKeyholder removes a keyholder whose card was stolen: the key counts
// no more, and the next ceremony repeats the revocation.
func TestRevokedKeyholder(t *testing.T) {
	s := founded(t, rehearsal)
	e, err := os.ReadFile(s.path("enrolments", "1001.json"))
	if err != nil {
		t.Fatal(err)
	}
	alice, err := ParseEnrolment(e)
	if err != nil {
		t.Fatal(err)
	}
	plan := s.plan("renewal, keyholders, card-compromised", 2, second, "Bob", "Carol", "Dave") + "anchor: keep\nprevious: {directory: out-1/publish, pin: " + s.pin.String() + "}\n" +
		"revoke: [{key: " + alice.Key.ID().String() + ", reason: card stolen, at: " + roster.At(second).String() + "}]\n"
	d := s.begin("record-2", s.mustLoad(plan, second))
	if r := d.Roster.Root().Revoked; len(r) != 1 || r[0].Key.ID() != alice.Key.ID() || r[0].Reason != "card stolen" {
		t.Fatalf("revoked is %+v", r)
	}
	if !slices.ContainsFunc(d.Sentences(), func(l string) bool {
		return strings.Contains(l, "REVOKES key") && strings.Contains(l, "(keyholder \"Alice\")")
	}) {
		t.Errorf("sentences do not name Alice's key:\n%s", strings.Join(d.Sentences(), "\n"))
	}
	s.sign("record-2", second, "Bob", "Carol", "Dave")
	if _, err := s.combine("record-2", "out-2", second); err != nil {
		t.Fatal(err)
	}
}

// TestSignResumes fails at each signature in turn, and goes on where it was:
// what is signed stays, byte for byte.
func TestSignResumes(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	card := s.cards["Alice"]
	card.failure = &hsm.TouchError{Place: hsm.Place{Serial: card.serial, Slot: "9c"}, Status: 0x6600}
	kept := make(map[string]string)
	for n := range 3 {
		card.signs = min(n, 1) // each turn one more document
		err := s.trySign("record", first, "Alice", &paper{})
		if !errors.As(err, new(*hsm.TouchError)) {
			t.Fatalf("turn %d answers %v, want that the card was not touched", n, err)
		}
		found, _ := filepath.Glob(s.path("record", "signatures", "1001", "*", "*.asc"))
		if len(found) != n {
			t.Fatalf("turn %d: %d signatures, want %d", n, len(found), n)
		}
		for _, f := range found {
			b, _ := os.ReadFile(f)
			if old, ok := kept[f]; ok && old != string(b) {
				t.Errorf("%s was signed again", f)
			}
			kept[f] = string(b)
		}
	}
	card.failure = nil
	desk := &paper{}
	if err := s.trySign("record", first, "Alice", desk); err != nil || !desk.heard("To sign: 1 documents") {
		t.Fatalf("the last turn: %v, said:\n%s", err, strings.Join(desk.said, "\n"))
	}
	before := events(t, s, "record")
	desk = &paper{}
	if err := s.trySign("record", first, "Alice", desk); err != nil || !desk.heard("signed everything already") || len(desk.asked) != 0 {
		t.Errorf("one turn too many: %v, asked %v", err, desk.asked)
	}
	if after := events(t, s, "record"); !slices.Equal(before, after) {
		t.Errorf("a turn in which nothing was to do left %v", after[len(before):])
	}
}

// TestPIN says when it is asked for: after the words, once a turn, and at one
// try left after the holder's name.
func TestPIN(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	desk := &paper{digest: digest.Sum([]byte("another draft"))}
	refusedWith(t, s.trySign("record", first, "Alice", desk), "these are not word")
	if len(desk.asked) != 1 {
		t.Errorf("asked %q, want only the words", desk.asked)
	}
	desk = &paper{pin: "000000"}
	refusedWith(t, s.trySign("record", first, "Alice", desk), "card 1001 slot 9c: PIN refused, 2 tries left")
	s.cards["Alice"].tries = 1
	desk = &paper{types: map[string]string{"ONE TRY LEFT": "Bob"}}
	refusedWith(t, s.trySign("record", first, "Alice", desk), "the PIN was not asked for")
	if s.cards["Alice"].tries != 1 {
		t.Errorf("%d tries left, want the last one not used", s.cards["Alice"].tries)
	}
	desk = &paper{types: map[string]string{"ONE TRY LEFT": "Alice"}}
	if err := s.trySign("record", first, "Alice", desk); err != nil {
		t.Fatal(err)
	}
	if n := len(slices.DeleteFunc(desk.asked, func(q string) bool { return !strings.HasPrefix(q, "PIN") })); n != 1 {
		t.Errorf("the PIN was asked for %d times, want once", n)
	}
	if !desk.heard("PIN tries left: 1.") {
		t.Error("the tries left were not shown before")
	}
}

// TestWrongCards: a card of nobody, and a card with another key.
func TestWrongCards(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	refusedWith(t, s.trySign("record", first, "Dave", &paper{}), "card 1004 is not one of this ceremony, wanted one of 1001 (Alice), 1002 (Bob), 1003 (Carol)")
	s.cards["Alice"].key = newKey(t)
	refusedWith(t, s.trySign("record", first, "Alice", &paper{}), "holds another key")
}

// TestOneDraft plays an administrator who has a second draft of the version put
// in the place of the first, without abandoning that.
func TestOneDraft(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	s.sign("record", first, "Alice")
	c := s.genesis()
	c.Plan.Roster.SnapshotFloor = 7
	other, err := Build(t.Context(), c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		os.RemoveAll(s.path("record", part))
	}
	files, err := (&Record{Dir: s.path("record")}).writeParts(c, other)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := transcript.Open(s.path("record", transcriptName), first)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tr.Add(first, "draft", eventDrafted, draftFacts(c, other, files)), tr.Close()); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, s.trySign("record", first, "Alice", &paper{}), "Alice has signed another draft of version 1")
	s.sign("record", first, "Bob")
}

func (s *stage) abandon(record string, at time.Time, types string) error {
	s.t.Helper()
	r, err := OpenRecord(s.t.Context(), s.path(record), at)
	if err != nil {
		return err
	}
	defer r.Close()
	return r.Abandon(&paper{types: map[string]string{"Type the ceremony's name": types}}, at)
}

// TestAbandon destroys a signed draft; a new one may be made and signed by the
// same people, and one that was combined is not to be abandoned.
func TestAbandon(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	s.sign("record", first, "Alice", "Bob")
	refusedWith(t, s.abandon("record", first, "number-2"), "nothing was destroyed")
	os.RemoveAll(s.path("record", signaturesName)) // as an attempt that was interrupted leaves it
	if err := s.abandon("record", first, "number-1"); err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		if _, err := os.Stat(s.path("record", part)); err == nil {
			t.Errorf("%s is still there", part)
		}
	}
	if found, _ := filepath.Glob(s.path("record", "abandoned", "*", planName)); len(found) != 1 {
		t.Errorf("%d abandoned plans are kept, want one", len(found))
	}
	refusedWith(t, s.abandon("record", first, "number-1"), "no draft to abandon")
	refusedWith(t, s.trySign("record", first, "Alice", &paper{}), "has no draft")
	s.write("record/draft/root/1.json", []byte("what a draft that was interrupted left"))
	c := s.genesis()
	c.Plan.Roster.SnapshotFloor = 8
	c.Raw = []byte(strings.Replace(string(c.Raw), "snapshot_floor: 5", "snapshot_floor: 8", 1))
	s.begin("record", c)
	s.sign("record", first, "Alice", "Bob", "Carol")
	if _, err := s.combine("record", "out", first); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, s.abandon("record", first, "number-1"), "it is a roster")
}

// TestBeginRefuses names what is in the way, and leaves it as it was.
func TestBeginRefuses(t *testing.T) {
	s := newStage(t, rehearsal)
	d := s.begin("record", s.genesis())
	refusedWith(t, Begin(t.Context(), s.path("record"), s.genesis(), d), "has a draft already")
	s.write("apart/occupied/by.txt", []byte("something else"))
	err := Begin(t.Context(), s.path("apart", "occupied"), s.genesis(), d)
	if refusedWith(t, err, "exists already"); !errors.As(err, new(*durable.ExistsError)) {
		t.Errorf("error is a %T", err)
	}
	left, _ := filepath.Glob(s.path("*", ".tmp-*"))
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRecordIsGuarded: a clock that runs backwards, a plan or a draft that was
// changed, a signature of another draft, two programs at once.
func TestRecordIsGuarded(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	var clock *transcript.ClockError
	if err := s.trySign("record", first.Add(-time.Second), "Alice", &paper{}); !errors.As(err, &clock) {
		t.Errorf("a clock that runs backwards gives %v", err)
	}
	changed := func(name, text string, edit func(string) string) {
		t.Helper()
		path := s.path("record", filepath.FromSlash(name))
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(path, []byte(edit(string(old))), 0o644)
		refusedWith(t, s.trySign("record", first, "Alice", &paper{}), text)
		os.WriteFile(path, old, 0o644)
	}
	replace := func(a, b string) func(string) string {
		return func(old string) string { return strings.Replace(old, a, b, 1) }
	}
	changed(planName, "the record's plan has digest", replace("threshold: 2", "threshold: 1"))
	changed("draft/root/1.json", "is not the one that the transcript names", replace(`"threshold": 2`, `"threshold": 1`))
	node, err := filepath.Glob(s.path("record", "draft", "map", "*"))
	if err != nil || len(node) == 0 {
		t.Fatalf("the draft has no map: %v", err)
	}
	os.Rename(node[0], s.path("away"))
	refusedWith(t, s.trySign("record", first, "Alice", &paper{}), "the draft's map has")
	os.Rename(s.path("away"), node[0])
	changed("enrolments/1001.json", "names a key that no roster at hand lists", func(old string) string {
		e, err := ParseEnrolment([]byte(old))
		if err != nil {
			t.Fatal(err)
		}
		e.Key = packet(t, newKey(t).Public())
		b, _ := e.Format()
		return string(b)
	})
	s.sign("record", first, "Alice")
	changed(transcriptName, "transcript", replace(`"version":1`, `"version":2`))
	changed("signatures/1001/root/1.json.asc", "is not one over this draft", func(string) string {
		asc, err := pgp.Sign(rand.Reader, []byte("another draft"), s.keyOf("Alice"), s.cards["Alice"].key, first)
		if err != nil {
			t.Fatal(err)
		}
		return string(asc)
	})
	r, err := OpenRecord(t.Context(), s.path("record"), first)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, err = OpenRecord(t.Context(), s.path("record"), first)
	refusedWith(t, err, "in use")
}

func (s *stage) keyOf(name string) *pgp.PublicKey {
	s.t.Helper()
	raw, err := os.ReadFile(s.path("enrolments", enrolmentName(s.cards[name].serial)))
	if err != nil {
		s.t.Fatal(err)
	}
	e, err := ParseEnrolment(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	return e.Key.PublicKey
}

// TestTranscriptTellsAll: the order of what happened, and no secret.
func TestTranscriptTellsAll(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	s.sign("record", first, "Alice", "Bob", "Carol")
	if _, err := s.combine("record", "out", first); err != nil {
		t.Fatal(err)
	}
	turn := []string{"challenge", "signing", "PIN asked for", "signed", "signing", "signed", "signing", "signed"}
	want := slices.Concat([]string{"opened", "drafted"}, turn, turn, turn, []string{"combined"})
	if got := events(t, s, "record"); !slices.Equal(got, want) {
		t.Errorf("events are %v, want %v", got, want)
	}
	b, err := os.ReadFile(s.path("record", transcriptName))
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range Checks {
		if check.Family != "" && check.Family != plan.RosterFamily {
			continue
		}
		if !strings.Contains(string(b), `"id":"`+check.ID+`"`) {
			t.Errorf("the transcript does not name %s", check.ID)
		}
	}
	if strings.Contains(string(b), "271828") {
		t.Error("the transcript holds the PIN")
	}
}

// TestOutputIsReadAgain changes what was written before it is read again.
func TestOutputIsReadAgain(t *testing.T) {
	s := founded(t, rehearsal)
	reread := func() (err error) {
		t.Helper()
		return s.in("record-1", first, func(session *Session) error {
			_, err := session.reread(t.Context(), s.path("out-1"))
			return err
		})
	}
	if err := reread(); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"publish/root/1.json", "publish/root/1.json.asc", "publish/root/attestations/*.pem", "publish/map/*", "sealed/revocations/*.json", "sealed/revocations/*.asc"} {
		found, _ := filepath.Glob(s.path("out-1", pattern))
		if len(found) == 0 {
			t.Fatalf("no %s", pattern)
		}
		old, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(found[0], old[:len(old)/2], 0o644)
		if reread() == nil {
			t.Errorf("%s was cut in half, and nobody noticed", pattern)
		}
		os.WriteFile(found[0], old, 0o644)
	}
}

// TestRehearsalOfRevocations: a reason that no client would read is found before
// any card signs it.
func TestRehearsalOfRevocations(t *testing.T) {
	s := newStage(t, rehearsal)
	plan := s.plan("genesis", 1, first, "Alice", "Bob", "Carol") + "anchor: empty\nrevocation_reason: " + strings.Repeat("much ", 30) + "\n"
	_, err := Build(t.Context(), s.mustLoad(plan, first), rand.Reader)
	refusedWith(t, err, "throw-away keys")
	refusedWith(t, err, "malformed reason")
}
