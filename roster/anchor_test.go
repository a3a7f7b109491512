package roster_test

import (
	"slices"
	"testing"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// anchored is an index whose newest roster anchors the package at version 1
// of its list, maintained by Dave, with one release.
func anchored(t *testing.T) *rostertest.Index {
	t.Helper()
	x := rostertest.New(t)
	x.Claim(pkg, person("Dave"))
	x.Release(pkg, wheel, "one", person("Dave"))
	x.Anchor()
	return x
}

func recompute(t *testing.T, x *rostertest.Index, edit func(*roster.AnchorCase)) (*roster.Anchor, error) {
	t.Helper()
	c := roster.AnchorCase{Map: x.Map().Root}
	if edit != nil {
		edit(&c)
	}
	return x.Roster.Recompute(ctx, c, nil, x.Fetch)
}

// verdict returns the one change that the anchor reports for a name.
func verdict(t *testing.T, a *roster.Anchor, name string) roster.AnchorChange {
	t.Helper()
	i := slices.IndexFunc(a.Changes(), func(c roster.AnchorChange) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no verdict on %s among %v", name, a.Changes())
	}
	return a.Changes()[i]
}

func TestRecomputeAcceptsTheMapThatMaintainersMade(t *testing.T) {
	x := anchored(t)
	x.Claim("newcomer", person("Heidi"))
	x.Upload("plain", "plain-1.0.tar.gz", "unsigned")
	x.PutList(x.NextList(pkg, people("Dave", "Erin")...), people("Dave", "Erin")...)
	x.Release(pkg, "sample-1.1.tar.gz", "two", person("Erin"))
	a, err := recompute(t, x, nil)
	accepted(t, err)
	if a.Root() != x.Map().Root || a.Size() != 3 {
		t.Errorf("root %s of %d names, wanted the map's own %s", a.Root(), a.Size(), x.Map().Root)
	}
	for name, want := range map[string]roster.AnchorVerdict{"newcomer": roster.AnchorNew, "plain": roster.AnchorNew, pkg: roster.AnchorSucceeded} {
		if got := verdict(t, a, name); got.Verdict != want {
			t.Errorf("%s: %s, wanted %s", name, got.Verdict, want)
		}
	}
	if by := verdict(t, a, pkg).By; !slices.Equal(by, []string{"Dave"}) {
		t.Errorf("succession approved by %v, wanted Dave", by)
	}
	again := make(map[digest.Digest]bool)
	accepted(t, a.Emit(func(d digest.Digest, file []byte) error {
		again[d] = digest.Sum(file) == d
		return nil
	}))
	if !again[a.Root()] {
		t.Error("the anchor's nodes lack its root")
	}
}

func TestRecomputeKeepsTheFormerLineOfWhatItRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(x *rostertest.Index)
		revoked []string
		verdict roster.AnchorVerdict
		layer   roster.Layer
		why     string
	}{
		"a thief's succession": {func(x *rostertest.Index) { x.PutList(x.NextList(pkg, person("Mallory")), person("Mallory")) }, nil, roster.AnchorRefused, roster.LayerList, "not approved by"},
		"a thief's first list": {func(x *rostertest.Index) { x.Claim(pkg, person("Mallory")) }, nil, roster.AnchorRefused, roster.LayerList, "no succession leads here"},
		"the list is gone":     {func(x *rostertest.Index) { x.Package(pkg).List = nil }, nil, roster.AnchorRefused, roster.LayerList, "the anchored list is absent"},
		"the name is gone":     {func(x *rostertest.Index) { delete(x.Packages, pkg) }, nil, roster.AnchorMissing, "", ""},
		"the index is shorter": {func(x *rostertest.Index) {
			x.Package(pkg).Index, _ = roster.NewIndex(x.Repository, pkg)
		}, nil, roster.AnchorRefused, roster.LayerIndex, "does not extend the anchored index"},
		"the index is another": {func(x *rostertest.Index) {
			x.Package(pkg).Index, _ = roster.NewIndex(x.Repository, pkg)
			x.Release(pkg, wheel, "another", person("Dave"))
		}, nil, roster.AnchorRefused, roster.LayerIndex, "does not extend the anchored index"},
		"a succession by a revoked key": {func(x *rostertest.Index) {
			x.PutList(x.NextList(pkg, person("Mallory")), people("Dave", "Mallory")...)
			x.RevokeKey(person("Dave"), pkg)
		}, nil, roster.AnchorRefused, roster.LayerList, "signatures by revoked keys do not count"},
		"by a key known revoked elsewhere": {func(x *rostertest.Index) {
			x.PutList(x.NextList(pkg, person("Mallory")), people("Dave", "Mallory")...)
		}, []string{"Dave"}, roster.AnchorRefused, roster.LayerList, "signatures by revoked keys do not count"},
	} {
		t.Run(name, func(t *testing.T) {
			x := anchored(t)
			was := x.Roster.Root().Anchor
			x.Map() // publishes the anchored index
			c.change(x)
			set := make(roster.Revoked)
			for _, s := range people(c.revoked...) {
				set.Add(s.Key, "stolen")
			}
			a, err := x.Roster.Recompute(ctx, roster.AnchorCase{Map: x.Map().Root}, set, x.Fetch)
			accepted(t, err)
			v := verdict(t, a, pkg)
			if v.Verdict != c.verdict {
				t.Fatalf("%s (%v), wanted %s", v.Verdict, v.Why, c.verdict)
			}
			if v.New != v.Old || a.Root() != was {
				t.Error("the former line does not stay")
			}
			if c.why != "" {
				refused(t, v.Why, c.layer, c.why)
			}
		})
	}
}

func TestRecomputeRefusesANewNameThatDoesNotStand(t *testing.T) {
	x := anchored(t)
	x.PutList(x.FirstList("newcomer", person("Heidi")), person("Mallory"))
	a, err := recompute(t, x, nil)
	accepted(t, err)
	if v := verdict(t, a, "newcomer"); v.Verdict != roster.AnchorRefused || v.New.Name != "" || a.Size() != 1 {
		t.Errorf("%s; the anchor has %d names", v.Verdict, a.Size())
	}
}

func TestRecomputeNeedsBothMapsWhole(t *testing.T) {
	x := anchored(t)
	old := x.Roster.Root().Anchor
	x.Claim("newcomer", person("Heidi"))
	now := x.Map().Root
	for _, root := range []digest.Digest{old, now} {
		path := roster.MapPath(root)
		was := x.Files[path]
		delete(x.Files, path)
		_, err := recompute(t, x, func(c *roster.AnchorCase) { c.Map = now; delete(x.Files, path) })
		refused(t, err, roster.LayerAnchor, "cannot be read")
		x.Files[path] = was
	}
}

func TestANewNameMayBeLeftForNextTime(t *testing.T) {
	x := anchored(t)
	x.Claim("newcomer", person("Heidi"))
	a, err := recompute(t, x, func(c *roster.AnchorCase) { c.Postpone = map[string]bool{"newcomer": true, pkg: true} })
	accepted(t, err)
	if v := verdict(t, a, "newcomer"); v.Verdict != roster.AnchorPostponed || a.Size() != 1 {
		t.Errorf("%s; the anchor has %d names", v.Verdict, a.Size())
	}
	if a.Root() != x.Roster.Root().Anchor {
		t.Error("an anchored name was left out")
	}
}

func TestOverridesReplaceTheListAndNothingElse(t *testing.T) {
	override := func(x *rostertest.Index, edit func(*roster.ListContent), signers ...*rostertest.Signer) digest.Digest {
		c := x.NextList(pkg, person("Grace"))
		if edit != nil {
			edit(&c)
		}
		list, err := roster.NewList(c)
		accepted(t, err)
		x.PutSigned(roster.ListPath(pkg, list.Digest()), list.Bytes(), signers...)
		return list.Digest()
	}
	with := func(d digest.Digest) func(*roster.AnchorCase) {
		return func(c *roster.AnchorCase) { c.Overrides = map[string]digest.Digest{pkg: d} }
	}
	t.Run("by its own keys", func(t *testing.T) {
		x := anchored(t)
		d := override(x, nil, person("Grace"))
		a, err := recompute(t, x, with(d))
		accepted(t, err)
		v := verdict(t, a, pkg)
		want := v.Old
		want.List, want.ListVersion = d, 2
		if v.Verdict != roster.AnchorOverride || v.New != want {
			t.Fatalf("%s %v (%v), wanted the old line with list %s", v.Verdict, v.New, v.Why, d)
		}
		r := x.Succeed(func(r *roster.Root) { r.Anchor = a.Root() })
		accepted(t, a.Emit(func(d digest.Digest, f []byte) error { x.Put(roster.MapPath(d), slices.Clone(f)); return nil }))
		leaf, found, err := roster.Lookup(ctx, r.Root().Anchor, pkg, x.Fetch)
		accepted(t, err)
		if !found || leaf != want {
			t.Errorf("the anchor holds %v, wanted %v", leaf, want)
		}
	})
	t.Run("freezing needs no signature", func(t *testing.T) {
		x := anchored(t)
		d := override(x, func(c *roster.ListContent) { c.Maintainers, c.Threshold, c.ReleaseThreshold = nil, 0, 0 })
		_, err := recompute(t, x, with(d))
		accepted(t, err)
	})
	t.Run("not signed", func(t *testing.T) {
		x := anchored(t)
		_, err := recompute(t, x, with(override(x, nil, person("Mallory"))))
		refused(t, err, roster.LayerAnchor, "the override that the plan names is refused")
	})
	t.Run("of neither list", func(t *testing.T) {
		x := anchored(t)
		_, err := recompute(t, x, with(override(x, func(c *roster.ListContent) { c.Previous = ref(x.Pin()) }, person("Grace"))))
		refused(t, err, roster.LayerAnchor, "it names neither the anchored list nor the one in the map")
	})
	t.Run("of an unknown name", func(t *testing.T) {
		x := anchored(t)
		_, err := recompute(t, x, func(c *roster.AnchorCase) { c.Overrides = map[string]digest.Digest{"unheard": x.Pin()} })
		refused(t, err, roster.LayerAnchor, "a name that neither map holds")
	})
}

func TestLookupNamesTheMapsLayer(t *testing.T) {
	x := anchored(t)
	root := x.Roster.Root().Anchor
	leaf, found, err := roster.Lookup(ctx, root, pkg, x.Fetch)
	accepted(t, err)
	if !found || leaf.Status != tree.Active {
		t.Errorf("%v %v", leaf, found)
	}
	_, found, err = roster.Lookup(ctx, root, "absent", x.Fetch)
	accepted(t, err)
	if found {
		t.Error("an absent name is found")
	}
	x.Put(roster.MapPath(root), append(x.Files[roster.MapPath(root)], '\n'))
	_, _, err = roster.Lookup(ctx, root, pkg, x.Fetch)
	refused(t, err, roster.LayerMap, "a part of the map")
}

func TestTheLeafCannotLieAboutTheListsVersion(t *testing.T) {
	x := anchored(t)
	x.PutList(x.NextList(pkg, person("Dave")), person("Dave"))
	x.Map()
	leaf := x.Package(pkg).Leaf()
	leaf.ListVersion = 9
	root, _, err := tree.Build([]tree.Leaf{leaf}, func(d digest.Digest, f []byte) error { x.Put(roster.MapPath(d), slices.Clone(f)); return nil })
	accepted(t, err)
	a, err := x.Roster.Recompute(ctx, roster.AnchorCase{Map: root}, nil, x.Fetch)
	accepted(t, err)
	refused(t, verdict(t, a, pkg).Why, roster.LayerList, "the map names another list version")
}
