package ceremony

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// TestNoRecordToAbandon: the plan names a folder that is not there.
func TestNoRecordToAbandon(t *testing.T) {
	s := &stage{t: t, dir: t.TempDir(), repository: rehearsal}
	_, err := s.load(fmt.Sprintf("ceremony: abandoned\nacts: [abandon]\nrepository: %s\nabandon: {record: nowhere, draft: %s, reason: a wrong date}\n",
		rehearsal, digest.Sum([]byte("draft"))), second)
	refusedWith(t, err, `reading the record "nowhere" of the draft to be abandoned`)
}

// TestEnvelopeIsRead: an envelope that is not there, and a folder with more in it
// than any envelope ever had.
func TestEnvelopeIsRead(t *testing.T) {
	s := founded(t, rehearsal)
	_, err := s.load(s.sealedPlan(plan.DestroyRevocations, "nowhere", "out-1/publish"), second)
	refusedWith(t, err, "reading what was sealed")
	for i := range maxSealed {
		s.write(fmt.Sprintf("heap/%d.txt", i), nil)
	}
	heap := s.sealedPlan(plan.DestroyRevocations, "heap", "out-1/publish")
	if c := s.mustLoad(heap, second); len(c.Sealed.Files) != maxSealed {
		t.Errorf("%d files were read, want %d", len(c.Sealed.Files), maxSealed)
	}
	s.write("heap/more.txt", nil)
	_, err = s.load(heap, second)
	refusedWith(t, err, fmt.Sprintf(`"heap" holds more than %d files`, maxSealed))
}

// TestOpenedIntoNothingOld: an output goes into a folder of its own; even an
// empty one that is there stays as it is.
func TestOpenedIntoNothingOld(t *testing.T) {
	s := envelopes(t)
	if err := os.Mkdir(s.path("there"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := OpenSealed(t.Context(), s.opening(second), s.path("there"))
	refusedWith(t, err, "exists already")
	if !errors.As(err, new(*durable.ExistsError)) {
		t.Errorf("answer is %v, want that the folder exists", err)
	}
	if left := filesBelow(t, s.path("there")); len(left) > 0 {
		t.Errorf("%v was written", left)
	}
}

// TestNewPlanWantsActs: acts that no plan has are refused as the plan's mistake.
func TestNewPlanWantsActs(t *testing.T) {
	for _, acts := range [][]plan.Act{nil, {"coronation"}, {plan.Renewal, plan.Renewal}} {
		if _, err := NewPlan(t.Context(), acts, "", digest.Digest{}, first); !errors.As(err, new(*plan.Error)) {
			t.Errorf("for acts %q the answer is %v, want a plan's error", acts, err)
		}
	}
}

// TestListThatIsNone: the map names, by its right digest, a list that is none.
func TestListThatIsNone(t *testing.T) {
	s := founded(t, rehearsal)
	c := s.succession("Alice", "Bob", "Carol")
	list := []byte("{}\n")
	s.write("public/"+roster.ListPath("demo", digest.Sum(list)), list)
	leaf := tree.Leaf{Name: "demo", Status: tree.Active, ListVersion: 1, List: digest.Sum(list), IndexLength: 1, Index: digest.Sum([]byte("index"))}
	root, size, err := tree.Build([]tree.Leaf{leaf}, func(d digest.Digest, file []byte) error {
		s.write("public/"+roster.MapPath(d), file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	kept := *c.Kept
	kept.Map = roster.MapRoot{Root: root, Size: size}
	raw, err := kept.Format()
	if err != nil {
		t.Fatal(err)
	}
	s.write("kept.json", raw)
	all := s.mustLoad(string(c.Raw), second).Judge()
	f := all[slices.IndexFunc(all, func(f Finding) bool { return f.ID == "KEY-ROLE-UNIQUE" })]
	if f.OK || !strings.HasPrefix(f.Found, `the list of "demo": `) {
		t.Errorf("finding is %+v", f)
	}
}

// TestEachOnlineKeyRevokedOnce: a draft has as many revocations as online keys.
func TestEachOnlineKeyRevokedOnce(t *testing.T) {
	c := newStage(t, rehearsal).genesis()
	d, err := Build(t.Context(), c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d.Revocations = append(d.Revocations, d.Revocations[0])
	if err := rehearse(c, d, rand.Reader); err == nil || !strings.Contains(err.Error(), "3 revocations for 2 online keys") {
		t.Errorf("a draft with a revocation too many is rehearsed with %v", err)
	}
}

// TestNoMapBeforeTheFirst: ACT-ANCHOR keeps the first roster from anchoring a
// map, and so does what would read the map.
func TestNoMapBeforeTheFirst(t *testing.T) {
	c := newStage(t, rehearsal).genesis()
	c.Plan.Anchor = plan.Anchor{New: &plan.NewAnchor{Repository: "enrolments"}}
	_, err := Build(t.Context(), c, rand.Reader)
	refusedWith(t, err, "ACT-ANCHOR")
	if _, err := c.anchor(t.Context(), new(Draft)); err == nil || !strings.Contains(err.Error(), "no previous roster") {
		t.Errorf("the first roster's anchor is recomputed with %v", err)
	}
}
