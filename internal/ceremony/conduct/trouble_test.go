package conduct

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/airgap"
	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/roster/digest"
)

// shows wants texts among what was shown, whatever rows they stand on.
func (h *hall) shows(texts ...string) {
	h.t.Helper()
	all := strings.Join(strings.Fields(h.shown.String()), " ")
	for _, text := range texts {
		if !strings.Contains(all, text) {
			h.t.Errorf("nobody read %q; the end of what was shown:\n%s", text, tail(h.shown.String(), 40))
		}
	}
}

func (h *hall) lacks(text string) {
	h.t.Helper()
	if strings.Contains(strings.Join(strings.Fields(h.shown.String()), " "), text) {
		h.t.Errorf("somebody read %q", text)
	}
}

// TestTroubleWithACard: whatever a card does, the step is not done, plain words
// and a way on are shown, and the ceremony goes on to its end.
func TestTroubleWithACard(t *testing.T) {
	place := hsm.Place{Serial: 1001, Slot: "9c"}
	troubles := []struct {
		fault error
		what  string
	}{
		{&hsm.FormError{Secret: hsm.PIN}, "what was typed can be no PIN; the card has not seen it"},
		{&hsm.TouchError{Place: place, Status: 0x6600}, "nobody touched card 1001 in time; nothing was signed."},
		{&hsm.RemovedError{Place: place, Err: errors.New("removed")}, "card 1001 was pulled out, or has stopped answering"},
		{&hsm.NoCardError{Want: 1001, Readers: 1, Others: []uint32{1002}}, "card 1001 is not there any more"},
		{&hsm.SignatureError{Place: place}, "card 1001 gave a signature that does not verify; it was thrown away"},
		{&hsm.BusyError{Place: place, Reader: "one", Err: errors.New("shared")}, "another program holds the card"},
		{&hsm.ServiceError{Err: errors.New("none")}, "the smart card service, pcscd, does not answer"},
		{&hsm.CardError{Place: place, Doing: "signing", Err: errors.New("6f00")}, "the card answered: card 1001 slot 9c: signing: 6f00"},
		{&hsm.BlockedError{Place: place, Secret: hsm.PIN}, "the PIN of card 1001 is BLOCKED"},
		{&hsm.EmptySlotError{Place: place}, "card 1001 holds no key in slot 9c"},
	}
	s := newStage(t)
	alice := s.reader.cards["Alice"]
	alice.faults = []error{nil}
	for _, c := range troubles {
		alice.faults = append(alice.faults, c.fault)
	}
	h := s.hall(first)
	h.mustConduct(s.genesis())
	for _, c := range troubles {
		h.shows("NOT DONE: "+c.what, "Way on: ")
	}
	if n := s.did("record-1", "exception"); n != len(troubles) {
		t.Errorf("%d exceptions stand in the record, want %d", n, len(troubles))
	}
	if n := strings.Count(h.shown.String(), "ASK: Type word"); n != 1+3 {
		t.Errorf("the words were asked for %d times, want once of each keyholder and at the review", n)
	}
	if n := strings.Count(h.shown.String(), "ASK: PIN of card 1001"); n != 1+len(troubles) {
		t.Errorf("Alice's PIN was asked for %d times, want again after each trouble", n)
	}
}

// TestPIN: a wrong PIN says what is left; at one try left the card's name is
// typed; a blocked card signs no more, and the ceremony goes on with others.
func TestPIN(t *testing.T) {
	s := newStage(t)
	h := s.hall(first)
	pins := []string{"111111", "222222", "333333"}
	names := []string{"271828", "Alice"} // a PIN, by reflex
	blocked := 0
	h.answer = func(prompt string) string {
		next := func(from *[]string) string {
			a := (*from)[0]
			*from = (*from)[1:]
			return a
		}
		switch {
		case strings.HasPrefix(prompt, "PIN of card 1001") && len(pins) > 0:
			return next(&pins)
		case strings.HasPrefix(prompt, "ONE TRY LEFT"):
			if s.reader.cards["Alice"].tries != 1 {
				t.Errorf("asked for the name at %d tries left", s.reader.cards["Alice"].tries)
			}
			return next(&names)
		case strings.HasPrefix(prompt, "Alice: type ready") && s.reader.cards["Alice"].tries == 0:
			if blocked++; blocked > 1 {
				return "elsewhere"
			}
		}
		return ""
	}
	_, err := h.conduct(s.genesis())
	h.shows("the PIN was wrong; 2 tries are left", "the PIN was wrong; ONE try is left", "That is not Alice. The PIN was not asked for.",
		"the PIN of card 1001 is BLOCKED", "unblock it with its PUK", "Alice signs elsewhere", "NOT SIGNED YET BY: Alice")
	var stopped *StoppedError
	if !errors.As(err, &stopped) || stopped.Step != "COMBINE" || !strings.Contains(err.Error(), "Alice") {
		t.Errorf("a genesis that lacks a keyholder ends with %v, want a stop at COMBINE that names who is missing", err)
	}
	s.reader.cards["Alice"].tries = 3 // unblocked
	s.hall(first).mustConduct(s.path("plan-1.yaml"))
	secret(t, s, pin, "111111", "222222", "333333")
}

// secret wants none of the texts in the record.
func secret(t *testing.T, s *stage, texts ...string) {
	t.Helper()
	for path, b := range s.files("record-1") {
		for _, text := range texts {
			if strings.Contains(b, `"`+text+`"`) || strings.Contains(b, " "+text) {
				t.Errorf("%s holds %s", path, text)
			}
		}
	}
}

// TestWrongCards: none, another, several, one without a key and one with another
// key; nothing is asked of any of them.
func TestWrongCards(t *testing.T) {
	s := newStage(t)
	plan := s.genesis()
	alice := s.reader.cards["Alice"]
	key := alice.key
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, n := s.hall(first), 0
	h.answer = func(prompt string) string {
		if !strings.HasPrefix(prompt, "Alice: type ready") {
			return ""
		}
		if n > 0 && n < 6 {
			h.lacks("PIN of card 1001")
		}
		n++
		s.reader.in = [][]uint32{nil, {1002}, {1001, 1004}, {1001}, {1001}, {1001}}[n-1]
		alice.key = []*ecdsa.PrivateKey{key, key, key, nil, other, key}[n-1]
		return "ready"
	}
	h.mustConduct(plan)
	h.shows("no card is in any reader; expected card 1001 of Alice", "this is the WRONG CARD. Expected: 1001 of Alice. Found: 1002 (Bob).",
		"several cards are in readers: 1001 (Alice), 1004 (nobody of this ceremony)", "holds no key in slot 9c", "holds ANOTHER KEY")
}

// TestAnyOrder: later puts a card behind the others; elsewhere puts it off, and
// the ceremony goes on when the signatures are there.
func TestAnyOrder(t *testing.T) {
	s := newStage(t)
	h := s.hall(first)
	later := false
	h.answer = func(prompt string) string {
		switch {
		case strings.HasPrefix(prompt, "Alice: type ready") && !later:
			later = true
			return "later"
		case strings.HasPrefix(prompt, "Bob: type ready"):
			return "elsewhere"
		case strings.HasPrefix(prompt, "Type combine"):
			return "stop"
		}
		return ""
	}
	_, err := h.conduct(s.genesis())
	var stopped *StoppedError
	if !errors.As(err, &stopped) {
		t.Fatalf("%v, want a stop", err)
	}
	shown := h.shown.String()
	if strings.LastIndex(shown, "TOUCH card 1001") < strings.LastIndex(shown, "TOUCH card 1003") {
		t.Error("Alice, who comes later, signed before Carol")
	}
	signElsewhere(t, s, "Bob")
	h = s.hall(first)
	h.mustConduct(s.path("plan-1.yaml"))
	h.shows("Bob has signed everything: each signature was verified again.")
	h.lacks("PIN of card")
}

// signElsewhere signs with the separate command's own function.
func signElsewhere(t *testing.T, s *stage, name string) {
	t.Helper()
	r, err := ceremony.OpenRecord(t.Context(), s.path("record-1"), first)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	session, err := r.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	card := s.reader.cards[name]
	h := s.hall(first)
	h.shown.WriteString("The digest of the draft:\n")
	for _, l := range spelt(session.Draft.Roster.Digest()) {
		h.shown.WriteString(l.Text + "\n")
	}
	desk := &Console{In: h, Out: &h.shown}
	if err := session.Sign(t.Context(), ceremony.Signing{Card: card, Desk: desk, At: first, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
}

// TestDoWithout: in a renewal, the threshold of the former roster and the consent
// of the new keys are enough; all agree to go on without one.
func TestDoWithout(t *testing.T) {
	s := newStage(t)
	s.hall(first).mustConduct(s.genesis())
	plan := s.plan("renewal", 2, second, fmt.Sprintf("anchor: keep\nprevious: {directory: out-1/publish, pin: %s}\n",
		digest.Sum([]byte(s.files("out-1")["/out-1/publish/root/1.json"]))), "Alice", "Bob", "Carol")
	h := s.hall(second)
	h.answer = func(prompt string) string {
		switch {
		case strings.HasPrefix(prompt, "Carol: type ready"):
			return "elsewhere"
		case strings.HasPrefix(prompt, "Type copied"):
			return "stop"
		}
		return ""
	}
	if _, err := h.conduct(plan); !errors.As(err, new(*StoppedError)) {
		t.Fatal(err)
	}
	h = s.hall(second)
	o := h.mustConduct(plan)
	h.lacks("Carol: type ready") // it is a roster already
	if len(o.Missing) != 1 || o.Missing[0] != "Carol" {
		t.Errorf("missing is %v, want Carol", o.Missing)
	}
}

// TestWords: wrong words are asked for again, until they are right; what was typed
// is in no record.
func TestWords(t *testing.T) {
	s := newStage(t)
	h, n := s.hall(first), 0
	h.answer = func(prompt string) string {
		if strings.HasPrefix(prompt, "Type word") {
			if n++; n%2 == 1 {
				return "314159 yes"
			}
		}
		return ""
	}
	h.mustConduct(s.genesis())
	if n != 8 {
		t.Errorf("words were asked for %d times, want twice at each of four places", n)
	}
	h.shows("Look at the numbers beside the words and try again")
	secret(t, s, "314159")
}

// TestDisagree: a witness who disagrees says why; the record is sealed with it.
func TestDisagree(t *testing.T) {
	s := newStage(t)
	h := s.hall(first)
	h.answer = func(prompt string) string {
		switch {
		case strings.HasPrefix(prompt, "Wanda (witness): type agree"):
			return "disagree"
		case strings.HasPrefix(prompt, "Wanda: why?"):
			if strings.Contains(h.shown.String(), "two words at least") {
				return "The second clock was not read aloud"
			}
			return "271828"
		}
		return ""
	}
	o := h.mustConduct(s.genesis())
	if len(o.Disagree) != 1 || o.Disagree[0] != "Wanda" {
		t.Errorf("disagree: %v, want Wanda", o.Disagree)
	}
	h.shows("Wanda DISAGREES.")
	found := false
	for _, e := range s.entries("record-1") {
		facts, _ := e["facts"].(map[string]any)
		found = found || facts["reason"] == "The second clock was not read aloud" && facts["witness"] == "Wanda"
	}
	if !found {
		t.Error("the reason is not in the record")
	}
	secret(t, s, "271828")
}

// TestDisagreeIsNotTakenBack: whoever has said that they disagree is not asked
// whether they do once more, though the sitting ended before they said why.
func TestDisagreeIsNotTakenBack(t *testing.T) {
	s := newStage(t)
	h := s.hall(first)
	h.answer = func(prompt string) string {
		switch {
		case strings.HasPrefix(prompt, "Wanda (witness): type agree"):
			return "disagree"
		case strings.HasPrefix(prompt, "Wanda: why?"):
			return "stop"
		}
		return ""
	}
	plan := s.genesis()
	if _, err := h.conduct(plan); !errors.As(err, new(*StoppedError)) {
		t.Fatalf("stopped at the reason: %v", err)
	}
	h.answer = func(prompt string) string {
		if strings.HasPrefix(prompt, "Wanda: why?") {
			return "The second clock was not read aloud"
		}
		return "" // and agrees to all that is asked
	}
	if o := h.mustConduct(plan); len(o.Disagree) != 1 || o.Disagree[0] != "Wanda" {
		t.Errorf("disagree: %v, want Wanda", o.Disagree)
	}
}

// TestClocks: clocks that do not agree hold the ceremony until they do.
func TestClocks(t *testing.T) {
	s := newStage(t)
	h, n := s.hall(first), 0
	h.answer = func(prompt string) string {
		switch {
		case strings.HasPrefix(prompt, "Clock 2"):
			if n++; n < 3 {
				return []string{"noon", "2026-11-23 12:06"}[n-1]
			}
		case strings.HasPrefix(prompt, "The clocks do not agree"):
			return "again"
		}
		return ""
	}
	h.mustConduct(s.genesis())
	h.shows("That is not a date and a time", "clock 2 says 2026-11-23T12:06:00Z: they differ by 6m0s", "The clocks do not agree")
}

// TestClockTolerance: a plan says how far clocks may be apart; the bound is
// allowed, and the record has it and what was found.
func TestClockTolerance(t *testing.T) {
	for _, c := range []struct {
		tolerance, clock string // the machine's is 12:00:00
		agrees           bool
	}{
		{"", "12:05", true}, {"", "11:55", true}, {"", "12:06", false},
		{"policy: {clock_tolerance: 1m}\n", "12:01", true}, {"policy: {clock_tolerance: 1m}\n", "11:58", false},
	} {
		s := newStage(t)
		plan := s.plan("genesis", 1, first, "anchor: empty\n"+c.tolerance, "Alice", "Bob", "Carol")
		h := s.hall(first)
		agreed := true
		h.answer = func(prompt string) string {
			switch {
			case strings.HasPrefix(prompt, "Clock 1"):
				return "2026-11-23 " + c.clock
			case strings.HasPrefix(prompt, "The clocks do not agree"):
				agreed = false
				return "stop"
			case strings.HasPrefix(prompt, "Type yes if the digests are the same"):
				return "stop"
			}
			return ""
		}
		var stopped *StoppedError
		if _, err := h.conduct(plan); !errors.As(err, &stopped) {
			t.Fatalf("the ceremony ends with %v", err)
		}
		if agreed != c.agrees {
			t.Errorf("a clock that shows %s, and %q: agreed is %t", c.clock, c.tolerance, agreed)
		}
		want := "5m0s"
		if c.tolerance != "" {
			want = "1m0s"
		}
		noted := 0
		for _, e := range s.entries("record-1") {
			facts, _ := e["facts"].(map[string]any)
			if apart, _ := facts["clocks differ by"].([]any); facts["clock_tolerance"] == want && len(apart) == 2 && apart[1] == "0s" {
				noted++
			}
		}
		if noted != 1 {
			t.Errorf("the record has %d entries of the clocks with %s, want one", noted, want)
		}
	}
}

// TestMachine: what forbids a ceremony holds it; what departs from the usual is
// agreed to, and recorded; another program than the plan's holds it.
func TestMachine(t *testing.T) {
	s := newStage(t)
	right, wrong := digest.Sum([]byte("right")), digest.Sum([]byte("wrong"))
	plan := s.plan("genesis", 1, first, fmt.Sprintf("anchor: empty\nprogram: %s\n", right), "Alice", "Bob", "Carol")
	h := s.hall(first)
	cfg := h.config(plan)
	finding := func(c airgap.Class) []airgap.Finding {
		return []airgap.Finding{{ID: "TEST", Class: c, Sentence: "There is " + string(c) + ".", Do: "take it out"}}
	}
	machines := []Machine{ // the first is for the opening
		{Program: right}, {Program: right, Findings: finding(airgap.Refused)}, {Program: wrong}, {Program: right, Findings: finding(airgap.Exception)},
	}
	cfg.Machine = func(bool) Machine {
		m := machines[0]
		machines = machines[1:]
		return m
	}
	var asked []string
	h.answer = func(prompt string) string {
		switch {
		case strings.Contains(prompt, "is NOT the one for this ceremony"):
			asked = append(asked, "not")
			return "again"
		case strings.Contains(prompt, "type exception"):
			asked = append(asked, "exception")
			return "exception"
		case strings.HasPrefix(prompt, "Type yes if the digests of the program are the same"):
			asked = append(asked, "program")
		}
		return ""
	}
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(asked, " "); got != "not not exception program" || len(machines) != 0 {
		t.Errorf("asked %q, want twice that it is not the machine, then whether all agree, and a witness about the program", got)
	}
	h.shows("There is refused. To do: take it out.", "The plan names ANOTHER program: "+right.String())
	if n := s.did("record-1", "exception"); n != 1 {
		t.Errorf("%d exceptions, want one", n)
	}
}

// TestRivals: a second record with a draft of the same version is refused, beside
// this one and where people say that one is.
func TestRivals(t *testing.T) {
	s := newStage(t)
	h := s.hall(first)
	h.answer = func(prompt string) string {
		if strings.HasPrefix(prompt, "Alice: type ready") {
			return "stop"
		}
		return ""
	}
	if _, err := h.conduct(s.genesis()); err == nil {
		t.Fatal("nobody stopped")
	}
	b, err := os.ReadFile(s.path("plan-1.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("other.yaml", bytes.ReplaceAll(b, []byte("record: record-1"), []byte("record: other")))
	_, err = s.hall(first).conduct(s.path("other.yaml"))
	refused(t, err, "has a draft of root roster 1 already")
	s.write("far/here", nil)
	s.write("far.yaml", bytes.ReplaceAll(b, []byte("record: record-1"), []byte("record: far/record")))
	h = s.hall(first)
	h.answer = func(prompt string) string {
		if strings.HasPrefix(prompt, "Is there another record") {
			return s.path("record-1")
		}
		return ""
	}
	_, err = h.conduct(s.path("far.yaml"))
	refused(t, err, "has a draft of root roster 1 already")
}

func refused(t *testing.T, err error, text string) {
	t.Helper()
	var exit interface{ ExitCode() int }
	if err == nil || !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.Contains(err.Error(), text) {
		t.Errorf("answer is %v, want a refusal with %q", err, text)
	}
}

// TestPlanAtTheDoor: what is refused before anything is shown or written.
func TestPlanAtTheDoor(t *testing.T) {
	s := newStage(t)
	plan := s.genesis()
	b, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	s.write("out-1/here", nil)
	_, err = s.hall(first).conduct(plan)
	refused(t, err, "exists already")
	if ceremony.IsRecord(s.path("record-1")) {
		t.Error("a record was begun")
	}
	os.RemoveAll(s.path("out-1"))
	h := s.hall(first)
	h.answer = func(prompt string) string {
		if strings.HasPrefix(prompt, "Clock 1") {
			return "stop"
		}
		return ""
	}
	if _, err := h.conduct(plan); err == nil {
		t.Fatal("nobody stopped")
	}
	s.write("plan-1.yaml", append(b, "# changed\n"...))
	_, err = s.hall(first).conduct(plan)
	refused(t, err, "is of the plan with digest")
	s.write("plan-1.yaml", b)
	s.write("bad.yaml", []byte(strings.Replace(string(b), "threshold: 2", "threshold: 3", 1)))
	os.RemoveAll(s.path("record-1"))
	h = s.hall(first)
	_, err = h.conduct(s.path("bad.yaml"))
	refused(t, err, "ROOT-SPARE")
	h.shows("!! ROOT-SPARE")
}

// TestAbandonAndAgain: a draft that was abandoned is followed by another ceremony
// in the same record, with all of its steps.
func TestAbandonAndAgain(t *testing.T) {
	s := newStage(t)
	h := s.hall(first)
	h.answer = func(prompt string) string {
		if strings.HasPrefix(prompt, "Bob: type ready") {
			return "stop"
		}
		return ""
	}
	if _, err := h.conduct(s.genesis()); err == nil {
		t.Fatal("nobody stopped")
	}
	r, err := ceremony.OpenRecord(t.Context(), s.path("record-1"), first)
	if err != nil {
		t.Fatal(err)
	}
	h = s.hall(first)
	h.answer = func(string) string { return "number-1" }
	if err := errors.Join(r.Abandon(&Console{In: h, Out: &h.shown}, first), r.Close()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(s.path("plan-1.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("plan-1.yaml", bytes.Replace(b, []byte("snapshot_floor: 5"), []byte("snapshot_floor: 6"), 1))
	h = s.hall(first)
	h.mustConduct(s.path("plan-1.yaml"))
	h.shows("STEP 1 of 13", "STEP 2 of 13", "STEP 5 of 13")
	if n := s.did("record-1", "opened"); n != 2 {
		t.Errorf("the record was opened %d times, want twice", n)
	}
}
