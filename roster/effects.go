package roster

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/threshold"
)

// An Offer is a line of a release index that adds files: what a list may
// authorise. Only [Index.Offer] and [Index.Offers] make one.
type Offer struct {
	Line
	manifest *Manifest
	asc      []byte
}

// Manifest is what the line names: nil for a file uploaded unsigned, and where
// the index's line names something that is not this release's manifest.
func (o Offer) Manifest() *Manifest { return o.manifest }

// Offer returns a line with the manifest that it names, and its signatures.
// Nothing is trusted: what is not the line's manifest nobody can have signed.
func (x *Index) Offer(l Line, s Signed) Offer {
	o := Offer{Line: l}
	if l.Kind != LineManifest || digest.Sum(s.Document) != l.Digest {
		return o
	}
	if m, err := x.openManifest(l, s.Document); err == nil {
		o.manifest, o.asc = m, s.Signatures
	}
	return o
}

// Offers returns the lines of the index that add files, in order. read returns
// the manifest that a line names; its error ends the reading.
func (x *Index) Offers(read func(Line) (Signed, error)) ([]Offer, error) {
	var all []Offer
	for _, l := range x.lines {
		var s Signed
		var err error
		switch l.Kind {
		case LineFile:
		case LineManifest:
			if s, err = read(l); err != nil {
				return nil, fmt.Errorf("reading the manifest on line %d: %w", l.Number, err)
			}
		default:
			continue
		}
		all = append(all, x.Offer(l, s))
	}
	return all, nil
}

// AuthorisedBy reports whether a list, which need not stand or be signed yet,
// authorises the line: it inherits it, or release_threshold of its maintainers
// signed the manifest with keys that are not revoked.
func (o Offer) AuthorisedBy(l *List, revoked Revoked) bool {
	return l.Inherits(o.Line) || l.released(o, l.signersOf(o), revoked.hasKey)
}

// Authorises reports whether the standing list authorises the line: see
// [Offer.AuthorisedBy].
func (s *Standing) Authorises(o Offer) bool { return o.AuthorisedBy(s.List, s.revoked) }

// signersOf returns the keys of the list that signed the offer's manifest;
// none if anything about the signatures refuses it.
func (l *List) signersOf(o Offer) signers {
	if o.manifest == nil || o.manifest.content.Package != l.content.Package || o.manifest.content.Repository != l.content.Repository {
		return nil
	}
	signed, err := verify(LayerManifest, l.content.Package, Signed{o.manifest.raw, o.asc}, l.keys)
	if err != nil {
		return nil
	}
	return signed
}

// released reports whether the signers, but for those left out, are enough for
// a release.
func (l *List) released(o Offer, signed signers, out func(threshold.Key) bool) bool {
	if o.manifest == nil {
		return false
	}
	_, err := l.release.Approve(o.manifest.digest, signed.materials(), out)
	return err == nil
}

// A LineChange says what a new list makes of a line.
type LineChange string

// The changes. A line that is authorised before and after has none.
const (
	NewlyInherited LineChange = "newly inherited"  // no list authorised it before
	CountsAgain    LineChange = "counts again"     // not inherited, but signed by keys that the new list names
	LosesAuthority LineChange = "loses authority"  // the list before authorised it
	StaysOut       LineChange = "stays without it" // neither list authorises it
)

// A LineEffect is a line that a new list changes, or leaves without authority.
type LineEffect struct {
	Offer
	Change LineChange
}

// A ReturningKey is one that an earlier list named and the list before does
// not. Again are the offers whose signatures are enough with it, and without
// it would not be.
type ReturningKey struct {
	Key   *pgp.PublicKey
	Again []Offer
}

// Effects are what a new list changes, for people to be shown before anybody
// signs, proposes or countersigns it.
type Effects struct {
	Lines     []LineEffect     // in the order of the index
	Revoked   []*pgp.PublicKey // named by the new list, though they are revoked
	Leaving   []*pgp.PublicKey // named by the list before alone, and not revoked
	Returning []ReturningKey
	Disputed  []string // see [List.Disputes]
}

// Effects compares the list, which need not be signed yet, with the one before
// it (nil for a first list) over what the package's index offers. revoked is
// every key known revoked; earlier says whether a list before before named a
// key, and its error ends the comparison. Whether the list stands is not
// looked at.
func (l *List) Effects(before *List, offers []Offer, revoked Revoked, earlier func(*pgp.PublicKey) (bool, error)) (Effects, error) {
	var e Effects
	var returning []ReturningKey
	for _, k := range l.keys {
		if revoked.Has(k.Material()) {
			e.Revoked = append(e.Revoked, k)
		}
		if before == nil || before.Names(k) {
			continue
		}
		was, err := earlier(k)
		if err != nil {
			return Effects{}, err
		}
		if was {
			returning = append(returning, ReturningKey{Key: k})
		}
	}
	for _, o := range offers {
		did := before != nil && o.AuthorisedBy(before, revoked)
		signed := l.signersOf(o)
		if change := l.change(o, did, l.released(o, signed, revoked.hasKey)); change != "" {
			e.Lines = append(e.Lines, LineEffect{o, change})
		}
		for i, r := range returning {
			if l.released(o, signed, revoked.hasKey) && !l.released(o, signed, revoked.alsoWithout(r.Key)) {
				returning[i].Again = append(r.Again, o)
			}
		}
	}
	e.Returning, e.Disputed = returning, l.Disputes(before, offers, revoked)
	if before != nil {
		for _, k := range before.keys {
			if !l.Names(k) && !revoked.Has(k.Material()) {
				e.Leaving = append(e.Leaving, k)
			}
		}
	}
	return e, nil
}

// change says what becomes of a line that the list before authorised, or did
// not, and that this list's maintainers signed, or did not.
func (l *List) change(o Offer, did, signed bool) LineChange {
	switch inherits := l.Inherits(o.Line); {
	case !did && inherits:
		return NewlyInherited
	case !did && signed:
		return CountsAgain
	case !did:
		return StaysOut
	case !inherits && !signed:
		return LosesAuthority
	}
	return ""
}

func (r Revoked) alsoWithout(k *pgp.PublicKey) func(threshold.Key) bool {
	return func(other threshold.Key) bool { return r.hasKey(other) || other == threshold.Key(k.Material()) }
}

// Disputes names, sorted, the files that lines which the list authorises give
// different bytes, and that lines which the list before (nil for a first list)
// authorises did not. The first such line settles a file; but whoever keeps
// its signatures from a client makes the second settle it.
func (l *List) Disputes(before *List, offers []Offer, revoked Revoked) []string {
	different := unlike(offers, func(Offer) bool { return true })
	authorised := func(l *List) map[string]bool {
		return unlike(offers, func(o Offer) bool {
			return slices.ContainsFunc(o.files(), func(f File) bool { return different[f.Name] }) && o.AuthorisedBy(l, revoked)
		})
	}
	if len(different) == 0 {
		return nil
	}
	disputed := authorised(l)
	if before != nil {
		for name := range authorised(before) {
			delete(disputed, name)
		}
	}
	return slices.Sorted(maps.Keys(disputed))
}

// unlike names the files that the offers which count give different bytes.
func unlike(offers []Offer, counts func(Offer) bool) map[string]bool {
	first := make(map[string]File)
	different := make(map[string]bool)
	for _, o := range offers {
		if !counts(o) {
			continue
		}
		for _, f := range o.files() {
			if was, ok := first[f.Name]; !ok {
				first[f.Name] = f
			} else if was != f {
				different[f.Name] = true
			}
		}
	}
	return different
}

// files are what the line adds.
func (o Offer) files() []File {
	switch {
	case o.Kind == LineFile:
		return []File{{o.File, o.Size, o.Digest}}
	case o.manifest != nil:
		return o.manifest.content.Files
	}
	return nil
}
