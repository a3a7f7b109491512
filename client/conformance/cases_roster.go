package conformance

import (
	"slices"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// reroot puts an edited root roster 2 in the place of the one published.
func reroot(edit func(*roster.Root), by ...*rostertest.Signer) func(*Repo) {
	if by == nil {
		by = []*rostertest.Signer{alice, bob, carol}
	}
	return func(r *Repo) {
		root := r.Roster.Root()
		edit(&root)
		r.PutSigned(rosterTwo, Print(root), by...)
	}
}

// resigned has root roster 2 signed by others.
func resigned(by ...*rostertest.Signer) func(*Repo) {
	return func(r *Repo) {
		r.Put(roster.SignaturePath(rosterTwo), rostertest.Sign(r.T, r.Files[rosterTwo], by...))
	}
}

// rosterCases are the walk's rules.
func rosterCases() []Case {
	revokes := func(r *Repo) {
		claim(r)
		r.Succeed(func(c *roster.Root) {
			for _, s := range []*rostertest.Signer{mallory, heidi} {
				c.Revoked = append(c.Revoked, roster.RevokedKey{Key: key(s), Reason: "stolen", At: c.Issued})
			}
		})
		r.Succeed(nil)
		r.Publish(nil)
	}
	third := func(edit func(*roster.Root)) func(*Repo) {
		return func(r *Repo) {
			root := r.Roster.Root()
			edit(&root)
			r.PutSigned(roster.RosterPath(3), Print(root), alice, bob, carol)
		}
	}
	return []Case{
		spoilt("WALK-8", "a roster without a signature by M of the former keyholders is refused", Refused, followed, resigned(alice)),
		spoilt("WALK-8", "a roster signed by strangers alone is refused", Refused, followed, resigned(mallory, heidi, grace)),
		spoilt("WALK-8", "a roster signed by the online keys is refused", Refused, followed, resigned(rostertest.Person("countersign-1"), rostertest.Person("snapshot-1"))),
		spoilt("WALK-8", "a roster with an empty signature file is refused", Refused, followed, func(r *Repo) { r.Put(roster.SignaturePath(rosterTwo), nil) }),
		spoilt("SIG-10", "a bad signature by one keyholder refuses a roster that enough others signed", Refused, followed, func(r *Repo) {
			doc := r.Files[rosterTwo]
			bad := rostertest.Sign(r.T, []byte("another document"), carol)
			r.Put(roster.SignaturePath(rosterTwo), joined(rostertest.Sign(r.T, doc, alice, bob), bad))
		}),
		spoilt("SIG-9", "two signatures by one keyholder refuse a roster", Refused, followed, func(r *Repo) {
			doc := r.Files[rosterTwo]
			r.Put(roster.SignaturePath(rosterTwo), joined(rostertest.Sign(r.T, doc, alice, bob), rostertest.Sign(r.T, doc, bob)))
		}),
		spoilt("SIG-9", "one signature eight times refuses a roster", Refused, followed, func(r *Repo) {
			one := rostertest.Sign(r.T, r.Files[rosterTwo], alice)
			r.Put(roster.SignaturePath(rosterTwo), joined(one, one, one, one, one, one, one, one))
		}),
		accepted("SIG-10", "signatures by keys that nobody asked for are ignored", func(r *Repo) *Result {
			followed(r)
			resigned(mallory, alice, heidi, bob, dave)(r)
			return r.User().Get()
		}),
		spoilt("WALK-4", "a roster for another repository is refused", Refused, followed, reroot(func(c *roster.Root) { c.Repository = "other.example" })),
		spoilt("WALK-5", "a file at version 2 that says version 3 is refused", Refused, followed, reroot(func(c *roster.Root) { c.Version = 3 })),
		spoilt("WALK-5", "a file at version 2 that says version 1 again is refused", Refused, followed, func(r *Repo) {
			one := r.Signed(roster.RosterPath(1))
			r.Put(rosterTwo, one.Document)
			r.Put(roster.SignaturePath(rosterTwo), one.Signatures)
		}),
		spoilt("WALK-5", "a roster that skips a version is refused, though the next one is there", Refused, func(r *Repo) { followed(r); r.Succeed(nil) }, func(r *Repo) {
			three := r.Signed(roster.RosterPath(3))
			r.Put(rosterTwo, three.Document)
			r.Put(roster.SignaturePath(rosterTwo), three.Signatures)
		}),
		spoilt("WALK-6", "a roster whose previous is another is refused", Refused, followed, reroot(func(c *roster.Root) { c.Previous.Digest = digest.Sum([]byte("another")) })),
		spoilt("WALK-7", "a roster that drops a revoked key is refused", Refused, revokes, third(func(c *roster.Root) { c.Revoked = c.Revoked[:1] })),
		spoilt("WALK-7", "a roster that reorders the revoked keys is refused", Refused, revokes, third(func(c *roster.Root) { slices.Reverse(c.Revoked) })),
		spoilt("WALK-7", "a roster that gives a revoked key another reason is refused", Refused, revokes, third(func(c *roster.Root) { c.Revoked[0].Reason = "lost" })),
		spoilt("WALK-7", "a roster that gives a revoked key another time is refused", Refused, revokes, third(func(c *roster.Root) { c.Revoked[0].At = roster.At(c.Issued.Add(second)) })),
		pair("WALK-9", "a keyholder's key that the successor revokes counts for neither quorum", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			r.Succeed(func(c *roster.Root) {
				rostertest.SetKeyholders(c, bob, carol, heidi)
				c.Revoked = []roster.RevokedKey{{Key: key(alice), Reason: "stolen", At: c.Issued}}
			})
			if wrong {
				resigned(alice, bob, heidi)(r)
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("WALK-10", "a new keyholder who has not signed refuses the roster", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			r.Succeed(func(c *roster.Root) { rostertest.SetKeyholders(c, alice, bob, carol, heidi) })
			if wrong {
				resigned(alice, bob, carol)(r)
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("WALK-10", "a known keyholder's key in a new packet must sign with that packet", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			root := r.Next()
			root.Type, root.Keyholders[0].Key = "root-roster/v1", key(alice.Repacked())
			by := []*rostertest.Signer{bob, carol, alice.Repacked()}
			if wrong {
				by[2] = alice
			}
			r.PutSigned(rosterTwo, Print(root), by...)
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("SIG-9", "signatures by two packets of one key refuse a roster", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			root := r.Next()
			root.Type, root.Keyholders[0].Key = "root-roster/v1", key(alice.Repacked())
			by := []*rostertest.Signer{bob, carol, alice.Repacked()}
			if wrong {
				by = append(by, alice)
			}
			r.PutSigned(rosterTwo, Print(root), by...)
			r.Publish(nil)
			return r.User().Get()
		}),
		{"WALK-11: an expired last roster stops the client, and is remembered", func(s *Stage) {
			r := s.Open()
			claim(r)
			r.Succeed(func(c *roster.Root) { c.Expires = roster.At(r.Now.Add(hr)) })
			r.Publish(nil)
			u := r.User()
			u.Now = r.Now.Add(hr)
			u.Get().Want(Stale).NotAsked("map/", "files/")
			u.Refresh().Want(Stale).NotAsked(rosterTwo)
			u.Now = r.Now.Add(hr - second)
			u.Get().Want(Done)
		}},
		{"WALK-11: of a walk only the last roster must be unexpired", func(s *Stage) {
			r := s.Open()
			claim(r)
			u := r.User()
			for range 2 {
				r.Succeed(func(c *roster.Root) { c.Expires = roster.At(r.Now.Add(hr)) })
				r.Now = r.Now.Add(2 * hr)
			}
			r.Succeed(nil)
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		{"WALK-11: a remembered roster that has expired is followed to a valid one", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Get().Want(Done)
			r.Now = r.Now.AddDate(2, 0, 0)
			u.Get().Want(Stale)
			r.Succeed(nil)
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		{"WALK-12: one refresh walks 256 rosters, and the next goes on from there", func(s *Stage) {
			r := s.Open()
			claim(r)
			for range 256 {
				r.Succeed(nil)
			}
			r.Publish(nil)
			u := r.User()
			u.Refresh().Want(Stale)
			u.Get().Want(Done).NotAsked(roster.RosterPath(257))
		}},
		{"WALK-8: who was refused once with a bad roster follows the good one later", func(s *Stage) {
			r := s.Open()
			followed(r)
			good := r.save()
			u := r.User()
			for range 2 {
				reroot(func(c *roster.Root) { rostertest.SetKeyholders(c, mallory); c.Threshold = 1 }, mallory)(r)
				u.Get().Want(Refused)
				good()
			}
			u.Get().Want(Done)
		}},
	}
}

// joined puts the packets of several signature files into one.
func joined(files ...[]byte) []byte {
	var all []byte
	for _, f := range files {
		all = append(all, dearmoured(f)...)
	}
	return []byte(armour("PGP SIGNATURE", all, true))
}

// A rotation is a change of keys in steps, as tuf-conformance's tests of key
// rotations have them. Each key is a digit or letter, and so is who signed.
type rotation struct {
	promise string
	steps   []step
	missing string // who signs in the legal twin too; none if the steps are legal
	list    bool   // as a succession of lists it is accepted: a list needs no quorum of its own
}

type step struct {
	threshold int
	keys, by  string
}

var rotations = []rotation{
	{"1 of 1, the key replaced, signed by both", []step{{1, "1", "1"}, {1, "2", "12"}}, "", false},
	{"1 of 1, the key replaced, with signatures that nobody needs", []step{{1, "1", "1"}, {1, "2", "3214"}}, "", false},
	{"1 of 1, the key replaced, not signed by the old one", []step{{1, "1", "1"}, {1, "2", "234"}}, "1", false},
	{"1 of 1, the key replaced, not signed by the new one", []step{{1, "1", "1"}, {1, "2", "134"}}, "2", false},
	{"3 of 5, signed by another three each time", []step{{3, "12345", "12345"}, {3, "12345", "245"}, {3, "12345", "134"}, {3, "12345", "531"}}, "", false},
	{"3 of 5, one key replaced", []step{{3, "12345", "12345"}, {3, "23456", "2346"}}, "", false},
	{"3 of 5, one key replaced, fewer than three new ones signed", []step{{3, "12345", "12345"}, {3, "3456", "1236"}}, "4", true},
	{"3 of 5, one key replaced, fewer than three old ones signed", []step{{3, "12345", "12345"}, {3, "23456", "236"}}, "4", false},
	{"3 of 5, one key replaced, then another", []step{{3, "12345", "12345"}, {3, "23456", "2346"}, {3, "34567", "3467"}}, "", false},
	{"3 of 5, all keys replaced in two steps", []step{{3, "12345", "12345"}, {3, "12367", "12367"}, {3, "6789a", "1236789a"}}, "", false},
	{"the threshold raised from 1 to 2 of 3", []step{{1, "123", "123"}, {2, "123", "12"}}, "", false},
	{"the threshold raised from 1 to 2 of 3, the new one not met", []step{{1, "123", "123"}, {2, "123", "1"}}, "2", true},
	{"the threshold lowered from 2 to 1 of 3", []step{{2, "123", "123"}, {1, "123", "12"}}, "", false},
	{"the threshold lowered from 2 to 1 of 3, the old one not met", []step{{2, "123", "123"}, {1, "123", "1"}}, "2", false},
	{"the threshold raised from 1 to 2 of 2", []step{{1, "12", "12"}, {2, "12", "12"}}, "", false},
}

// people returns the signers whose names end in the digits.
func people(kind, digits string) []*rostertest.Signer {
	var all []*rostertest.Signer
	for _, d := range strings.Split(digits, "") {
		all = append(all, rostertest.Person(kind+" "+d))
	}
	return all
}

// who returns the signers of step i, with those of the legal twin.
func (c rotation) who(i int, wrong bool) string {
	if i == len(c.steps)-1 && !wrong {
		return c.steps[i].by + c.missing
	}
	return c.steps[i].by
}

// rosterRotationCases change the keyholders.
func rosterRotationCases() []Case {
	var cases []Case
	for _, c := range rotations {
		story := func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			for i, st := range c.steps {
				next := r.Succeed(func(root *roster.Root) {
					rostertest.SetKeyholders(root, people("Keyholder", st.keys)...)
					root.Threshold = st.threshold
				})
				if i > 0 {
					path := roster.RosterPath(next.Version())
					r.PutSigned(path, r.Files[path], people("Keyholder", c.who(i, wrong))...)
				}
			}
			r.Publish(nil)
			return r.User().Get()
		}
		if c.missing == "" {
			cases = append(cases, Case{"WALK-9: root rotation is accepted: " + c.promise, func(s *Stage) { story(s, true).Want(Done) }})
			continue
		}
		cases = append(cases, pair("WALK-9", "root rotation is refused: "+c.promise, Refused, story))
	}
	return cases
}
