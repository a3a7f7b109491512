package conformance

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// rich is an index whose verification needs each kind of file.
func rich(r *Repo) {
	claim(r)
	for _, n := range fillers(80) {
		r.Package(n)
	}
	r.Publish(nil)
	r.Anchor()
	r.RevokeKey(mallory, sample)
	r.Append(sample, roster.Line{Kind: roster.LineYank, Version: "0.1"})
	r.PutList(r.FirstList(other, dave), dave) // so that the maps differ
	c := r.NextList(sample, dave, erin)
	c.Inherits = roster.Inheritance{}
	r.PutList(c, dave, erin)
	r.Publish(nil)
}

// A place is a kind of file that a client of rich asks for.
type place struct {
	what string
	path func(r *Repo) string
	code int // if it is withheld
}

func places() []place {
	fixed := func(p string) func(*Repo) string { return func(*Repo) string { return p } }
	find := func(prefix, suffix string) func(*Repo) string {
		return func(r *Repo) string {
			for _, p := range sortedPaths(r) {
				if strings.HasPrefix(p, prefix) && strings.HasSuffix(p, suffix) {
					return p
				}
			}
			return ""
		}
	}
	list := func(suffix string) func(*Repo) string {
		return func(r *Repo) string { return roster.ListPath(sample, r.Packages[sample].List.Digest()) + suffix }
	}
	manifest := func(suffix string) func(*Repo) string {
		return func(r *Repo) string {
			return roster.ManifestPath(sample, r.Packages[sample].Index.Lines()[0].Digest) + suffix
		}
	}
	return []place{
		{"the next roster", fixed(rosterTwo), Stale},
		{"the next roster's signatures", fixed(rosterTwo + ".asc"), Stale},
		{"latest", fixed("latest"), Stale},
		{"the snapshot", latest, Stale},
		{"the snapshot's signature", func(r *Repo) string { return latest(r) + ".asc" }, Stale},
		{"the map's root", mapFile(0), Stale},
		{"a bucket of the map", mapFile(1), Stale},
		{"the anchored map's root", func(r *Repo) string { return roster.MapPath(r.Roster.Root().Anchor) }, Stale},
		{"the index", func(r *Repo) string { return roster.IndexPath(sample, r.Packages[sample].Index.Digest()) }, Stale},
		{"a key revocation", find("key-revocations/", ".json"), Stale},
		{"a key revocation's signature", find("key-revocations/", ".asc"), Stale},
		{"the list", list(""), Stale},
		{"the list's signatures", list(".asc"), Stale},
		{"the list's countersignature", list(".countersign.asc"), Stale},
		{"the anchored list", func(r *Repo) string { return roster.ListPath(sample, r.Packages[sample].List.Previous()) }, Stale},
		{"the manifest", manifest(""), Stale},
		{"the manifest's signatures", manifest(".asc"), Stale},
		{"the file", find("files/", wheel), Stale},
	}
}

func sortedPaths(r *Repo) []string {
	return slices.Sorted(maps.Keys(r.Files))
}

// mapFile is the file of the newest map at a level of the way to sample.
func mapFile(level int) func(*Repo) string {
	return func(r *Repo) string {
		d := r.PutMap().Root
		for i := range level {
			text := string(r.Files[roster.MapPath(d)])
			line := strings.Split(text, "\n")[1+strings.IndexByte("0123456789abcdef", position[i])]
			d, _ = digest.Parse(line)
		}
		return roster.MapPath(d)
	}
}

// mirrorCases are what a mirror, or the network, can do to each file. The
// client says that it is withheld or refuses it, and is well when the file is
// back.
func mirrorCases() []Case {
	var cases []Case
	add := func(rule, what string, p place, code int, spoil func(r *Repo, path string)) {
		cases = append(cases, Case{rule + ": " + p.what + " " + what, func(s *Stage) {
			r := s.Open()
			rich(r)
			u := r.User()
			back := r.save()
			path := p.path(r)
			if len(r.Files[path]) == 0 {
				s.Fatalf("the suite: there is no %s", p.what)
			}
			s.act = "the story with the wrong thing"
			spoil(r, path)
			u.Get().Want(code).Asked(path)
			back()
			s.act = "the legal twin, after what was refused"
			u.Get().Want(Done)
		}})
	}
	answer := func(h http.HandlerFunc) func(*Repo, string) {
		return func(r *Repo, path string) { r.Answer[path] = h }
	}
	for _, p := range places() {
		add("FETCH-1", "that answers 404 is a lack of freshness", p, p.code, func(r *Repo, path string) { delete(r.Files, path) })
		add("FETCH-1", "that answers 503 is a lack of freshness", p, Stale, answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
		add("FETCH-2", "that never ends is refused", p, Refused, answer(endless))
		add("FETCH-4", "with a byte changed is refused", p, Refused, func(r *Repo, path string) {
			b := bytes.Clone(r.Files[path])
			b[len(b)/2] ^= 1
			r.Put(path, b)
		})
	}
	some := []place{places()[1], places()[4], places()[6], places()[15], places()[17]}
	for _, p := range some {
		add("FETCH-1", "that answers 410 is a lack of freshness", p, Stale, answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
		add("FETCH-3", "in a coding that nobody asked for is not taken", p, Stale, func(r *Repo, path string) {
			b := r.Files[path]
			r.Answer[path] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "x-rootward")
				_, _ = w.Write(b)
			}
		})
		add("FETCH-3", "that is not the gzip it is said to be is not taken", p, Stale, gzipped(func(b []byte) []byte { return b }))
		add("FETCH-3", "in gzip that breaks off is not taken", p, Stale, gzipped(func(b []byte) []byte { b = inGzip(b); return b[:len(b)-1] }))
		add("FETCH-3", "in gzip with something behind it is not taken", p, Stale, gzipped(func(b []byte) []byte { return append(inGzip(b), 0) }))
		add("FETCH-3", "in two members of gzip is not taken", p, Stale, gzipped(func(b []byte) []byte { return append(inGzip(b[:len(b)/2]), inGzip(b[len(b)/2:])...) }))
		add("FETCH-3", "behind four redirects is not taken", p, Stale, redirects(4))
		add("FETCH-3", "behind a redirect to another scheme is not taken", p, Stale, answer(func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "https://"+q.Host+q.URL.Path, http.StatusFound)
		}))
		add("FETCH-1", "whose connection breaks off is a lack of freshness", p, Stale, func(r *Repo, path string) {
			b := r.Files[path]
			r.Answer[path] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(len(b)))
				_, _ = w.Write(b[:len(b)/2])
			}
		})
		add("FETCH-4", "that is an HTML page is refused", p, Refused, func(r *Repo, path string) {
			r.Put(path, bytes.Repeat([]byte("<html>please log in</html>\n"), 1)[:min(27, len(r.Files[path]))])
		})
	}
	cases = append(cases, networkCases()...)
	cases = append(cases, codingCases(some)...)
	cases = append(cases, rangeCases()...)
	return append(cases, replacedCases()...)
}

func endless(w http.ResponseWriter, _ *http.Request) {
	block := bytes.Repeat([]byte("x"), 1<<16)
	for range 1 << 14 { // a GiB; a client that reads it all has failed by then
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// redirects answers with n redirects before the file.
func redirects(n int) func(*Repo, string) {
	return func(r *Repo, path string) {
		for i := range n {
			from, to := path, fmt.Sprintf("elsewhere/%d", i+1)
			if i > 0 {
				from = fmt.Sprintf("elsewhere/%d", i)
			}
			r.Answer[from] = func(w http.ResponseWriter, q *http.Request) {
				http.Redirect(w, q, "/"+r.prefix+"/"+to, http.StatusFound)
			}
		}
		r.Put(fmt.Sprintf("elsewhere/%d", n), r.Files[path])
	}
}

func networkCases() []Case {
	return []Case{
		accepted("FETCH-3", "three redirects are followed", func(r *Repo) *Result {
			claimed(r)
			redirects(3)(r, snapshotOne)
			return r.User().Get()
		}),
		{"FETCH-1: a server that does not answer is a lack of freshness", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			url := r.URL
			r.URL = "http://127.0.0.1:1/nobody"
			u.Get().Want(Stale)
			u.Refresh().Want(Stale)
			r.URL = url
			u.Get().Want(Done)
		}},
		{"FETCH-1: an empty server is a lack of freshness", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			back := r.save()
			r.Files = map[string][]byte{}
			u.Get().Want(Stale)
			back()
			u.Get().Want(Done)
		}},
		{"FETCH-1: a revocation that cannot be asked for is a lack of freshness", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			back := r.save()
			r.Answer[roster.RevocationPath(r.Snapshot.Key.ID())] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
			u.Get().Want(Stale)
			back()
			u.Get().Want(Done)
		}},
		{"FETCH-1: the walk's end that cannot be asked for is a lack of freshness", func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			back := r.save()
			r.Answer[rosterTwo] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }
			u.Get().Want(Stale)
			back()
			u.Get().Want(Done)
		}},
		{"FETCH-1: a second mirror serves a client well after the first was refused", func(s *Stage) {
			r, mirror := s.Open(), s.Open()
			claimed(r)
			mirror.Files, mirror.Packages, mirror.contents = r.Files, r.Packages, r.contents
			bad := s.Open()
			bad.Put(rosterTwo, []byte("<html>\n"))
			bad.Put(rosterTwo+".asc", []byte("<html>\n"))
			u := r.User()
			u.Move(bad)
			u.Refresh().Want(Refused)
			u.Move(mirror)
			u.Get().Want(Done)
		}},
	}
}

// replacedCases put one well-signed document in another's place.
func replacedCases() []Case {
	documents := map[string]func(*Repo) string{
		"the roster": func(*Repo) string { return rosterTwo },
		"the snapshot": func(r *Repo) string {
			return latest(r)
		},
		"the list":     func(r *Repo) string { return roster.ListPath(sample, r.Packages[sample].List.Digest()) },
		"the manifest": func(r *Repo) string { return roster.ManifestPath(sample, r.Packages[sample].Index.Lines()[0].Digest) },
	}
	var cases []Case
	for _, at := range []string{"the roster", "the snapshot", "the list", "the manifest"} {
		for _, from := range []string{"the roster", "the snapshot", "the list", "the manifest"} {
			if at == from {
				continue
			}
			cases = append(cases, spoilt("ENC-3", from+" in the place of "+at+" is refused", Refused, func(r *Repo) {
				followed(r)
			}, func(r *Repo) {
				doc := r.Files[documents[from](r)]
				r.PutSigned(documents[at](r), doc, alice, bob, carol, dave, rostertest.Person("countersign-1"), rostertest.Person("snapshot-1"))
			}))
		}
	}
	return cases
}

// nameCases ask for names that are none, or are meant to lead elsewhere.
func nameCases() []Case {
	var cases []Case
	for _, name := range []string{"", "..", "../sample", "../../lists/sample", "/sample", "sample/", `sample\..`, "%2e%2e", "sample%00", "sample?", "sample#", "C:sample", "sam ple", "-sample", "sample-", "_sample", "ｓａｍｐｌｅ", "sаmple", "sam\nple", "*", strings.Repeat("a", 101)} {
		cases = append(cases, Case{fmt.Sprintf("LEAF-1: the package name %q is refused, and leads nowhere", name), func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Get(File{name, wheel}).Want(Refused).NotAsked("lists/", "indexes/", "releases/", "files/", "..", "%")
			u.Get().Want(Done)
		}})
	}
	for _, name := range []string{"", "..", "../" + wheel, "/" + wheel, "a/" + wheel, `a\` + wheel, "%2e%2e", "sample-1.0\n.tar.gz", wheel + "?", wheel + "#x", "C:" + wheel, "other-1.0-py3-none-any.whl", "sample-1.0.exe", "sample.tar.gz", "sample-1.0-py3-none-any.WHL", "..sample-1.0.tar.gz", "sample-1..0.tar.gz"} {
		cases = append(cases, Case{fmt.Sprintf("RELEASE-1: the file name %q is refused, and leads nowhere", name), func(s *Stage) {
			r := s.Open()
			claimed(r)
			u := r.User()
			u.Get(File{sample, name}).Want(Refused).NotAsked("files/", "..")
			u.Get().Want(Done)
		}})
	}
	return cases
}
