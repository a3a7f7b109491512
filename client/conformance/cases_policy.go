package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// policyCases are the outcomes, and which words accept each.
func policyCases() []Case {
	yank := func(file string) func(*Repo) {
		return func(r *Repo) {
			claim(r)
			r.Append(sample, roster.Line{Kind: roster.LineYank, Version: "1.0", File: file})
			r.Publish(nil)
		}
	}
	var cases []Case
	for _, c := range []struct {
		rule, what      string
		setup           func(*Repo)
		enough, tooFew  string
		byDefaultResult int
	}{
		{"POLICY-1", "an established package", anchored, "established", "remembered,new,unsigned,frozen,yanked", Done},
		{"POLICY-1", "a new package", claimed, "new", "established,remembered,unsigned,frozen,yanked", Done},
		{"POLICY-1", "an unsigned package", func(r *Repo) { r.Upload(sample, wheel, content); r.Publish(nil) }, "unsigned", "established,remembered,new,frozen,yanked", Refused},
		{"POLICY-2", "a frozen package", func(r *Repo) { claim(r); freeze(r); r.Publish(nil) }, "new,frozen", "established,remembered,new,unsigned,yanked", Done},
		{"POLICY-3", "a yanked version", yank(""), "new,yanked", "established,remembered,new,unsigned,frozen", Refused},
		{"POLICY-3", "a yanked file", yank(wheel), "new,yanked", "established,remembered,new,unsigned,frozen", Refused},
		{"POLICY-3", "a yanked file of an unsigned package", func(r *Repo) {
			r.Upload(sample, wheel, content)
			r.Append(sample, roster.Line{Kind: roster.LineYank, Version: "1.0"})
			r.Publish(nil)
		}, "unsigned,yanked", "unsigned", Refused},
	} {
		cases = append(cases, Case{fmt.Sprintf("%s: %s is accepted by the policy %s and not by %s", c.rule, c.what, c.enough, c.tooFew), func(s *Stage) {
			r := s.Open()
			c.setup(r)
			r.User().Get().Want(c.byDefaultResult)
			u := r.User()
			u.Accept = c.tooFew
			u.Get().Want(Refused).NotAsked("files/")
			u.Accept = c.enough
			if strings.Contains(c.enough, "new") {
				u.Accept += ",remembered" // by the first command's look at it
			}
			u.Get().Want(Done)
		}})
	}
	for _, bad := range []string{"news", "new,", "", "New", "new new", "unknown", "removed", "new,new"} {
		cases = append(cases, Case{fmt.Sprintf("CLI-3: a policy that reads %q is a usage error", bad), func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			res := u.Run(append(u.flags(), "get", "--accept="+bad, "--package", sample, "--file", wheel, "--out", filepath.Join(u.dir, "out"))...)
			if res.Code != Usage {
				s.Fatalf("the policy was read: exit code %d, wanted 2", res.Code)
			}
			u.Get().Want(Done)
		}})
	}
	return append(cases,
		pair("POLICY-3", "a yank is final: a later release of the same version is yanked too", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.Claim(sample, dave)
			if wrong {
				r.Append(sample, roster.Line{Kind: roster.LineYank, Version: "1.0"})
			}
			r.Release(sample, wheel, content, dave)
			r.Publish(nil)
			return r.User().Get()
		}),
		accepted("POLICY-3", "a yank of one file does not yank another of the version", func(r *Repo) *Result {
			claim(r)
			r.Append(sample, roster.Line{Kind: roster.LineYank, Version: "1.0", File: "sample-1.0.tar.gz"})
			r.Append(sample, roster.Line{Kind: roster.LineYank, Version: "1.0.post1"})
			r.Publish(nil)
			return r.User().Get()
		}),
	)
}

// processCases get several files in one process: what verified for one
// package is nothing to another (MEM-8), and the first refusal ends it.
func processCases() []Case {
	first, second := File{sample, wheel}, File{other, otherWheel}
	both := func(wrongly func(r *Repo)) play {
		return func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			r.Claim(other, erin)
			if wrong {
				wrongly(r)
			} else {
				r.Release(other, otherWheel, "other 1.0\n", erin)
			}
			r.Publish(nil)
			u := r.User()
			res := u.Get(first, second)
			if wrong { // the first is authorised, and stays
				u.Get(first).Want(Done)
				if b, err := os.ReadFile(res.outs[0]); err != nil || string(b) != content {
					s.Fatalf("the first file, which is authorised, was not written before the second was refused: %q", b)
				}
				res.files, res.outs = res.files[1:], res.outs[1:]
			}
			return res
		}
	}
	return []Case{
		pair("MEM-8", "a release that the first package's maintainer signed for the second is refused in one process", Refused, both(func(r *Repo) {
			r.Release(other, otherWheel, "by Dave\n", dave)
		})),
		pair("MEM-8", "the first package's manifest in the second's index is refused in one process", Refused, both(func(r *Repo) {
			line := r.Packages[sample].Index.Lines()[0]
			r.Append(other, line)
			for _, suffix := range []string{"", ".asc"} {
				r.Put(roster.ManifestPath(other, line.Digest)+suffix, r.Files[roster.ManifestPath(sample, line.Digest)+suffix])
			}
		})),
		pair("MEM-8", "the first package's list in the second's leaf is refused in one process", Refused, both(func(r *Repo) {
			r.Release(other, otherWheel, "by Dave\n", dave)
			l := r.Packages[sample].List
			for _, suffix := range []string{"", ".asc", ".countersign.asc"} {
				r.Put(roster.ListPath(other, l.Digest())+suffix, r.Files[roster.ListPath(sample, l.Digest())+suffix])
			}
			r.Leaves[other] = func(leaf *tree.Leaf) { leaf.List, leaf.ListVersion = l.Digest(), l.Version() }
		})),
		pair("MEM-8", "the first package's index in the second's leaf is refused in one process", Refused, both(func(r *Repo) {
			x := r.Packages[sample].Index
			r.Put(roster.IndexPath(other, x.Digest()), x.Bytes())
			r.Leaves[other] = func(leaf *tree.Leaf) { leaf.Index, leaf.IndexLength = x.Digest(), x.Length() }
		})),
		pair("MEM-8", "the first package's file under the second's name is refused in one process", Refused, both(func(r *Repo) {
			r.Release(other, otherWheel, "other 1.0 has this length\n"[:len(content)], erin)
			r.Put(roster.FilePath(digest.Sum([]byte("other 1.0 has this length\n"[:len(content)])), otherWheel), []byte(content))
		})),
		pair("MEM-8", "the first package's policy does not carry over: the second is unsigned", Refused, both(func(r *Repo) {
			delete(r.Packages, other)
			r.Upload(other, otherWheel, "other 1.0\n")
		})),
		{"CLI-3: the first file that is refused ends the command, and those behind it are not got", func(s *Stage) {
			r := s.Open()
			claim(r)
			r.Claim(other, erin)
			r.Release(other, otherWheel, "other 1.0\n", erin)
			r.Publish(nil)
			u := r.User()
			u.Get(File{sample, "sample-9.9.tar.gz"}, second).Want(Refused).NotAsked("files/")
			u.Get(first, second, first).Want(Done)
		}},
		{"MEM-8: two packages with the same file get it each from its own line", func(s *Stage) {
			r := s.Open()
			r.Claim(sample, dave)
			r.Claim(other, dave)
			r.Release(sample, wheel, "the same bytes\n", dave)
			r.Release(other, otherWheel, "the same bytes\n", dave)
			r.Publish(nil)
			r.User().Get(first, second).Want(Done)
		}},
	}
}
