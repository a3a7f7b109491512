package roster

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// An AnchorCase is what a ceremony puts to [Roster.Recompute].
type AnchorCase struct {
	// Map is the root of the map to be anchored: that of the snapshot which a
	// keyholder's own client fetched when the waiting period began.
	Map digest.Digest
	// Overrides name, for each package whose list the root itself replaces,
	// the list that is to be anchored.
	Overrides map[string]digest.Digest
	// Postpone names new packages that are left for the next anchor.
	Postpone map[string]bool
}

// An AnchorVerdict says what becomes of a name in the new anchor.
type AnchorVerdict string

// The verdicts. Names whose line is the former anchor's are not reported.
const (
	AnchorNew       AnchorVerdict = "new"       // not in the former anchor
	AnchorSucceeded AnchorVerdict = "succeeded" // a new list, by its maintainers
	AnchorExtended  AnchorVerdict = "extended"  // the same list; more lines, or another status
	AnchorOverride  AnchorVerdict = "override"  // a new list, by the root
	AnchorRefused   AnchorVerdict = "refused"   // the map's line is refused: the former line stays, a new name waits
	AnchorMissing   AnchorVerdict = "missing"   // not in the map: the former line stays
	AnchorPostponed AnchorVerdict = "postponed" // a new name left for next time
)

// An AnchorChange is one name's verdict. Old or New is zero where there is
// none; New is the line that the new anchor holds.
type AnchorChange struct {
	Name     string
	Verdict  AnchorVerdict
	Old, New tree.Leaf
	By       []string // the maintainers who approved a succession
	Why      error    // of a refusal
}

// An Anchor is a map recomputed from its leaves, each of which is the former
// anchor's or got there by succession or override. Only [Roster.Recompute]
// makes one.
type Anchor struct {
	root    digest.Digest
	leaves  []tree.Leaf
	changes []AnchorChange
}

// Root is what a roster pins.
func (a *Anchor) Root() digest.Digest { return a.root }

// Size is how many names the anchor holds.
func (a *Anchor) Size() int { return len(a.leaves) }

// Changes reports every name whose line is not simply the former one, sorted.
func (a *Anchor) Changes() []AnchorChange { return slices.Clone(a.changes) }

// Emit passes each node and bucket of the anchor's map to emit.
func (a *Anchor) Emit(emit func(d digest.Digest, file []byte) error) error {
	_, _, err := tree.Build(a.leaves, emit)
	return err
}

// Recompute makes the anchor of the next roster. It reads every leaf of r's
// anchor and of the map in the case, recomputes both roots from the leaves,
// and judges each line that differs: the list must descend from the anchored
// one by succession (or, for a new name, stand from version 1), judged with
// the key revocations of the index and those in revoked; the index must
// extend the anchored one. A line that is refused keeps its former state, and
// so does a name that has gone: no name of the former anchor may be missing.
// Overrides replace the list, never the index.
//
// Countersignatures are not looked at: they are the online signer's word.
func (r *Roster) Recompute(ctx context.Context, c AnchorCase, revoked Revoked, fetch Fetch) (*Anchor, error) {
	old, err := leavesOf(ctx, r.root.Anchor, "the former anchor", fetch)
	if err != nil {
		return nil, err
	}
	now, err := leavesOf(ctx, c.Map, "the map to be anchored", fetch)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(old)
	maps.Copy(names, now)
	for name := range c.Overrides {
		if _, ok := names[name]; !ok {
			return nil, refuse(LayerAnchor, printable(name), "the override is for a name that neither map holds").do("check the plan's spelling of the package")
		}
	}
	a := &Anchor{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, had := old[name]
		is, has := now[name]
		if had && has && was == is && c.Overrides[name].IsZero() {
			a.leaves = append(a.leaves, was)
			continue
		}
		ch := r.judge(ctx, anchorLine{name, was, is, had, has}, c, revoked, fetch)
		if ch.Verdict == AnchorRefused && !c.Overrides[name].IsZero() {
			return nil, refuse(LayerAnchor, name, "the override that the plan names is refused").because(ch.Why)
		}
		a.changes = append(a.changes, ch)
		if ch.New.Name != "" {
			a.leaves = append(a.leaves, ch.New)
		}
	}
	a.root, _, err = tree.Build(a.leaves, nil)
	if err != nil {
		return nil, refuse(LayerAnchor, "new", "its map cannot be built").because(err)
	}
	return a, nil
}

// leavesOf reads a whole map and checks that its leaves give its root.
func leavesOf(ctx context.Context, root digest.Digest, what string, fetch Fetch) (map[string]tree.Leaf, error) {
	leaves := make(map[string]tree.Leaf)
	var all []tree.Leaf
	err := tree.Walk(ctx, root, fetch.mapFile, func(l tree.Leaf) error {
		leaves[l.Name] = l
		all = append(all, l)
		return nil
	})
	if err != nil {
		return nil, refuse(LayerAnchor, what, "cannot be read").because(err).do("bring the whole map: the bundle from the index lacks a part of it, or a part was changed")
	}
	if got, _, err := tree.Build(all, nil); err != nil || got != root {
		return nil, refuse(LayerAnchor, what, "its leaves do not give its root").found("%s", got).want("%s", root)
	}
	return leaves, nil
}

// mapFile is the fetch as the tree package wants it.
func (f Fetch) mapFile(ctx context.Context, d digest.Digest, limit int64) ([]byte, error) {
	return f(ctx, MapPath(d), limit)
}

// Lookup finds a package's leaf in the map with this root, or proves that
// there is none. A map that is not as it should be is refused.
func Lookup(ctx context.Context, root digest.Digest, pkg string, fetch Fetch) (tree.Leaf, bool, error) {
	leaf, found, err := tree.Lookup(ctx, root, pkg, fetch.mapFile)
	var corrupt *tree.CorruptError
	if errors.As(err, &corrupt) {
		err = refuse(LayerMap, pkg, "a part of the map is not what it should be").because(err).do("it was changed on the way: try another mirror")
	}
	return leaf, found, err
}

type anchorLine struct {
	name     string
	was, is  tree.Leaf
	had, has bool
}

func (r *Roster) judge(ctx context.Context, l anchorLine, c AnchorCase, revoked Revoked, fetch Fetch) AnchorChange {
	ch := AnchorChange{Name: l.name, Old: l.was, New: l.was}
	var err error
	switch override, ok := c.Overrides[l.name]; {
	case ok:
		ch.Verdict = AnchorOverride
		ch.New, err = r.overridden(ctx, l, override, fetch)
	case !l.has:
		ch.Verdict = AnchorMissing
		return ch
	case !l.had && c.Postpone[l.name]:
		ch.Verdict = AnchorPostponed
		return ch
	default:
		ch.By, err = r.succeeded(ctx, l, revoked, fetch)
		ch.New, ch.Verdict = l.is, AnchorExtended
		if !l.had {
			ch.Verdict = AnchorNew
		} else if l.was.List != l.is.List {
			ch.Verdict = AnchorSucceeded
		}
	}
	if err != nil {
		return AnchorChange{Name: l.name, Verdict: AnchorRefused, Old: l.was, New: l.was, Why: err}
	}
	return ch
}

// indexFor fetches the index of the line and checks that it extends the
// former anchor's.
func (r *Roster) indexFor(ctx context.Context, l anchorLine, fetch Fetch) (*Index, error) {
	leaf := l.is
	if !l.has {
		leaf = l.was
	}
	raw, err := fetch(ctx, IndexPath(l.name, leaf.Index), int64(leaf.IndexLength))
	if err != nil {
		return nil, err
	}
	x, err := OpenIndex(raw, r.root.Repository, leaf)
	if err != nil {
		return nil, err
	}
	return x, x.Extends(l.was.IndexLength, l.was.Index, "the anchored index")
}

// succeeded judges a line that differs from the former anchor's.
func (r *Roster) succeeded(ctx context.Context, l anchorLine, revoked Revoked, fetch Fetch) ([]string, error) {
	x, err := r.indexFor(ctx, l, fetch)
	if err != nil {
		return nil, err
	}
	if l.was.HasList() && !l.is.HasList() {
		return nil, refuse(LayerList, l.name, "the anchored list is absent from the map")
	}
	if !l.is.HasList() {
		return nil, nil
	}
	keys, err := FetchKeyRevocations(ctx, x, fetch)
	if err != nil {
		return nil, err
	}
	all := revoked.clone()
	for _, k := range keys {
		all.Add(k.Key(), k.Reason())
	}
	chain, err := FetchChain(ctx, l.name, l.is.List, l.was.List, nil, fetch)
	if err != nil {
		return nil, err
	}
	s, err := r.Stands(Lineage{Package: l.name, Anchored: l.was.List, Chain: chain, Revoked: all})
	if err != nil {
		return nil, err
	}
	if s.Version() != l.is.ListVersion || s.Digest() != l.is.List {
		return nil, refuse(LayerList, l.name, "the map names another list version").found("%d", l.is.ListVersion).want("%d", s.Version())
	}
	return s.ApprovedBy(), s.Fits(x)
}

// overridden makes the line of a package whose list the root replaces.
func (r *Roster) overridden(ctx context.Context, l anchorLine, override digest.Digest, fetch Fetch) (tree.Leaf, error) {
	x, err := r.indexFor(ctx, l, fetch)
	if err != nil {
		return tree.Leaf{}, err
	}
	leaf := l.is
	if !l.has {
		leaf = l.was
	}
	list, err := r.fetchOverride(ctx, l, override, fetch)
	if err != nil {
		return tree.Leaf{}, err
	}
	if err := (&Standing{List: list, repository: r.root.Repository}).Fits(x); err != nil {
		return tree.Leaf{}, err
	}
	leaf.List, leaf.ListVersion = list.Digest(), list.Version()
	return leaf, nil
}

// fetchOverride opens the list by which the root replaces that of the former
// anchor, or the one that now stands in the map.
func (r *Roster) fetchOverride(ctx context.Context, l anchorLine, override digest.Digest, fetch Fetch) (*List, error) {
	list, err := r.fetchParsed(ctx, l.name, override, fetch)
	if err != nil {
		return nil, err
	}
	replaced := list.Previous()
	if replaced.IsZero() || replaced != l.was.List && replaced != l.is.List {
		return nil, refuse(LayerList, subjectOf(list)+" (override)", "it names neither the anchored list nor the one in the map as the list that it replaces").
			found("%s", list.content.Previous)
	}
	old, err := r.fetchParsed(ctx, l.name, replaced, fetch)
	if err != nil {
		return nil, err
	}
	s := Signed{Document: list.raw}
	if !list.Frozen() {
		if s.Signatures, err = fetch(ctx, SignaturePath(ListPath(l.name, override)), MaxSignatureFile); err != nil {
			return nil, err
		}
	}
	return r.OpenOverride(l.name, s, old)
}

func (r *Roster) fetchParsed(ctx context.Context, pkg string, d digest.Digest, fetch Fetch) (*List, error) {
	s, err := fetchList(ctx, pkg, d, true, nil, fetch)
	if err != nil {
		return nil, err
	}
	return r.parseListFor(pkg, s.Document)
}
