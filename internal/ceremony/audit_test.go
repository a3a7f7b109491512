package ceremony

import (
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/pgp"
)

// A pen is what a witness signs with.
type pen struct {
	secret ed25519.PrivateKey
	key    *pgp.PublicKey
	cert   []byte
}

func newPen(t *testing.T, name string) pen {
	t.Helper()
	pub, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := pgp.NewPublicKey(pub, first.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pgp.Certify(rand.Reader, name, key, secret, first)
	if err != nil {
		t.Fatal(err)
	}
	return pen{secret, key, cert}
}

func (p pen) sign(t *testing.T, text []byte) []byte {
	t.Helper()
	asc, err := pgp.Sign(rand.Reader, text, p.key, p.secret, first)
	if err != nil {
		t.Fatal(err)
	}
	return asc
}

// witnessed is a stage whose first ceremony had two witnesses, of whom the plan
// has Wendy's certificate, and whose signatures came from two places.
func witnessed(t *testing.T) (s *stage, wendy pen) {
	t.Helper()
	s, wendy = newStage(t, rehearsal), newPen(t, "Wendy")
	s.write("wendy.asc", wendy.cert)
	s.begin("record", s.mustLoad(s.plan("genesis", 1, first, "Alice", "Bob", "Carol")+
		"anchor: empty\nroles: {administrator: Adam, witnesses: [{name: Wendy, certificate: wendy.asc}, {name: Walter}]}\n", first))
	carol := s.home(s.mustCarry("record", first, bundle.Draft), "home", first, "Carol")
	s.sign("record", first, "Alice", "Bob")
	if _, err := s.collect("record", first, carol); err != nil {
		t.Fatal(err)
	}
	if _, err := s.combine("record", "out", first); err != nil {
		t.Fatal(err)
	}
	return s, wendy
}

func (s *stage) seal(record string) {
	s.t.Helper()
	r, err := OpenRecord(s.t.Context(), s.path(record), first)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	if err := r.Seal(first, "transcript", nil); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) examine(record, out string) *Audit {
	s.t.Helper()
	if out != "" {
		out = s.path(out)
	}
	a, err := Examine(s.t.Context(), s.path(record), out)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *stage) statement(name, objection string) []byte {
	s.t.Helper()
	r, err := ReadRecord(s.path("record"))
	if err != nil {
		s.t.Fatal(err)
	}
	said, err := r.Statement(name, objection)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := said.Format()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func (s *stage) signOff(text, asc, cert []byte) (*SignedStatement, error) {
	s.t.Helper()
	r, err := ReadRecord(s.path("record"))
	if err != nil {
		s.t.Fatal(err)
	}
	return r.SignOff(text, asc, cert)
}

// TestWitnesses follows what two witnesses say, from silence to a record that
// stands.
func TestWitnesses(t *testing.T) {
	s, wendy := witnessed(t)
	r, err := ReadRecord(s.path("record"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Statement("Wendy", "")
	refusedWith(t, err, "not sealed")
	refusedWith(t, s.examine("record", "out").Refusal(Accepted{Silence: []string{"Wendy", "Walter"}}), "NOT SEALED")
	s.seal("record")
	a := s.examine("record", "out")
	if len(a.Problems) > 0 {
		t.Fatalf("problems: %q", a.Problems)
	}
	refusedWith(t, a.Refusal(Accepted{Silence: []string{"Walter"}}), "Wendy has signed no statement")
	refusedWith(t, a.Refusal(Accepted{Silence: []string{"Wendy"}}), "Walter has signed no statement")

	text := s.statement("Wendy", "")
	asc := wendy.sign(t, text)
	if _, err := s.signOff(text, asc, nil); err != nil {
		t.Fatal(err)
	}
	walter := newPen(t, "Walter")
	no := s.statement("Walter", "the clock was never compared")
	_, err = s.signOff(no, walter.sign(t, no), nil)
	refusedWith(t, err, "no certificate of Walter")
	said, err := s.signOff(no, walter.sign(t, no), walter.cert)
	if err != nil || said.Pinned || said.Agrees() {
		t.Fatalf("Walter's statement is %+v, %v", said, err)
	}
	a = s.examine("record", "out")
	if len(a.Problems) > 0 || len(a.Witnesses) != 2 || !a.Witnesses[1].Disagrees() || a.Witnesses[0].Disagrees() || !a.Witnesses[0].Statements[0].Pinned {
		t.Fatalf("the audit says %+v, %q", a.Witnesses, a.Problems)
	}
	refusedWith(t, a.Refusal(Accepted{}), "Walter DISAGREES")
	refusedWith(t, a.Refusal(Accepted{Disagreement: []string{"Wendy"}}), "Walter DISAGREES")
	if err := a.Refusal(Accepted{Disagreement: []string{"Walter"}}); err != nil {
		t.Errorf("after Walter's objection was answered: %v", err)
	}
	s.laterAgreement(walter)
}

// laterAgreement: who has disagreed and signs that they agree still disagrees,
// and taking the disagreement away is seen where nothing else was signed.
func (s *stage) laterAgreement(walter pen) {
	s.t.Helper()
	t := s.t.(*testing.T)
	yes := s.statement("Walter", "")
	if _, err := s.signOff(yes, walter.sign(t, yes), walter.cert); err != nil {
		t.Fatal(err)
	}
	a := s.examine("record", "out")
	if said := a.Witnesses[1]; len(said.Statements) != 2 || said.Statements[0].Agrees() {
		t.Errorf("Walter's statements are %+v, want the disagreement first", said.Statements)
	}
	refusedWith(t, a.Refusal(Accepted{}), "Walter DISAGREES")
	if err := os.RemoveAll(s.path("record", witnessesName)); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, s.examine("record", "out").Refusal(Accepted{}), "no statement")
}

// TestSignOffRefuses: a statement counts for this transcript, by this witness.
func TestSignOffRefuses(t *testing.T) {
	s, wendy := witnessed(t)
	s.seal("record")
	text, stranger := s.statement("Wendy", ""), newPen(t, "Wendy")
	_, err := s.signOff(text, stranger.sign(t, text), nil)
	refusedWith(t, err, "statement of Wendy")
	_, err = s.signOff(text, stranger.sign(t, text), stranger.cert)
	refusedWith(t, err, "statement of Wendy")
	changed := []byte(strings.Replace(string(text), "AGREE\n", "agree\n", 1))
	_, err = s.signOff(changed, wendy.sign(t, changed), nil)
	refusedWith(t, err, "not a witness's statement")
	r, err := ReadRecord(s.path("record"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := r.Statement("Wendy", "")
	if err != nil {
		t.Fatal(err)
	}
	other.Transcript[0] ^= 1
	moved, err := other.Format()
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.signOff(moved, wendy.sign(t, moved), nil)
	refusedWith(t, err, "another ceremony, roster or transcript")
	_, err = r.Statement("Mallory", "")
	refusedWith(t, err, "no witness \"Mallory\"")
	if found, _ := filepath.Glob(s.path("record", witnessesName, "*")); len(found) > 0 {
		t.Errorf("refused statements left %v", found)
	}
}

// TestExamineSees changes, takes away and adds files. Each time something is
// said; and nothing is said of the record as it was.
func TestExamineSees(t *testing.T) {
	s, wendy := witnessed(t)
	s.seal("record")
	text := s.statement("Wendy", "")
	if _, err := s.signOff(text, wendy.sign(t, text), nil); err != nil {
		t.Fatal(err)
	}
	one := func(pattern string) string {
		t.Helper()
		found, err := filepath.Glob(s.path(pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		return found[0]
	}
	well := func(when string) {
		t.Helper()
		if a := s.examine("record", "out"); len(a.Problems) > 0 {
			t.Fatalf("%s: %q", when, a.Problems)
		}
	}
	well("as it was made")
	for _, pattern := range []string{
		"record/plan.yaml", "record/inputs/*", "record/draft/root/1.json", "record/draft/revocations/*", "record/draft/root/attestations/*",
		"record/draft/map/*", "record/enrolments/1001.json", "record/enrolments/*.pem", "record/signatures/1001/root/1.json.asc", "record/signatures/1003/root/1.json.asc",
		"record/apart/*", "record/witnesses/*.txt", "record/witnesses/*.txt.asc",
		"out/publish/root/1.json", "out/publish/root/1.json.asc", "out/publish/map/*", "out/sealed/label.txt",
	} {
		path := one(pattern)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(before[:len(before):len(before)], '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		if a := s.examine("record", "out"); len(a.Problems) == 0 {
			t.Errorf("%s was changed, and nothing is said", pattern)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		// what is sealed lies in an envelope, certificates are for people, and a
		// missing statement is said of the witness
		quiet := strings.HasPrefix(pattern, "out/sealed") || strings.HasSuffix(pattern, "*.txt") || strings.HasSuffix(pattern, "*.pem")
		if a := s.examine("record", "out"); len(a.Problems) == 0 && !quiet {
			t.Errorf("%s was taken away, and nothing is said", pattern)
		}
		if err := os.WriteFile(path, before, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	well("put back")
	for _, added := range []string{"record/notes.txt", "record/draft/root/2.json", "record/signatures/1001/root/2.json.asc", "record/signatures/9/root/1.json.asc",
		"record/apart/x.jsonl", "record/inputs/x", "record/enrolments/9.json", "out/publish/root/2.json", "out/publish/map/" + strings.Repeat("0", 64)} {
		s.write(added, []byte("{}\n"))
		if a := s.examine("record", "out"); len(a.Problems) == 0 {
			t.Errorf("%s was added, and nothing is said", added)
		}
		if err := os.Remove(s.path(added)); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Dir(s.path(added))); err == nil {
			continue // a folder that was made for it
		}
	}
	well("after all that")
}

// TestExamineWritesNothing, not even where a crash left half an entry.
func TestExamineWritesNothing(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	path := s.path("record", transcriptName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := append(b, `{"n":9`...)
	if err := os.WriteFile(path, torn, 0o444); err != nil {
		t.Fatal(err)
	}
	s.examine("record", "")
	if after, err := os.ReadFile(path); err != nil || string(after) != string(torn) {
		t.Errorf("the transcript was changed: %v", err)
	}
}

// TestExamineAbandoned: what a destroyed draft leaves is named too.
func TestExamineAbandoned(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	s.sign("record", first, "Alice")
	if err := s.abandon("record", first, "number-1"); err != nil {
		t.Fatal(err)
	}
	s.seal("record")
	a := s.examine("record", "")
	if len(a.Problems) > 0 || !a.Abandoned || a.Plan == nil {
		t.Fatalf("abandoned %v, problems %q", a.Abandoned, a.Problems)
	}
	found, _ := filepath.Glob(s.path("record", abandonedName, "*", planName))
	if len(found) != 1 {
		t.Fatal(found)
	}
	if err := os.WriteFile(found[0], []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	if a := s.examine("record", ""); len(a.Problems) == 0 {
		t.Error("the plan of the destroyed draft was changed, and nothing is said")
	}
}
