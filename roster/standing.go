package roster

import (
	"fmt"
	"slices"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// MaxSuccessions is how many lists may follow the anchored one, or version 1
// of a name without an anchored list, before an anchor must hold a newer one.
const MaxSuccessions = 64

// A Lineage is what a reader brings to the question whether a list stands.
type Lineage struct {
	Package string
	// Anchored is the package's list in the newest roster's anchor; zero if
	// the anchor holds none.
	Anchored digest.Digest
	// Chain has the lists from the oldest to the one in question. The first
	// is the anchored one, or version 1 where Anchored is zero. The
	// signatures of an anchored list are not looked at.
	Chain []Signed
	// Revoked is every key known revoked, the index's and the roster's.
	Revoked Revoked
}

// A Standing is a maintainer list that stands: anchored, or led to by
// successions from the anchored list or from version 1. Only
// [Roster.OpenList] and [Roster.Stands] make one.
type Standing struct {
	*List
	established bool
	lineage     []digest.Digest  // the chain's digests, oldest first
	former      []*pgp.PublicKey // keys of the chain's earlier lists, for messages only
	by          []string         // who approved the last succession; nil if anchored or version 1
	revoked     Revoked
	repository  string
}

// Established reports whether an anchored list is where the chain starts:
// the root has seen this package's maintainers.
func (s *Standing) Established() bool { return s.established }

// Anchored reports whether this very list is in the anchor.
func (s *Standing) Anchored() bool { return s.established && len(s.lineage) == 1 }

// Successions is how many lists follow the anchored one or version 1.
func (s *Standing) Successions() int { return len(s.lineage) - 1 }

// Descends reports whether the list is the one with this digest, or led to
// from it.
func (s *Standing) Descends(d digest.Digest) bool { return slices.Contains(s.lineage, d) }

// ApprovedBy names the people of the list before who signed this one.
func (s *Standing) ApprovedBy() []string { return slices.Clone(s.by) }

// OpenList checks that the last list of the chain is the leaf's and stands
// (see [Roster.Stands]) and, unless it is anchored itself, that one of r's
// countersign keys, in its window at the given time and not revoked,
// countersigned it.
func (r *Roster) OpenList(l Lineage, leaf tree.Leaf, countersignature []byte, at time.Time) (*Standing, error) {
	s, err := r.Stands(l)
	if err != nil {
		return nil, err
	}
	subject := subjectOf(s.List)
	if s.digest != leaf.List || s.content.Version != leaf.ListVersion {
		return nil, refuse(LayerList, subject, "it is not the list that the map names").found("%s", s.digest).want("version %d, %s", leaf.ListVersion, leaf.List)
	}
	if s.Anchored() {
		return s, nil
	}
	var all []*pgp.PublicKey
	for _, k := range r.root.OnlineKeys {
		if k.Role == RoleCountersign {
			all = append(all, k.Key.PublicKey)
		}
	}
	signed, err := verify(LayerList, subject+" (countersignature)", Signed{s.raw, countersignature}, all)
	if err != nil {
		return nil, err
	}
	counting := signers(r.OnlineKey(RoleCountersign, at, l.Revoked))
	for _, k := range signed {
		if counting.has(k) {
			return s, nil
		}
	}
	return nil, uncounted(LayerList, subject+" (countersignature)", RoleCountersign, signed, l.Revoked)
}

// Stands checks a chain of lists without asking for a countersignature: that
// each names the one before and has a higher version, that enough unrevoked
// maintainers of the list before signed it, that every key which the list
// before did not name signed it (whether revoked since or not), that none
// names a key of the roster, and that the chain starts at the anchored list,
// or at version 1 where none is anchored, and is not too long.
func (r *Roster) Stands(l Lineage) (*Standing, error) {
	if len(l.Chain) == 0 {
		return nil, refuse(LayerList, l.Package, "no list to judge")
	}
	if n := len(l.Chain) - 1; n > MaxSuccessions {
		return nil, refuse(LayerList, l.Package, "too many successions since the anchor").found("%d", n).want("at most %d", MaxSuccessions)
	}
	s := &Standing{established: !l.Anchored.IsZero(), revoked: l.Revoked.And(r.revoked), repository: r.root.Repository}
	for i, signed := range l.Chain {
		list, err := r.parseListFor(l.Package, signed.Document)
		if err != nil {
			return nil, err
		}
		switch {
		case i > 0:
			s.by, err = follows(s.List, list, signed.Signatures, s.revoked)
		case s.established:
			err = l.startsAtAnchor(list)
		default:
			err = startsAtOne(list, signed.Signatures)
		}
		if err != nil {
			return nil, err
		}
		if s.List != nil {
			s.former = union(s.former, s.List.keys)
		}
		s.List, s.lineage = list, append(s.lineage, list.digest)
	}
	return s, nil
}

func subjectOf(l *List) string {
	return fmt.Sprintf("%s version %d", l.content.Package, l.content.Version)
}

func (r *Roster) parseListFor(pkg string, doc []byte) (*List, error) {
	list, err := ParseList(doc)
	if err != nil {
		return nil, err
	}
	subject := subjectOf(list)
	if list.content.Repository != r.root.Repository {
		return nil, refuse(LayerList, subject, "it is for another repository").found("%q", list.content.Repository).want("%q", r.root.Repository)
	}
	if list.content.Package != pkg {
		return nil, refuse(LayerList, subject, "it is for another package").found("%q", list.content.Package).want("%q", pkg)
	}
	for _, k := range list.keys {
		if role := r.listed[k.Material()]; role != "" {
			return nil, refuse(LayerList, subject, "it names key %s, which the root roster lists as %s", k, role).want("one role a key")
		}
	}
	return list, nil
}

func (l Lineage) startsAtAnchor(first *List) error {
	if first.digest == l.Anchored {
		return nil
	}
	return refuse(LayerList, subjectOf(first), "no succession leads here from the anchored list").
		found("a chain that starts at %s", first.digest).want("one that starts at %s", l.Anchored).
		do("only this package's maintainers, or an override by the root, can change who may release it; do not install")
}

// startsAtOne checks version 1 of a name without an anchored list: it is
// signed by all its own keys. One without maintainers would be signed by
// nobody, so it cannot claim a name.
func startsAtOne(first *List, asc []byte) error {
	if first.content.Version != 1 {
		return refuse(LayerList, subjectOf(first), "the anchor holds no list of this name, so the chain must start at version 1").found("version %d", first.content.Version)
	}
	if first.Frozen() {
		return refuse(LayerList, subjectOf(first), "a first list must have maintainers")
	}
	signed, err := verify(LayerList, subjectOf(first), Signed{first.raw, asc}, first.keys)
	if err != nil {
		return err
	}
	return first.consent(signed, nil)
}

// follows checks one succession and says who of the old list approved it.
func follows(old, next *List, asc []byte, revoked Revoked) ([]string, error) {
	subject := subjectOf(next)
	switch {
	case next.content.Previous.Digest != old.digest:
		return nil, refuse(LayerList, subject, "previous is not the list before it").found("%s", next.content.Previous).want("%s", old.digest)
	case next.content.Version <= old.content.Version:
		return nil, refuse(LayerList, subject, "its version is not above its predecessor's").found("%d after %d", next.content.Version, old.content.Version)
	case old.Frozen():
		return nil, refuse(LayerList, subject, "it follows a list that froze the package").want("an override by the root")
	}
	signed, err := verify(LayerList, subject, Signed{next.raw, asc}, union(old.keys, next.keys))
	if err != nil {
		return nil, err
	}
	a, err := old.next.Approve(next.digest, signed.materials(), revoked.hasKey)
	if err != nil {
		return nil, refuse(LayerList, subject, "not approved by the maintainers of version %d", old.content.Version).because(err)
	}
	return a.By(), next.consent(signed, old.keys)
}

// consent checks that every key which before does not have signed the list.
// A key revoked since keeps the consent that it gave.
func (l *List) consent(signed signers, before []*pgp.PublicKey) error {
	for _, k := range l.keys {
		if !signers(before).has(k) && !signed.has(k) {
			return refuse(LayerList, subjectOf(l), "a newly named key has not signed").found("no signature by %s", k).want("the consent of each new key")
		}
	}
	return nil
}

// OpenOverride checks a list that is to replace the package's anchored or
// standing list by decision of the root: it names that list, its version is
// above, and all its own keys signed it (a list without maintainers needs no
// signature: it freezes the package). It counts only once it is anchored.
func (r *Roster) OpenOverride(pkg string, s Signed, replaces *List) (*List, error) {
	list, err := r.parseListFor(pkg, s.Document)
	if err != nil {
		return nil, err
	}
	subject := subjectOf(list) + " (override)"
	switch {
	case list.content.Previous.Digest != replaces.digest:
		return nil, refuse(LayerList, subject, "it does not name the list that it replaces").found("%s", list.content.Previous).want("%s", replaces.digest)
	case list.content.Version <= replaces.content.Version:
		return nil, refuse(LayerList, subject, "its version is not above the list that it replaces").found("%d after %d", list.content.Version, replaces.content.Version)
	case list.Frozen():
		return list, nil
	}
	signed, err := verify(LayerList, subject, Signed{list.raw, s.Signatures}, list.keys)
	if err != nil {
		return nil, err
	}
	return list, list.consent(signed, nil)
}
