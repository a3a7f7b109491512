package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// A View is the index as a verified snapshot shows it. Only [Client.Refresh]
// makes one. It is for one goroutine.
type View struct {
	client   *Client
	at       time.Time
	m        *memory
	snapshot *roster.Snapshot
	stamp    [32]byte
	mirror   int // which of the client's sources is asked
	ahead    ahead
	maps     mapCache
}

// Roster is the newest roster; it was current at the time of the refresh.
func (v *View) Roster() *roster.Roster { return v.m.newest() }

// Snapshot is the snapshot that the view shows.
func (v *View) Snapshot() *roster.Snapshot { return v.snapshot }

// At is the time by which the view judges.
func (v *View) At() time.Time { return v.at }

// Revoked is every key known revoked: online keys and maintainers'.
func (v *View) Revoked() roster.Revoked { return v.m.revoked.And(nil) }

// Fetch reads a file that must be at a path of the repository: that it is not
// is a stale [*roster.Error]. What it returns is not trusted.
func (v *View) Fetch(ctx context.Context, path string, limit int64) ([]byte, error) {
	var b []byte
	err := v.withMirrors(func() (err error) {
		b, err = v.must(ctx, path, limit)
		return err
	})
	return b, err
}

// A Package is a package whose leaf, index and, if it has one, maintainer list
// verified, and whose standing the policy accepts. Only [View.Package] makes
// one.
type Package struct {
	Name     string           // in normal form
	Outcome  Outcome          // Established, Remembered, New or Unsigned
	Leaf     tree.Leaf        // what the map says of it
	Index    *roster.Index    // its release index
	Standing *roster.Standing // its maintainer list; nil if it is Unsigned
}

// Frozen reports whether the package has a list without maintainers.
func (p *Package) Frozen() bool { return p.Standing != nil && p.Standing.Frozen() }

// Package does steps 4 and 5: it finds a package's leaf in the map, verifies
// its index and its maintainer list, and remembers them. The name need not be
// in normal form. A package that the policy does not accept, or nobody may
// use, is refused with an error that wraps an [*OutcomeError].
func (v *View) Package(ctx context.Context, name string) (*Package, error) {
	var p *Package
	err := v.locked(ctx, false, func() (err error) {
		p, err = v.openPackage(ctx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// locked calls f under the lock. If another program has refreshed the state
// since, this view is refreshed first: its snapshot could be too old for what
// is remembered now. With keep, what f asks for ahead stays for later calls.
func (v *View) locked(ctx context.Context, keep bool, f func() error) error {
	return v.client.dir.locked(ctx, func() error {
		stamp, err := v.m.stamp()
		if err == nil && stamp != v.stamp {
			err = v.withMirrors(func() error { return v.reload(ctx) })
		}
		if err != nil {
			return err
		}
		revocations := len(v.m.keys)
		err = v.withMirrors(func() error { return v.ahead.call(ctx, keep, f) })
		if flushErr := v.maps.flush(v.m.dir); err == nil {
			err = flushErr
		}
		if len(v.m.keys) != revocations {
			var stampErr error
			if v.stamp, stampErr = v.m.stamp(); err == nil {
				err = stampErr
			}
		}
		return err
	})
}

// found is what the two maps say of a package.
type found struct {
	leaf, anchored  tree.Leaf
	inMap, inAnchor bool
}

// lookIn goes both ways at once.
func (v *View) lookIn(ctx context.Context, name string) (found, error) {
	if f, ok := v.ahead.takeFound(name); ok {
		return f, nil
	}
	var f found
	var err, anchorErr error
	root, anchor := v.snapshot.Map().Root, v.m.newest().Root().Anchor
	var g sync.WaitGroup
	if anchor != root {
		g.Go(func() { f.anchored, f.inAnchor, anchorErr = roster.Lookup(ctx, anchor, name, v.must) })
	}
	f.leaf, f.inMap, err = roster.Lookup(ctx, root, name, v.must)
	g.Wait()
	if err != nil {
		return f, err
	}
	if anchorErr != nil {
		return f, fmt.Errorf("looking in the anchored map: %w", anchorErr)
	}
	if anchor == root {
		f.anchored, f.inAnchor = f.leaf, f.inMap
	}
	return f, nil
}

// lookUp is lookIn, and tells what was found.
func (v *View) lookUp(ctx context.Context, name string) (found, error) {
	f, err := v.lookIn(ctx, name)
	if err != nil {
		return f, err
	}
	v.trace(roster.LayerMap, name, v.snapshot.Map().Root, "the snapshot's map has "+f.said(f.inMap, f.leaf))
	v.trace(roster.LayerAnchor, name, v.m.newest().Root().Anchor, fmt.Sprintf("the map that roster %d anchors has %s", v.m.newest().Version(), f.said(f.inAnchor, f.anchored)))
	return f, nil
}

func (f found) said(in bool, l tree.Leaf) string {
	if !in {
		return "no line for it, which its shape proves"
	}
	return fmt.Sprintf("the line %q", l)
}

// Index does step 4 alone: it finds a package's leaf in the map and verifies
// and remembers its release index, without a look at its list or at the
// policy. It is for those who are to make the package's next list. That the
// package is unknown is an error that wraps an [*OutcomeError].
func (v *View) Index(ctx context.Context, name string) (leaf tree.Leaf, x *roster.Index, err error) {
	err = v.locked(ctx, false, func() error {
		f, kept, err := v.openLeaf(ctx, name)
		if err != nil {
			return err
		}
		leaf = f.leaf
		x, err = v.openIndex(ctx, f, kept)
		return errors.Join(err, kept.store())
	})
	return leaf, x, err
}

// openLeaf finds a package in both maps and in the memory.
func (v *View) openLeaf(ctx context.Context, name string) (found, *packageMemory, error) {
	name, err := normalName(name)
	if err != nil {
		return found{}, nil, err
	}
	f, err := v.lookUp(ctx, name)
	if err != nil {
		return f, nil, err
	}
	kept, err := v.m.loadPackage(name)
	if err != nil {
		return f, nil, err
	}
	kept.forget(f.anchored.List)
	return f, kept, v.checkLeaf(f, kept)
}

// openPackage does steps 4 and 5. What verified is remembered in one writing,
// whatever becomes of the rest.
func (v *View) openPackage(ctx context.Context, name string) (*Package, error) {
	f, kept, err := v.openLeaf(ctx, name)
	if err != nil {
		return nil, err
	}
	p, err := v.judgePackage(ctx, f, kept)
	if err := errors.Join(err, kept.store()); err != nil {
		return nil, err
	}
	return p, nil
}

func (v *View) judgePackage(ctx context.Context, f found, kept *packageMemory) (*Package, error) {
	v.askPackage(f, kept)
	p := &Package{Name: f.leaf.Name, Leaf: f.leaf}
	var err error
	if p.Index, err = v.openIndex(ctx, f, kept); err != nil {
		return nil, err
	}
	if err := v.checkHasList(f, kept); err != nil {
		return nil, err
	}
	if !f.leaf.HasList() {
		p.Outcome = Unsigned
		v.trace(roster.LayerList, p.Name, digest.Digest{}, "it has no maintainer list")
		return p, v.accept(p)
	}
	chain, err := v.openList(ctx, f, kept, p)
	if err != nil {
		return nil, err
	}
	if err := v.accept(p); err != nil {
		return nil, err
	}
	kept.rememberChain(chain)
	return p, nil
}

// askPackage asks for what a package's leaf names: its index, its list with
// signatures, and the anchored list, from which one succession usually leads.
func (v *View) askPackage(f found, kept *packageMemory) {
	name, leaf := f.leaf.Name, f.leaf
	if _, ok := kept.keptIndex(leaf.Index); !ok {
		v.askIndex(leaf, kept)
	}
	if !leaf.HasList() {
		return
	}
	current := roster.ListPath(name, leaf.List)
	_, ok := kept.known(leaf.List)
	if !ok {
		v.ask(current, roster.MaxList)
	}
	if leaf.List == f.anchored.List {
		return
	}
	v.ask(roster.CountersignaturePath(current), roster.MaxSignatureFile)
	if !ok {
		v.ask(roster.SignaturePath(current), roster.MaxSignatureFile)
	}
	if _, ok := kept.known(f.anchored.List); !ok && f.anchored.HasList() {
		v.ask(roster.ListPath(name, f.anchored.List), roster.MaxList)
	}
}

// accept refuses a package whose standing, or whose being frozen, the policy
// does not accept.
func (v *View) accept(p *Package) error {
	if err := v.client.config.Accept.check(p.Name, p.Outcome); err != nil || !p.Frozen() {
		return err
	}
	return v.client.config.Accept.check(p.Name, Frozen)
}

// checkLeaf judges a leaf that is absent, and a status that refuses.
func (v *View) checkLeaf(f found, kept *packageMemory) error {
	name := kept.record.Package
	switch {
	case f.inMap && f.leaf.Status == tree.Quarantined:
		return never(roster.LayerMap, name, Quarantined, "wait, or ask those who run the index why")
	case f.inMap && f.leaf.Status == tree.Removed:
		return never(roster.LayerMap, name, Removed, "use another package, or ask those who run the index why")
	case f.inMap:
		return nil
	case f.inAnchor:
		return &roster.Error{Layer: roster.LayerMap, Subject: name, Problem: "the package is anchored by the root, but absent from the index",
			Do: "a name once anchored stays: the index is withholding it; report it"}
	}
	if s := kept.standing(digest.Digest{}); s != nil {
		return &roster.Error{Layer: roster.LayerMemory, Subject: name, Problem: "this client remembers a maintainer list of the package, but it is absent from the index",
			Want: fmt.Sprintf("list version %d, %s, or one that follows it", s.Version(), s.Digest()), Do: "the index is withholding it; report it"}
	}
	return never(roster.LayerMap, name, Unknown, "check the spelling of the name")
}

// checkHasList refuses a leaf without a list where there must be one.
func (v *View) checkHasList(f found, kept *packageMemory) error {
	name := kept.record.Package
	if f.leaf.HasList() {
		return nil
	}
	if f.anchored.HasList() {
		return &roster.Error{Layer: roster.LayerList, Subject: name, Problem: "the root has anchored a maintainer list of the package, but the index shows none",
			Want: fmt.Sprintf("list version %d, %s, or one that follows it", f.anchored.ListVersion, f.anchored.List), Do: "the index is hiding it: do not install; report it"}
	}
	if s := kept.standing(digest.Digest{}); s != nil {
		return &roster.Error{Layer: roster.LayerMemory, Subject: name, Problem: "this client remembers a maintainer list of the package, but the index shows none",
			Want: fmt.Sprintf("list version %d, %s, or one that follows it", s.Version(), s.Digest()), Do: "the index is hiding it: do not install; report it"}
	}
	return nil
}

// openIndex verifies the release index against the leaf, the anchor and the
// memory, remembers it, and then the key revocations that it names.
func (v *View) openIndex(ctx context.Context, f found, kept *packageMemory) (*roster.Index, error) {
	name, leaf := kept.record.Package, f.leaf
	raw, err := v.readIndex(ctx, leaf, kept)
	if err != nil {
		return nil, err
	}
	x, err := roster.OpenIndex(raw, v.m.pin.repository, leaf)
	if err != nil {
		return nil, err
	}
	if err := x.Extends(f.anchored.IndexLength, f.anchored.Index, "the anchored index"); err != nil {
		return nil, err
	}
	if err := x.Extends(kept.record.IndexLength, kept.record.Index.Digest, "the index that this client remembers"); err != nil {
		return nil, err
	}
	kept.rememberIndex(x)
	v.trace(roster.LayerIndex, name, x.Digest(), fmt.Sprintf("its release index is the one that the map commits to: %d lines; it extends the anchored and the remembered one", len(x.Lines())))
	return x, v.takeKeyRevocations(ctx, x, kept)
}

// askKeyRevocations asks for those that an index names and nobody knows here.
func (v *View) askKeyRevocations(x *roster.Index) {
	for _, d := range x.Revocations() {
		if _, ok := v.m.keys[d]; !ok {
			v.ask(roster.KeyRevocationPath(d), roster.MaxRevocation)
			v.ask(roster.SignaturePath(roster.KeyRevocationPath(d)), roster.MaxSignatureFile)
		}
	}
}

func (v *View) takeKeyRevocations(ctx context.Context, x *roster.Index, kept *packageMemory) error {
	v.askKeyRevocations(x)
	fetched := make(map[string][]byte)
	revs, err := roster.FetchKeyRevocations(ctx, x, func(ctx context.Context, path string, limit int64) ([]byte, error) {
		b, err := v.must(ctx, path, limit)
		fetched[path] = b
		return b, err
	})
	if err != nil {
		return err
	}
	var added []verifiedKey
	for _, rev := range revs {
		if _, ok := v.m.keys[rev.Digest()]; !ok {
			path := roster.KeyRevocationPath(rev.Digest())
			added = append(added, verifiedKey{rev, roster.Signed{Document: fetched[path], Signatures: fetched[roster.SignaturePath(path)]}})
		}
	}
	if len(added) > 0 {
		if err := kept.store(); err != nil { // the index is remembered before them
			return err
		}
		if err := v.m.addKeys(added); err != nil {
			return err
		}
	}
	for _, rev := range revs {
		v.trace(roster.LayerRevocation, roster.KeyRevocationPath(rev.Digest()), rev.Digest(), fmt.Sprintf("maintainer's key %s revoked itself (%s)", rev.Key(), rev.Reason()))
	}
	return nil
}

// openList does step 5, and says in p what the list is. It returns the chain
// that leads to it.
func (v *View) openList(ctx context.Context, f found, kept *packageMemory, p *Package) ([]roster.Signed, error) {
	s, chain, err := v.openChain(ctx, f, kept.known, p.Name)
	var refused *roster.Error
	if errors.As(err, &refused) && !refused.Stale && len(kept.chain) > 0 {
		// The signatures kept here may lack some that were added since.
		if s2, chain2, err2 := v.openChain(ctx, f, nil, p.Name); err2 == nil {
			s, chain, err = s2, chain2, nil
		}
	}
	if err != nil {
		return nil, err
	}
	remembered := kept.standing(f.anchored.List)
	if remembered != nil && !s.Descends(remembered.Digest()) {
		return nil, &roster.Error{Layer: roster.LayerMemory, Subject: p.Name, Problem: "the list is neither the one that this client remembers nor one that follows it",
			Found: fmt.Sprintf("version %d, %s", s.Version(), s.Digest()), Want: fmt.Sprintf("version %d, %s", remembered.Version(), remembered.Digest()),
			Do: "an old list is shown to you, or another one was made without the maintainers: do not install; report it"}
	}
	p.Standing, p.Outcome = s, New
	switch {
	case s.Established():
		p.Outcome = Established
	case remembered != nil:
		p.Outcome = Remembered
	}
	v.traceList(p)
	return chain, nil
}

func (v *View) openChain(ctx context.Context, f found, known func(digest.Digest) (roster.Signed, bool), name string) (*roster.Standing, []roster.Signed, error) {
	anchored := f.anchored.List
	chain, err := roster.FetchChain(ctx, name, f.leaf.List, anchored, known, func(ctx context.Context, path string, limit int64) ([]byte, error) {
		if strings.HasSuffix(path, ".json") && path != roster.ListPath(name, anchored) {
			v.ask(roster.SignaturePath(path), roster.MaxSignatureFile) // with the list, not after it
		}
		return v.must(ctx, path, limit)
	})
	if err != nil {
		return nil, nil, err
	}
	var countersignature []byte
	if f.leaf.List != anchored {
		path := roster.CountersignaturePath(roster.ListPath(name, f.leaf.List))
		if countersignature, err = v.must(ctx, path, roster.MaxSignatureFile); err != nil {
			return nil, nil, err
		}
	}
	s, err := v.m.newest().OpenList(roster.Lineage{Package: name, Anchored: anchored, Chain: chain, Revoked: v.m.revoked}, f.leaf, countersignature, v.at)
	return s, chain, err
}

func (v *View) traceList(p *Package) {
	s := p.Standing
	why := p.Outcome.Sentence(p.Name)
	switch {
	case s.Anchored():
		why += "; this very list is in the anchor"
	case s.Successions() > 0:
		why += fmt.Sprintf("; %d succession(s) lead here, the last approved by %s", s.Successions(), strings.Join(s.ApprovedBy(), ", "))
	}
	v.trace(roster.LayerList, fmt.Sprintf("%s version %d", p.Name, s.Version()), s.Digest(), why)
}

func (v *View) trace(l roster.Layer, subject string, d digest.Digest, why string) {
	v.client.config.Trace(Step{Layer: l, Subject: subject, Digest: d, Why: why})
}
