package acts

import (
	"os"
	"testing"

	"github.com/rootward/rootward/roster"
)

// TestRenewal: new dates and nothing else. Who serves the repository as it was
// before is found out by clients that have seen the renewal at once, and by all
// others when the former roster expires.
func TestRenewal(t *testing.T) {
	w := founded(t)
	must(t, os.CopyFS(w.path("old"), os.DirFS(w.path("www"))))
	w.now = begin.AddDate(0, 11, 0)
	until := roster.At(w.now.AddDate(1, 0, 0)).String()
	dates := holding{acts: "renewal", values: join(w.issued(), values{"expires": until, "online-until": until, "standby-until": roster.At(begin.AddDate(3, 0, 0)).String()})}
	sly := dates
	sly.edit = func(p string) string {
		return replace(t, p, `{name: "Alice", card: 1001, enrolment: enrolments/1001.json}`, line("Dave"))
	}
	stopped(t, w.conduct(w.planned(sly), sly), "ACT-SCOPE")
	dates.absent = []string{"Carol"}
	h := w.hold(dates)
	h.hears(t, "expir")
	w.adopt(h)
	w.follow(3)
	w.mayNot("Alice")
	w.may("Alice", "Carol")

	old := mirror{dir: w.path("old")}
	_, err := w.client("remembering").at(old).refresh()
	refused(t, err, roster.LayerSnapshot, "")
	w.now = begin.AddDate(1, 1, 0)
	_, err = w.client("new").at(old).refresh()
	stale(t, err, roster.LayerRoster, "expired")
	w.publish()
	w.follow(3)
}
