package ceremony

import (
	"crypto/rand"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rootward/rootward/internal/ceremony/change"
)

// A row answers one question after the other, and then as a paper does.
type row struct {
	paper
	answers map[string][]string // by the beginning of what is asked
}

func (r *row) Ask(prompt string) (string, error) {
	for begin, all := range r.answers {
		if strings.HasPrefix(prompt, begin) && len(all) > 0 {
			r.asked = append(r.asked, prompt)
			r.answers[begin] = all[1:]
			return all[0], nil
		}
	}
	return r.paper.Ask(prompt)
}

// TestGuidedTurn: what is typed wrong is asked for again; each override is
// approved by its name; stop ends the turn before the PIN.
func TestGuidedTurn(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	turn := func(answers map[string][]string) (*row, error) {
		desk := &row{answers: answers}
		return desk, s.in("record", first, func(session *Session) error {
			desk.digest, desk.pin = session.Draft.Roster.Digest(), s.cards["Alice"].pin
			session.Draft.Anchor = &change.Anchor{Overrides: []change.Name{{Package: "lost", Why: "keys lost"}, {Package: "gone", Why: "a new owner"}}}
			return session.SignTurn(t.Context(), &Signing{Card: s.cards["Alice"], Desk: desk, At: first, Rand: rand.Reader, Guided: true})
		})
	}
	desk, err := turn(map[string][]string{"OVERRIDES the maintainers of lost": {"lots", "lost"}, "OVERRIDES the maintainers of gone": {"stop"}})
	if !errors.Is(err, ErrStopped) || slices.ContainsFunc(desk.asked, func(q string) bool { return strings.HasPrefix(q, "PIN") }) {
		t.Errorf("stop ends the turn with %v, asked %q; want no PIN", err, desk.asked)
	}
	if !desk.heard("That is not the name lost.") {
		t.Errorf("said %q", desk.said)
	}
	if _, err = turn(map[string][]string{"Type word": {"stop"}}); !errors.Is(err, ErrStopped) {
		t.Errorf("stop at the words ends with %v", err)
	}
	s.cards["Alice"].tries = 1
	if _, err = turn(map[string][]string{"OVERRIDES the maintainers of lost": {"lost"}, "OVERRIDES the maintainers of gone": {"gone"}, "ONE TRY LEFT": {"Bob", "stop"}}); !errors.Is(err, ErrStopped) || s.cards["Alice"].tries != 1 {
		t.Errorf("stop at the card's name ends with %v, %d tries left", err, s.cards["Alice"].tries)
	}
	desk, err = turn(map[string][]string{"Type word": {"not these"}, "OVERRIDES the maintainers of lost": {"lost"}, "OVERRIDES the maintainers of gone": {"", "gone"}, "ONE TRY LEFT": {"271828", "Alice"}})
	if err != nil {
		t.Fatalf("%v, asked %q", err, desk.asked)
	}
	for _, c := range []struct {
		begin string
		n     int
	}{{"Type word", 2}, {"OVERRIDES the maintainers of lost", 1}, {"OVERRIDES the maintainers of gone", 2}, {"ONE TRY LEFT", 2}, {"PIN of card 1001 (Alice), 1 try left", 1}} {
		if n := len(slices.DeleteFunc(slices.Clone(desk.asked), func(q string) bool { return !strings.HasPrefix(q, c.begin) })); n != c.n {
			t.Errorf("%q was asked %d times, want %d", c.begin, n, c.n)
		}
	}
}

// TestNothingAfterAnUnwrittenEntry: once an entry could not be written, no other
// is, because the file may end in half a line.
func TestNothingAfterAnUnwrittenEntry(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	r, err := OpenRecord(t.Context(), s.path("record"), first)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	full := true
	r.SetWatch(func(string) error {
		if full {
			return syscall.ENOSPC
		}
		return nil
	})
	before := len(r.Entries())
	var unwritten *UnwrittenError
	if err := r.Note(first, "test", "one", nil); !errors.As(err, &unwritten) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%v, want an UnwrittenError", err)
	}
	full = false
	if err := r.Note(first, "test", "two", nil); !errors.As(err, &unwritten) || len(r.Entries()) != before {
		t.Errorf("the entry after it gives %v, and %d entries stand, want %d", err, len(r.Entries()), before)
	}
}

// TestCombineFindsItsOutput: an output that an interruption kept out of the
// transcript is verified and noted, if it is the same to the last byte.
func TestCombineFindsItsOutput(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	s.sign("record", first, "Alice", "Bob", "Carol")
	fail := func(what string) error {
		if what == "entry combined" {
			return syscall.EIO
		}
		return nil
	}
	err := s.in("record", first, func(session *Session) error {
		session.SetWatch(fail)
		_, err := session.Combine(t.Context(), s.path("out"), first)
		return err
	})
	if !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	label := s.path("out", SealedName, labelName)
	b, err := readFile(label, maxInput)
	if err != nil {
		t.Fatal(err)
	}
	s.write("out/"+SealedName+"/"+labelName, append(b, "more\n"...))
	_, err = s.combine("record", "out", first)
	refusedWith(t, err, "exists already")
	s.write("out/"+SealedName+"/"+labelName, b)
	if _, err = s.combine("record", "out", first); err != nil {
		t.Fatal(err)
	}
	_, err = s.combine("record", "out", first)
	refusedWith(t, err, "exists already")
}

// TestCombineAfterTheSeal: nothing can be noted any more, so nothing is written.
func TestCombineAfterTheSeal(t *testing.T) {
	s := newStage(t, rehearsal)
	s.begin("record", s.genesis())
	s.sign("record", first, "Alice", "Bob", "Carol")
	s.seal("record")
	_, err := s.combine("record", "out", first)
	refusedWith(t, err, "is sealed")
	if _, err := os.Lstat(s.path("out")); err == nil {
		t.Error("the output was written all the same")
	}
}
