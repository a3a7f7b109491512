package acts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/roster"
)

// standby has a plan name a pair of online keys of the roster before, in place
// of a file.
func (w *world) standby(p string, pair int) string {
	return replace(w.t, p, "  file: online-3.json", fmt.Sprintf("  keep: [%s, %s]", online(roster.RoleCountersign, pair).Key.ID(), online(roster.RoleSnapshot, pair).Key.ID()))
}

// rotation are the values of a change of online keys.
func (w *world) rotation() values {
	return join(w.issued(), values{"online-file": "online-3.json", "online-from": roster.At(w.now.Add(-day)).String(), "online-until": roster.At(begin.AddDate(2, 0, 0)).String()})
}

// secondPair adds a new standby pair to a plan.
func (w *world) secondPair() string {
	return fmt.Sprintf("standby_keys: {file: online-3.json, not_before: %s, expires: %s}\n", roster.At(w.now.Add(-day)), roster.At(begin.AddDate(2, 0, 0)))
}

// use gives the signer another pair of keys.
func (w *world) use(pair int) {
	w.t.Helper()
	w.stop()
	w.pair = pair
	w.serve()
}

// TestOnlineRotation: the standby pair takes over as planned, and a new pair
// stands by. Nothing is lost; the former keys sign for nobody.
func TestOnlineRotation(t *testing.T) {
	w := founded(t)
	h := w.hold(holding{acts: "online-rotation", values: w.rotation(), edit: func(p string) string { return w.standby(p, 2) + w.secondPair() }})
	former := w.snapshot(1, 900, claimed)
	w.client("new").acceptsOf(former, "claimed", client.New) // until the roster is public
	w.use(2)
	w.adopt(h)
	w.follow(3)
	w.client("remembering").finds("fresh", "1.0", client.Remembered)
	w.client("new").finds("fresh", "1.0", client.New)
	w.refuse(w.snapshot(1, 900, claimed), roster.LayerSnapshot, "")

	w.use(1) // the key server was not changed over
	if err := w.service.Publish(t.Context(), true); !errors.As(err, new(*signer.KeyError)) {
		t.Errorf("a signer with the former keys says: %v", err)
	}
	w.use(2)
	w.release("settled", "1.1", alder)
	w.publish()
	w.client("offline").finds("settled", "1.1", client.Established)
}

// opening is the ceremony that opens the first pair's revocations.
func (w *world) opening(envelope string) holding {
	return holding{acts: "open-revocations", values: values{"envelope": envelope, "reason": "we think that it leaked"}, edit: func(p string) string {
		return drop(w.t, p, "- "+online(roster.RoleCountersign, 2).Key.ID().String(), "- "+online(roster.RoleSnapshot, 2).Key.ID().String())
	}}
}

// TestOnlineTheft plays the worst day of the online signer: a thief with both
// keys, the sealed revocations opened, and the standby pair taken into use.
func TestOnlineTheft(t *testing.T) {
	w := founded(t)
	stolen := w.snapshot(1, 900, claimed)
	deceived := w.client("deceived")
	deceived.from = stolen
	deceived.from.dir = w.path("www")
	deceived.finds("claimed", "1.0", client.New)

	h := w.hold(w.opening("out-2/sealed"))
	files, err := filepath.Glob(filepath.Join(h.out, "revocations", "*"))
	if err != nil || len(files) != 4 {
		t.Fatalf("the envelope gave %v, %v", files, err)
	}
	for _, f := range files { // by hand: no signer is asked
		b, err := os.ReadFile(f)
		must(t, err)
		w.write(filepath.Join("www", "revocations", filepath.Base(f)), b)
	}
	w.refuse(mirror{}, roster.LayerSnapshot, "revoked")
	w.refuse(stolen, roster.LayerSnapshot, "revoked")
	hiding := stolen
	for _, f := range files {
		hiding.hidden = append(hiding.hidden, "revocations/"+filepath.Base(f))
	}
	if _, err := w.client("remembering").refresh(); err == nil {
		t.Fatal("the revocations were not seen")
	}
	_, err = w.client("remembering").at(hiding).refresh()
	refused(t, err, roster.LayerSnapshot, "revoked") // and it forgets nothing

	w.recover(stolen)
	deceived.from = mirror{dir: w.path("www")}
	deceived.finds("settled", "1.0", client.Established)
	deceived.unknown("claimed")
	_, err = w.client("remembering").at(hiding).refresh()
	refused(t, err, roster.LayerSnapshot, "")
}

// TestOnlineTheftOfAll: the standby pair may have leaked too. All four keys are
// opened and revoked, and a pair that is new takes over; until then nothing counts.
func TestOnlineTheftOfAll(t *testing.T) {
	w := founded(t)
	h := w.hold(holding{acts: "open-revocations", values: values{"envelope": "out-2/sealed", "reason": "all of it may have leaked"}})
	h.hears(t, "NO ")
	must(t, os.CopyFS(w.path("www", "revocations"), os.DirFS(filepath.Join(h.out, "revocations"))))
	w.refuse(mirror{}, roster.LayerSnapshot, "revoked")
	w.refuse(w.snapshotUnder(2, 2, 900, claimed), roster.LayerSnapshot, "revoked")

	h = w.hold(holding{acts: "online-theft", values: join(w.rotation(), values{"floor": "1000", "theft-reason": "stolen", "theft-at": roster.At(w.now).String()})})
	w.use(3)
	w.adopt(h)
	w.follow(3)
	w.refuse(w.snapshot(2, 2000, claimed), roster.LayerSnapshot, "")
}

// recover holds the ceremony after a theft.
func (w *world) recover(stolen mirror) {
	w.t.Helper()
	theft := join(w.rotation(), values{"floor": "1000", "theft-reason": "stolen from the online signer", "theft-at": roster.At(w.now).String()})
	withStandby := func(p string) string {
		p = drop(w.t, p, "- {key: "+online(roster.RoleCountersign, 2).Key.ID().String(), "- {key: "+online(roster.RoleSnapshot, 2).Key.ID().String())
		return w.standby(p, 2) + w.secondPair()
	}
	forgetting := holding{acts: "online-theft", values: theft, edit: func(p string) string {
		return drop(w.t, withStandby(p), "- {key: "+online(roster.RoleSnapshot, 1).Key.ID().String())
	}}
	stopped(w.t, w.conduct(w.planned(forgetting), forgetting), "REVOKE-OPENED") // one that is public must stay revoked

	h := w.hold(holding{acts: "online-theft", values: theft, edit: withStandby, absent: []string{"Alice"}})
	h.hears(w.t, "REVOKES")
	w.use(2)
	a := w.adopt(h)
	if !a.FloorChanged || strings.Join(a.Dropped, " ") != "fresh" {
		w.t.Errorf("the signer adopted %+v, want only fresh dropped", a)
	}
	w.follow(3)
	for _, name := range clients {
		w.client(name).unknown("fresh") // no anchor holds it: it is claimed anew
	}
	w.claim("fresh", birch)
	w.release("fresh", "1.0", birch)
	w.publish()
	w.client("new").finds("fresh", "1.0", client.New)
	w.refuse(w.snapshot(1, 2000, claimed), roster.LayerSnapshot, "")
	w.refuse(stolen, roster.LayerSnapshot, "")
}
