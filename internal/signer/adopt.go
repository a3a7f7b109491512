package signer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// An Adoption says what adopting a root roster changed.
type Adoption struct {
	Roster uint64        `json:"roster"` // its version
	Digest digest.Digest `json:"digest"`
	// Replaced names the packages whose list is another now: by an override,
	// or because the newest no longer stands.
	Replaced []string `json:"replaced,omitempty"`
	// FloorChanged says that the roster was made after a theft: every line
	// was derived anew from the anchor. Dropped names the packages that no
	// anchor holds; they are claimed anew.
	FloorChanged bool     `json:"floor_changed"`
	Dropped      []string `json:"dropped,omitempty"`
	Shortened    []string `json:"shortened,omitempty"` // packages whose index lost lines that nobody had authorised
}

// Adopt takes in what a ceremony's output directory holds, laid out as the
// repository is: the successors of the newest adopted roster (or, at first,
// the pinned one), the attestations that they name, the nodes of the newest
// one's anchor that are not published yet, and the lists of overrides.
//
// The rosters are verified as a client verifies them, the newest must not
// have expired, and the anchor must fit what this signer has: it refuses an
// anchor whose packages or indices it does not know. Then all of it is
// recorded at once, and published: overrides and the anchor's nodes before
// the roster. Countersignatures by new keys and the next snapshot follow with
// the next pass, which begins at once; until then clients refuse what they
// must: packages whose list the new anchor replaces, and after a change of
// keys what the former ones signed.
//
// The error is a [*roster.Error] if something is refused.
func (s *Service) Adopt(ctx context.Context, dir fs.FS) (Adoption, error) {
	s.work.Lock()
	defer s.work.Unlock()
	b := &bundle{dir: dir, published: s.Files.Read}
	before := s.walk()
	walk, added, err := s.readRosters(b, before)
	if err != nil {
		return Adoption{}, err
	}
	newest := walk[len(walk)-1]
	if err := newest.Current(s.Clock()); err != nil {
		return Adoption{}, err
	}
	leaves, err := readAnchor(ctx, b, newest)
	if err != nil {
		return Adoption{}, err
	}
	a := &adoption{Adoption: Adoption{Roster: newest.Version(), Digest: newest.Digest(), FloorChanged: floorChanged(walk[max(len(before)-1, 0):])},
		bundle: b, r: newest, repository: s.Repository}
	err = s.Store.Update(ctx, func(w store.Writer) error {
		c := changeOf(w)
		for i, signed := range added {
			if err := c.storeJSON(tableRosters, number(walk[len(before)+i].Version()), signed); err != nil {
				return err
			}
		}
		if err := a.attestations(c, walk[len(before):]); err != nil {
			return err
		}
		if err := a.anchor(ctx, c, leaves); err != nil {
			return err
		}
		return c.recountersign(s.counting(newest, s.revoked()))
	})
	if err != nil {
		return Adoption{}, err
	}
	s.mu.Lock()
	s.rosters = walk
	s.mu.Unlock()
	s.Log.Info("adopted a root roster", "version", newest.Version(), "digest", newest.Digest().String(), "floor_changed", a.FloorChanged,
		"replaced", len(a.Replaced), "dropped", len(a.Dropped))
	s.kick()
	return a.Adoption, s.publishWithoutKeys(ctx, newest)
}

// floorChanged reports whether snapshot_floor changes within a walk.
func floorChanged(walk []*roster.Roster) bool {
	return slices.ContainsFunc(walk, func(r *roster.Roster) bool { return r.Root().SnapshotFloor != walk[0].Root().SnapshotFloor })
}

// A bundle is a ceremony's output, with the published directory behind it.
// Nothing in it is trusted.
type bundle struct {
	dir       fs.FS
	published func(path string, limit int64) ([]byte, error)
}

// brought returns a file of the ceremony's output.
func (b *bundle) brought(path string, limit int64) ([]byte, error) {
	f, err := b.dir.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%q is longer than %d bytes", path, limit)
	}
	return data, err
}

// fetch looks in the ceremony's output first.
func (b *bundle) fetch(_ context.Context, path string, limit int64) ([]byte, error) {
	data, err := b.brought(path, limit)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = b.published(path, limit)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%q is neither in the ceremony's output nor published: %w", path, roster.ErrAbsent)
	}
	return data, err
}

// readRosters verifies the rosters that the bundle adds to the walk.
func (s *Service) readRosters(b *bundle, walk []*roster.Roster) (longer []*roster.Roster, added []roster.Signed, err error) {
	for version := uint64(1); ; version++ {
		path := roster.RosterPath(version)
		doc, err := b.brought(path, roster.MaxRoster)
		if errors.Is(err, fs.ErrNotExist) {
			if version <= uint64(len(walk)) {
				continue // old ones need not be brought again
			}
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if version <= uint64(len(walk)) {
			if adopted := walk[version-1].Digest(); digest.Sum(doc) != adopted {
				return nil, nil, &roster.Error{Layer: roster.LayerRoster, Subject: path, Problem: "another roster of this version was adopted",
					Found: digest.Sum(doc).String(), Want: adopted.String(), Do: "with two rosters of one version out, trust neither: call the keyholders"}
			}
			continue
		}
		asc, err := b.brought(roster.SignaturePath(path), roster.MaxSignatureFile)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the signatures of %s: %w", path, err)
		}
		signed := roster.Signed{Document: doc, Signatures: asc}
		if walk, err = s.follow(walk, signed); err != nil {
			return nil, nil, err
		}
		added = append(added, signed)
	}
	if len(added) == 0 {
		return nil, nil, &roster.Error{Layer: roster.LayerRoster, Problem: "there is no new roster in the directory",
			Want: roster.RosterPath(uint64(len(walk) + 1)), Do: "give the directory that the ceremony wrote for publication"}
	}
	return walk, added, nil
}

// readAnchor reads every line of a roster's anchor, and sorts them by name:
// that is the order in which a store takes a whole index quickly. In the order
// of the map, each of hundreds of thousands would be put between others.
func readAnchor(ctx context.Context, b *bundle, r *roster.Roster) ([]tree.Leaf, error) {
	var leaves []tree.Leaf
	fetch := func(ctx context.Context, d digest.Digest, limit int64) ([]byte, error) {
		return b.fetch(ctx, roster.MapPath(d), limit)
	}
	root := r.Root().Anchor
	if empty, _, err := tree.Build(nil, nil); err == nil && root == empty {
		return nil, nil
	}
	err := tree.Walk(ctx, root, fetch, func(l tree.Leaf) error {
		leaves = append(leaves, l)
		return nil
	})
	if err == nil {
		var got digest.Digest
		if got, _, err = tree.Build(leaves, nil); err == nil && got != root {
			err = fmt.Errorf("its lines give the root %s, wanted %s", got, root)
		}
	}
	if err != nil {
		return nil, &roster.Error{Layer: roster.LayerAnchor, Subject: roster.RosterPath(r.Version()), Problem: "the anchor's map cannot be read", Err: err,
			Do: "bring the map files that the ceremony wrote beside the roster"}
	}
	slices.SortFunc(leaves, func(a, b tree.Leaf) int { return strings.Compare(a.Name, b.Name) })
	return leaves, nil
}

// An adoption is one in the making.
type adoption struct {
	Adoption
	bundle     *bundle
	r          *roster.Roster
	repository string
}

// attestations stores those that the new rosters name.
func (a *adoption) attestations(c change, added []*roster.Roster) error {
	for _, r := range added {
		for _, k := range r.Root().Keyholders {
			d, err := digest.Parse(k.Attestation)
			if err != nil {
				continue // a card that gives none
			}
			if _, found, err := c.Load(tableAttested, k.Attestation); err != nil || found {
				if err != nil {
					return err
				}
				continue
			}
			path := roster.AttestationPath(d)
			pem, err := a.bundle.brought(path, roster.MaxAttestation)
			if err != nil || digest.Sum(pem) != d {
				return &roster.Error{Layer: roster.LayerRoster, Subject: roster.RosterPath(r.Version()), Problem: fmt.Sprintf("the attestation of keyholder %q is not beside it", k.Name),
					Want: path, Err: err, Do: "bring it from the ceremony's record"}
			}
			if err := c.w.Store(tableAttested, k.Attestation, pem); err != nil {
				return err
			}
		}
	}
	return nil
}

// anchor replaces the anchor, and brings every package into line with it.
func (a *adoption) anchor(ctx context.Context, c change, leaves []tree.Leaf) error {
	former, err := c.leaves(tableAnchor)
	if err != nil {
		return err
	}
	was := make(map[string]tree.Leaf, len(former))
	for _, l := range former {
		was[l.Name] = l
	}
	if err := c.w.Clear(tableAnchor); err != nil {
		return err
	}
	held := make(map[string]bool, len(leaves))
	for _, l := range leaves {
		held[l.Name] = true
		if err := c.storeLeaf(tableAnchor, l); err != nil {
			return err
		}
	}
	for _, l := range leaves {
		if a.FloorChanged || was[l.Name] != l {
			if err := a.line(ctx, c, l, was[l.Name].List != l.List); err != nil {
				return err
			}
		}
	}
	if !a.FloorChanged {
		return nil
	}
	names, err := c.keys(tablePackages, "")
	if err != nil {
		return err
	}
	for _, name := range names {
		if !held[name] {
			a.Dropped = append(a.Dropped, name)
			if err := c.drop(name); err != nil {
				return err
			}
		}
	}
	return nil
}
