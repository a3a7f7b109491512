package roster_test

import (
	"testing"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

const pkg = "sample"

func TestListRefusesWhatContradictsTheFormat(t *testing.T) {
	x := rostertest.New(t)
	for name, c := range map[string]struct {
		edit func(*roster.ListContent)
		want string
	}{
		"repository":                 {func(c *roster.ListContent) { c.Repository = "localhost" }, "lower-case DNS name"},
		"package not normal":         {func(c *roster.ListContent) { c.Package = "Sample" }, "PEP 503's normal form"},
		"package that climbs":        {func(c *roster.ListContent) { c.Package = "../root" }, "PEP 503's normal form"},
		"version zero":               {func(c *roster.ListContent) { c.Version = 0 }, "version is 0"},
		"first with a previous":      {func(c *roster.ListContent) { c.Previous = ref(x.Pin()) }, "wanted an empty previous"},
		"second without":             {func(c *roster.ListContent) { c.Version = 2 }, "previous is empty"},
		"threshold zero":             {func(c *roster.ListContent) { c.Threshold = 0 }, "threshold is 0"},
		"threshold above people":     {func(c *roster.ListContent) { c.Threshold = 3 }, "threshold is 3"},
		"release threshold zero":     {func(c *roster.ListContent) { c.ReleaseThreshold = 0 }, "release_threshold: threshold is 0"},
		"release threshold above":    {func(c *roster.ListContent) { c.ReleaseThreshold = 3 }, "release_threshold: threshold is 3"},
		"thresholds of nobody":       {func(c *roster.ListContent) { c.Maintainers = nil }, "wanted 0 and 0"},
		"threshold of nobody":        {func(c *roster.ListContent) { c.Maintainers = nil; c.ReleaseThreshold = 0 }, "wanted 0 and 0"},
		"one name for two":           {func(c *roster.ListContent) { c.Maintainers[1].Name = "Dave" }, `two people are named "Dave"`},
		"one key for two":            {func(c *roster.ListContent) { c.Maintainers[1].Keys = c.Maintainers[0].Keys }, "wanted each key once"},
		"one key in two packets":     {func(c *roster.ListContent) { c.Maintainers[1].Keys[0] = key(person("Dave").Repacked()) }, "wanted each key once"},
		"a maintainer without a key": {func(c *roster.ListContent) { c.Maintainers[1].Keys = nil }, `"Erin" has no key`},
		"a name that hides":          {func(c *roster.ListContent) { c.Maintainers[1].Name = "Er\u200bin" }, "U+200B"},
		"too many maintainers":       {func(c *roster.ListContent) { *c = x.FirstList(pkg, many("m", 33)...) }, "33 maintainers"},
		"too many keys":              {func(c *roster.ListContent) { c.Maintainers[0].Keys = keys(many("k", 32)) }, "33 keys"},
		"inherits length only":       {func(c *roster.ListContent) { c.Inherits.Length = 5 }, "wanted both or neither"},
		"inherits digest only":       {func(c *roster.ListContent) { c.Inherits.Digest = ref(x.Pin()) }, "wanted both or neither"},
		"inherits too much":          {func(c *roster.ListContent) { c.Inherits = inherit(x); c.Inherits.Length = 16<<20 + 1 }, "inherits has length"},
		"leaves out too many lines": {func(c *roster.ListContent) {
			c.Inherits = inherit(x)
			for i := range uint64(10_001) {
				c.Inherits.Except = append(c.Inherits.Except, i+1)
			}
		}, "leaves out 10001 lines"},
		"leaves out lines of nothing": {func(c *roster.ListContent) { c.Inherits.Except = []uint64{1} }, "lines of nothing"},
		"leaves out line 0":           {func(c *roster.ListContent) { c.Inherits = inherit(x, 0) }, "leaves out line 0"},
		"leaves out a line twice":     {func(c *roster.ListContent) { c.Inherits = inherit(x, 2, 2) }, "leaves out line 2"},
		"leaves out falling lines":    {func(c *roster.ListContent) { c.Inherits = inherit(x, 2, 1) }, "leaves out line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			l := x.FirstList(pkg, people("Dave", "Erin")...)
			c.edit(&l)
			_, err := roster.NewList(l)
			refused(t, err, roster.LayerList, c.want)
		})
	}
}

func keys(s []*rostertest.Signer) []roster.Key {
	var all []roster.Key
	for _, k := range s {
		all = append(all, key(k))
	}
	return all
}

func inherit(x *rostertest.Index, except ...uint64) roster.Inheritance {
	return roster.Inheritance{Length: 5, Digest: ref(x.Pin()), Except: except}
}

// lineage fetches the chain of a package's current list.
func lineage(t *testing.T, x *rostertest.Index, anchored digest.Digest, revoked ...*rostertest.Signer) roster.Lineage {
	t.Helper()
	list := x.Package(pkg).List
	chain, err := roster.FetchChain(ctx, pkg, list.Digest(), anchored, nil, x.Fetch)
	accepted(t, err)
	set := make(roster.Revoked)
	for _, s := range revoked {
		set.Add(s.Key, "stolen")
	}
	return roster.Lineage{Package: pkg, Anchored: anchored, Chain: chain, Revoked: set}
}

func open(t *testing.T, x *rostertest.Index, anchored digest.Digest, revoked ...*rostertest.Signer) (*roster.Standing, error) {
	t.Helper()
	path := roster.ListPath(pkg, x.Package(pkg).List.Digest())
	return x.Roster.OpenList(lineage(t, x, anchored, revoked...), x.Package(pkg).Leaf(), x.Files[roster.CountersignaturePath(path)], x.Now)
}

func TestFirstListIsSignedByAllItsKeys(t *testing.T) {
	for name, c := range map[string]struct {
		signers []string
		want    string
	}{
		"both":                   {[]string{"Dave", "Erin"}, ""},
		"one":                    {[]string{"Dave"}, "a newly named key has not signed"},
		"one and a stranger":     {[]string{"Dave", "Mallory"}, "a newly named key has not signed"},
		"the root cannot either": {[]string{"Alice", "Bob", "Carol"}, "a newly named key has not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			x := rostertest.New(t)
			x.PutList(x.FirstList(pkg, people("Dave", "Erin")...), people(c.signers...)...)
			s, err := open(t, x, digest.Digest{})
			if c.want != "" {
				refused(t, err, roster.LayerList, c.want)
				return
			}
			accepted(t, err)
			if s.Established() || s.Anchored() || s.Successions() != 0 {
				t.Error("a first list is neither established nor anchored")
			}
		})
	}
}

func TestFirstListCannotBeNobodys(t *testing.T) {
	x := rostertest.New(t)
	c := x.FirstList(pkg)
	c.Threshold, c.ReleaseThreshold = 0, 0
	x.PutList(c, person("Mallory"))
	_, err := open(t, x, digest.Digest{})
	refused(t, err, roster.LayerList, "a first list must have maintainers")
}

// TestSuccession is TUF's table of rotations once more, for lists.
func TestSuccession(t *testing.T) {
	for _, c := range []struct {
		name    string
		next    []string
		m       int
		signers []string
		revoked []string
		want    string
	}{
		{"the same people, two sign", []string{"Dave", "Erin", "Frank"}, 2, []string{"Dave", "Erin"}, nil, ""},
		{"one signs", []string{"Dave", "Erin", "Frank"}, 2, []string{"Dave"}, nil, "not approved by the maintainers of version 1"},
		{"strangers are ignored", []string{"Dave", "Erin", "Frank"}, 2, []string{"Dave", "Erin", "Mallory"}, nil, ""},
		{"strangers do not count", []string{"Dave", "Erin", "Frank"}, 2, []string{"Dave", "Mallory"}, nil, "not approved by"},
		{"one replaced", []string{"Dave", "Erin", "Grace"}, 2, []string{"Dave", "Erin", "Grace"}, nil, ""},
		{"one replaced, without consent", []string{"Dave", "Erin", "Grace"}, 2, []string{"Dave", "Erin"}, nil, "a newly named key has not signed"},
		{"one replaced, one old and the new", []string{"Dave", "Erin", "Grace"}, 2, []string{"Dave", "Grace"}, nil, "not approved by"},
		{"one replaced, the leaving one approves", []string{"Dave", "Erin", "Grace"}, 2, []string{"Dave", "Frank", "Grace"}, nil, ""},
		{"all replaced", []string{"Grace", "Heidi"}, 2, []string{"Dave", "Erin", "Grace", "Heidi"}, nil, ""},
		{"all replaced, by themselves", []string{"Grace", "Heidi"}, 2, []string{"Grace", "Heidi"}, nil, "not approved by"},
		{"threshold down, by the new one", []string{"Dave", "Erin", "Frank"}, 1, []string{"Dave"}, nil, "not approved by"},
		{"threshold up, by the old one", []string{"Dave", "Erin", "Frank"}, 3, []string{"Dave", "Erin"}, nil, ""},
		{"a revoked key does not count", []string{"Dave", "Erin", "Frank"}, 2, []string{"Dave", "Erin"}, []string{"Erin"}, `signatures by revoked keys do not count ("Erin")`},
		{"but for two others it may leave", []string{"Dave", "Frank"}, 1, []string{"Dave", "Frank", "Erin"}, []string{"Erin"}, ""},
		{"a new key revoked since keeps its consent", []string{"Dave", "Erin", "Grace"}, 2, []string{"Dave", "Erin", "Grace"}, []string{"Grace"}, ""},
		{"the root cannot stand in", []string{"Dave", "Erin", "Frank"}, 2, []string{"Alice", "Bob", "Carol"}, nil, "not approved by"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := rostertest.New(t)
			first := x.FirstList(pkg, people("Dave", "Erin", "Frank")...)
			first.Threshold = 2
			x.PutList(first, people("Dave", "Erin", "Frank")...)
			next := x.NextList(pkg, people(c.next...)...)
			next.Threshold = c.m
			x.PutList(next, people(c.signers...)...)
			s, err := open(t, x, digest.Digest{}, people(c.revoked...)...)
			if c.want != "" {
				refused(t, err, roster.LayerList, c.want)
				return
			}
			accepted(t, err)
			if s.Version() != 2 || s.Successions() != 1 || len(s.ApprovedBy()) < 2 {
				t.Errorf("version %d after %d successions, approved by %v", s.Version(), s.Successions(), s.ApprovedBy())
			}
		})
	}
}

func TestAPersonCountsOnceInASuccession(t *testing.T) {
	x := rostertest.New(t)
	first := x.FirstList(pkg, people("Dave", "Erin")...)
	first.Threshold = 2
	first.Maintainers[0].Keys = append(first.Maintainers[0].Keys, key(person("Dave's laptop")))
	x.PutList(first, people("Dave", "Dave's laptop", "Erin")...)
	next := x.NextList(pkg, person("Dave"))
	x.PutList(next, people("Dave", "Dave's laptop")...)
	_, err := open(t, x, digest.Digest{})
	refused(t, err, roster.LayerList, "signed by 1 of the 2 people required")
}

func TestSuccessionNamesItsPredecessorAndRises(t *testing.T) {
	x := rostertest.New(t)
	x.Claim(pkg, person("Dave"))
	next := x.NextList(pkg, person("Dave"))
	next.Version = 7 // versions may be skipped
	x.PutList(next, person("Dave"))
	_, err := open(t, x, digest.Digest{})
	accepted(t, err)

	seven := x.Package(pkg).List
	next = x.NextList(pkg, person("Dave"))
	next.Version = 7
	x.PutList(next, person("Dave"))
	_, err = open(t, x, digest.Digest{})
	refused(t, err, roster.LayerList, "its version is not above its predecessor's")

	x.Package(pkg).List = seven
	l := lineage(t, x, digest.Digest{})
	l.Chain = append(l.Chain[:1:1], roster.Signed{Document: x.Package(pkg).List.Bytes()}, l.Chain[1])
	_, err = x.Roster.Stands(l)
	refused(t, err, roster.LayerList, "signature file is malformed")

	other := x.FirstList(pkg, person("Dave"))
	other.Issued = roster.At(x.Now.Add(time.Hour))
	x.PutList(other, person("Dave"))
	l.Chain = []roster.Signed{x.Signed(roster.ListPath(pkg, x.Package(pkg).List.Digest())), x.Signed(roster.ListPath(pkg, seven.Digest()))}
	_, err = x.Roster.Stands(l)
	refused(t, err, roster.LayerList, "previous is not the list before it")
}

func TestAChainStartsAtVersionOne(t *testing.T) {
	x := rostertest.New(t)
	x.Claim(pkg, person("Dave"))
	two := x.PutList(x.NextList(pkg, person("Dave")), person("Dave"))
	_, err := x.Roster.Stands(roster.Lineage{Package: pkg, Chain: []roster.Signed{x.Signed(roster.ListPath(pkg, two.Digest()))}})
	refused(t, err, roster.LayerList, "so the chain must start at version 1")
	_, err = x.Roster.Stands(roster.Lineage{Package: pkg})
	refused(t, err, roster.LayerList, "no list to judge")
}

func TestNothingSucceedsAFrozenList(t *testing.T) {
	x := rostertest.New(t)
	x.Claim(pkg, person("Dave"))
	frozen := x.NextList(pkg)
	frozen.Threshold, frozen.ReleaseThreshold = 0, 0
	x.PutList(frozen, person("Dave"))
	s, err := open(t, x, digest.Digest{})
	accepted(t, err)
	if !s.Frozen() {
		t.Error("a list without maintainers is not called frozen")
	}
	x.PutList(x.NextList(pkg, person("Dave")), person("Dave"))
	_, err = open(t, x, digest.Digest{})
	refused(t, err, roster.LayerList, "it follows a list that froze the package")
}

func TestAListIsForItsRepositoryAndPackage(t *testing.T) {
	x := rostertest.New(t)
	c := x.FirstList(pkg, person("Dave"))
	c.Repository = "other.example"
	x.PutList(c, person("Dave"))
	_, err := open(t, x, digest.Digest{})
	refused(t, err, roster.LayerList, "for another repository")

	list := x.Claim("other", person("Dave"))
	l := roster.Lineage{Package: pkg, Chain: []roster.Signed{x.Signed(roster.ListPath("other", list.Digest()))}}
	_, err = x.Roster.Stands(l)
	refused(t, err, roster.LayerList, "for another package")
}

func TestAKeyOfTheRosterStandsInNoList(t *testing.T) {
	for _, name := range []string{"Alice", "countersign-1", "snapshot-1"} {
		x := rostertest.New(t)
		x.Claim(pkg, person(name))
		_, err := open(t, x, digest.Digest{})
		refused(t, err, roster.LayerList, "which the root roster lists as")
	}
	x := rostertest.New(t)
	x.Claim(pkg, person("Alice").Repacked())
	_, err := open(t, x, digest.Digest{})
	refused(t, err, roster.LayerList, "which the root roster lists as")
}

func TestAnEstablishedPackageFollowsFromTheAnchoredListOnly(t *testing.T) {
	x := rostertest.New(t)
	anchored := x.Claim(pkg, person("Dave")).Digest()
	s, err := open(t, x, anchored)
	accepted(t, err)
	if !s.Established() || !s.Anchored() {
		t.Error("an anchored list is established")
	}
	x.PutList(x.NextList(pkg, people("Dave", "Erin")...), people("Dave", "Erin")...)
	s, err = open(t, x, anchored)
	accepted(t, err)
	if !s.Established() || s.Anchored() || !s.Descends(anchored) || s.Descends(x.Pin()) {
		t.Error("a successor of the anchored list is established, and not itself anchored")
	}

	t.Run("a thief's first list", func(t *testing.T) {
		x.Claim(pkg, person("Mallory"))
		_, err := open(t, x, anchored)
		refused(t, err, roster.LayerList, "no succession leads here from the anchored list")
	})
	t.Run("a thief's succession", func(t *testing.T) {
		x.Package(pkg).List, err = roster.ParseList(x.Files[roster.ListPath(pkg, anchored)])
		accepted(t, err)
		x.PutList(x.NextList(pkg, person("Mallory")), person("Mallory"))
		_, err := open(t, x, anchored)
		refused(t, err, roster.LayerList, "not approved by the maintainers of version 1")
	})
	t.Run("an older list", func(t *testing.T) {
		x := rostertest.New(t)
		one := x.Claim(pkg, person("Dave"))
		two := x.PutList(x.NextList(pkg, people("Dave", "Erin")...), people("Dave", "Erin")...)
		x.Package(pkg).List = one
		_, err := open(t, x, two.Digest())
		refused(t, err, roster.LayerList, "no succession leads here from the anchored list")
	})
}

func TestAnAnchoredListNeedsNoSignatureAnyMore(t *testing.T) {
	x := rostertest.New(t)
	list := x.Claim(pkg, person("Dave"))
	path := roster.ListPath(pkg, list.Digest())
	delete(x.Files, roster.SignaturePath(path))
	delete(x.Files, roster.CountersignaturePath(path))
	s, err := open(t, x, list.Digest(), person("Dave"))
	accepted(t, err)
	if !s.Anchored() {
		t.Error("not anchored")
	}
}

func TestTheLeafsListIsCountersigned(t *testing.T) {
	x := rostertest.New(t)
	list := x.Claim(pkg, person("Dave"))
	leaf := x.Package(pkg).Leaf()
	for _, c := range []struct {
		name    string
		by      *rostertest.Signer
		at      time.Time
		revoked *rostertest.Signer
		want    string
	}{
		{"by the countersign key", x.Countersign, x.Now, nil, ""},
		{"by the snapshot key", x.Snapshot, x.Now, nil, "not signed by any countersign key"},
		{"by a maintainer", person("Dave"), x.Now, nil, "not signed by any countersign key"},
		{"by a revoked key", x.Countersign, x.Now, x.Countersign, "that is revoked"},
		{"by a key revoked in another packet", x.Countersign, x.Now, x.Countersign.Repacked(), "that is revoked"},
		{"after the key's window", x.Countersign, x.Now.AddDate(4, 0, 0), nil, "outside its not_before and expires"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var revoked []*rostertest.Signer
			if c.revoked != nil {
				revoked = append(revoked, c.revoked)
			}
			_, err := x.Roster.OpenList(lineage(t, x, digest.Digest{}, revoked...), leaf, rostertest.Sign(t, list.Bytes(), c.by), c.at)
			if c.want == "" {
				accepted(t, err)
			} else {
				refused(t, err, roster.LayerList, c.want)
			}
		})
	}
	t.Run("and is the one that the map names", func(t *testing.T) {
		leaf := leaf
		leaf.ListVersion++
		asc := rostertest.Sign(t, list.Bytes(), x.Countersign)
		_, err := x.Roster.OpenList(lineage(t, x, digest.Digest{}), leaf, asc, x.Now)
		refused(t, err, roster.LayerList, "it is not the list that the map names")
		leaf = x.Package(pkg).Leaf()
		leaf.List = x.Pin()
		_, err = x.Roster.OpenList(lineage(t, x, digest.Digest{}), leaf, asc, x.Now)
		refused(t, err, roster.LayerList, "it is not the list that the map names")
	})
}

func TestAtMost64Successions(t *testing.T) {
	x := rostertest.New(t)
	first := x.Claim(pkg, person("Dave"))
	for range roster.MaxSuccessions {
		x.PutList(x.NextList(pkg, person("Dave")), person("Dave"))
	}
	_, err := open(t, x, first.Digest())
	accepted(t, err)
	l := lineage(t, x, first.Digest())
	x.PutList(x.NextList(pkg, person("Dave")), person("Dave"))
	_, err = roster.FetchChain(ctx, pkg, x.Package(pkg).List.Digest(), first.Digest(), nil, x.Fetch)
	refused(t, err, roster.LayerList, "no chain of at most 64 successions")
	l.Chain = append(l.Chain, x.Signed(roster.ListPath(pkg, x.Package(pkg).List.Digest())))
	_, err = x.Roster.Stands(l)
	refused(t, err, roster.LayerList, "too many successions")
}

func TestFetchedListsAreTheOnesNamed(t *testing.T) {
	x := rostertest.New(t)
	list := x.Claim(pkg, person("Dave"))
	x.Put(roster.ListPath(pkg, list.Digest()), replace(list.Bytes(), "Dave", "Evil"))
	_, err := roster.FetchChain(ctx, pkg, list.Digest(), digest.Digest{}, nil, x.Fetch)
	refused(t, err, roster.LayerList, "it is not the list that was asked for")
}

func TestOverride(t *testing.T) {
	for _, c := range []struct {
		name    string
		edit    func(*roster.ListContent)
		signers []string
		want    string
	}{
		{"by the new keys alone", nil, []string{"Grace", "Heidi"}, ""},
		{"one new key missing", nil, []string{"Grace"}, "a newly named key has not signed"},
		{"names another list", func(c *roster.ListContent) { c.Previous = ref(rostertest.EmptyMap()) }, []string{"Grace", "Heidi"}, "does not name the list that it replaces"},
		{"its version is not above", func(c *roster.ListContent) { c.Version = 2 }, []string{"Grace", "Heidi"}, "its version is not above"},
		{"another package", func(c *roster.ListContent) { c.Package = "other" }, []string{"Grace", "Heidi"}, "for another package"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := rostertest.New(t)
			x.Claim(pkg, person("Dave"))
			old := x.PutList(x.NextList(pkg, person("Dave")), person("Dave"))
			next := x.NextList(pkg, people("Grace", "Heidi")...)
			if c.edit != nil {
				c.edit(&next)
			}
			list, err := roster.NewList(next)
			accepted(t, err)
			_, err = x.Roster.OpenOverride(pkg, roster.Signed{Document: list.Bytes(), Signatures: rostertest.Sign(t, list.Bytes(), people(c.signers...)...)}, old)
			if c.want == "" {
				accepted(t, err)
			} else {
				refused(t, err, roster.LayerList, c.want)
			}
		})
	}
	t.Run("freezes without a signature", func(t *testing.T) {
		x := rostertest.New(t)
		old := x.Claim(pkg, person("Dave"))
		next := x.NextList(pkg)
		next.Threshold, next.ReleaseThreshold = 0, 0
		list, err := roster.NewList(next)
		accepted(t, err)
		_, err = x.Roster.OpenOverride(pkg, roster.Signed{Document: list.Bytes()}, old)
		accepted(t, err)
	})
}
