package acts

import (
	"slices"
	"testing"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/roster"
)

// key is the id of a card's key.
func (w *world) key(serial uint32) roster.Key {
	w.t.Helper()
	e, err := ceremony.ParseEnrolment(w.read(enrolmentOf(serial)))
	must(w.t, err)
	return e.Key
}

// TestCardLost: the holder stays with another card; whoever finds the lost one
// and its PIN has nothing.
func TestCardLost(t *testing.T) {
	w := founded(t)
	h := w.hold(holding{acts: "card-lost", values: join(w.issued(), person("replaced", "Alice again")), edit: without(w, "Alice")})
	w.adopt(h)
	w.follow(3)
	w.mayNot("Alice", "Bob")
	w.may("Alice again", "Bob")
	if _, r := w.last(); len(r.Revoked) != 0 {
		t.Errorf("a card that was lost revokes %v", r.Revoked)
	}
}

// TestCardCompromised: the key is revoked for good. It signs for nobody, no
// later roster forgets that, and none lists it again.
func TestCardCompromised(t *testing.T) {
	w := founded(t)
	stolen := w.key(serials["Alice"])
	w.refuse(w.next(func(r *roster.Root) { // not even the roster that revokes it counts it
		r.Keyholders = slices.DeleteFunc(r.Keyholders, func(k roster.Keyholder) bool { return k.Name == "Alice" })
		r.Revoked = []roster.RevokedKey{{Key: stolen, Reason: "stolen", At: r.Issued}}
	}, serials["Alice"], serials["Bob"]), roster.LayerRoster, "quorum of roster version 2")
	h := w.hold(holding{acts: "card-compromised", values: join(w.issued(), person("replaced", "Alice again"),
		values{"compromised-key": stolen.ID().String(), "compromised-reason": "the card was stolen", "compromised-at": roster.At(w.now).String()}),
		edit: without(w, "Alice")})
	h.hears(t, "REVOKES")
	w.adopt(h)
	w.follow(3)
	w.mayNot("Alice", "Bob")
	w.may("Alice again", "Bob")
	w.refuse(w.next(func(r *roster.Root) { r.Revoked = nil }, 1002, 1003), roster.LayerRoster, "revok")

	w.now = w.now.Add(day)
	c := holding{acts: "keyholders, card-lost", values: join(w.issued(), nobody, person("replaced", "Alice")), edit: edits(nobodyNew(w), without(w, "Alice"))}
	h = w.planned(c)
	stopped(t, w.conduct(h, c), "KEY-RETURNS")
}

// TestCardRetired: the former card signs once more, and then never again.
func TestCardRetired(t *testing.T) {
	w := founded(t)
	h := w.hold(holding{acts: "card-retired", values: join(w.issued(), person("replaced", "Alice again"), person("outgoing", "Alice")),
		edit: without(w, "Alice"), absent: []string{"Carol"}})
	w.adopt(h)
	w.follow(3)
	w.mayNot("Alice", "Bob")
	w.may("Alice again", "Bob")
}
