package ceremony

import (
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/ceremony/plan"
)

// TestActsWantTheirPlans: an act does nothing by a plan of another.
func TestActsWantTheirPlans(t *testing.T) {
	s := founded(t, rehearsal)
	c := s.genesis()
	_, err := OpenSealed(t.Context(), c, s.path("opened"))
	refusedWith(t, err, "the plan opens no sealed revocations")
	_, err = DestroySealed(c)
	refusedWith(t, err, "the plan destroys no sealed revocations")
	refusedWith(t, AbandonPlanned(t.Context(), c, &paper{}, first), "the plan abandons no draft")
	_, err = HoldSealed(t.Context(), c, &paper{}, first)
	refusedWith(t, err, "the plan neither opens nor destroys sealed revocations")
	_, err = OpenRecord(t.Context(), s.path("enrolments"), first)
	refusedWith(t, err, "is not the folder of a ceremony")
	_, err = NewPlan(t.Context(), []plan.Act{plan.Renewal}, s.path("nowhere"), s.pin, second)
	refusedWith(t, err, "reading the rosters so far")
}

// TestAbandonedMeanwhile: the draft that is destroyed is the one that was planned,
// also when the record has another since the plan was checked.
func TestAbandonedMeanwhile(t *testing.T) {
	s := newStage(t, rehearsal)
	c := s.abandoning()
	if err := s.abandon("record-9", first, "number-1"); err != nil {
		t.Fatal(err)
	}
	other := s.mustLoad(strings.Replace(string(s.genesis().Raw), "snapshot_floor: 5", "snapshot_floor: 8", 1), first)
	s.begin("record-9", other)
	refusedWith(t, AbandonPlanned(t.Context(), c, &paper{}, second), "changed since the plan was checked")
	if d, err := DraftIn(s.path("record-9")); err != nil || d == nil {
		t.Errorf("the other draft is gone: %v", err)
	}
}

// TestStopInPlaceOfPIN: stop is heard where a PIN is wanted, and no try is used.
func TestStopInPlaceOfPIN(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	card := s.cards["Alice"]
	err := s.in("record", first, func(session *Session) error {
		desk := &row{}
		desk.digest, desk.pin = session.Draft.Roster.Digest(), " stop "
		return session.SignTurn(t.Context(), &Signing{Card: card, Desk: desk, At: first, Rand: rand.Reader, Guided: true})
	})
	if !errors.Is(err, ErrStopped) || card.tries != 3 {
		t.Errorf("it ends with %v, and %d tries are left", err, card.tries)
	}
	if slices.Contains(events(t, s, "record"), "signed") {
		t.Error("something was signed")
	}
}

// TestEnrolmentsSayWhy: a file that is no enrolment is refused for what it is.
func TestEnrolmentsSayWhy(t *testing.T) {
	for want, b := range map[string]string{
		"bytes, wanted at most": strings.Repeat(" ", maxEnrolment+1),
		`file says type "x"`:    `{"type": "x"}`,
	} {
		if _, err := ParseEnrolment([]byte(b)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it is refused with %v, want %q", err, want)
		}
	}
}
