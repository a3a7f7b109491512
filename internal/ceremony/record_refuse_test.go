package ceremony

import (
	"crypto/rand"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// retell writes a record's transcript anew, as one unbroken chain, with its
// entries changed: anybody who has the folder can do that before it is sealed.
func (s *stage) retell(record string, edit func(*transcript.Entry)) {
	s.t.Helper()
	path := s.path(record, transcriptName)
	told, err := transcript.Read(path)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		s.t.Fatal(err)
	}
	anew, err := transcript.Create(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer anew.Close()
	for _, e := range told.Entries() {
		edit(&e)
		if err := anew.Add(e.At.Time, e.Step, e.Event, e.Facts); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *stage) session(record string) (*Session, error) {
	s.t.Helper()
	r, err := ReadRecord(s.path(record))
	if err != nil {
		s.t.Fatal(err)
	}
	return r.Session(s.t.Context())
}

// TestDraftIsWhole: a transcript that agrees with a folder which lacks a part of
// the draft, or that names another roster, gives no draft to sign.
func TestDraftIsWhole(t *testing.T) {
	s := newStage(t, rehearsal)
	d := s.begin("whole", s.genesis())
	if _, err := s.session("whole"); err != nil {
		t.Fatal(err)
	}
	without := func(path string) func(map[string]any) {
		return func(facts map[string]any) {
			files := maps.Clone(facts["files"].(map[string]any))
			if _, ok := files[path]; !ok {
				t.Fatalf("the draft never had %s", path)
			}
			delete(files, path)
			facts["files"] = files
			if err := os.Remove(s.path("record", draftName, filepath.FromSlash(path))); err != nil {
				t.Fatal(err)
			}
		}
	}
	rosterPath, revocation := roster.RosterPath(1), d.Revocations[0].Path
	for text, edit := range map[string]func(map[string]any){
		"the draft has no " + rosterPath: without(rosterPath),
		"the draft has no " + revocation: without(revocation),
		"the draft has digest " + d.Roster.Digest().String(): func(facts map[string]any) {
			facts["digest"] = digest.Sum([]byte("another roster")).String()
		},
	} {
		if err := os.RemoveAll(s.path("record")); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(s.path("record"), os.DirFS(s.path("whole"))); err != nil {
			t.Fatal(err)
		}
		s.retell("record", func(e *transcript.Entry) {
			if e.Event == eventDrafted {
				edit(e.Facts)
			}
		})
		_, err := s.session("record")
		refusedWith(t, err, text)
	}
}

// TestCollectAfterTheSeal: what could not be noted any more is not taken.
func TestCollectAfterTheSeal(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	bob := s.home(s.mustCarry("record", first, bundle.Draft), "home", first, "Bob")
	s.seal("record")
	before := filesBelow(t, s.path("record"))
	_, err := s.collect("record", first, bob)
	refusedWith(t, err, "it takes no signatures")
	if after := filesBelow(t, s.path("record")); !slices.Equal(after, before) {
		t.Errorf("the record has %v, before %v", after, before)
	}
}

// TestTranscriptCutMeanwhile: no bundle tells less than the transcript that was
// read.
func TestTranscriptCutMeanwhile(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	session, err := s.session("record")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.path("record", transcriptName))
	if err != nil {
		t.Fatal(err)
	}
	one, _, _ := strings.Cut(string(whole), "\n")
	s.write("record/"+transcriptName, []byte(one+"\n"))
	if b, err := session.Bundle(t.Context(), bundle.Draft); err == nil || !strings.Contains(err.Error(), "1 lines, wanted 2") {
		t.Errorf("bundle %v, %v; want none of a transcript that lacks the draft", b, err)
	}
}

// TestPublishedAsCombined: other signatures than those that were combined, good
// as they are, are not published in their place.
func TestPublishedAsCombined(t *testing.T) {
	s := founded(t, rehearsal)
	s.mustCarry("record-1", first, bundle.Published)
	path := roster.RosterPath(1)
	asc, err := pgp.Sign(rand.Reader, readOne(t, s.path("record-1", draftName, path)), s.keyOf("Alice"), s.cards["Alice"].key, first)
	if err != nil {
		t.Fatal(err)
	}
	s.write("record-1/signatures/1001/"+roster.SignaturePath(path), asc)
	_, err = s.carry("record-1", first, bundle.Published)
	refusedWith(t, err, `"publish/root/1.json.asc" comes out with digest`)
}

// TestNoWitnessInThePlan: without any, there is no name to choose from.
func TestNoWitnessInThePlan(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	s.seal("record")
	r, err := ReadRecord(s.path("record"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Statement("Heidi", "")
	refusedWith(t, err, "the plan names no witness")
	if strings.Contains(err.Error(), "wanted one of") {
		t.Errorf("it is refused with %q, as if there were others", err)
	}
}

// TestPlannedCertificate: with the plan's certificate gone from the record,
// another of the same name does not take its place.
func TestPlannedCertificate(t *testing.T) {
	s, wendy := witnessed(t)
	s.seal("record")
	if err := os.Remove(s.path("record", inputsName, digest.Sum(wendy.cert).String())); err != nil {
		t.Fatal(err)
	}
	text, stranger := s.statement("Wendy", ""), newPen(t, "Wendy")
	_, err := s.signOff(text, stranger.sign(t, text), stranger.cert)
	refusedWith(t, err, "the certificate of Wendy has digest "+digest.Sum(stranger.cert).String())
	if said, err := s.signOff(text, wendy.sign(t, text), wendy.cert); err != nil || !said.Pinned {
		t.Errorf("with the plan's certificate brought along: %+v, %v", said, err)
	}
}

// TestStatementUnderAnotherName: a statement counts under its own digest only.
func TestStatementUnderAnotherName(t *testing.T) {
	s, wendy := witnessed(t)
	s.seal("record")
	text := s.statement("Wendy", "")
	if _, err := s.signOff(text, wendy.sign(t, text), nil); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{".txt", ".txt.asc", ".cert.asc"} {
		name := func(of []byte) string { return s.path("record", witnessesName, digest.Sum(of).String()+end) }
		if err := os.Rename(name(text), name([]byte("another text"))); err != nil {
			t.Fatal(err)
		}
	}
	r, err := ReadRecord(s.path("record"))
	if err != nil {
		t.Fatal(err)
	}
	said, problems, err := r.Said()
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0], "another digest than its name says") {
		t.Errorf("problems are %q, %v", problems, err)
	}
	for _, w := range said {
		if len(w.Statements) > 0 {
			t.Errorf("%s has said %+v, want nothing", w.Name, w.Statements)
		}
	}
}
