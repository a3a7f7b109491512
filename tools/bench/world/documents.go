package world

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// pool is how many people maintain packages.
const pool = 4096

// A State is how far a package has come since the root last anchored it.
type State struct {
	Releases int  // added since
	Lists    int  // successions since
	New      bool // not in the anchor at all
	Override bool // a list that does not follow, for the root to put in place
}

// documents are the real ones of one package in one state.
type documents struct {
	lists     []*roster.List // oldest first
	signers   [][]*rostertest.Signer
	index     *roster.Index
	manifests []*roster.Manifest // of the releases from the anchor's last on
}

// A maker makes the documents of one package, always the same.
type maker struct {
	repository string
	at         time.Time
	seed       uint64
	place      int
	member     Member
	cached     map[State]*documents
	mu         sync.Mutex
}

// made is a digest that stands for a document which nobody asks for.
func (m *maker) made(what string, k int) digest.Digest {
	var b [24]byte
	binary.BigEndian.PutUint64(b[:], m.seed)
	binary.BigEndian.PutUint64(b[8:], uint64(m.place))
	binary.BigEndian.PutUint64(b[16:], uint64(k))
	return sha256.Sum256(append(b[:], what...))
}

func person(place, k int) *rostertest.Signer {
	return rostertest.Person(fmt.Sprintf("maintainer %d", (place*131+k)%pool))
}

func (m *maker) documents(s State) (*documents, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.cached[s]; d != nil {
		return d, nil
	}
	d := &documents{}
	if err := m.makeIndex(d, m.member.Releases+s.Releases); err != nil {
		return nil, err
	}
	for version := 1; version <= 1+s.Lists; version++ {
		if err := m.makeList(d, version, s.Override && version == 1+s.Lists); err != nil {
			return nil, err
		}
	}
	if m.cached == nil {
		m.cached = make(map[State]*documents)
	}
	m.cached[s] = d
	return d, nil
}

// makeIndex makes the index with n releases. A line from before the anchor's
// last names a manifest that nobody asks for.
func (m *maker) makeIndex(d *documents, n int) error {
	x, err := roster.NewIndex(m.repository, m.member.Name)
	if err != nil {
		return err
	}
	var lines []roster.Line
	for k := range n {
		line := roster.Line{Kind: roster.LineManifest, Version: version(k), Digest: m.made("manifest", k)}
		if k >= m.member.Releases-1 {
			manifest, err := m.makeManifest(k)
			if err != nil {
				return err
			}
			d.manifests = append(d.manifests, manifest)
			line.Digest = manifest.Digest()
		}
		lines = append(lines, line)
	}
	d.index, err = x.Append(lines...)
	return err
}

// makeManifest makes that of a release: a source archive and a wheel.
func (m *maker) makeManifest(k int) (*roster.Manifest, error) {
	return roster.NewManifest(roster.ManifestContent{
		Repository: m.repository, Package: m.member.Name, Version: version(k), Issued: roster.At(m.at),
		Files: []roster.File{
			{Name: WheelName(m.member.Name, k), Size: 48_211, SHA256: m.made("wheel", k)},
			{Name: fmt.Sprintf("%s-%s.tar.gz", underscored(m.member.Name), version(k)), Size: 51_077, SHA256: m.made("archive", k)},
		},
	})
}

// WheelName is the file name of a package's k-th release.
func WheelName(pkg string, k int) string {
	return fmt.Sprintf("%s-%s-py3-none-any.whl", underscored(pkg), version(k))
}

func underscored(name string) string {
	b := []byte(name)
	for i := range b {
		if b[i] == '-' {
			b[i] = '_'
		}
	}
	return string(b)
}

// makeList makes the next version: the first names the package's maintainers,
// each later one puts another person in the first one's place. An override
// names somebody else altogether.
func (m *maker) makeList(d *documents, version int, override bool) error {
	c := roster.ListContent{Repository: m.repository, Package: m.member.Name, Version: uint64(version), Issued: roster.At(m.at), Threshold: 1, ReleaseThreshold: 1}
	people := make([]*rostertest.Signer, m.member.Maintainers)
	for i := range people {
		people[i] = person(m.place, i)
	}
	var signers []*rostertest.Signer
	if override {
		people = []*rostertest.Signer{person(m.place, 100)}
	}
	if version > 1 {
		before := d.lists[len(d.lists)-1]
		c.Previous = roster.Ref{Digest: before.Digest()}
		if !override {
			old := people[0]
			people[0] = person(m.place, 20+version)
			if version > 2 {
				old = person(m.place, 19+version)
			}
			signers = append(signers, old)
		}
		signers = append(signers, people[0])
		c.Inherits = d.index.Inheritance()
	} else {
		signers = people
	}
	for _, p := range people {
		c.Maintainers = append(c.Maintainers, roster.Maintainer{Name: p.Name, Keys: []roster.Key{{PublicKey: p.Key}}})
	}
	list, err := roster.NewList(c)
	if err != nil {
		return err
	}
	d.lists, d.signers = append(d.lists, list), append(d.signers, signers)
	return nil
}

// leaf is the package's line in a state. An override does not stand in the
// map that the online signer makes.
func (d *documents) leaf(name string) tree.Leaf {
	l := d.lists[len(d.lists)-1]
	return tree.Leaf{Name: name, Status: tree.Active, ListVersion: l.Version(), List: l.Digest(), IndexLength: d.index.Length(), Index: d.index.Digest()}
}

// indexLengths[k] is the length of the first k lines of any index.
var indexLengths = func() []uint64 {
	all := make([]uint64, maxReleases+1)
	for k := range maxReleases {
		all[k+1] = all[k] + uint64(len(roster.Line{Kind: roster.LineManifest, Version: version(k)}.String())) + 1
	}
	return all
}()

// madeLeaf is the line of a package whose documents nobody asks for: of the
// right length, with digests of nothing. change makes another of it.
func (m *maker) madeLeaf(change int) tree.Leaf {
	header := uint64(len(roster.IndexType) + len(m.repository) + len(m.member.Name) + 3)
	return tree.Leaf{
		Name: m.member.Name, Status: tree.Active, ListVersion: 1, List: m.made("list", 0),
		IndexLength: header + indexLengths[m.member.Releases] + uint64(change)*80, Index: m.made("index", change),
	}
}
