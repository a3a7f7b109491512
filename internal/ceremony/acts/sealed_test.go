package acts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rootward/rootward/roster"
)

// revocations are those of a pair of online keys that a ceremony sealed, where
// they would be published.
func (w *world) revocations(out string, pair int) map[string][]byte {
	w.t.Helper()
	all := make(map[string][]byte)
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		path := roster.RevocationPath(online(role, pair).Key.ID())
		for _, p := range []string{path, roster.SignaturePath(path)} {
			all[p] = w.read(out, "sealed", p)
		}
	}
	return all
}

// TestDestroy: what a newer roster supersedes is destroyed, and can then not be
// opened; what is newest is not destroyed, and can.
func TestDestroy(t *testing.T) {
	w := founded(t)
	until := roster.At(w.now.AddDate(1, 0, 0)).String()
	w.adopt(w.hold(holding{acts: "renewal", values: join(w.issued(), values{"expires": until, "online-until": until, "standby-until": roster.At(begin.AddDate(2, 0, 0)).String()})}))
	w.follow(3)
	w.refuse(mirror{forged: w.revocations("out-2", 1)}, roster.LayerSnapshot, "revoked") // why a former set is destroyed
	destroying := func(envelope string) holding {
		return holding{acts: "destroy-revocations", values: values{"envelope": envelope, "reason": "roster 3 is public"}}
	}
	c := destroying("out-3/sealed")
	stopped(t, w.conduct(w.planned(c), c), "SEALED-SUPERSEDED")
	if _, err := os.Stat(w.path("out-3", "sealed")); err != nil {
		t.Fatalf("the newest set: %v", err)
	}
	w.hold(destroying("out-2/sealed"))
	if _, err := os.Stat(w.path("out-2", "sealed")); err == nil {
		t.Error("the superseded set is still there")
	}
	c = w.opening("out-2/sealed")
	if err := w.conduct(w.planned(c), c); err == nil {
		t.Error("what was destroyed was opened")
	}

	h := w.hold(w.opening("out-3/sealed"))
	files, err := filepath.Glob(filepath.Join(h.out, "revocations", "*.json"))
	must(t, err)
	for _, f := range files {
		document, err := os.ReadFile(f)
		must(t, err)
		signatures, err := os.ReadFile(f + ".asc")
		must(t, err)
		_, err = w.service.PublishRevocation(t.Context(), roster.Signed{Document: document, Signatures: signatures})
		must(t, err)
		if !strings.Contains(string(document), "packages.example") {
			t.Errorf("%s is not this repository's", f)
		}
	}
	w.refuse(mirror{}, roster.LayerSnapshot, "revoked")
}
