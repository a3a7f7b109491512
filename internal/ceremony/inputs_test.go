package ceremony

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// TestLoadRefusesInputs: whatever a plan names and cannot be read for what it is
// to be stops the plan, and the refusal names it.
func TestLoadRefusesInputs(t *testing.T) {
	s := founded(t, rehearsal)
	later := string(s.succession("Alice", "Bob", "Carol").Raw)
	genesis := string(s.genesis().Raw)
	enrolment, err := os.ReadFile(s.path("enrolments", "1002.json"))
	if err != nil {
		t.Fatal(err)
	}
	bob, err := ParseEnrolment(enrolment)
	if err != nil {
		t.Fatal(err)
	}
	attestation := "enrolments/" + attestationName(bob.Attesting)
	garbage := digest.Sum([]byte("garbage"))
	bob.Attesting = garbage.String()
	other, err := bob.Format()
	if err != nil {
		t.Fatal(err)
	}
	s.write("enrolments/"+attestationName(garbage.String()), []byte("garbage"))
	s.write("garbage", []byte("garbage"))
	key := strings.Repeat("d", 64)
	online := "  file: online-1.json\n"
	for _, c := range []struct {
		plan, old, new string // in the plan
		file           string // that is taken away, or changed
		content        []byte
		want           string
	}{
		{plan: later, file: "online-1.json", want: "reading online keys"},
		{plan: later, file: "online-1.json", content: []byte("garbage"), want: `online keys "online-1.json"`},
		{plan: later, file: "enrolments/1002.json", content: []byte("garbage"), want: `enrolment of Bob ("enrolments/1002.json")`},
		{plan: later, file: attestation, want: "reading the attestation of Bob's card"},
		{plan: later, file: attestation, content: []byte("garbage"), want: "has digest " + garbage.String()},
		{plan: later, file: "enrolments/1002.json", content: other, want: "attestation of Bob's card: "},
		{plan: later, file: "kept.json", content: []byte("garbage"), want: `kept snapshot "kept.json"`},
		{plan: genesis, old: online, new: "  keep: [" + key + "]\n", want: "there is no previous roster"},
		{plan: later, old: online, new: "  keep: [" + key + "]\n", want: "which roster 1 does not list"},
		{plan: later, old: "directory: out-1/publish", new: "directory: nowhere", want: "reading the rosters so far"},
		{plan: later, old: "  repository: public\n", new: "  repository: nowhere\n", want: "reading the copy of the public repository"},
		{plan: later, old: "roster:\n", new: "revoke: [{key: garbage, reason: lost, at: 2026-11-01T00:00:00Z}]\nroster:\n", want: `revoked key "garbage" holds 0 keys`},
		{plan: later, old: "roster:\n", new: "roles: {witnesses: [{name: Walter, certificate: garbage}]}\nroster:\n", want: `certificate of witness Walter ("garbage")`},
	} {
		if c.file != "" {
			before, err := os.ReadFile(s.path(c.file))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(s.path(c.file)); err != nil {
				t.Fatal(err)
			}
			if c.content != nil {
				s.write(c.file, c.content)
			}
			_, err = s.load(c.plan, second)
			s.write(c.file, before)
			refusedWith(t, err, c.want)
			continue
		}
		if !strings.Contains(c.plan, c.old) {
			t.Fatalf("%q is not in the plan", c.old)
		}
		_, err := s.load(strings.Replace(c.plan, c.old, c.new, 1), second)
		refusedWith(t, err, c.want)
	}
}

// TestBuildRefuses: what is no roster's plan, and what an anchor lacks.
func TestBuildRefuses(t *testing.T) {
	s := founded(t, rehearsal)
	_, err := Build(t.Context(), s.abandoning(), rand.Reader)
	refusedWith(t, err, "the plan's act is abandon, which makes no roster")
	c := s.succession("Alice", "Bob", "Carol")
	c.Plan.Anchor.New.Repository = "nowhere"
	_, err = Build(t.Context(), c, rand.Reader)
	refusedWith(t, err, "reading the copy of the public repository")
	ac := roster.AnchorCase{Overrides: map[string]digest.Digest{"demo": digest.Sum(nil)}}
	refusedWith(t, checkAnswered(ac, change.Anchor{Postponed: []change.Name{{Package: "demo"}}}), `override of "demo" came to nothing`)
	if err := checkAnswered(ac, change.Anchor{Overrides: []change.Name{{Package: "demo"}}}); err != nil {
		t.Error(err)
	}
}

// TestAttestationsBesideRosters: each attestation that a roster names stands
// beside it, byte for byte.
func TestAttestationsBesideRosters(t *testing.T) {
	s := founded(t, rehearsal)
	folder, err := OpenFolder(s.path("out-1", PublishName))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	chain, err := Walk(t.Context(), folder.Fetch, s.pin)
	if err != nil {
		t.Fatal(err)
	}
	if err := chain.Attestations(t.Context(), folder.Fetch); err != nil {
		t.Error(err)
	}
	named, err := digest.Parse(chain.Last().Root().Keyholders[1].Attestation)
	if err != nil {
		t.Fatal(err)
	}
	file := "out-1/" + PublishName + "/" + roster.AttestationPath(named)
	s.write(file, []byte("garbage"))
	refusedWith(t, chain.Attestations(t.Context(), folder.Fetch), "the attestation of Bob's card has digest")
	if err := os.Remove(s.path(file)); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, chain.Attestations(t.Context(), folder.Fetch), "the attestation of Bob's card is not beside the roster")
}

// TestChecksSayWhy: where another check, or another part of one, would refuse too,
// the words are those of what is wrong.
func TestChecksSayWhy(t *testing.T) {
	s := founded(t, rehearsal)
	at, err := s.chainOfTwo()
	if err != nil {
		t.Fatal(err)
	}
	says := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the check says %v, want %q", err, want)
		}
	}
	c := s.genesis()
	c.Plan.Program.Digest, c.Program = program, digest.Digest{}
	says(checkProgram(c), "the program does not know its own digest")
	c = s.genesis()
	c.Plan.Outputs.Record = "plan.yaml/record" // below a file
	says(checkOutputFree(c), "outputs.record: ")
	c = s.opening(at)
	c.Plan.Sealed.Open[0].Digest = digest.Sum([]byte("another key"))
	says(checkSealedListed(c), "is no online key of roster 2, the newest")
	c = s.abandoning()
	c.Doomed.Digest = digest.Digest{}
	says(checkDraftMatch(c), "has no draft")
}

// TestRecordsRefuse: what stands in a record and was changed, or is in the way, is
// found when it is used.
func TestRecordsRefuse(t *testing.T) {
	s := newStage(t, rehearsal)
	d := s.begin("record", s.genesis())
	s.sign("record", first, "Alice", "Bob", "Carol")
	err := s.in("record", first, func(session *Session) error {
		doc := session.Draft.Documents()[0]
		asc, err := session.merge(doc)
		if err != nil {
			return err
		}
		_, err = session.verify(roster.Signed{Document: doc.Raw, Signatures: asc}, nil)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "0 revocations for 2 online keys") {
		t.Errorf("a roster without revocations is answered with %v", err)
	}
	online, err := os.ReadFile(s.path("online-1.json"))
	if err != nil {
		t.Fatal(err)
	}
	input := "record/" + inputsName + "/" + digest.Sum(online).String()
	s.write(input, append(online, '\n'))
	_, err = s.combine("record", "out", first)
	refusedWith(t, err, fmt.Sprintf("input %s in the record was changed", digest.Sum(online)))
	s.write(input, online)
	s.write(fmt.Sprintf("record/%s/%s/%s/file", abandonedName, d.Roster.Digest(), inputsName), []byte("in the way"))
	if err := s.abandon("record", first, "number-1"); err == nil || !strings.Contains(err.Error(), "moving inputs away") {
		t.Errorf("a folder in the way is answered with %v", err)
	}
}
