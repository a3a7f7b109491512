package conformance

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// claimAnew gives sample to Mallory, as a thief of the online keys can while no
// anchor holds it: another first list, which inherits all.
func claimAnew(r *Repo) {
	c := r.FirstList(sample, mallory)
	c.Inherits = r.Packages[sample].Index.Inheritance()
	r.PutList(c, mallory)
	r.Publish(nil)
}

// floor publishes a roster with another snapshot_floor, and a snapshot.
func floor(r *Repo, n uint64) {
	r.Succeed(func(c *roster.Root) { c.SnapshotFloor = n })
	r.Publish(nil)
}

func memoryCases() []Case {
	return []Case{
		{"MEM-4: another first list than the remembered one is refused", func(s *Stage) {
			r := s.Open()
			claimed(r)
			good := r.Packages[sample].List
			u := r.User()
			u.Get().Want(Done)
			claimAnew(r)
			u.Get().Want(Refused)
			r.User().Get().Want(Done) // to a new client it is as good as any
			r.Packages[sample].List = good
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		{"MEM-4: an older list than the remembered one is refused", func(s *Stage) {
			r := s.Open()
			claimed(r)
			first := r.Packages[sample].List
			second := nextList(r, []*rostertest.Signer{dave, erin}, []*rostertest.Signer{dave, erin})
			u := r.User()
			u.Get().Want(Done)
			r.Packages[sample].List = first
			r.Publish(nil)
			u.Get().Want(Refused)
			r.Packages[sample].List = second
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		{"MEM-4: of an established package, too, an older list than the remembered one is refused", func(s *Stage) {
			r := s.Open()
			anchored(r)
			first := r.Packages[sample].List
			second := nextList(r, []*rostertest.Signer{dave, erin}, []*rostertest.Signer{dave, erin})
			u := r.User()
			u.Get().Want(Done)
			r.Packages[sample].List = first
			r.Publish(nil)
			u.Get().Want(Refused)
			r.Packages[sample].List = second
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		{"MEM-4: a second succession from the list before the remembered one is refused", func(s *Stage) {
			r := s.Open()
			anchored(r)
			first := r.Packages[sample].List
			nextList(r, []*rostertest.Signer{dave, erin}, []*rostertest.Signer{dave, erin})
			u := r.User()
			u.Get().Want(Done)
			r.Packages[sample].List = first
			c := r.NextList(sample, dave, mallory)
			c.Version = 3
			r.PutList(c, dave, mallory)
			r.Publish(nil)
			u.Get().Want(Refused)
			r.User().Get().Want(Done)
		}},
		{"MEM-4: a remembered list that stands no more is forgotten, whatever its version", func(s *Stage) {
			const inherited = "sample-0.9.tar.gz"
			r := s.Open()
			r.Upload(sample, inherited, "0.9\n")
			one := r.FirstList(sample, dave)
			one.Inherits = r.Packages[sample].Index.Inheritance()
			first := r.PutList(one, dave)
			r.Release(sample, wheel, content, dave)
			r.Publish(nil)
			r.Anchor()
			u := r.User()
			c := r.NextList(sample, mallory)
			c.Version = 5
			r.PutList(c, dave, mallory)
			r.Publish(nil)
			u.Get().Want(Done)
			r.Packages[sample].List = first
			r.Publish(nil)
			u.Get().Want(Refused) // it stands still
			r.RevokeKey(dave, sample)
			r.Publish(nil)
			u.Get(File{sample, "sample-9.9.tar.gz"}).Want(Refused) // Dave's releases fall too
			u.Accept = "established"
			u.Get(File{sample, inherited}).Want(Done)
		}},
		{"MEM-4: whether a remembered list stands is judged without asking a server", func(s *Stage) {
			r := s.Open()
			claimed(r)
			nextList(r, []*rostertest.Signer{erin}, []*rostertest.Signer{dave, erin})
			nextList(r, []*rostertest.Signer{erin, frank}, []*rostertest.Signer{erin, frank})
			u := r.User()
			u.Get().Want(Done)
			lists := maps.Clone(r.Files)
			maps.DeleteFunc(lists, func(path string, _ []byte) bool { return !strings.HasPrefix(path, "lists/") })
			good := r.Packages[sample].List
			for path := range lists {
				delete(r.Files, path)
			}
			claimAnew(r)
			u.Get().Want(Refused)
			r.Packages[sample].List = good
			maps.Copy(r.Files, lists)
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		{"MEM-4: a list that the policy refused is not remembered", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Accept = "established,remembered"
			u.Get().Want(Refused)
			u.Get().Want(Refused)
			u.Accept = "new"
			u.Get().Want(Done)
			u.Accept = "remembered"
			u.Get().Want(Done)
		}},
		{"MEM-4: a list is remembered though the release is refused", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Get(File{sample, "sample-9.9.tar.gz"}).Want(Refused)
			u.Accept = "remembered"
			u.Get().Want(Done)
		}},
		{"MEM-3: an index is remembered though the list is refused", func(s *Stage) {
			r := s.Open()
			claimed(r)
			short := r.Packages[sample].Index
			r.Append(sample, roster.Line{Kind: roster.LineYank, Version: "0.1"})
			countersign(r, mallory)
			r.Publish(nil)
			u := r.User()
			u.Get().Want(Refused)
			countersign(r)
			r.Packages[sample].Index = short
			r.Publish(nil)
			u.Get().Want(Refused)
			r.User().Get().Want(Done)
		}},
		{"MEM-1: a snapshot is remembered though the package is refused", func(s *Stage) {
			r := s.Open()
			claimed(r)
			old := r.save()
			status(tree.Removed)(r)
			r.Publish(nil)
			u := r.User()
			u.Get().Want(Refused)
			old()
			u.Get().Want(Refused)
			r.User().Get().Want(Done)
		}},
		{"WALK-1: a roster is remembered though the snapshot is refused", func(s *Stage) {
			r := s.Open()
			claimed(r)
			old := r.save()
			r.Succeed(func(c *roster.Root) { r.ReplaceOnlineKeys(c, "countersign-2", "snapshot-2") })
			u := r.User()
			u.Get().Want(Refused)
			old()
			u.Get().Want(Refused) // by the roster that it keeps, the old key is revoked
			r.User().Get().Want(Done)
		}},
		{"MEM-6: who saw a thief's snapshot far ahead goes on once the floor changes", func(s *Stage) {
			r := s.Open()
			claimed(r)
			r.Publish(func(c *snap) { c.Version = 1<<53 - 1 })
			u := r.User()
			u.Get().Want(Done)
			r.SnapshotVersion = 1
			r.Publish(nil)
			u.Get().Want(Refused)
			floor(r, 10)
			u.Get().Want(Done)
		}},
		{"MEM-6: a floor that comes down makes clients forget, too", func(s *Stage) {
			r := s.Open()
			claim(r)
			floor(r, 10)
			u := r.User()
			u.Get().Want(Done)
			r.SnapshotVersion = 1
			floor(r, 0)
			u.Get().Want(Done)
		}},
		{"MEM-6: a floor that changed and came back while a client was away makes it forget", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Get().Want(Done)
			r.Succeed(func(c *roster.Root) { c.SnapshotFloor = 1 })
			r.Succeed(func(c *roster.Root) { c.SnapshotFloor = 0 })
			claimAnew(r)
			u.Get().Want(Done)
		}},
		{"MEM-6: a roster that keeps the floor makes no client forget", func(s *Stage) {
			r := s.Open()
			claimed(r)
			good := r.Packages[sample].List
			u := r.User()
			u.Get().Want(Done)
			r.Succeed(nil)
			claimAnew(r)
			u.Get().Want(Refused)
			r.Packages[sample].List = good
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		{"MEM-6: a change of the floor forgets the length of an index", func(s *Stage) {
			r := s.Open()
			anchored(r)
			short := r.Packages[sample].Index
			r.Upload(sample, "sample-6.6.tar.gz", "a thief's line\n")
			r.Publish(nil)
			u := r.User()
			u.Get().Want(Done)
			r.Packages[sample].Index = short
			r.Publish(nil)
			u.Get().Want(Refused)
			floor(r, 10)
			u.Get().Want(Done)
		}},
		{"MEM-6: a change of the floor does not forget the lists of an anchored name", func(s *Stage) {
			r := s.Open()
			anchored(r)
			first := r.Packages[sample].List
			second := nextList(r, []*rostertest.Signer{dave, erin}, []*rostertest.Signer{dave, erin})
			u := r.User()
			u.Get().Want(Done)
			r.Packages[sample].List = first
			floor(r, 10)
			u.Get().Want(Refused)
			r.Packages[sample].List = second
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		{"MEM-6: a change of the floor forgets the lists of a name that no anchor holds", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Get().Want(Done)
			u.Accept = "remembered"
			u.Get().Want(Done)
			floor(r, 10)
			u.Get().Want(Refused)
			u.Accept = "new"
			u.Get().Want(Done)
		}},
		{"MEM-7: a damaged state is a fault, and nothing is accepted", damaged(func(string) []byte { return []byte("damage\n") })},
		{"MEM-7: a truncated state is a fault, and nothing is accepted", damaged(func(s string) []byte { return []byte(s[:len(s)/2]) })},
		{"MEM-7: a state that pins another repository's roster does not verify this one", func(s *Stage) {
			r, x := s.Open(), s.Open()
			claimed(r)
			x.Repository = "other.example"
			root := x.Root
			root.Repository = x.Repository
			x.PutSigned(roster.RosterPath(1), Print(root), alice, bob, carol)
			u := x.User()
			u.Move(r)
			u.Get().Want(Refused)
			r.User().Get().Want(Done)
		}},
		{"LEAF-5: lists and manifests do not expire: five years and five rosters later they count", func(s *Stage) {
			r := s.Open()
			anchored(r)
			u := r.User()
			for range 5 {
				r.Now = r.Now.AddDate(1, 0, 0)
				r.Succeed(func(c *roster.Root) {
					for i := range c.OnlineKeys {
						c.OnlineKeys[i].Expires = roster.At(r.Now.AddDate(1, 0, 0))
					}
				})
			}
			r.Publish(nil)
			u.Get().Want(Done)
			r.User().Get().Want(Done)
		}},
	}
}

// damaged changes every file of a state directory that holds root roster 1.
func damaged(change func(string) []byte) func(*Stage) {
	return func(s *Stage) {
		r := s.Open()
		claimed(r)
		u := r.User()
		u.Get().Want(Done)
		found := 0
		err := filepath.WalkDir(u.state(), func(path string, e os.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(b), "root-roster/v1") {
				return err
			}
			found++
			return os.WriteFile(path, change(string(b)), 0o600)
		})
		if err != nil {
			s.Fatalf("the suite: %v", err)
		}
		if found == 0 {
			s.Fatalf("no file of the state directory holds the roster in plain, so that nothing could be damaged: see section 10 of the specification")
		}
		u.Get().Want(Fault)
	}
}

// tableCases are the specification's table of clients, section 7, cell by
// cell: what is demanded of the outcome, and of a thief of the online keys.
func tableCases() []Case {
	var cases []Case
	type client struct {
		name   string
		before func(r *Repo) *User // before the list at hand
	}
	fresh := client{"new", nil}
	remembering := client{"remembering", func(r *Repo) *User { u := r.User(); u.Get().Want(Done); return u }}
	offline := client{"long offline", func(r *Repo) *User {
		u := r.User()
		u.Get().Want(Done)
		for range 3 {
			r.Now = r.Now.AddDate(0, 9, 0)
			r.Succeed(nil)
		}
		return u
	}}
	for _, c := range []struct {
		client
		anchor  bool
		outcome string
		thief   int // what becomes of a thief's first list
	}{
		{fresh, true, "established", Refused}, {remembering, true, "established", Refused}, {offline, true, "established", Refused},
		{fresh, false, "new", Done}, {remembering, false, "remembered", Refused}, {offline, false, "remembered", Refused},
	} {
		held := map[bool]string{true: "anchored", false: "not anchored"}[c.anchor]
		story := func(s *Stage, after func(*Repo)) *User {
			r := s.Open()
			claimed(r)
			if c.anchor {
				r.Anchor()
				r.Publish(nil)
			}
			u := (*User)(nil)
			if c.before != nil {
				u = c.before(r)
			}
			after(r)
			if u == nil {
				u = r.User()
			}
			return u
		}
		cases = append(cases,
			Case{fmt.Sprintf("TABLE: to a %s client a list that is %s is %s, and nothing less", c.name, held, c.outcome), func(s *Stage) {
				u := story(s, func(r *Repo) { r.Publish(nil) })
				u.Accept = strings.TrimPrefix(strings.Replace(","+everyOutcome, ","+c.outcome, "", 1), ",")
				u.Get().Want(Refused)
				u.Accept = c.outcome
				u.Get().Want(Done)
			}},
			Case{fmt.Sprintf("TABLE: a %s client follows successions from a list that is %s", c.name, held), func(s *Stage) {
				u := story(s, func(r *Repo) {
					nextList(r, []*rostertest.Signer{erin}, []*rostertest.Signer{dave, erin})
					nextList(r, []*rostertest.Signer{frank}, []*rostertest.Signer{erin, frank})
				})
				u.Accept = c.outcome
				u.Get().Want(Done)
			}},
			Case{fmt.Sprintf("TABLE: a thief's first list, where the list is %s, shown to a %s client, ends with exit code %d", held, c.name, c.thief), func(s *Stage) {
				u := story(s, claimAnew)
				u.Accept = "established,remembered,new"
				u.Get().Want(c.thief)
			}},
			Case{fmt.Sprintf("TABLE: a succession that no maintainer signed, from a list that is %s, is refused by a %s client", held, c.name), func(s *Stage) {
				var good *roster.List
				var repo *Repo
				u := story(s, func(r *Repo) {
					repo, good = r, r.Packages[sample].List
					nextList(r, []*rostertest.Signer{mallory}, []*rostertest.Signer{mallory})
				})
				u.Get().Want(Refused)
				repo.Packages[sample].List = good
				repo.Publish(nil)
				u.Get().Want(Done)
			}},
		)
	}
	return append(cases,
		Case{"TABLE: a long offline client forgets a remembered list that does not descend from the new anchor", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Get().Want(Done)
			r.PutList(r.NextList(sample, grace), grace) // an override
			r.Anchor()
			r.Publish(nil)
			u.Accept = "established"
			u.Get().Want(Done)
		}},
		Case{"TABLE: a long offline client takes another first list as new once the floor changed", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Get().Want(Done)
			r.Succeed(func(c *roster.Root) { r.ReplaceOnlineKeys(c, "countersign-2", "snapshot-2"); c.SnapshotFloor = 10 })
			claimAnew(r)
			u.Accept = "new"
			u.Get().Want(Done)
		}},
		Case{"TABLE: what was unsigned may become new, and is remembered then", func(s *Stage) {
			r := s.Open()
			r.Upload(sample, wheel, content)
			r.Publish(nil)
			u := r.User()
			u.Accept = "unsigned"
			u.Get().Want(Done)
			c := r.FirstList(sample, dave)
			c.Inherits = r.Packages[sample].Index.Inheritance()
			r.PutList(c, dave)
			r.Publish(nil)
			u.Get().Want(Refused)
			u.Accept = "new"
			u.Get().Want(Done)
			u.Accept = "remembered"
			u.Get().Want(Done)
		}},
	)
}
