package main

import (
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// A goal is what the thief wants a client to do. One of its kinds is set.
type goal struct {
	evil         []string // versions: the client takes Mallory's bytes for one of them
	older, newer string   // the client takes this version, and holds that the newer one is not released
	absent       bool     // the client holds that the package does not exist
	withdrawn    bool     // the client holds that the index withdrew the package
	lockedOut    bool     // the client, back at the honest index, refuses it

	accept string // the client's policy, if not the default one
}

const acceptAll = "established,remembered,new,unsigned,frozen,yanked"

// fits reports whether an end has to do with the goal. What a package's
// maintainers do heals no staleness and no denial.
func (g goal) fits(e end) bool {
	return len(g.evil) > 0 || e != nextList && e != keyRevocation && e != override && e != allDropped
}

// An edit changes the index. n counts the times that it was played, because
// what was submitted once cannot be taken back.
type edit func(t *thief, n string)

// An attack is one cell's: a goal, and every way to it that we know of. The
// cell says possible if one of them leads there.
type attack struct {
	id, title string
	name      string // the package, if not the compromise's target
	goal      goal
	served    []edit // changes files as they are served; signs no snapshot
	signed    []edit // changes packages; a snapshot is signed over them, and once more below a forged roster
	submitted []edit // goes to an index that signs everything it is sent
	met       []edit // for lockedOut: what the client meets before
}

var evil6 = goal{evil: []string{"6.1", "6.2"}}

func evil(version, accept string) goal { return goal{evil: []string{version}, accept: accept} }

// attacks are the columns.
var attacks = []attack{
	{id: "swap", title: "malicious update: another file under a released name", goal: evil("1.1", acceptAll),
		served: []edit{func(t *thief, _ string) { t.swapIn("1.1") }},
		signed: []edit{
			func(t *thief, _ string) { t.backIndex(atFirst); t.upload("1.1") },
			func(t *thief, _ string) { t.backIndex(atFirst); t.release("1.1", t.maintainers()...) },
			func(t *thief, _ string) { t.back(atFirst); t.release("1.1", t.maintainers()...) },
			func(t *thief, _ string) { t.upload("1.1") },
			func(t *thief, _ string) { t.release("1.1", t.maintainers()...) },
			func(t *thief, _ string) {
				t.backIndex(atFirst)
				t.claim()
				t.release("1.1", rostertest.Person(mallory))
			},
		},
		submitted: []edit{func(t *thief, _ string) { t.release("1.1", t.maintainers()...) }},
	},
	{id: "forge", title: "malicious update: a forged release", goal: goal{evil: evil6.evil, accept: acceptAll},
		signed: []edit{
			func(t *thief, n string) { t.release("6."+n, t.maintainers()...) },
			releaseByOneKeyTwice,
			func(t *thief, n string) { t.upload("6." + n) },
			func(t *thief, n string) { t.back(atFirst); t.release("6."+n, t.maintainers()...) },
			then((*thief).claim),
		},
		submitted: []edit{func(t *thief, n string) { t.release("6."+n, t.maintainers()...) }, releaseByOneKeyTwice},
	},
	{id: "freeze", title: "freeze: the newest release is not shown", goal: goal{older: "1.2", newer: "1.3"},
		served: []edit{func(t *thief, _ string) { t.latest(asRemembered) }},
		signed: []edit{func(t *thief, _ string) { t.Packages = clonePackages(t.past[asRemembered]) }},
	},
	{id: "rollback", title: "rollback: an older snapshot", goal: goal{older: "1.1", newer: "1.2"},
		served: []edit{func(t *thief, _ string) { t.latest(beforeFix) }},
		signed: []edit{func(t *thief, _ string) { t.Packages = clonePackages(t.past[beforeFix]) }},
	},
	{id: "mix", title: "mix-and-match: an old package among new ones", goal: goal{older: "1.2", newer: "1.3"},
		served: []edit{func(t *thief, _ string) {
			path := roster.IndexPath(t.name, t.past[newest][t.name].Index.Digest())
			t.Put(path, t.past[asRemembered][t.name].Index.Bytes())
		}},
		signed: []edit{func(t *thief, _ string) { t.back(asRemembered) }},
	},
	{id: "hide-release", title: "hiding: all releases since the anchor", goal: goal{older: "1.0", newer: "1.3"},
		served: []edit{func(t *thief, _ string) { t.latest(atFirst) }},
		signed: []edit{func(t *thief, _ string) { t.back(atFirst) }, func(t *thief, _ string) { t.backIndex(atFirst) }},
	},
	{id: "hide-list", title: "hiding: the list, so that an unsigned file would do", goal: goal{evil: evil6.evil, accept: acceptAll},
		signed: []edit{func(t *thief, n string) { t.Package(t.name).List = nil; t.upload("6." + n) }},
	},
	{id: "hide-package", title: "hiding: the package", goal: goal{absent: true},
		signed: []edit{func(t *thief, _ string) { delete(t.Packages, t.name) }},
	},
	{id: "withdraw", title: "denial: the package is withdrawn", goal: goal{withdrawn: true},
		signed: []edit{func(t *thief, _ string) { t.status(tree.Removed) }},
	},
	{id: "hijack", title: "hijack: other maintainers for an established package", goal: evil6,
		signed: []edit{
			then(func(t *thief) { t.claim() }),
			then(func(t *thief) { t.succeed(t.Packages[t.name].List) }),
			then(func(t *thief) { t.succeed(t.past[atFirst][t.name].List) }),
			then(func(t *thief) { t.back(atFirst); t.succeed(t.past[atFirst][t.name].List) }), // hides a revocation, too
			then(func(t *thief) { t.backIndex(atFirst); t.succeed(t.Packages[t.name].List) }),
		},
		submitted: []edit{then(func(t *thief) { t.succeed(t.Packages[t.name].List) })},
	},
	{id: "hijack-young", title: "hijack: of a name claimed since the anchor", name: fresh, goal: evil6,
		signed: []edit{then((*thief).claim), then(func(t *thief) { t.succeed(t.Packages[t.name].List) })},
	},
	{id: "hide-list-young", title: "hiding: the list of a name claimed since the anchor, so that an unsigned file would do", name: fresh,
		goal:   goal{evil: evil6.evil, accept: acceptAll},
		signed: []edit{func(t *thief, n string) { t.Package(t.name).List = nil; t.upload("6." + n) }},
	},
	{id: "swap-unsigned", title: "malicious update: of an unsigned package", name: plain, goal: evil("1.1", acceptAll),
		served: []edit{func(t *thief, _ string) { t.swapIn("1.1") }},
		signed: []edit{func(t *thief, _ string) { t.Package(t.name).List = nil; t.backIndex(atFirst); t.upload("1.1") }},
	},
	{id: "swap-anchored", title: "malicious update: of an unsigned file in the anchor", name: plain, goal: evil("1.0", acceptAll),
		served: []edit{func(t *thief, _ string) { t.swapIn("1.0") }},
		signed: []edit{func(t *thief, _ string) {
			delete(t.Packages, t.name)
			t.upload("1.0")
		}},
	},
	{id: "claim-unsigned", title: "claim: an unsigned project", name: plain, goal: evil6,
		signed: []edit{then((*thief).claim)},
	},
	{id: "claim", title: "claim: an unseen name", name: unseen, goal: evil6,
		signed: []edit{then((*thief).claim)},
	},
	{id: "add-unsigned", title: "claim: an unseen name, with an unsigned file", name: unseen, goal: goal{evil: evil6.evil, accept: acceptAll},
		signed: []edit{func(t *thief, n string) { t.Package(t.name).List = nil; t.upload("6." + n) }},
	},
	{id: "claim-demanding", title: "claim: an unseen name, of a client that wants established", name: unseen,
		goal:   goal{evil: evil6.evil, accept: "established"},
		signed: []edit{then((*thief).claim)},
	},
	{id: "lock-out", title: "fast-forward or revocation: lasting refusal of the honest index", goal: goal{lockedOut: true},
		met: []edit{
			func(t *thief, _ string) { t.SnapshotVersion = 1 << 50; t.publish() },
			func(t *thief, _ string) { t.revokeOnline() },
			func(t *thief, _ string) { t.seize() },
		},
	},
}

// then plays a change of the maintainers, and a release by the new one.
func then(change func(t *thief)) edit {
	return func(t *thief, n string) {
		change(t)
		t.release("6."+n, rostertest.Person(mallory))
	}
}

// releaseByOneKeyTwice signs with each stolen key in two packets.
func releaseByOneKeyTwice(t *thief, n string) {
	signers := t.maintainers()
	for _, s := range rostertest.People(t.keys.maintainers...) {
		signers = append(signers, s.Repacked())
	}
	t.release("6."+n, signers...)
}
