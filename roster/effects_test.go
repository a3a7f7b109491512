package roster_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// offering is an index whose list names Dave and Erin, with a file uploaded
// unsigned on line 1, releases by Dave, Erin and a stranger, Frank, on lines 2
// to 4, a yank, and on line 6 Dave's manifest again as another version's.
func offering(t *testing.T) (*rostertest.Index, []roster.Offer) {
	t.Helper()
	x := rostertest.New(t)
	x.Upload(pkg, "sample-0.9.tar.gz", "nine")
	x.Claim(pkg, people("Dave", "Erin")...)
	m := x.Release(pkg, "sample-1.0.tar.gz", "ten", person("Dave"))
	x.Release(pkg, "sample-1.1.tar.gz", "eleven", person("Erin"))
	x.Release(pkg, "sample-1.2.tar.gz", "twelve", person("Frank"))
	x.Append(pkg, roster.Line{Kind: roster.LineYank, Version: "1.0"}, roster.Line{Kind: roster.LineManifest, Version: "9", Digest: m.Digest()})
	return x, offers(t, x)
}

func offers(t *testing.T, x *rostertest.Index) []roster.Offer {
	t.Helper()
	all, err := x.Package(pkg).Index.Offers(func(l roster.Line) (roster.Signed, error) {
		return x.Signed(roster.ManifestPath(pkg, l.Digest)), nil
	})
	accepted(t, err)
	return all
}

// show prints effects in one line; of what stays out nothing but the numbers.
func show(e roster.Effects) string {
	var all []string
	for _, l := range e.Lines {
		all = append(all, fmt.Sprintf("%d %s", l.Number, l.Change))
	}
	for _, k := range e.Revoked {
		all = append(all, "revoked "+nameOf(k))
	}
	for _, k := range e.Leaving {
		all = append(all, "leaving "+nameOf(k))
	}
	for _, r := range e.Returning {
		s := "returning " + nameOf(r.Key)
		for _, o := range r.Again {
			s += fmt.Sprintf(" %d", o.Number)
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

func nameOf(k *pgp.PublicKey) string {
	for _, p := range people("Dave", "Erin", "Frank", "Grace") {
		if p.Key.ID() == k.ID() {
			return p.Name
		}
	}
	return k.String()
}

// "Before anyone signs ... the program shows each line that it would newly
// inherit and that the list before did not authorise ...; it names the releases
// that would lose their authority, and the keys that return and what they
// would authorise again."
func TestEffectsOfANewList(t *testing.T) {
	none := func(*roster.ListContent) {}
	inherit := func(x *rostertest.Index, except ...uint64) func(*roster.ListContent) {
		return func(c *roster.ListContent) { c.Inherits = x.Package(pkg).Index.Inheritance(except...) }
	}
	x, _ := offering(t)
	for _, c := range []struct {
		name             string
		people, revoked  []string
		earlier          string // the one whom an earlier list named
		edit             func(*roster.ListContent)
		want             string
		releaseThreshold int
	}{
		{"the same people", []string{"Dave", "Erin"}, nil, "", none, "1 stays without it, 4 stays without it, 6 stays without it", 1},
		{"one leaves", []string{"Dave"}, nil, "", none,
			"1 stays without it, 3 loses authority, 4 stays without it, 6 stays without it, leaving Erin", 1},
		{"one leaves, and what that one released is inherited", []string{"Dave"}, nil, "", inherit(x, 1, 4, 6),
			"1 stays without it, 4 stays without it, 6 stays without it, leaving Erin", 1},
		{"one leaves and is revoked", []string{"Dave"}, []string{"Erin"}, "", none,
			"1 stays without it, 3 stays without it, 4 stays without it, 6 stays without it", 1},
		{"one is named though revoked", []string{"Dave", "Erin"}, []string{"Erin"}, "", none,
			"1 stays without it, 3 stays without it, 4 stays without it, 6 stays without it, revoked Erin", 1},
		{"what a revoked key signed is inherited", []string{"Dave"}, []string{"Erin"}, "", inherit(x, 1, 4, 6),
			"1 stays without it, 3 newly inherited, 4 stays without it, 6 stays without it", 1},
		{"all is inherited", []string{"Dave", "Erin"}, nil, "", inherit(x), "1 newly inherited, 4 newly inherited, 6 newly inherited", 1},
		{"somebody new", []string{"Dave", "Erin", "Frank"}, nil, "", none, "1 stays without it, 4 counts again, 6 stays without it", 1},
		{"somebody returns", []string{"Dave", "Erin", "Frank"}, nil, "Frank", none,
			"1 stays without it, 4 counts again, 6 stays without it, returning Frank 4", 1},
		{"somebody returns who released nothing", []string{"Dave", "Erin", "Grace"}, nil, "Grace", none,
			"1 stays without it, 4 stays without it, 6 stays without it, returning Grace", 1},
		{"two must sign from now on", []string{"Dave", "Erin"}, nil, "", none,
			"1 stays without it, 2 loses authority, 3 loses authority, 4 stays without it, 6 stays without it", 2},
		{"nobody is left", nil, nil, "", none,
			"1 stays without it, 2 loses authority, 3 loses authority, 4 stays without it, 6 stays without it, leaving Dave, leaving Erin", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, all := offering(t) // the same again
			next := x.NextList(pkg, people(c.people...)...)
			next.Inherits, next.ReleaseThreshold = roster.Inheritance{}, c.releaseThreshold
			next.Threshold = min(next.Threshold, len(c.people))
			c.edit(&next)
			l, err := roster.NewList(next)
			accepted(t, err)
			revoked := make(roster.Revoked)
			for _, p := range people(c.revoked...) {
				revoked.Add(p.Key, "stolen")
			}
			e, err := l.Effects(x.Package(pkg).List, all, revoked, func(k *pgp.PublicKey) (bool, error) { return nameOf(k) == "Dave" || nameOf(k) == c.earlier, nil })
			accepted(t, err)
			if got := show(e); got != c.want {
				t.Errorf("found  %s\nwanted %s", got, c.want)
			}
		})
	}
}

// A first list has nobody who leaves or returns, and nothing was authorised.
func TestEffectsOfAFirstList(t *testing.T) {
	x, all := offering(t)
	c := x.FirstList(pkg, person("Dave"))
	c.Inherits = x.Package(pkg).Index.Inheritance(2, 3, 4, 6)
	l, err := roster.NewList(c)
	accepted(t, err)
	e, err := l.Effects(nil, all, nil, func(*pgp.PublicKey) (bool, error) { return true, nil })
	accepted(t, err)
	if got, want := show(e), "1 newly inherited, 2 counts again, 3 stays without it, 4 stays without it, 6 stays without it"; got != want {
		t.Errorf("found  %s\nwanted %s", got, want)
	}
}

// Nothing is concluded from what could not be read.
func TestEffectsWantAllThatTheyAreJudgedBy(t *testing.T) {
	x, all := offering(t)
	lost := errors.New("lost")
	if got, err := x.Package(pkg).Index.Offers(func(roster.Line) (roster.Signed, error) { return roster.Signed{}, lost }); !errors.Is(err, lost) || got != nil {
		t.Errorf("offers whose manifests cannot be read are %v, %v", got, err)
	}
	l, err := roster.NewList(x.NextList(pkg, people("Dave", "Frank")...))
	accepted(t, err)
	if e, err := l.Effects(x.Package(pkg).List, all, nil, func(*pgp.PublicKey) (bool, error) { return false, lost }); !errors.Is(err, lost) || show(e) != "" {
		t.Errorf("effects without the earlier lists are %q, %v", show(e), err)
	}
}

// What is not the line's manifest, or is badly signed, nobody has signed.
func TestOffersThatAreSpoilt(t *testing.T) {
	for name, spoil := range map[string]func(*rostertest.Index, string){
		"lost":        func(x *rostertest.Index, p string) { delete(x.Files, p) },
		"no manifest": func(x *rostertest.Index, p string) { x.Files[p] = []byte("{}\n") },
		"another of this release": func(x *rostertest.Index, p string) {
			other := roster.ManifestPath(pkg, x.Release(pkg, "sample-1.0.tar.gz", "else", person("Dave")).Digest())
			x.Files[p], x.Files[p+".asc"] = x.Files[other], x.Files[other+".asc"]
		},
		"without a file": func(x *rostertest.Index, p string) { delete(x.Files, p+".asc") },
		"with a bad file": func(x *rostertest.Index, p string) {
			x.Files[p+".asc"] = rostertest.Sign(x.T, []byte("other"), person("Dave"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			x, all := offering(t)
			list := x.Package(pkg).List
			spoil(x, roster.ManifestPath(pkg, all[1].Digest))
			spoilt := offers(t, x)[1]
			if spoilt.Number != 2 || spoilt.AuthorisedBy(list, nil) || !all[1].AuthorisedBy(list, nil) {
				t.Errorf("line %d is authorised, wanted line 2 and not authorised", spoilt.Number)
			}
		})
	}
}

// A standing list counts as its revocations have it.
func TestStandingAuthorises(t *testing.T) {
	x, all := offering(t)
	for _, c := range []struct {
		revoked []*rostertest.Signer
		want    []bool
	}{{nil, []bool{false, true, true, false, false}}, {people("Dave"), []bool{false, false, true, false, false}}} {
		s, err := x.Roster.Stands(lineage(t, x, x.Package(pkg).List.Digest(), c.revoked...))
		accepted(t, err)
		for i, o := range all {
			if s.Authorises(o) != c.want[i] {
				t.Errorf("with %d keys revoked line %d is authorised: %t, wanted %t", len(c.revoked), o.Number, !c.want[i], c.want[i])
			}
		}
	}
	for name, edit := range map[string]func(*roster.ListContent){
		"package":    func(c *roster.ListContent) { c.Package = "other" },
		"repository": func(c *roster.ListContent) { c.Repository = "other.example" },
	} {
		c := x.FirstList(pkg, person("Dave"))
		edit(&c)
		other, err := roster.NewList(c)
		accepted(t, err)
		if all[1].AuthorisedBy(other, nil) {
			t.Errorf("a list of another %s authorises the line", name)
		}
	}
}

// Two authorised lines that give a file different bytes leave it to a mirror
// which of them settles it, so a list that makes them two is told of.
func TestDisputedFiles(t *testing.T) {
	const file, wheel = "sample-1.0.tar.gz", "sample-1.0-py3-none-any.whl"
	x := rostertest.New(t)
	x.Upload(pkg, file, "unsigned")
	x.Claim(pkg, person("Erin"))
	x.Release(pkg, file, "Dave's", person("Dave"))
	x.Release(pkg, file, "Erin's", person("Erin"))
	x.Now = x.Now.Add(time.Second) // so these are other manifests
	x.Release(pkg, file, "Erin's", person("Frank"))
	x.Release(pkg, wheel, "wheel", person("Frank"))
	x.Now = x.Now.Add(time.Second)
	x.Release(pkg, wheel, "wheel", person("Grace"))
	for _, c := range []struct {
		name            string
		before, people  []string
		except          []uint64
		inherit, first  bool
		revoked, wanted []string
	}{
		{name: "one authorised line", before: []string{"Erin"}, people: []string{"Erin"}},
		{name: "the same bytes", before: []string{"Erin"}, people: []string{"Erin", "Frank", "Grace"}},
		{name: "another signer's line counts", before: []string{"Erin"}, people: []string{"Erin", "Dave"}, wanted: []string{file}},
		{name: "but the key is revoked", before: []string{"Erin"}, people: []string{"Erin", "Dave"}, revoked: []string{"Dave"}},
		{name: "the unsigned line is inherited", before: []string{"Erin"}, people: []string{"Erin"}, inherit: true, except: []uint64{2}, wanted: []string{file}},
		{name: "both others are left out", before: []string{"Erin"}, people: []string{"Erin"}, inherit: true, except: []uint64{1, 2}},
		{name: "one takes the place of the other", before: []string{"Erin"}, people: []string{"Dave"}},
		{name: "it was so before", before: []string{"Erin", "Dave"}, people: []string{"Frank", "Dave"}},
		{name: "a first list", first: true, people: []string{"Erin", "Dave"}, wanted: []string{file}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before *roster.List
			next := x.FirstList(pkg, people(c.people...)...)
			if !c.first {
				var err error
				before, err = roster.NewList(x.FirstList(pkg, people(c.before...)...))
				accepted(t, err)
			}
			if c.inherit {
				next.Inherits = x.Package(pkg).Index.Inheritance(c.except...)
			}
			l, err := roster.NewList(next)
			accepted(t, err)
			revoked := make(roster.Revoked)
			for _, p := range people(c.revoked...) {
				revoked.Add(p.Key, "stolen")
			}
			e, err := l.Effects(before, offers(t, x), revoked, func(*pgp.PublicKey) (bool, error) { return false, nil })
			accepted(t, err)
			if !slices.Equal(e.Disputed, c.wanted) {
				t.Errorf("found %q disputed, wanted %q", e.Disputed, c.wanted)
			}
		})
	}
}
