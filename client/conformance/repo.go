package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// A Repo is an index in memory that is served, and that can break the rules:
// its map is built here from lines that nobody judges, and documents can be
// put that no honest program prints.
type Repo struct {
	*rostertest.Index
	URL string
	// Answer has other answers for some paths.
	Answer map[string]http.HandlerFunc
	// Leaves edits what the map says of a package.
	Leaves map[string]func(*tree.Leaf)
	// File edits each file of the next maps before it is hashed.
	File func(prefix, text string) string
	// Depth is how far the next maps split even if their lines do not need it.
	Depth int

	stage    *Stage
	prefix   string
	contents map[string]string // of files, by name: what a client should get
	gone     []string          // names left out of the map

	mu     sync.Mutex
	log    []Request
	served struct {
		files  map[string][]byte
		answer map[string]http.HandlerFunc
	}
}

// Open returns a new index, after its first ceremony, and serves it.
func (s *Stage) Open() *Repo {
	s.Helper()
	r := &Repo{Index: rostertest.New(s), stage: s, contents: make(map[string]string),
		Answer: make(map[string]http.HandlerFunc), Leaves: make(map[string]func(*tree.Leaf))}
	s.suite.server.add(r)
	s.repos = append(s.repos, r)
	return r
}

// serve shows what Files and Answer hold now, until the next call: a client may
// leave a request behind when it ends, and the case goes on to write.
func (r *Repo) serve() {
	files, answer := maps.Clone(r.Files), maps.Clone(r.Answer)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.served.files, r.served.answer = files, answer
}

// takeLog returns the requests since the last call.
func (r *Repo) takeLog() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	log := r.log
	r.log = nil
	return log
}

// save returns a function that publishes again what is published now.
func (r *Repo) save() func() {
	files, answer := maps.Clone(r.Files), maps.Clone(r.Answer)
	return func() { r.Files, r.Answer = maps.Clone(files), maps.Clone(answer) }
}

// changed returns the documents that back would take away.
func (r *Repo) changed(back func()) [][]byte {
	now := r.Files
	answer := r.Answer
	back()
	was := r.Files
	r.Files, r.Answer = now, answer
	var all [][]byte
	for path, b := range now {
		if strings.HasSuffix(path, ".json") && len(b) > 0 && !bytes.Equal(b, was[path]) && !contained(was, b) {
			all = append(all, b)
		}
	}
	return all
}

func contained(files map[string][]byte, b []byte) bool {
	for _, have := range files {
		if bytes.Contains(have, b) {
			return true
		}
	}
	return false
}

// Release is [rostertest.Index.Release]; the first release of a file says
// what a client should get.
func (r *Repo) Release(name, file, content string, signers ...*rostertest.Signer) *roster.Manifest {
	r.T.Helper()
	r.expect(file, content)
	return r.Index.Release(name, file, content, signers...)
}

// Upload is [rostertest.Index.Upload], as [Repo.Release].
func (r *Repo) Upload(name, file, content string) {
	r.T.Helper()
	r.expect(file, content)
	r.Index.Upload(name, file, content)
}

func (r *Repo) expect(file, content string) {
	if _, ok := r.contents[file]; !ok {
		r.contents[file] = content
	}
}

// Drop leaves a package out of the map.
func (r *Repo) Drop(name string) { r.gone = append(r.gone, name) }

// PutMap publishes the map and each package's index.
func (r *Repo) PutMap() roster.MapRoot {
	r.T.Helper()
	var lines []leafLine
	for _, name := range slices.Sorted(maps.Keys(r.Packages)) {
		if slices.Contains(r.gone, name) {
			continue
		}
		p := r.Packages[name]
		r.Put(roster.IndexPath(name, p.Index.Digest()), p.Index.Bytes())
		l := p.Leaf()
		if edit := r.Leaves[name]; edit != nil {
			edit(&l)
		}
		lines = append(lines, leafLine{name, l.String()})
	}
	m := mapMaker{depth: r.Depth, edit: r.File, put: func(d digest.Digest, text string) { r.Put(roster.MapPath(d), []byte(text)) }}
	return roster.MapRoot{Root: m.subtree(lines, ""), Size: uint64(len(lines))}
}

// Publish publishes the next snapshot, twelve hours long, edited by edit
// (which may be nil), and points latest at it.
func (r *Repo) Publish(edit func(*roster.SnapshotContent)) uint64 {
	r.T.Helper()
	r.SnapshotVersion = max(r.SnapshotVersion+1, r.Root.SnapshotFloor)
	c := roster.SnapshotContent{
		Repository: r.Repository, Version: r.SnapshotVersion, Issued: roster.At(r.Now), Expires: roster.At(r.Now.Add(12 * time.Hour)),
		Roster: r.Roster.Version(), Map: r.PutMap(), Revoked: r.Revoked,
	}
	if edit != nil {
		edit(&c)
	}
	c.Type = "snapshot/v1"
	r.SnapshotVersion = c.Version
	r.PutSigned(roster.SnapshotPath(c.Version), Print(c), r.Snapshot)
	r.Latest(c.Version)
	return c.Version
}

// Latest points latest at a snapshot.
func (r *Repo) Latest(version uint64) { r.Put(roster.LatestPath, fmt.Appendf(nil, "%d\n", version)) }

// Anchor publishes a roster whose anchor is the map as it is now.
func (r *Repo) Anchor() {
	r.T.Helper()
	root := r.PutMap().Root
	r.Succeed(func(next *roster.Root) { next.Anchor = root })
}

// Edit changes a published document and has it signed again.
func (r *Repo) Edit(path string, edit func(string) string, signers ...*rostertest.Signer) {
	r.T.Helper()
	was := string(r.Files[path])
	now := edit(was)
	if now == was {
		r.T.Fatalf("the suite: the edit of %s changes nothing", path)
	}
	r.PutSigned(path, []byte(now), signers...)
}

// PutListBytes publishes a list that need not be well-formed, countersigned,
// and makes the map name it.
func (r *Repo) PutListBytes(pkg string, version uint64, doc []byte, signers ...*rostertest.Signer) digest.Digest {
	r.T.Helper()
	d := digest.Sum(doc)
	path := roster.ListPath(pkg, d)
	r.PutSigned(path, doc, signers...)
	r.Put(roster.CountersignaturePath(path), rostertest.Sign(r.T, doc, r.Countersign))
	r.Leaves[pkg] = func(l *tree.Leaf) { l.ListVersion, l.List = version, d }
	return d
}

// PutIndexBytes makes the map name an index that need not be well-formed.
func (r *Repo) PutIndexBytes(pkg string, index []byte) {
	d := digest.Sum(index)
	r.Put(roster.IndexPath(pkg, d), index)
	before := r.Leaves[pkg]
	r.Leaves[pkg] = func(l *tree.Leaf) {
		if before != nil {
			before(l)
		}
		l.IndexLength, l.Index = uint64(len(index)), d
	}
}

// PutManifestBytes publishes a manifest that need not be well-formed, and adds
// its line.
func (r *Repo) PutManifestBytes(pkg, version string, doc []byte, signers ...*rostertest.Signer) digest.Digest {
	r.T.Helper()
	d := digest.Sum(doc)
	r.PutSigned(roster.ManifestPath(pkg, d), doc, signers...)
	r.Append(pkg, roster.Line{Kind: roster.LineManifest, Version: version, Digest: d})
	return d
}

// Print prints a document in the encoding of the specification, section 1.2,
// whether or not it keeps the document's rules.
func Print(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic(err) // no value of ours is beyond JSON
	}
	return bytes.ReplaceAll(b.Bytes(), []byte(": null"), []byte(": []"))
}
