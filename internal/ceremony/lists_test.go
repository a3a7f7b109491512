package ceremony

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// TestKeysOfLists finds a key that the roster is to list in a maintainer list of
// the map, and says how many lists it saw.
func TestKeysOfLists(t *testing.T) {
	x := newIndexed(t)
	alder, birch := rostertest.Person("alder"), rostertest.Person("birch")
	x.Claim("first", alder)
	x.Claim("second", birch)
	x.keep()
	finding := func(plan string) Finding {
		t.Helper()
		all := x.mustLoad(plan, x.at).Judge()
		return all[slices.IndexFunc(all, func(f Finding) bool { return f.ID == "KEY-ROLE-UNIQUE" })]
	}
	if f := finding(x.anchoring("")); !f.OK || f.Parameter != "2 maintainer lists read, 0 not at hand" {
		t.Errorf("the plan as it is: %+v", f)
	}
	o, err := handover.OnlineKeys{Repository: x.Index.Repository, Keys: []handover.OnlineKey{
		{Role: roster.RoleCountersign, Name: "countersign", Key: roster.Key{PublicKey: birch.Key}},
		{Role: roster.RoleSnapshot, Name: "snapshot", Key: roster.Key{PublicKey: x.Index.Snapshot.Key}}}}.Format()
	if err != nil {
		t.Fatal(err)
	}
	x.write("online-9.json", o)
	rotation := strings.NewReplacer("online-1.json", "online-9.json", "[renewal, anchor]", "[renewal, anchor, online-rotation]").Replace(x.anchoring(""))
	if f := finding(rotation); f.OK || !strings.Contains(f.Found, `the maintainer list of "second" names countersign key`) {
		t.Errorf("a maintainer's key goes online: %+v", f)
	}
	path := x.path("public", roster.ListPath("second", x.Packages["second"].List.Digest()))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(path, append(raw, '\n'), 0o644)
	if f := finding(x.anchoring("")); f.OK || !strings.Contains(f.Found, `the list of "second" in the copy is not the one that the map names`) {
		t.Errorf("a list that was changed: %+v", f)
	}
	os.Remove(path)
	if f := finding(rotation); !f.OK || f.Parameter != "1 maintainer lists read, 1 not at hand" {
		t.Errorf("a list that is not at hand: %+v", f)
	}
}
