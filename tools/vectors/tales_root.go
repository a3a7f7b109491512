package main

import (
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

func same(*roster.Root) {}

// first is the first roster again, changed, and signed by those named.
func (s *script) first(change func(*roster.Root), signers ...string) {
	r := s.x.Roster.Root()
	change(&r)
	s.x.PutSigned(roster.RosterPath(1), show(r), people(signers...)...)
}

var rosterTales = []tale{
	{"WALK-2", "a pinned roster that too few keyholders signed", func(s *script) {
		s.next(same, "Alice", "Bob")
		s.initEnds(0, "version 2, signed by two: as a start it is right", 2)
		s.next(same, "Alice")
		s.initEnds(3, "signed by one of the two needed", 2)
	}},
	{"WALK-3", "a first roster that one keyholder did not sign", func(s *script) {
		s.first(same, "Alice", "Bob")
		s.initEnds(3, "two of three signed, which is enough but for a first roster", 1)
	}},
	{"WALK-3", "a first roster with another anchor than the empty map", func(s *script) {
		s.first(func(r *roster.Root) { r.Anchor = digest.Sum(nil) }, "Alice", "Bob", "Carol")
		s.initEnds(3, "the anchor is no empty map", 1)
	}},
	turn("WALK-4", "a successor for another repository", 3, func(s *script, wrong bool) {
		s.next(func(r *roster.Root) {
			if wrong {
				r.Repository = "other.example"
			}
		}, "Alice", "Bob", "Carol")
	}),
	turn("WALK-5", "a successor that skips a version", 3, func(s *script, wrong bool) {
		s.next(func(r *roster.Root) {
			if wrong {
				r.Version++
			}
		}, "Alice", "Bob", "Carol")
	}),
	turn("WALK-6", "a successor of another roster", 3, func(s *script, wrong bool) {
		s.next(func(r *roster.Root) {
			if wrong {
				r.Previous = roster.Ref{Digest: digest.Sum(nil)}
			}
		}, "Alice", "Bob", "Carol")
	}),
	turn("WALK-7", "a successor that forgets a revoked key", 3, func(s *script, wrong bool) {
		s.x.Succeed(func(r *roster.Root) {
			r.Revoked = []roster.RevokedKey{{Key: key(person("Mallory")), Reason: "stolen", At: roster.At(s.x.Now)}}
		})
		s.next(func(r *roster.Root) {
			if wrong {
				r.Revoked = []roster.RevokedKey{}
			}
		}, "Alice", "Bob", "Carol")
	}),
	turn("WALK-8", "a successor without the former quorum", 3, func(s *script, wrong bool) {
		s.next(func(r *roster.Root) { rostertest.SetKeyholders(r, people("Alice", "Grace", "Heidi")...) }, pick(wrong, "Bob", "Mallory"), "Alice", "Grace", "Heidi")
	}),
	turn("WALK-9", "a successor without its own quorum", 3, func(s *script, wrong bool) {
		s.next(func(r *roster.Root) { r.Threshold = 3 }, "Alice", "Bob", pick(wrong, "Carol", "Mallory"))
	}),
	turn("WALK-10", "a new keyholder who did not sign", 3, func(s *script, wrong bool) {
		s.next(func(r *roster.Root) { rostertest.SetKeyholders(r, people("Alice", "Bob", "Grace")...) }, "Alice", "Bob", pick(wrong, "Grace", "Carol"))
	}),
	turn("SIG-10", "a roster with one bad signature beside enough good ones", 3, func(s *script, wrong bool) {
		s.next(same, "Alice", "Bob")
		if wrong {
			path := roster.RosterPath(2)
			s.x.Put(roster.SignaturePath(path), must(combine([][]byte{
				rostertest.Sign(stop{}, s.x.Files[path], people("Alice", "Bob")...), rostertest.Sign(stop{}, []byte("else"), person("Carol"))})))
		}
	}),
	turn("WALK-11", "the last roster has expired, which is stale", 4, func(s *script, wrong bool) {
		s.x.Now = s.x.Now.AddDate(1, 0, 0).Add(-time.Hour)
		if wrong {
			s.x.Now = s.x.Now.Add(hour)
		}
		s.snapshot(nil)
	}),
	{"WALK-11", "a roster in between may have expired", func(s *script) {
		s.init(1)
		s.x.Succeed(nil)
		s.x.Now = s.x.Now.AddDate(1, 1, 0)
		s.x.Succeed(nil)
		s.snapshot(nil)
		s.get("roster 2 has expired, 3 has not")
	}},
	turn("REVOKE-3", "the snapshot key is revoked", 3, func(s *script, wrong bool) {
		if wrong {
			s.x.RevokeOnline(s.x.Snapshot.Key)
		}
	}),
	{"REVOKE-3", "a revocation that one keyholder signed does not count", func(s *script) {
		s.init(1)
		s.x.RevokeOnline(s.x.Snapshot.Key)
		path := roster.RevocationPath(s.x.Snapshot.Key.ID())
		s.x.PutSigned(path, s.x.Files[path], person("Alice"))
		s.get("one of two")
	}},
	{"REVOKE-1", "a revocation at another key's path does not count", func(s *script) {
		s.init(1)
		s.x.RevokeOnline(s.x.Countersign.Key)
		from, to := roster.RevocationPath(s.x.Countersign.Key.ID()), roster.RevocationPath(s.x.Snapshot.Key.ID())
		for _, end := range []string{"", ".asc"} {
			s.x.Files[to+end] = s.x.Files[from+end]
			delete(s.x.Files, from+end)
		}
		s.get("the path is the snapshot key's, the document the countersign key's")
	}},
	{"REVOKE-2", "a revocation under an earlier roster counts", func(s *script) {
		s.x.RevokeOnline(s.x.Snapshot.Key)
		s.x.Succeed(nil)
		s.initEnds(0, "pins roster 2", 2)
		s.ends(3, "the client finds roster 1 through roster 2's previous")
	}},
	{"MEM-5", "a revocation that was seen is never forgotten", func(s *script) {
		s.init(1)
		s.x.RevokeOnline(s.x.Snapshot.Key)
		s.ends(3, "the revocation is public")
		path := roster.RevocationPath(s.x.Snapshot.Key.ID())
		delete(s.x.Files, path)
		delete(s.x.Files, path+".asc")
		s.ends(3, "the revocation is hidden again")
	}},
}

// pick returns the one or, if wrong, the other.
func pick(wrong bool, right, other string) string {
	if wrong {
		return other
	}
	return right
}

var snapshotTales = []tale{
	snap("SNAP-1", "latest with a leading zero", 3, func(s *script) { s.x.Put(roster.LatestPath, []byte("01\n")) }),
	snap("SNAP-1", "latest without a line feed", 3, func(s *script) { s.x.Put(roster.LatestPath, []byte("1")) }),
	snap("FETCH-1", "latest is absent, which is stale", 4, func(s *script) { delete(s.x.Files, roster.LatestPath) }),
	snap("FETCH-2", "latest is too long", 3, func(s *script) { s.x.Put(roster.LatestPath, []byte("00000000000000001\n")) }),
	fresh("FETCH-1", "the snapshot's signatures are absent, which is stale", 4, func(s *script) { delete(s.x.Files, "snapshots/1.json.asc") }),
	snap("SNAP-2", "a snapshot of another version", 3, func(s *script) {
		for _, end := range []string{"", ".asc"} {
			s.x.Files["snapshots/2.json"+end] = s.x.Files["snapshots/1.json"+end]
		}
		s.x.Put(roster.LatestPath, []byte("2\n"))
	}),
	snap("SNAP-2", "a snapshot of another repository", 3, func(s *script) { s.snapshot(func(c *roster.SnapshotContent) { c.Repository = "other.example" }) }),
	snap("SNAP-3", "a snapshot under a later roster, which is stale", 4, func(s *script) { s.snapshot(func(c *roster.SnapshotContent) { c.Roster = 2 }) }),
	snap("SNAP-4", "a snapshot that lives too long", 3, func(s *script) {
		s.snapshot(func(c *roster.SnapshotContent) { c.Expires = roster.At(s.x.Now.Add(24*hour + time.Second)) })
	}),
	snap("SNAP-4", "a snapshot that expires when issued", 3, func(s *script) { s.snapshot(func(c *roster.SnapshotContent) { c.Expires = c.Issued }) }),
	snap("SNAP-5", "a snapshot signed by the countersign key", 3, func(s *script) { s.snapshot(nil, "countersign-1") }),
	snap("SNAP-5", "a snapshot signed by a keyholder", 3, func(s *script) { s.snapshot(nil, "Alice") }),
	snap("SNAP-7", "a snapshot issued 301 seconds ahead", 3, func(s *script) {
		s.snapshot(func(c *roster.SnapshotContent) {
			c.Issued, c.Expires = roster.At(s.x.Now.Add(301*time.Second)), roster.At(s.x.Now.Add(hour))
		})
	}),
	{"SNAP-7", "a snapshot issued 300 seconds ahead is taken", func(s *script) {
		s.init(1)
		s.snapshot(func(c *roster.SnapshotContent) {
			c.Issued, c.Expires = roster.At(s.x.Now.Add(300*time.Second)), roster.At(s.x.Now.Add(hour))
		})
		s.get("clocks differ")
	}},
	snap("SNAP-8", "a snapshot that has just expired, which is stale", 4, func(s *script) { s.x.Now = s.x.Now.Add(12 * hour) }),
	snap("SNAP-9", "a revocation that the snapshot names is not there, which is stale", 4, func(s *script) {
		s.x.Revoked = []digest.Digest{digest.Sum([]byte("a key"))}
		s.snapshot(nil)
	}),
	{"SNAP-6", "a snapshot below the floor", func(s *script) {
		s.init(1)
		s.x.Succeed(func(r *roster.Root) { r.SnapshotFloor = 1 })
		s.snapshot(nil)
		s.get("version 2, floor 1")
		s.x.Succeed(func(r *roster.Root) { r.SnapshotFloor = 3 })
		s.ends(3, "version 2, floor 3")
		s.snapshot(nil)
		s.get("version 3, floor 3")
	}},
	{"SNAP-3", "a client goes back to the rosters once", func(s *script) {
		s.init(1)
		s.x.Succeed(nil)
		s.snapshot(nil)
		s.get("made under roster 2, which is found")
	}},
}

// snap is a turn in which a client finds all well and then, some time later,
// something wrong.
func snap(rule, why string, exit int, spoil func(*script)) tale {
	return tale{rule, why, func(s *script) {
		s.init(1)
		s.get("as it should be")
		spoil(s)
		s.ends(exit, why)
	}}
}

// fresh is a story in which a client finds something wrong, and then nothing.
func fresh(rule, why string, exit int, spoil func(*script)) tale {
	return tale{rule, why, func(s *script) {
		s.init(1)
		back := s.hide("nothing")
		spoil(s)
		s.ends(exit, why)
		s.x.Files = back
		s.get("as it should be")
	}}
}
