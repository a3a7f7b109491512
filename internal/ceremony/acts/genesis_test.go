package acts

import (
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// TestGenesis: all keyholders sign the first roster, or there is none; a client
// begins with its pin and with nothing else.
func TestGenesis(t *testing.T) {
	w := newWorld(t, t.TempDir())
	c := w.first()
	c.absent = []string{"Carol"}
	h := w.planned(c)
	stopped(t, w.conduct(h, c), "Carol")
	c.absent = nil
	must(t, w.conduct(h, c)) // Carol has come
	w.pin = h.Digest
	w.serve()
	defer w.stop()
	w.adopt(h)
	for _, who := range []string{"new", "remembering"} {
		w.client(who).reaches(1)
		w.client(who).unknown("settled")
	}

	path := roster.RosterPath(1)
	first := roster.Signed{Document: w.read("www", path), Signatures: w.signed(w.read("www", path), 1001, 1002)}
	_, err := client.Init(t.Context(), t.TempDir(), first, w.pin)
	refused(t, err, roster.LayerRoster, "")
	first.Signatures = w.read("www", roster.SignaturePath(path))
	_, err = client.Init(t.Context(), t.TempDir(), first, digest.Sum([]byte("another pin")))
	refused(t, err, roster.LayerRoster, "pin")
}
