package main

import (
	"slices"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// An end is what stops an attack that was possible.
type end string

// The first two are times that pass for a client to which the thief shows
// nothing that could help it. The others are what honest people do.
const (
	snapshotExpires end = "snapshot expires"
	rosterExpires   end = "roster expires"
	revocation      end = "revocation"     // of the online keys, public
	nextRoster      end = "next roster"    // replaces the online keys and changes snapshot_floor; the anchor stays
	nextList        end = "next list"      // of the package, without the stolen keys
	keyRevocation   end = "key revocation" // of the stolen maintainers' keys
	nextAnchor      end = "next anchor"    // after the next list; the online keys stay
	override        end = "override"       // of the package's list, by the root
	allDropped      end = "key revocation and next roster"
)

// ends are all ends, in the order in which they are told.
var ends = []end{snapshotExpires, rosterExpires, revocation, nextRoster, nextList, keyRevocation, nextAnchor, override, allDropped}

// within says which ends say less than others: whoever waits for the second,
// or does it, has the first as well.
var within = map[end][]end{
	snapshotExpires: {rosterExpires},
	nextRoster:      {allDropped},
	nextList:        {nextAnchor, override},
	keyRevocation:   {allDropped},
	nextAnchor:      {override},
}

// least leaves out of ends those that others contain.
func least(all []end) []end {
	return slices.DeleteFunc(slices.Clone(all), func(e end) bool {
		return slices.ContainsFunc(all, func(o end) bool { return slices.Contains(within[o], e) })
	})
}

// remedies are the ends that are done, each with what it changes in the
// honest world. Rosters and revocations of online keys stand outside the map:
// a thief who does not cut the client off cannot hide them.
var remedies = map[end]func(w *world, t theft){
	revocation: func(w *world, _ theft) {
		w.RevokeOnline(w.Countersign.Key)
		w.RevokeOnline(w.Snapshot.Key)
	},
	nextRoster: replaceOnline,
	nextList: func(w *world, t theft) {
		w.succession(t.name, t.stolen)
		w.publish()
	},
	keyRevocation: revokeKeys,
	allDropped: func(w *world, t theft) {
		revokeKeys(w, t)
		replaceOnline(w, t)
	},
	nextAnchor: func(w *world, t theft) {
		w.succession(t.name, t.stolen)
		w.publish()
		w.Anchor()
		w.publish()
	},
	override: func(w *world, t theft) {
		if p := w.Packages[t.name]; p != nil && p.List != nil {
			w.recover(t.name, t.stolen, p.List)
		} else {
			w.succession(t.name, t.stolen)
		}
		w.publish()
		w.Anchor()
		w.publish()
	},
}

func replaceOnline(w *world, _ theft) {
	w.Succeed(func(r *roster.Root) {
		w.ReplaceOnlineKeys(r, "countersign-2", "snapshot-2")
		r.SnapshotFloor = 1000
	})
	for name, p := range w.Packages { // the new key renews what stands
		if p.List != nil {
			path := roster.CountersignaturePath(roster.ListPath(name, p.List.Digest()))
			w.Put(path, rostertest.Sign(w.T, p.List.Bytes(), w.Countersign))
		}
	}
	w.publish()
}

func revokeKeys(w *world, t theft) {
	for _, s := range t.stolen {
		w.RevokeKey(rostertest.Person(s), t.target)
	}
	if w.hijacked(t.name) && len(t.stolen) > 0 {
		w.recover(t.name, t.stolen, w.honestList(t.name))
	}
	w.publish()
}

// A theft is what honest people know when they act: which package is attacked,
// and which keys of which package's maintainers are stolen.
type theft struct {
	name, target string
	stolen       []string
}

// others are the package's maintainers whose keys are not stolen.
func others(name string, stolen []string) []string {
	return slices.DeleteFunc(slices.Clone(maintain[name].people), func(p string) bool { return slices.Contains(stolen, p) })
}

// hijacked reports whether the package's list is the thief's.
func (w *world) hijacked(name string) bool {
	p := w.Packages[name]
	return p != nil && p.List != nil && slices.ContainsFunc(p.List.Content().Maintainers, func(m roster.Maintainer) bool { return m.Name == mallory })
}

// honestList is the package's list before the theft.
func (w *world) honestList(name string) *roster.List { return w.past[newest][name].List }

// succession publishes the next list of the package, or its first, by the
// maintainers whose keys are not stolen. They cannot if the list is the
// thief's already.
func (w *world) succession(name string, stolen []string) {
	if w.hijacked(name) {
		return
	}
	p := w.Package(name)
	c := w.firstList(name, others(name, stolen)...)
	if p.List != nil {
		c.Version, c.Previous = p.List.Version()+1, roster.Ref{Digest: p.List.Digest()}
	}
	w.PutList(c, rostertest.People(others(name, stolen)...)...)
}

// recover publishes a list that follows the given one, by the maintainers
// whose keys are not stolen, with a version above all that the name has had.
func (w *world) recover(name string, stolen []string, after *roster.List) {
	c := w.firstList(name, others(name, stolen)...)
	c.Version, c.Previous = w.Packages[name].List.Version()+1, roster.Ref{Digest: after.Digest()}
	w.PutList(c, rostertest.People(others(name, stolen)...)...)
}

// pass lets the honest index live on until a time: a routine ceremony that
// replaces nothing, if a roster would expire, and a snapshot.
func (w *world) pass(at time.Time) {
	if half := w.Now.AddDate(0, 0, 100); at.After(half) {
		w.Now = half
		w.Succeed(nil)
	}
	w.Now = at
	w.publish()
}
