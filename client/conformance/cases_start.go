package conformance

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// startCases are about init and the command line.
func startCases() []Case {
	cases := []Case{
		{"CLI-1: init makes no request", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.Stranger()
			if res := u.Init(1).Want(Done); len(res.Requests) > 0 {
				s.Fatalf("init asked for %s", res.Requests[0].Path)
			}
			u.Get().Want(Done)
		}},
		{"CLI-1: init does not judge expiry", func(s *Stage) {
			r := s.Open()
			root := r.Root
			root.Expires = roster.At(r.Now.Add(second))
			r.PutSigned(roster.RosterPath(1), Print(root), alice, bob, carol)
			r.Stranger().Init(1).Want(Done)
		}},
		{"CLI-1: init again with the same roster changes nothing", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Get().Want(Done)
			u.Init(1).Want(Done)
			old := r.save()
			r.Publish(nil)
			u.Refresh().Want(Done)
			u.Init(1).Want(Done)
			old()
			u.Refresh().Want(Refused) // it still remembers the newer snapshot
		}},
		{"CLI-1: a directory that pins another roster is not pinned anew", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			root := r.Root
			root.SnapshotLifetime++
			another := Print(root)
			u.InitWith(roster.Signed{Document: another, Signatures: rostertest.Sign(s, another, alice, bob, carol)}).Want(Refused)
			u.KeepsNone(another)
			u.Get().Want(Done)
		}},
		{"CLI-2: without a state there is nothing to refresh", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.Stranger()
			if res := u.Refresh().Want(Usage); len(res.Requests) > 0 {
				s.Fatalf("refresh asked for %s", res.Requests[0].Path)
			}
			u.Get().Want(Usage)
			u.Init(1).Want(Done)
			u.Get().Want(Done)
		}},
		{"CLI-2: --now takes the place of the clock", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Now = r.Now.Add(12*hr - second)
			u.Refresh().Want(Done)
			u.Now = r.Now.Add(12 * hr)
			u.Refresh().Want(Stale)
		}},
		{"CLI-4: a file that is there with the authorised bytes is left, and not asked for", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			first := u.Get().Want(Done)
			u.GetTo(first.outs, File{sample, wheel}).Want(Done).NotAsked("files/")
		}},
		{"CLI-4: any other file at the place is left as it is, and refused", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			first := u.Get().Want(Done)
			if err := os.WriteFile(first.outs[0], []byte("mine"), 0o600); err != nil {
				s.Fatal(err)
			}
			res := u.GetTo(first.outs, File{sample, wheel})
			if b, err := os.ReadFile(first.outs[0]); err != nil || string(b) != "mine" || res.Code != Refused {
				s.Fatalf("get over another file ended with exit code %d and left %q there; wanted 3 and the file as it was", res.Code, b)
			}
			u.Get().Want(Done)
		}},
		{"CLI-4: nothing is written through a link at the place", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			dir := u.Get().Want(Done).outs[0]
			link, victim := filepath.Join(filepath.Dir(dir), "file2"), filepath.Join(filepath.Dir(dir), "file-of-another")
			if err := os.Symlink(victim, link); err != nil {
				s.Fatal(err)
			}
			res := u.GetTo([]string{link}, File{sample, wheel})
			if _, err := os.Stat(victim); err == nil || res.Code != Refused {
				s.Fatalf("get to a symbolic link ended with exit code %d; wanted 3, and nothing written through it (%v)", res.Code, err)
			}
		}},
	}
	for _, args := range [][]string{{}, {"frobnicate"}, {"get"}, {"init"}, {"refresh", "--frobnicate"}, {"get", "--package", sample, "--file", wheel}} {
		cases = append(cases, Case{"CLI-3: a wrong command line is a usage error: " + strings.Join(append([]string{"CLIENT"}, args...), " "), func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			if res := u.Run(append(u.flags(), args...)...); res.Code != Usage {
				s.Fatalf("a wrong command line ended with exit code %d; wanted 2", res.Code)
			}
			u.Get().Want(Done)
		}})
	}
	return append(cases, initCases()...)
}

// initCases are rosters that cannot be pinned: not even a request is made.
func initCases() []Case {
	everybody := signers("Alice", "Bob", "Carol")
	var cases []Case
	for _, c := range []struct {
		rule, promise string
		edit          func(*roster.Root)
		text          func(string) string
		by            []*rostertest.Signer
	}{
		{"WALK-2", "a roster that M of its keyholders did not sign is not pinned", func(c *roster.Root) { c.Version, c.Previous.Digest = 2, digest.Sum(nil) }, nil, signers("Alice")},
		{"WALK-3", "a first roster that one keyholder did not sign is not pinned", nil, nil, signers("Alice", "Bob")},
		{"WALK-3", "a first roster that strangers signed is not pinned", nil, nil, signers("Mallory", "Heidi", "Grace")},
		{"WALK-3", "a first roster that anchors something is not pinned", func(c *roster.Root) { c.Anchor = digest.Sum([]byte("a map")) }, nil, everybody},
		{"WALK-3", "a first roster that revokes a key is not pinned", func(c *roster.Root) {
			c.Revoked = append(c.Revoked, roster.RevokedKey{Key: key(mallory), Reason: "stolen", At: c.Issued})
		}, nil, everybody},
		{"ROSTER-1", "a first roster that names a previous one is not pinned", func(c *roster.Root) { c.Previous.Digest = digest.Sum(nil) }, nil, everybody},
		{"ROSTER-1", "a second roster that names no previous one is not pinned", func(c *roster.Root) { c.Version = 2 }, nil, everybody},
		{"ROSTER-1", "a roster of version 0 is not pinned", func(c *roster.Root) { c.Version, c.Previous.Digest = 0, digest.Sum(nil) }, nil, everybody},
		{"ROSTER-6", "a roster with threshold 0 is not pinned", func(c *roster.Root) { c.Threshold = 0 }, nil, everybody},
		{"ROSTER-6", "a roster with a negative threshold is not pinned", func(c *roster.Root) { c.Threshold = -1 }, nil, everybody},
		{"ENC-4", "a roster without a version is not pinned", nil, replace("  \"version\": 1,\n", ""), everybody},
		{"ENC-3", "another kind of document is not pinned", nil, replace("root-roster/v1", "snapshot/v1"), everybody},
		{"ENC-2", "what is not JSON is not pinned", nil, func(string) string { return "roster\n" }, everybody},
		{"ENC-2", "null is not pinned", nil, func(string) string { return "null\n" }, everybody},
	} {
		cases = append(cases, Case{c.rule + ": " + c.promise, func(s *Stage) {
			r := s.Open()
			claimed(r)
			root := r.Root
			if c.edit != nil {
				c.edit(&root)
			}
			doc := Print(root)
			if c.text != nil {
				doc = []byte(c.text(string(doc)))
			}
			u := r.Stranger()
			s.act = "the story with the wrong thing"
			res := u.InitWith(roster.Signed{Document: doc, Signatures: rostertest.Sign(s, doc, c.by...)}).Want(Refused)
			u.KeepsNone(doc)
			if again := u.Refresh().Want(Usage); len(res.Requests)+len(again.Requests) > 0 {
				s.Fatalf("requests were made before a roster was pinned")
			}
			s.act = "the legal twin, after what was refused"
			u.Init(1).Want(Done)
			u.Get().Want(Done)
		}})
	}
	return cases
}

// requestCases are about what is asked for, and what is not.
func requestCases() []Case {
	return []Case{
		{"SNAP-10: a refresh asks for rosters, revocations, latest and snapshot, and nothing of the map", func(s *Stage) {
			r := s.Open()
			claimed(r)
			res := r.User().Refresh().Want(Done)
			for _, p := range []string{rosterTwo, roster.RevocationPath(r.Countersign.Key.ID()), roster.RevocationPath(r.Snapshot.Key.ID()), "latest", snapshotOne, roster.SignaturePath(snapshotOne)} {
				res.Asked(p)
			}
			res.NotAsked("map/", "indexes/", "lists/", "releases/", "files/", "key-revocations/")
		}},
		{"WALK-1: a remembered roster is where the next walk begins", func(s *Stage) {
			r := s.Open()
			followed(r)
			u := r.User()
			u.Refresh().Want(Done).Asked(rosterTwo).Asked(roster.RosterPath(3))
			u.Refresh().Want(Done).Asked(roster.RosterPath(3)).NotAsked(rosterTwo, roster.RosterPath(1))
		}},
		{"LEAF-1: a get of an absent package refreshes, and proves the absence", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			old := r.save()
			r.Publish(nil)
			u.Get(File{"absent", "absent-1.0.tar.gz"}).Want(Refused).NotAsked("lists/", "releases/", "files/", "indexes/")
			old()
			u.Refresh().Want(Refused) // the newer snapshot is remembered
		}},
		{"CLI-3: a get asks for no file before all else is authorised", func(s *Stage) {
			r := s.Open()
			claimed(r)
			r.Release(sample, "sample-6.6.tar.gz", "malware\n", mallory)
			r.Publish(nil)
			u := r.User()
			u.Get(File{sample, "sample-6.6.tar.gz"}).Want(Refused).NotAsked("files/")
			u.Get().Want(Done)
		}},
		{"LEAF-1: a list that the server has and the map does not name is not used", func(s *Stage) {
			r := s.Open()
			r.Upload(sample, wheel, content)
			r.Publish(nil)
			r.Claim(sample, mallory)
			u := r.User()
			u.Accept = "new"
			u.Get().Want(Refused).NotAsked("lists/")
			u.Accept = "unsigned"
			u.Get().Want(Done)
		}},
		{"CLI-3: a file with a plus sign in its name is asked for percent-encoded", func(s *Stage) {
			r := s.Open()
			const local = "sample-1.0+local.1.tar.gz"
			claim(r)
			r.Release(sample, local, "a local version\n", dave)
			r.Publish(nil)
			res := r.User().Get(File{sample, local}).Want(Done)
			for _, q := range res.Requests {
				if strings.Contains(q.Escaped, "+") {
					s.Fatalf("asked for %s; wanted %%2B instead of the plus sign", q.Escaped)
				}
			}
		}},
		{"MAP-1: a lookup asks for one file of each level on its path and no other", func(s *Stage) {
			r := s.Open()
			for _, n := range fillers(100) {
				r.Package(n)
			}
			claimed(r)
			n := 0
			for _, q := range r.User().Get().Want(Done).Requests {
				if strings.HasPrefix(q.Path, "map/") {
					n++
				}
			}
			if n != 2 {
				s.Fatalf("a lookup in a map of two levels made %d requests; wanted 2", n)
			}
		}},
	}
}
