package world

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// A World is an index as it is published: rosters, maps and snapshots for all
// its packages, and documents for those that are watched.
type World struct {
	Index   *rostertest.Index // rosters and snapshots; its Files hold no documents of packages
	Members []Member

	seed    uint64
	places  map[string]int
	watched map[string]*maker  // those with real documents
	states  map[string][]State // of each watched package, oldest first
	leaves  []tree.Leaf        // as they are now, by place
	changes []uint8            // how often a package without documents changed
	all     bool               // keep the whole map, not only the way to watched packages
	kept    map[string]bool    // the prefixes of the map's files that are kept

	mu         sync.Mutex
	mapFiles   map[digest.Digest][]byte
	signatures map[string][]byte
}

// keyholders is how many people hold the root of a made-up index, 4 of them
// enough; each has a card with an attestation.
var keyholders = []string{"Alice", "Bob", "Carol", "Dave", "Erin", "Frank", "Grace"}

// New returns an index of n packages, none of them anchored or published yet.
// Only what watch names has documents; with whole, all of the map's files are
// kept, and else those on the way to a watched package.
func New(t rostertest.TB, seed uint64, n int, whole bool, watch func([]Member) []string) *World {
	w := &World{
		Index: rostertest.New(t), Members: Population(seed, n), seed: seed, places: make(map[string]int, n), watched: make(map[string]*maker),
		states: make(map[string][]State), leaves: make([]tree.Leaf, n), changes: make([]uint8, n), all: whole,
		kept: make(map[string]bool), mapFiles: make(map[digest.Digest][]byte), signatures: make(map[string][]byte),
	}
	for i, m := range w.Members {
		w.places[m.Name] = i
		w.leaves[i] = w.maker(i).madeLeaf(0)
	}
	for _, name := range watch(w.Members) {
		w.watched[name] = w.maker(w.places[name])
		position := tree.Position(name).String()
		for depth := range tree.MaxDepth {
			w.kept[position[:depth]] = true
		}
		w.Change(name, State{})
	}
	return w
}

func (w *World) maker(place int) *maker {
	return &maker{repository: w.Index.Repository, at: w.Index.Now, seed: w.seed, place: place, member: w.Members[place]}
}

// Leaves are the lines of the map as they are now, in no order.
func (w *World) Leaves() []tree.Leaf { return w.leaves }

// State is how a watched package is now; Member what it is.
func (w *World) State(name string) State {
	all := w.states[name]
	return all[len(all)-1]
}

// Member returns the package of that name.
func (w *World) Member(name string) Member { return w.Members[w.places[name]] }

// Change brings a watched package to a state.
func (w *World) Change(name string, s State) {
	d, err := w.watched[name].documents(s)
	if err != nil {
		w.Index.T.Fatalf("making the documents of %s: %v", name, err)
	}
	w.states[name] = append(w.states[name], s)
	w.leaves[w.places[name]] = d.leaf(name)
}

// Override returns the digest of the list by which the root may replace that
// of a watched package.
func (w *World) Override(name string) digest.Digest {
	s := State{Releases: w.State(name).Releases, Lists: 1, Override: true}
	d, err := w.watched[name].documents(s)
	if err != nil {
		w.Index.T.Fatalf("making the override of %s: %v", name, err)
	}
	w.states[name] = slices.Insert(w.states[name], 0, s)
	return d.lists[len(d.lists)-1].Digest()
}

// ChangeOthers gives n packages without documents another index, beginning at
// a place that the round chooses, spread over all.
func (w *World) ChangeOthers(n, round int) {
	step := 7919 // a prime: with most sizes, every package comes once
	for i, done := round*104_729%len(w.Members), 0; done < n; i = (i + step) % len(w.Members) {
		if w.watched[w.Members[i].Name] == nil {
			w.changes[i]++
			w.leaves[i] = w.maker(i).madeLeaf(int(w.changes[i]))
			done++
		}
	}
}

// Map makes the map of all packages but those left out, and keeps its files.
func (w *World) Map(leftOut map[string]bool) roster.MapRoot {
	leaves := w.leaves
	if len(leftOut) > 0 {
		leaves = nil
		for _, l := range w.leaves {
			if !leftOut[l.Name] {
				leaves = append(leaves, l)
			}
		}
	}
	root, size, err := tree.Build(leaves, func(d digest.Digest, file []byte) error {
		if w.all || w.kept[prefixOf(file)] {
			w.mapFiles[d] = slices.Clone(file)
		}
		return nil
	})
	if err != nil {
		w.Index.T.Fatalf("the map: %v", err)
	}
	return roster.MapRoot{Root: root, Size: size}
}

// prefixOf reads a map file's first line.
func prefixOf(file []byte) string {
	first, _, _ := strings.Cut(string(file[:min(len(file), 64)]), "\n")
	_, prefix, _ := strings.Cut(first, " ")
	return strings.TrimPrefix(prefix, "-")
}

// Anchor makes the next roster, which anchors the map of all packages but
// those left out. It has seven keyholders, and a standby pair of online keys.
func (w *World) Anchor(leftOut map[string]bool) *roster.Roster {
	root := w.Map(leftOut).Root
	return w.Index.Succeed(func(r *roster.Root) {
		r.Anchor, r.Threshold = root, 4
		rostertest.SetKeyholders(r, rostertest.People(keyholders...)...)
		for i := range r.Keyholders {
			r.Keyholders[i].Attestation = digest.Sum([]byte(r.Keyholders[i].Name)).String()
		}
		for _, name := range []string{"countersign-2", "snapshot-2"} {
			key := roster.Key{PublicKey: rostertest.Person(name).Key}
			if slices.ContainsFunc(r.OnlineKeys, func(k roster.OnlineKey) bool { return k.Key.ID() == key.ID() }) {
				continue
			}
			standby := r.OnlineKeys[len(r.OnlineKeys)-2] // the first of the pair before has the same role
			standby.Key = key
			r.OnlineKeys = append(r.OnlineKeys, standby)
		}
	})
}

// Publish signs the next snapshot over the map as it is now.
func (w *World) Publish() uint64 {
	m := w.Map(nil)
	return w.Index.Publish(func(c *roster.SnapshotContent) { c.Map = m })
}

// Fetch is the index as verifying code sees it.
func (w *World) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	b, err := w.File(path)
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("fetching %s: %d bytes, wanted at most %d", path, len(b), limit)
	}
	return b, err
}

// File returns what is published at a path. That there is nothing wraps
// roster.ErrAbsent.
func (w *World) File(path string) ([]byte, error) {
	if b, ok := w.Index.Files[path]; ok {
		return b, nil
	}
	parts := strings.Split(path, "/")
	if d, err := digest.Parse(parts[len(parts)-1]); err == nil && len(parts) == 2 && parts[0] == "map" {
		if b, ok := w.mapFiles[d]; ok {
			return b, nil
		}
	}
	if len(parts) == 3 && w.watched[parts[1]] != nil {
		if b, err := w.document(path, parts); b != nil || err != nil {
			return b, err
		}
	}
	return nil, fmt.Errorf("fetching %s: %w", path, roster.ErrAbsent)
}

// document makes a package's document, or the signatures of one; nil if it
// has none there.
func (w *World) document(path string, parts []string) ([]byte, error) {
	m := w.watched[parts[1]]
	name, suffix, _ := strings.Cut(parts[2], ".")
	sum, err := digest.Parse(name)
	if err != nil {
		return nil, nil
	}
	for _, s := range w.states[parts[1]] {
		d, err := m.documents(s)
		if err != nil {
			return nil, err
		}
		document, signers := d.find(parts[0], sum, w.Index.Countersign, m, suffix)
		switch {
		case document == nil:
			continue
		case signers == nil:
			return document, nil
		}
		return w.signature(path, document, signers), nil
	}
	return nil, nil
}

// find returns a document of the package and, if the path ends as that of a
// signature file, who is to sign it.
func (d *documents) find(dir string, sum digest.Digest, online *rostertest.Signer, m *maker, suffix string) ([]byte, []*rostertest.Signer) {
	switch dir {
	case "indexes":
		if suffix == "" && d.index.Digest() == sum {
			return d.index.Bytes(), nil
		}
	case "lists":
		for i, l := range d.lists {
			if l.Digest() == sum {
				return signedBy(l.Bytes(), suffix, d.signers[i], online)
			}
		}
	case "releases":
		for _, r := range d.manifests {
			if r.Digest() == sum {
				return signedBy(r.Bytes(), suffix, []*rostertest.Signer{d.releaser(m)}, nil)
			}
		}
	}
	return nil, nil
}

// releaser is a maintainer of all the package's lists but an override: the
// last, or the only one's newest successor.
func (d *documents) releaser(m *maker) *rostertest.Signer {
	if n := m.member.Maintainers; n > 1 || len(d.lists) == 1 {
		return person(m.place, n-1)
	}
	return person(m.place, 20+len(d.lists))
}

func signedBy(document []byte, suffix string, signers []*rostertest.Signer, online *rostertest.Signer) ([]byte, []*rostertest.Signer) {
	switch {
	case suffix == "json":
		return document, nil
	case suffix == "json.asc":
		return document, signers
	case suffix == "json.countersign.asc" && online != nil:
		return document, []*rostertest.Signer{online}
	}
	return nil, nil
}

// signature signs once, so that a file stays as it is.
func (w *World) signature(path string, document []byte, signers []*rostertest.Signer) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.signatures[path] == nil {
		w.signatures[path] = rostertest.Sign(w.Index.T, document, signers...)
	}
	return w.signatures[path]
}

// Newest is the name of a watched package's newest file.
func (w *World) Newest(name string) string {
	return WheelName(name, w.Member(name).Releases+w.State(name).Releases-1)
}
