package acts

import (
	"os"
	"strings"
	"testing"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// TestAbandon: a draft that one keyholder had signed is destroyed, and another
// of the version is held. The signature over the first, which somebody had
// copied, gives no roster.
func TestAbandon(t *testing.T) {
	w := founded(t)
	expires := func(months int) values {
		until := roster.At(w.now.AddDate(0, months, 0)).String()
		return join(w.issued(), values{"expires": until, "online-until": until, "standby-until": roster.At(begin.AddDate(2, 0, 0)).String()})
	}
	c := holding{acts: "renewal", values: expires(18), answer: func(prompt string) string {
		if strings.HasPrefix(prompt, "Bob: type ready") {
			return "stop"
		}
		return ""
	}}
	h := w.planned(c)
	stopped(t, w.conduct(h, c), "stop")
	path := roster.RosterPath(3)
	draft, err := os.ReadFile(h.record + "/draft/" + path)
	must(t, err)
	copied := mirror{forged: map[string][]byte{path: draft, roster.SignaturePath(path): w.signed(draft, serials["Alice"])}}

	second := holding{acts: "renewal", values: expires(12)}
	stopped(t, w.conduct(w.planned(second), second), "draft") // a keyholder signs one draft of a version
	w.hold(holding{acts: "abandon", values: values{"repository": repository, "record": h.record, "draft": digest.Sum(draft).String(), "reason": "the expiry is wrong"},
		answer: func(prompt string) string {
			if strings.HasPrefix(prompt, "Type the ceremony's name to destroy them") {
				return "number-3"
			}
			return ""
		}})
	if _, err := os.Stat(h.record + "/draft"); err == nil {
		t.Error("the draft is still there")
	}
	w.refuse(copied, roster.LayerRoster, "quorum")

	w.adopt(w.hold(second))
	w.follow(3)
	_, err = w.client("new").at(copied).refresh()
	refused(t, err, roster.LayerRoster, "quorum")
	w.client("remembering").at(copied).reaches(3) // who has the true one asks for no other
	c.answer = nil
	if err := w.conduct(h, c); err == nil {
		t.Error("the abandoned ceremony went on")
	}
}
