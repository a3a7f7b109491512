package acts

import (
	"fmt"
	"testing"

	"github.com/rootward/rootward/roster"
)

// without takes people's lines out of a plan's keyholders.
func without(w *world, names ...string) func(string) string {
	return func(p string) string {
		for _, n := range names {
			p = drop(w.t, p, fmt.Sprintf("- {name: %q,", n))
		}
		return p
	}
}

// edits makes one edit of several.
func edits(all ...func(string) string) func(string) string {
	return func(p string) string {
		for _, e := range all {
			p = e(p)
		}
		return p
	}
}

func add(lines string) func(string) string { return func(p string) string { return p + lines } }

// line is somebody's line, as keyholder or outgoing.
func line(name string) string {
	return fmt.Sprintf("{name: %s, card: %d, enrolment: %s}", name, serials[name], enrolmentOf(serials[name]))
}

// outgoing has people sign once more who leave.
func outgoing(names ...string) func(string) string {
	lines := "outgoing:\n"
	for _, n := range names {
		lines += "  - " + line(n) + "\n"
	}
	return add(lines)
}

// nobodyNew leaves the template's line for a new keyholder out.
func nobodyNew(w *world) func(string) string {
	return func(p string) string { return drop(w.t, p, "- {name: nobody,") }
}

var nobody = values{"keyholder-new": "nobody", "keyholder-new-card": "0"}

// TestAdded: a new keyholder counts from the next roster on, and has to have
// signed the one that first names them.
func TestAdded(t *testing.T) {
	w := founded(t)
	c := holding{acts: "keyholders", values: join(w.issued(), person("keyholder-new", "Dave")), absent: []string{"Dave"}}
	h := w.planned(c)
	stopped(t, w.conduct(h, c), "Dave")
	w.mayNot("Bob", "Dave") // he is nobody yet
	c.absent = []string{"Carol"}
	must(t, w.conduct(h, c))
	h.hears(t, "Dave")
	w.adopt(h)
	w.follow(3)
	w.may("Bob", "Dave")
	w.mayNot("Dave", "Erin")
}

// TestRemoved: whoever has left signs for nobody any more.
func TestRemoved(t *testing.T) {
	w := founded(t)
	w.may("Alice", "Bob")
	h := w.hold(holding{acts: "keyholders", values: join(w.issued(), nobody),
		edit: edits(without(w, "Alice"), nobodyNew(w), add("policy: {spare_min: 0}\n"))})
	h.hears(t, "REMOVES")
	w.adopt(h)
	w.follow(3)
	w.mayNot("Alice", "Bob")
	w.mayNot("Alice", "Carol")
	w.may("Bob", "Carol")
}

// TestReplaced: one comes for one who leaves.
func TestReplaced(t *testing.T) {
	w := founded(t)
	h := w.hold(holding{acts: "keyholders", values: join(w.issued(), person("keyholder-new", "Dave")), edit: without(w, "Alice")})
	w.adopt(h)
	w.follow(3)
	w.mayNot("Alice", "Bob")
	w.may("Bob", "Dave")
}

// TestSeveralAtOnce: a majority of the former root leaves in one ceremony, and
// can do nothing together afterwards. One of them signs once more, because the
// former threshold wants it.
func TestSeveralAtOnce(t *testing.T) {
	w := founded(t)
	two := edits(without(w, "Alice", "Bob"), func(p string) string {
		return replace(t, p, "  # Who comes has a line", "  - "+line("Erin")+"\n  # Who comes has a line")
	})
	c := holding{acts: "keyholders", values: join(w.issued(), person("keyholder-new", "Dave")), edit: two}
	h := w.planned(c)
	stopped(t, w.conduct(h, c), "ROOT-QUORUM")
	c.edit = edits(two, outgoing("Alice"))
	h = w.hold(c)
	w.adopt(h)
	w.follow(3)
	w.mayNot("Alice", "Bob")
	w.mayNot("Alice", "Carol")
	w.may("Dave", "Erin")
}

// TestThreshold: once three are wanted two are too few, and it is three who can
// lower the threshold again.
func TestThreshold(t *testing.T) {
	w := founded(t)
	up := func(p string) string { return replace(t, p, "\n  threshold: 2\n", "\n  threshold: 3\n") }
	w.adopt(w.hold(holding{acts: "keyholders", values: join(w.issued(), person("keyholder-new", "Dave")), edit: up}))
	w.follow(3)
	w.mayNot("Alice", "Bob")
	w.may("Alice", "Bob", "Dave")
	w.refuse(w.next(func(r *roster.Root) { r.Threshold = 2 }, cardsOf([]string{"Alice", "Bob"})...), roster.LayerRoster, "quorum")

	w.now = w.now.Add(day)
	down := edits(nobodyNew(w), func(p string) string { return replace(t, p, "\n  threshold: 3\n", "\n  threshold: 2\n") })
	c := holding{acts: "keyholders", values: join(w.issued(), nobody), edit: down, absent: []string{"Carol", "Dave"}}
	h := w.planned(c)
	stopped(t, w.conduct(h, c), "Carol")
	c.absent = []string{"Carol"}
	must(t, w.conduct(h, c))
	h.hears(t, "LOWERS SECURITY")
	w.adopt(h)
	w.follow(4)
	w.may("Carol", "Dave")
	w.mayNot("Dave")
}
