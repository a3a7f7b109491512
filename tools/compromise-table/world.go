package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// A tb plays the index outside of a test: what goes wrong ends the run.
type tb struct{}

type failure string

func (tb) Helper()                           {}
func (tb) Fatal(args ...any)                 { panic(failure(fmt.Sprint(args...))) }
func (tb) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// The packages of the index: what the root and the clients know of each.
const (
	solo   = "solo"   // established; Dora and Dave maintain it, thresholds 1
	pair   = "pair"   // established; Dora, Dave and Fay maintain it, thresholds 2
	moved  = "moved"  // established by Olga's list; Pia's list, newer than the anchor, dropped her
	fresh  = "fresh"  // Frank claimed it since the last anchor
	plain  = "plain"  // has no list; its first file is in the anchor
	unseen = "unseen" // is not in the index; Pat will come to claim it
)

// maintain says who maintains what, and by how many.
var maintain = map[string]struct {
	people    []string
	threshold int
}{
	solo:   {[]string{"Dora", "Dave"}, 1},
	pair:   {[]string{"Dora", "Dave", "Fay"}, 2},
	moved:  {[]string{"Pia"}, 1},
	fresh:  {[]string{"Frank"}, 1},
	plain:  {[]string{"Pat"}, 1},
	unseen: {[]string{"Pat"}, 1},
}

// The versions of the snapshots to which attacks go back.
const (
	atFirst      = 1 // a year ago: what the offline client saw, and what roster 2 anchors
	beforeFix    = 3 // hours ago, still unexpired, older than what the remembering client saw
	asRemembered = 4 // what the remembering client saw
	newest       = 5
)

// A world is the honest index, and what it was at each snapshot.
type world struct {
	*rostertest.Index
	past map[uint64]map[string]*rostertest.Package
}

func file(name, version string) string { return name + "-" + version + ".tar.gz" }

// The honest and the thief's bytes of a file have one length, so that no size
// gives a thief away.
func honestBytes(name, version string) string { return name + " " + version + ", by its makers\n" }
func evilBytes(name, version string) string   { return name + " " + version + ", by Mallory!!!\n" }

func clonePackages(all map[string]*rostertest.Package) map[string]*rostertest.Package {
	c := make(map[string]*rostertest.Package, len(all))
	for name, p := range all {
		one := *p
		c[name] = &one
	}
	return c
}

// clone returns a world that can be changed without changing w.
func (w *world) clone() *world {
	x := *w.Index
	x.Files, x.Packages = maps.Clone(x.Files), clonePackages(x.Packages)
	x.Keyholders, x.Revoked = slices.Clone(x.Keyholders), slices.Clone(x.Revoked)
	return &world{&x, maps.Clone(w.past)}
}

// publish is the honest online signer's: the next snapshot at the time Now.
func (w *world) publish() {
	w.Publish(nil)
	w.past[w.SnapshotVersion] = clonePackages(w.Packages)
}

// firstList is version 1 of a package's list by its maintainers.
func (w *world) firstList(name string, people ...string) roster.ListContent {
	c := w.FirstList(name, rostertest.People(people...)...)
	c.Threshold, c.ReleaseThreshold = maintain[name].threshold, maintain[name].threshold
	if p := w.Packages[name]; p != nil {
		c.Inherits = p.Index.Inheritance(w.thiefsLines(name)...)
	}
	return c
}

// thiefsLines are the numbers of the lines that a list's signers see are not
// theirs: the thief numbers releases from 6.0.
func (w *world) thiefsLines(name string) []uint64 {
	var out []uint64
	for _, l := range w.Packages[name].Index.Lines() {
		if strings.HasPrefix(l.Version, "6.") {
			out = append(out, l.Number)
		}
	}
	return out
}

// release publishes a version of a package as its maintainers do, or as
// somebody who needs no maintainer where there is no list.
func (w *world) release(name, version string) {
	if w.Package(name).List == nil {
		w.Upload(name, file(name, version), honestBytes(name, version))
		return
	}
	w.Release(name, file(name, version), honestBytes(name, version), rostertest.People(maintain[name].people...)...)
}

// history plays the index from its first ceremony until now, and calls visit
// when the client that will be offline for a year, and later the one that
// remembers, use it.
func history(visit func(client string, w *world)) *world {
	w := &world{rostertest.New(tb{}), make(map[uint64]map[string]*rostertest.Package)}
	begin := w.Now
	for _, name := range []string{solo, pair} {
		w.PutList(w.firstList(name, maintain[name].people...), rostertest.People(maintain[name].people...)...)
		w.release(name, "1.0")
	}
	w.Claim(moved, rostertest.Person("Olga"))
	w.Release(moved, file(moved, "1.0"), honestBytes(moved, "1.0"), rostertest.Person("Olga"))
	w.release(plain, "1.0")
	w.publish()
	visit(offline, w)

	w.Now = begin.AddDate(0, 0, 200)
	w.publish()
	w.Anchor()

	now := begin.AddDate(0, 0, 366)
	w.Now = now.Add(-6 * time.Hour)
	w.PutList(w.NextList(moved, rostertest.Person("Pia")), rostertest.People("Olga", "Pia")...)
	w.Claim(fresh, rostertest.Person("Frank"))
	w.releaseAll("1.1")
	w.publish()
	w.Now = now.Add(-2 * time.Hour)
	w.releaseAll("1.2")
	w.publish()
	w.Now = now.Add(-time.Hour)
	visit(remembering, w)
	w.Now = now
	w.releaseAll("1.3")
	w.publish()
	return w
}

func (w *world) releaseAll(version string) {
	for _, name := range []string{solo, pair, moved, fresh, plain} {
		w.release(name, version)
	}
}
