package ceremony

import (
	"os"
	"strings"
	"testing"
)

// TestNoRival: while one record has a draft of a version, no other beside it
// begins or takes a draft of it; one of another version, or of another
// repository, or abandoned, is no rival. What was combined is one for ever.
func TestNoRival(t *testing.T) {
	s := newStage(t, rehearsal)
	d := s.begin("record", s.genesis())
	err := Begin(t.Context(), s.path("second"), s.genesis(), d)
	refusedWith(t, err, `record" has a draft of root roster 1 already (`+d.Roster.Digest().String())
	if !strings.Contains(err.(*RefusedError).Do, "ceremony abandon --record "+s.path("record")) {
		t.Errorf("what to do is %q", err.(*RefusedError).Do)
	}
	if _, err := os.Lstat(s.path("second")); err == nil {
		t.Error("the second record was begun")
	}
	for name, err := range map[string]error{
		"another version":    NoRival(s.path("second"), rehearsal, 2),
		"another repository": NoRival(s.path("second"), otherRehearsal, 1),
		"itself":             NoRival(s.path("record")+"/.", rehearsal, 1),
		"from elsewhere":     NoRival(s.path("record", "draft", "second"), rehearsal, 1),
		"no record":          NoDraftIn(s.path("enrolments"), rehearsal, 1),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := NoRival(s.path("nowhere", "second"), rehearsal, 1); err == nil {
		t.Error("a folder that cannot be looked at has no rivals")
	}
	if err := s.abandon("record", first, "number-1"); err != nil {
		t.Fatal(err)
	}
	if err := Begin(t.Context(), s.path("second"), s.genesis(), d); err != nil {
		t.Fatalf("after the first draft was abandoned: %v", err)
	}
	c := s.genesis()
	r, err := OpenRecord(t.Context(), s.path("record"), first)
	if err != nil {
		t.Fatal(err)
	}
	refusedWith(t, r.Draft(c, d, first), `second" has a draft of root roster 1 already`)
	if r.HasDraft() {
		t.Error("a draft beside a rival was recorded")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	s.sign("second", first, "Alice", "Bob", "Carol")
	if _, err := s.combine("second", "out", first); err != nil {
		t.Fatal(err)
	}
	refusedWith(t, Begin(t.Context(), s.path("record"), s.genesis(), d), `second" has root roster 1 already`)
	s.write("second/transcript.jsonl", []byte("{}\n"))
	refusedWith(t, Begin(t.Context(), s.path("record"), s.genesis(), d), `another record, "`+s.path("second")+`", cannot be read`)
}
