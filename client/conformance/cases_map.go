package conformance

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// fillers returns names of packages that nobody asks for.
func fillers(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("filler-%d", i))
	}
	return all
}

// position is the first digit of sample's place in the map.
var position = digest.Sum([]byte(sample)).String()

// mapCases have the online signer commit to a map that breaks a rule. The
// digests are right all the way down.
func mapCases() []Case {
	inBucket := func(edit func(string) string) func(prefix, text string) string {
		return func(_, text string) string {
			if strings.Contains(text, "\nsample ") {
				return edit(text)
			}
			return text
		}
	}
	atRoot := func(edit func(string) string) func(prefix, text string) string {
		return func(prefix, text string) string {
			if prefix == "" {
				return edit(text)
			}
			return text
		}
	}
	field := func(n int, now string) func(string) string { // of sample's line
		return func(s string) string {
			line := lineOf(s, "sample ")
			f := strings.Split(strings.TrimSuffix(line, "\n"), " ")
			f[n] = now
			return strings.Replace(s, line, strings.Join(f, " ")+"\n", 1)
		}
	}
	elsewhere := "" // a name that does not begin with sample's digit and sorts behind it
	for i := 0; elsewhere == ""; i++ {
		if n := fmt.Sprintf("zz-%d", i); digest.Sum([]byte(n)).String()[0] != position[0] {
			elsewhere = n
		}
	}
	line := func(name string) string {
		return fmt.Sprintf("%s active 0 - 44 %s\n", name, digest.Sum([]byte("index")))
	}
	var cases []Case
	for _, c := range []struct {
		rule, what string
		edit       func(prefix, text string) string
	}{
		{"MAP-2", "a bucket of another kind", inBucket(replace("map-bucket/v1", "map-leaves/v1"))},
		{"MAP-2", "a bucket of the next version", inBucket(replace("map-bucket/v1", "map-bucket/v2"))},
		{"MAP-2", "a bucket with another prefix", inBucket(replace("map-bucket/v1 "+position[:1], "map-bucket/v1 "+position[:2]))},
		{"MAP-2", "a bucket without a prefix", inBucket(replace("map-bucket/v1 "+position[:1], "map-bucket/v1"))},
		{"MAP-2", "a root with a prefix", atRoot(replace("map-node/v1 -", "map-node/v1 0"))},
		{"MAP-2", "a bucket that does not say its kind", inBucket(func(s string) string { return s[strings.Index(s, "\n")+1:] })},
		{"MAP-2", "a bucket that names sample's digit in capitals", inBucket(replace("map-bucket/v1 "+position[:1], "map-bucket/v1 "+strings.ToUpper(position[:1])))},
		{"MAP-3", "a node with fifteen children", atRoot(func(s string) string { return s[:len(s)-65] })},
		{"MAP-3", "a node with seventeen children", atRoot(func(s string) string { return s + s[len(s)-65:] })},
		{"MAP-3", "a node with a child of zeros", atRoot(func(s string) string {
			i := (strings.IndexByte("0123456789abcdef", position[0]) + 1) % 16
			begin := len(s) - 16*65 + i*65
			return s[:begin] + strings.Repeat("0", 64) + s[begin+64:]
		})},
		{"MAP-3", "a node with a child in capitals", atRoot(func(s string) string {
			i := (strings.IndexByte("0123456789abcdef", position[0]) + 1) % 16
			begin := len(s) - 16*65 + i*65
			return s[:begin] + strings.Repeat("A", 64) + s[begin+64:]
		})},
		{"MAP-4", "a bucket with CRLF", inBucket(func(s string) string {
			return strings.Replace(s, lineOf(s, "sample "), strings.TrimSuffix(lineOf(s, "sample "), "\n")+"\r\n", 1)
		})},
		{"MAP-4", "a bucket whose last line has no end", inBucket(func(s string) string { return strings.TrimSuffix(s, "\n") })},
		{"MAP-4", "a bucket with an empty line", inBucket(func(s string) string { return s + "\n" })},
		{"MAP-4", "a bucket with two spaces in a line", inBucket(replace("sample active", "sample  active"))},
		{"MAP-4", "a bucket with a tab in a line", inBucket(replace("sample active", "sample\tactive"))},
		{"MAP-4", "a leaf with a seventh field", inBucket(func(s string) string {
			return strings.Replace(s, lineOf(s, "sample "), strings.TrimSuffix(lineOf(s, "sample "), "\n")+" x\n", 1)
		})},
		{"MAP-4", "a leaf with an unknown status", inBucket(field(1, "trusted"))},
		{"MAP-4", "a leaf with a status in capitals", inBucket(field(1, "Active"))},
		{"MAP-4", "a leaf whose list version has a leading zero", inBucket(field(2, "01"))},
		{"MAP-4", "a leaf whose list version has a plus sign", inBucket(field(2, "+1"))},
		{"MAP-4", "a leaf whose list version is beyond 2^53", inBucket(field(2, "9007199254740993"))},
		{"MAP-4", "a leaf whose list digest is in capitals", inBucket(func(s string) string {
			d := strings.Fields(lineOf(s, "sample "))[3]
			return strings.Replace(s, d, strings.ToUpper(d), 1)
		})},
		{"MAP-4", "a leaf whose index length has a leading zero", inBucket(func(s string) string {
			return field(4, "0"+strings.Fields(lineOf(s, "sample "))[4])(s)
		})},
		{"MAP-5", "a bucket with one leaf twice", inBucket(func(s string) string { return s + lineOf(s, "sample ") })},
		{"MAP-5", "a bucket with two leaves of one name", inBucket(func(s string) string { return s + line(sample) })},
		{"MAP-5", "a bucket that is not sorted", inBucket(func(s string) string {
			head, body, _ := strings.Cut(s, "\n")
			lines := strings.SplitAfter(strings.TrimSuffix(body, "\n"), "\n")
			last := lines[len(lines)-1] + "\n"
			return head + "\n" + last + strings.Join(lines[:len(lines)-1], "")
		})},
		{"MAP-6", "a bucket with a leaf that belongs elsewhere", inBucket(func(s string) string { return s + line(elsewhere) })},
		{"MAP-7", "a leaf with a list version and no list digest", inBucket(field(3, "-"))},
		{"MAP-7", "a leaf with a list digest and version 0", inBucket(field(2, "0"))},
		{"MAP-7", "a leaf with an index digest of zeros", inBucket(field(5, strings.Repeat("0", 64)))},
		{"MAP-7", "a leaf with a list digest of zeros", inBucket(field(3, strings.Repeat("0", 64)))},
	} {
		cases = append(cases, pair(c.rule, "a map with "+c.what+" is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			for _, n := range fillers(100) {
				r.Package(n)
			}
			if wrong {
				r.File = c.edit
			}
			r.Publish(nil)
			return r.User().Get()
		}))
	}
	return append(cases, mapShapes()...)
}

func mapShapes() []Case {
	return []Case{
		pair("MAP-4", "a bucket of 65 lines, which should have been split, is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			for _, n := range fillers(63) {
				r.Package(n)
			}
			if wrong { // sorted, within the prefix, one too many
				r.File = func(prefix, text string) string {
					return text + fmt.Sprintf("zz active 0 - 44 %s\n", digest.Sum([]byte("index")))
				}
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		pair("MAP-3", "a node with sixteen digits of prefix is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claim(r)
			r.Depth = 3
			if wrong {
				r.Depth = 0
				deep(r)
				return r.User().Get()
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		accepted("MAP-4", "a bucket of 64 lines is accepted", func(r *Repo) *Result {
			claim(r)
			for _, n := range fillers(63) {
				r.Package(n)
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		accepted("MAP-3", "a map of three levels is followed", func(r *Repo) *Result {
			claim(r)
			for _, n := range fillers(1200) {
				r.Package(n)
			}
			r.Publish(nil)
			return r.User().Get()
		}),
		{"MAP-2: the empty map, which nobody publishes, proves that a name is unknown", func(s *Stage) {
			r := s.Open()
			r.Publish(nil)
			delete(r.Files, roster.MapPath(rostertest.EmptyMap()))
			u := r.User()
			u.Accept = everyOutcome
			u.Get().Want(Refused)
			claimed(r)
			u.Get().Want(Done)
		}},
		{"LEAF-1: a name that the map lacks is unknown to every policy", func(s *Stage) {
			r := s.Open()
			r.Claim(other, erin)
			r.Publish(nil)
			u := r.User()
			u.Accept = everyOutcome
			u.Get().Want(Refused)
			claimed(r)
			u.Get().Want(Done)
		}},
		{"LEAF-1: another spelling of a name is the same package", func(s *Stage) {
			r := s.Open()
			claim(r)
			r.Package("other-name")
			r.Claim("other-name", erin)
			r.Release("other-name", "other_name-1.0-py3-none-any.whl", "other\n", erin)
			r.Publish(nil)
			u := r.User()
			for _, n := range []string{"Sample", "SAMPLE"} {
				u.Get(File{n, wheel}).Want(Done)
			}
			for _, n := range []string{"other-name", "Other.Name", "other__NAME", "other-_.name"} {
				u.Get(File{n, "other_name-1.0-py3-none-any.whl"}).Want(Done)
			}
		}},
	}
}

// deep publishes a map whose path to sample has a node at each of seventeen
// levels.
func deep(r *Repo) {
	d := digest.Digest{}
	empty := func(prefix string) digest.Digest {
		text := "map-bucket/v1 " + prefix + "\n"
		r.Put(roster.MapPath(digest.Sum([]byte(text))), []byte(text))
		return digest.Sum([]byte(text))
	}
	for depth := 17; depth >= 0; depth-- {
		prefix, shown := position[:depth], position[:depth]
		if depth == 0 {
			shown = "-"
		}
		text := fmt.Sprintf("map-bucket/v1 %s\n%s\n", shown, r.Packages[sample].Leaf())
		if depth < 17 {
			text = fmt.Sprintf("map-node/v1 %s\n", shown)
			for _, digit := range "0123456789abcdef" {
				child := d
				if byte(digit) != position[depth] {
					child = empty(prefix + string(digit))
				}
				text += child.String() + "\n"
			}
		}
		d = digest.Sum([]byte(text))
		r.Put(roster.MapPath(d), []byte(text))
	}
	r.Publish(func(c *roster.SnapshotContent) { c.Map.Root = d })
}

// indexCases are about the leaf and the release index.
func indexCases() []Case {
	var cases []Case
	sum := digest.Sum([]byte("x")).String()
	for _, c := range []struct{ rule, what, line string }{
		{"INDEX-2", "an empty line", ""},
		{"INDEX-2", "a word that nobody knows", "trust 1.0 " + sum},
		{"INDEX-2", "two spaces", "manifest  1.0 " + sum},
		{"INDEX-2", "a trailing space", "yank 0.1 "},
		{"INDEX-2", "a carriage return", "yank 0.1\r"},
		{"INDEX-2", "a version that is not in normal form", "yank v0.1"},
		{"INDEX-2", "a version with an epoch of 0", "yank 0!0.1"},
		{"INDEX-2", "a digest in capitals", "manifest 0.1 " + strings.ToUpper(sum)},
		{"INDEX-2", "a digest of zeros", "manifest 0.1 " + strings.Repeat("0", 64)},
		{"INDEX-2", "a short digest", "manifest 0.1 " + sum[:63]},
		{"INDEX-2", "no digest", "manifest 0.1"},
		{"INDEX-2", "a size with a leading zero", "file 0.1 05 " + sum + " sample-0.1.tar.gz"},
		{"INDEX-2", "a negative size", "file 0.1 -5 " + sum + " sample-0.1.tar.gz"},
		{"INDEX-2", "a size of 2^53", "file 0.1 9007199254740992 " + sum + " sample-0.1.tar.gz"},
		{"INDEX-2", "a file without a name", "file 0.1 5 " + sum},
		{"INDEX-2", "a revocation with a word too many", "revocation " + sum + " x"},
		{"INDEX-2", "a line of more than 512 bytes", "yank 0.1 sample-0.1-" + strings.Repeat("1", 500) + "-py3-none-any.whl"},
		{"INDEX-2", "an escape sequence", "yank 0.1\x1b[2J"},
		{"INDEX-2", "a NUL", "yank 0.1\x00"},
		{"INDEX-3", "a file of another package", "file 0.1 5 " + sum + " other-0.1.tar.gz"},
		{"INDEX-3", "a file of another version", "file 0.1 5 " + sum + " sample-0.2.tar.gz"},
		{"INDEX-3", "a file name that is a path", "file 0.1 5 " + sum + " ../sample-0.1.tar.gz"},
		{"INDEX-3", "a yank of a file of another version", "yank 0.1 sample-0.2.tar.gz"},
	} {
		cases = append(cases, pair(c.rule, "an index with a line that has "+c.what+" is refused", Refused, rawIndex(func(index string) string { return index + c.line + "\n" })))
	}
	for _, c := range []struct {
		rule, what string
		edit       func(string) string
	}{
		{"INDEX-1", "of another package", replace(" sample\n", " other\n")},
		{"INDEX-1", "of another repository", replace("packages.example", "other.example")},
		{"INDEX-1", "of the next version", replace("release-index/v1", "release-index/v2")},
		{"INDEX-1", "without a header", func(s string) string { return s[strings.Index(s, "\n")+1:] }},
		{"INDEX-2", "whose last line has no end", func(s string) string { return strings.TrimSuffix(s, "\n") }},
		{"INDEX-2", "that names 1,025 key revocations", func(s string) string {
			for i := range 1025 {
				s += fmt.Sprintf("revocation %s\n", digest.Sum([]byte{byte(i), byte(i >> 8)}))
			}
			return s
		}},
	} {
		cases = append(cases, pair(c.rule, "an index "+c.what+" is refused", Refused, rawIndex(c.edit)))
	}
	return append(cases, leafCases()...)
}

// rawIndex is an index whose text is edited if the story is wrong. It is
// unsigned, so that nothing but its form stands against it.
func rawIndex(edit func(string) string) play {
	return func(s *Stage, wrong bool) *Result {
		r := s.Open()
		r.Upload(sample, wheel, content)
		if wrong {
			r.PutIndexBytes(sample, []byte(edit(string(r.Packages[sample].Index.Bytes()))))
		}
		r.Publish(nil)
		u := r.User()
		u.Accept = "unsigned"
		return u.Get()
	}
}

func leafCases() []Case {
	established := func(edit func(*Repo)) play {
		return func(s *Stage, wrong bool) *Result {
			r := s.Open()
			anchored(r)
			if wrong {
				edit(r)
			}
			r.Publish(nil)
			u := r.User()
			u.Accept = everyOutcome
			return u.Get()
		}
	}
	kept := func(edit func(*Repo)) play {
		return func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Accept = everyOutcome
			u.Get().Want(Done)
			if wrong {
				edit(r)
			}
			r.Publish(nil)
			return u.Get()
		}
	}
	unlisted := func(r *Repo) {
		delete(r.Packages, sample)
		r.Upload(sample, wheel, content)
	}
	rewritten := func(r *Repo) {
		index := r.Packages[sample].Index.Bytes()
		r.PutIndexBytes(sample, bytes.Replace(index, []byte("manifest"), []byte("yank 0.1\nmanifest"), 1))
	}
	return []Case{
		pair("LEAF-2", "an established package that is absent from the map is refused", Refused, established(func(r *Repo) { r.Drop(sample) })),
		pair("LEAF-3", "a remembered package that is absent from the map is refused", Refused, kept(func(r *Repo) { r.Drop(sample) })),
		pair("LEAF-4", "a quarantined package is refused, whatever the policy", Refused, established(status(tree.Quarantined))),
		pair("LEAF-4", "a removed package is refused, whatever the policy", Refused, established(status(tree.Removed))),
		pair("LEAF-4", "a removed package without a list is refused too", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			r.Upload(sample, wheel, content)
			if wrong {
				status(tree.Removed)(r)
			}
			r.Publish(nil)
			u := r.User()
			u.Accept = everyOutcome
			return u.Get()
		}),
		{"LEAF-4: a status that is lifted refuses no longer", func(s *Stage) {
			r := s.Open()
			anchored(r)
			u := r.User()
			status(tree.Quarantined)(r)
			r.Publish(nil)
			u.Get().Want(Refused)
			delete(r.Leaves, sample)
			r.Publish(nil)
			u.Get().Want(Done)
		}},
		pair("LEAF-5", "an index of another length than the leaf says is refused", Refused, established(func(r *Repo) {
			r.Leaves[sample] = func(l *tree.Leaf) { l.IndexLength++ }
		})),
		pair("LEAF-5", "an index with another digest than the leaf says is refused", Refused, established(func(r *Repo) {
			r.Leaves[sample] = func(l *tree.Leaf) { l.Index = digest.Sum([]byte("another")) }
			r.Put(roster.IndexPath(sample, digest.Sum([]byte("another"))), r.Packages[sample].Index.Bytes())
		})),
		pair("LEAF-6", "an index that does not extend the anchored one is refused", Refused, established(rewritten)),
		pair("MEM-3", "an index that does not extend the remembered one is refused", Refused, kept(rewritten)),
		pair("MEM-3", "a shorter index than the remembered one is refused", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claimed(r)
			short := r.Packages[sample].Index
			r.Append(sample, roster.Line{Kind: roster.LineYank, Version: "0.1"})
			r.Publish(nil)
			u := r.User()
			u.Get().Want(Done)
			if wrong {
				r.Packages[sample].Index = short
			}
			r.Publish(nil)
			return u.Get()
		}),
		pair("LEAF-8", "an established package that has lost its list is refused, and not unsigned", Refused, established(unlisted)),
		pair("LEAF-8", "a remembered package that has lost its list is refused, and not unsigned", Refused, func(s *Stage, wrong bool) *Result {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Accept = everyOutcome
			u.Get().Want(Done)
			if wrong {
				r.Upload(sample, "sample-1.1.tar.gz", "1.1\n")
				r.Leaves[sample] = func(l *tree.Leaf) { l.ListVersion, l.List = 0, digest.Digest{} }
				r.Publish(nil)
				return u.Get(File{sample, "sample-1.1.tar.gz"})
			}
			r.Release(sample, "sample-1.1.tar.gz", "1.1\n", dave)
			r.Publish(nil)
			return u.Get(File{sample, "sample-1.1.tar.gz"})
		}),
	}
}

func status(s tree.Status) func(*Repo) {
	return func(r *Repo) { r.Leaves[sample] = func(l *tree.Leaf) { l.Status = s } }
}
