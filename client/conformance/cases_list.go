package conformance

import (
	"fmt"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// rawList is sample with a first list by Dave, Erin and Frank, edited if the
// story is wrong, and signed by those and by more who are named.
func rawList(edit func(r *Repo, c *roster.ListContent), text func(string) string, more ...*rostertest.Signer) play {
	return func(s *Stage, wrong bool) *Result {
		r := s.Open()
		r.Package(sample)
		r.Release(sample, wheel, content, dave, erin, frank)
		c := withType(r.FirstList(sample, dave, erin, frank))
		by := []*rostertest.Signer{dave, erin, frank}
		if wrong && edit != nil {
			edit(r, &c)
			by = append(by, more...)
		}
		doc := Print(c)
		if wrong && text != nil {
			doc = []byte(text(string(doc)))
		}
		r.PutListBytes(sample, max(c.Version, 1), doc, by...)
		r.Publish(nil)
		return r.User().Get()
	}
}

type list = roster.ListContent

// listCases are about the form of lists.
func listCases() []Case {
	var cases []Case
	for _, m := range few(misprints) {
		cases = append(cases, pair(m.rule, "a list "+m.what+" is refused", Refused, rawList(nil, m.edit)))
	}
	many := func(n, keys int) ([]roster.Maintainer, []*rostertest.Signer) {
		var all []roster.Maintainer
		var who []*rostertest.Signer
		for i := range n {
			m := roster.Maintainer{Name: fmt.Sprintf("Maintainer %d", i)}
			for k := range keys {
				s := rostertest.Person(fmt.Sprintf("maintainer %d key %d", i, k))
				m.Keys, who = append(m.Keys, key(s)), append(who, s)
			}
			all = append(all, m)
		}
		return all, who
	}
	tooMany, theirs := many(33, 1)
	tooManyKeys, theirKeys := many(3, 10)
	for _, c := range []struct {
		rule, what string
		edit       func(*Repo, *list)
		more       []*rostertest.Signer
	}{
		{"LIST-1", "of version 0", func(_ *Repo, c *list) { c.Version = 0 }, nil},
		{"LIST-1", "of version 1 that names a previous one", func(_ *Repo, c *list) { c.Previous.Digest = digest.Sum(nil) }, nil},
		{"LIST-2", "of 33 maintainers", func(_ *Repo, c *list) { c.Maintainers = append(tooMany[:32:32], c.Maintainers[0]) }, theirs[:32]},
		{"LIST-2", "of 33 keys", func(_ *Repo, c *list) { c.Maintainers = append(c.Maintainers, tooManyKeys...) }, theirKeys},
		{"LIST-2", "with a maintainer without a key", func(_ *Repo, c *list) {
			c.Maintainers = append(c.Maintainers, roster.Maintainer{Name: "Grace", Keys: []roster.Key{}})
		}, nil},
		{"LIST-2", "with two maintainers of one name", func(_ *Repo, c *list) { c.Maintainers[1].Name = "Dave" }, nil},
		{"LIST-3", "with one key for two maintainers", func(_ *Repo, c *list) { c.Maintainers[1].Keys = c.Maintainers[0].Keys }, nil},
		{"LIST-3", "with one key twice for one maintainer", func(_ *Repo, c *list) {
			c.Maintainers[0].Keys = append(c.Maintainers[0].Keys, c.Maintainers[0].Keys[0])
		}, nil},
		{"LIST-4", "with threshold 0", func(_ *Repo, c *list) { c.Threshold = 0 }, nil},
		{"LIST-4", "with threshold -1", func(_ *Repo, c *list) { c.Threshold = -1 }, nil},
		{"LIST-4", "with a threshold above the number of maintainers", func(_ *Repo, c *list) { c.Threshold = 4 }, nil},
		{"LIST-4", "with release_threshold 0", func(_ *Repo, c *list) { c.ReleaseThreshold = 0 }, nil},
		{"LIST-4", "with release_threshold -1", func(_ *Repo, c *list) { c.ReleaseThreshold = -1 }, nil},
		{"LIST-4", "with a release_threshold above the number of maintainers", func(_ *Repo, c *list) { c.ReleaseThreshold = 4 }, nil},
		{"LIST-5", "that inherits a length without a digest", func(r *Repo, c *list) { c.Inherits.Length = r.Packages[sample].Index.Length() }, nil},
		{"LIST-5", "that inherits a digest without a length", func(r *Repo, c *list) { c.Inherits = r.Packages[sample].Index.Inheritance(); c.Inherits.Length = 0 }, nil},
		{"LIST-5", "that leaves out lines and inherits none", func(_ *Repo, c *list) { c.Inherits.Except = []uint64{1} }, nil},
		{"LIST-5", "that leaves out line 0", func(r *Repo, c *list) { c.Inherits = r.Packages[sample].Index.Inheritance(0) }, nil},
		{"LIST-5", "that leaves out a line twice", func(r *Repo, c *list) { c.Inherits = r.Packages[sample].Index.Inheritance(1, 1) }, nil},
		{"ENC-5", "for a name that is not in normal form", func(_ *Repo, c *list) { c.Package = "Sample" }, nil},
		{"STAND-1", "for another repository", func(_ *Repo, c *list) { c.Repository = "other.example" }, nil},
		{"STAND-1", "for another package", func(_ *Repo, c *list) { c.Package = other }, nil},
		{"STAND-2", "that names a keyholder's key", func(_ *Repo, c *list) { addKey(c, alice) }, []*rostertest.Signer{alice}},
		{"STAND-2", "that names a keyholder's key in another packet", func(_ *Repo, c *list) { addKey(c, alice.Repacked()) }, []*rostertest.Signer{alice.Repacked()}},
		{"STAND-2", "that names the countersign key", func(r *Repo, c *list) { addKey(c, r.Countersign) }, signers("countersign-1")},
		{"STAND-2", "that names the snapshot key", func(r *Repo, c *list) { addKey(c, r.Snapshot) }, signers("snapshot-1")},
		{"STAND-4", "of version 1 that one of its keys did not sign", func(_ *Repo, c *list) { addKey(c, grace) }, nil},
		{"NAME-1", "with an escape sequence in a maintainer's name", func(_ *Repo, c *list) { c.Maintainers[0].Name = "Dave\x1b[2J" }, nil},
	} {
		cases = append(cases, pair(c.rule, "a list "+c.what+" is refused", Refused, rawList(c.edit, nil, c.more...)))
	}
	return append(cases, pair("STAND-4", "a first list without maintainers is refused", Refused, func(s *Stage, wrong bool) *Result {
		r := s.Open()
		r.Upload(sample, wheel, content)
		c := withType(r.FirstList(sample, dave))
		if wrong {
			c = withType(r.FirstList(sample))
			c.Threshold, c.ReleaseThreshold = 0, 0
		}
		c.Inherits = r.Packages[sample].Index.Inheritance()
		r.PutListBytes(sample, 1, Print(c), dave)
		r.Publish(nil)
		return r.User().Get()
	}))
}

func addKey(c *list, s *rostertest.Signer) {
	c.Maintainers = append(c.Maintainers, roster.Maintainer{Name: "Another", Keys: []roster.Key{key(s)}})
}

// listRotationCases change the maintainers in the steps of [rotations].
func listRotationCases() []Case {
	var cases []Case
	for _, c := range rotations {
		story := func(s *Stage, wrong bool) *Result {
			r := s.Open()
			for i, st := range c.steps {
				l := r.FirstList(sample, people("Maintainer", st.keys)...)
				if i > 0 {
					l = r.NextList(sample, people("Maintainer", st.keys)...)
				}
				l.Threshold = st.threshold
				r.PutList(l, people("Maintainer", c.who(i, wrong))...)
			}
			last := c.steps[len(c.steps)-1].keys
			r.Release(sample, wheel, content, people("Maintainer", last[:1])...)
			r.Publish(nil)
			return r.User().Get()
		}
		if c.missing == "" || c.list {
			cases = append(cases, Case{"STAND-7: a succession is accepted: " + c.promise, func(s *Stage) { story(s, true).Want(Done) }})
			continue
		}
		cases = append(cases, pair("STAND-7", "a succession is refused: "+c.promise, Refused, story))
	}
	return cases
}

// succession is list 1 by Dave, Erin and Frank, two of whom make the next,
// and list 2, made by the case. Then Dave releases 1.0.
func succession(make func(r *Repo, next *list, wrong bool) []*rostertest.Signer) play {
	return func(s *Stage, wrong bool) *Result {
		r := s.Open()
		c := r.FirstList(sample, dave, erin, frank)
		c.Threshold = 2
		r.PutList(c, dave, erin, frank)
		next := withType(r.NextList(sample, dave, erin, frank))
		next.Threshold = 2
		by := make(r, &next, wrong)
		r.Release(sample, wheel, content, dave)
		r.PutListBytes(sample, next.Version, Print(next), by...)
		r.Publish(nil)
		return r.User().Get()
	}
}

// standingCases are the rules of succession.
func standingCases() []Case {
	by := func(good, bad []*rostertest.Signer) play {
		return succession(func(_ *Repo, _ *list, wrong bool) []*rostertest.Signer {
			if wrong {
				return bad
			}
			return good
		})
	}
	two := []*rostertest.Signer{dave, erin}
	return []Case{
		pair("STAND-7", "a succession signed by one of the two maintainers required is refused", Refused, by(two, []*rostertest.Signer{dave})),
		pair("STAND-7", "a succession signed by M keyholders instead of maintainers is refused", Refused, by(two, []*rostertest.Signer{alice, bob, carol})),
		pair("STAND-7", "a succession signed by the online keys is refused", Refused, by(two, signers("countersign-1", "snapshot-1"))),
		pair("STAND-7", "a succession signed by strangers is refused", Refused, by(two, []*rostertest.Signer{mallory, heidi, grace})),
		pair("STAND-7", "one person's two keys count once in a succession", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			laptop := rostertest.Person("Dave's laptop")
			c := r.FirstList(sample, dave, erin)
			c.Threshold = 2
			c.Maintainers[0].Keys = append(c.Maintainers[0].Keys, key(laptop))
			r.PutList(c, dave, laptop, erin)
			r.Release(sample, wheel, content, dave)
			second := erin
			if wrong {
				second = laptop
			}
			nextList(r, []*rostertest.Signer{dave}, []*rostertest.Signer{dave, second})
			return r.User().Get()
		}),
		pair("STAND-7", "a revoked key does not count in a succession", Refused, succession(func(r *Repo, _ *list, wrong bool) []*rostertest.Signer {
			r.RevokeKey(erin, sample)
			if wrong {
				return two
			}
			return []*rostertest.Signer{dave, frank}
		})),
		accepted("STAND-8", "a new key that was revoked since keeps its consent", func(r *Repo) *Result {
			shared(r)
			nextList(r, []*rostertest.Signer{dave, grace}, []*rostertest.Signer{dave, erin, grace})
			r.RevokeKey(grace, sample)
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("STAND-8", "a new maintainer who has not signed refuses the list", Refused, succession(func(_ *Repo, next *list, wrong bool) []*rostertest.Signer {
			addKey(next, grace)
			if wrong {
				return two
			}
			return append(two, grace)
		})),
		pair("STAND-8", "a known maintainer's new key that has not signed refuses the list", Refused, succession(func(_ *Repo, next *list, wrong bool) []*rostertest.Signer {
			next.Maintainers[2].Keys = append(next.Maintainers[2].Keys, key(grace))
			if wrong {
				return two
			}
			return append(two, grace)
		})),
		turned("STAND-5", "a list whose previous is nowhere is a lack of freshness", Done, Stale, succession(func(_ *Repo, next *list, wrong bool) []*rostertest.Signer {
			if wrong {
				next.Previous.Digest = digest.Sum([]byte("another"))
			}
			return two
		})),
		pair("STAND-5", "a list of its predecessor's version is refused", Refused, succession(func(_ *Repo, next *list, wrong bool) []*rostertest.Signer {
			next.Version = 7
			if wrong {
				next.Version = 1
			}
			return two
		})),
		pair("STAND-5", "a list with a lower version than its predecessor's is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			for i, version := range []uint64{9, 12} {
				c := r.NextList(sample, dave)
				if c.Version = version; wrong && i == 1 {
					c.Version = 8
				}
				r.PutList(c, dave)
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		accepted("STAND-5", "versions may be skipped", func(r *Repo) *Result {
			claim(r)
			c := r.NextList(sample, dave)
			c.Version = 9007199254740991
			r.PutList(c, dave)
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("STAND-6", "nothing succeeds a frozen list but an override", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			freeze(r)
			if wrong {
				r.PutList(r.NextList(sample, dave), dave)
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("STAND-9", "a 65th succession is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			n := 64
			if wrong {
				n++
			}
			for range n {
				r.PutList(r.NextList(sample, dave), dave)
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		accepted("STAND-9", "an anchor begins the count of successions anew", func(r *Repo) *Result {
			claim(r)
			for range 64 {
				r.PutList(r.NextList(sample, dave), dave)
			}
			r.Publish(nil)
			r.Anchor()
			r.PutList(r.NextList(sample, dave), dave)
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("STAND-10", "a list of another version than the leaf says is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			if wrong {
				r.Leaves[sample] = func(l *tree.Leaf) { l.ListVersion = 2 }
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("STAND-10", "an anchored list of another version than the leaf says is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			anchored(r)
			if wrong {
				r.Leaves[sample] = func(l *tree.Leaf) { l.ListVersion = 2 }
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("STAND-11", "a list countersigned by a stranger is refused", Refused, countersigned(mallory)),
		pair("STAND-11", "a list countersigned by the snapshot key is refused", Refused, countersigned(rostertest.Person("snapshot-1"))),
		pair("STAND-11", "a list countersigned by all keyholders is refused", Refused, countersigned(alice, bob, carol)),
		pair("STAND-11", "a list countersigned by its maintainer is refused", Refused, countersigned(dave)),
		accepted("STAND-11", "lists before the last need no countersignature", func(r *Repo) *Result {
			claim(r)
			delete(r.Files, roster.CountersignaturePath(roster.ListPath(sample, r.Packages[sample].List.Digest())))
			nextList(r, []*rostertest.Signer{dave}, []*rostertest.Signer{dave})
			return r.User().Get()
		}),
		accepted("STAND-3", "an anchored list needs neither its signatures nor a countersignature", func(r *Repo) *Result {
			anchored(r)
			path := roster.ListPath(sample, r.Packages[sample].List.Digest())
			delete(r.Files, roster.SignaturePath(path))
			delete(r.Files, roster.CountersignaturePath(path))
			return r.User().Get()
		}),
		accepted("STAND-3", "an anchored list stands though all its keys are revoked", func(r *Repo) *Result {
			r.Upload(sample, wheel, content)
			c := r.FirstList(sample, dave)
			c.Inherits = r.Packages[sample].Index.Inheritance()
			r.PutList(c, dave)
			r.Publish(nil)
			r.Anchor()
			r.RevokeKey(dave, sample)
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("STAND-3", "a new first list of an established package is refused", Refused, reclaimed()),
		pair("STAND-3", "an older list than the anchored one is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			first := r.Packages[sample].List
			nextList(r, []*rostertest.Signer{dave, erin}, []*rostertest.Signer{dave, erin})
			r.Anchor()
			if wrong {
				r.Packages[sample].List = first
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("STAND-1", "a chain that goes through another package's list is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.Claim(sample, dave)
			r.Release(sample, wheel, content, dave)
			next := withType(r.NextList(sample, dave))
			if wrong { // its predecessor is another package's first list
				next.Previous.Digest = r.Claim(other, dave).Digest()
				for _, suffix := range []string{"", ".asc"} {
					r.Put(roster.ListPath(sample, next.Previous.Digest)+suffix, r.Files[roster.ListPath(other, next.Previous.Digest)+suffix])
				}
			}
			r.PutListBytes(sample, 2, Print(next), dave)
			r.Publish(nil)
			return r.User().Get()
		}),
	}
}

func countersigned(by ...*rostertest.Signer) play {
	return func(s *Stage, wrong bool) *Result {
		r := s.Open()
		claim(r)
		if wrong {
			countersign(r, by...)
		}
		r.Publish(nil)
		return r.User().Get()
	}
}

// reclaimed gives sample to Mallory in a first list of her own, after the root
// has seen Dave's.
func reclaimed() play {
	return func(s *Stage, wrong bool) *Result {
		r := s.Open()
		claimed(r)
		r.Anchor()
		if wrong {
			c := r.FirstList(sample, mallory)
			c.Inherits = r.Packages[sample].Index.Inheritance()
			r.PutList(c, mallory)
		}
		r.Publish(nil)
		return r.User().Get()
	}
}

// freeze gives sample a list without maintainers that inherits all.
func freeze(r *Repo) {
	c := r.NextList(sample)
	c.Threshold, c.ReleaseThreshold = 0, 0
	r.PutList(c, dave)
}

// overrideCases are decisions of the root.
func overrideCases() []Case {
	override := func(r *Repo) *list {
		c := r.NextList(sample, grace)
		return &c
	}
	return []Case{
		pair("STAND-7", "an override counts once it is anchored, and not before", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			anchored(r)
			r.PutList(*override(r), grace)
			r.Release(sample, "sample-1.1.tar.gz", "1.1\n", grace)
			if !wrong {
				r.Anchor()
			}
			r.Publish(nil)
			return r.User().Get(File{sample, "sample-1.1.tar.gz"})
		}),
		{"MEM-4: a remembered list that an override has replaced is forgotten", func(s *Stage) {
			r := s.Open()
			anchored(r)
			u := r.User()
			r.PutList(r.NextList(sample, dave, erin), dave, erin)
			r.Publish(nil)
			u.Get().Want(Done)
			r.PutList(*override(r), grace)
			r.Publish(nil)
			u.Get().Want(Refused)
			r.Anchor()
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		{"STAND-3: who an override put out makes no further list", func(s *Stage) {
			r := s.Open()
			anchored(r)
			r.PutList(*override(r), grace)
			r.Anchor()
			r.Publish(nil)
			u := r.User()
			u.Get().Want(Done)
			good := r.Packages[sample].List
			r.PutList(r.NextList(sample, dave), dave)
			r.Publish(nil)
			u.Get().Want(Refused)
			r.Packages[sample].List = good
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		{"STAND-6: an override succeeds a frozen list", func(s *Stage) {
			r := s.Open()
			claimed(r)
			freeze(r)
			r.Publish(nil)
			r.Anchor()
			r.PutList(*override(r), grace)
			r.Publish(nil)
			u := r.User()
			u.Get().Want(Refused)
			r.Anchor()
			r.Publish(nil)
			u.Get().Want(Done)
		}},
	}
}

// withType fills the type in, for a list that is printed here.
func withType(c list) list {
	c.Type = "maintainer-list/v1"
	return c
}
