package acts

import (
	"fmt"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// TestAnchor: the root makes a new package established, and gives another to
// new maintainers, by name, approved by each who signs. Its former maintainers
// have lost it, whoever helps them.
func TestAnchor(t *testing.T) {
	w := founded(t)
	w.keep("kept-2")
	former, version := w.newest("settled")
	by := list(t, "settled", former, version+1, w.now, birch)
	path := roster.ListPath("settled", by.Digest())
	w.write("kept-2/"+path, by.Bytes())
	w.write("kept-2/"+roster.SignaturePath(path), rostertest.Sign(t, by.Bytes(), birch))
	w.now = w.now.Add(8 * day)
	c := holding{acts: "anchor", values: join(w.issued(), values{"kept-snapshot": "kept-2.json", "public-copy": "kept-2"}), edit: func(p string) string {
		return replace(t, p, "overrides: [] ", fmt.Sprintf("overrides: [{package: settled, list: %s}] ", by.Digest()))
	}}
	c.answer = func(prompt string) string {
		if override.MatchString(prompt) {
			return "stop"
		}
		return ""
	}
	h := w.planned(c)
	stopped(t, w.conduct(h, c), "stop")
	c.answer = nil
	must(t, w.conduct(h, c))
	h.hears(t, "OVERRIDES the maintainers of settled")
	asked := 0
	for _, q := range h.room.asked {
		if override.MatchString(q) {
			asked++
		}
	}
	if asked != 3 {
		t.Errorf("%d people were asked to approve the override, want 3", asked)
	}

	w.adopt(h)
	for _, name := range clients {
		w.client(name).reaches(3)
		w.client(name).finds("fresh", "1.0", client.Established)
	}
	w.release("settled", "2.0", birch)
	w.publish()
	for _, name := range clients {
		w.client(name).finds("settled", "2.0", client.Established)
	}
	w.deposed()
}

// TestTogether does what people do once a year: dates, a lost card and a new
// anchor in one ceremony.
func TestTogether(t *testing.T) {
	w := founded(t)
	w.keep("kept-2")
	w.now = w.now.AddDate(0, 9, 0)
	until := roster.At(w.now.AddDate(1, 0, 0)).String()
	h := w.hold(holding{acts: "renewal, card-lost, anchor", edit: without(w, "Alice"), values: join(w.issued(), person("replaced", "Alice again"),
		values{"expires": until, "online-until": until, "standby-until": roster.At(w.now.AddDate(2, 0, 0)).String(), "kept-snapshot": "kept-2.json", "public-copy": "kept-2"})})
	w.adopt(h)
	w.follow(3)
	for _, name := range clients {
		w.client(name).finds("fresh", "1.0", client.Established)
	}
	w.mayNot("Alice", "Bob")
	w.may("Alice again", "Carol")
}

// deposed plays the former maintainer of the package, alone and with a thief of
// the online keys.
func (w *world) deposed() {
	w.t.Helper()
	if err := w.tryRelease("settled", "3.0", alder); err == nil {
		w.t.Error("the signer takes a release of the former maintainer")
	}
	former := w.snapshot(1, 900, func(x *rostertest.Index) {
		_, index, err := w.view().Index(w.t.Context(), "settled")
		must(w.t, err)
		x.Package("settled").Index = index
		d, version := w.newest("settled")
		x.PutList(list(w.t, "settled", d, version+1, w.now, alder).Content(), alder)
	})
	w.refuse(former, roster.LayerList, "")
}
