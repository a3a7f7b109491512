package ceremony

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// A Draft is what a ceremony is about to sign: a roster, a revocation of each of
// its online keys, and what is published with it. [Build] makes one, after it
// verified the whole with throw-away keys.
type Draft struct {
	Roster      *roster.Draft
	Revocations []Document
	Previous    *roster.Root   // nil for genesis
	Anchor      *change.Anchor // nil where the anchor is not recomputed
	Findings    []Finding      // of the checks, none of which refuses
	// Notices say which checks the plan switches off, after the sentences that
	// follow from the documents.
	Notices []string
	// Files are what is published beside the documents that are signed here, by
	// their paths in the repository: attestations, the anchor's map, the lists
	// of overrides.
	Files map[string][]byte
}

// A Document is one that keyholders sign, and its path in the repository.
type Document struct {
	Path string
	Raw  []byte
}

// Digest is the SHA-256 of the document.
func (d Document) Digest() digest.Digest { return digest.Sum(d.Raw) }

// Documents are all that is signed, the roster first.
func (d *Draft) Documents() []Document {
	first := Document{roster.RosterPath(d.Roster.Version()), d.Roster.Bytes()}
	return append([]Document{first}, d.Revocations...)
}

// Sentences say what the draft changes: the lines of [Draft.Change].
func (d *Draft) Sentences() []string { return change.Texts(d.Change()) }

// Change says what the draft changes, and how grave that is.
func (d *Draft) Change() []change.Sentence {
	return append(change.Between(d.Previous, d.Roster.Root(), d.Anchor), notices(d.Notices)...)
}

func notices(texts []string) []change.Sentence {
	all := make([]change.Sentence, len(texts))
	for i, t := range texts {
		all[i] = change.Sentence{Text: t, Classes: []change.Class{change.CheckOff}}
	}
	return all
}

// Build runs every check and makes the draft that the plan describes. What it
// made it verifies by the clients' own code, with throw-away keys in the place
// of every keyholder's, old and new, made with rand: so a roster that clients
// would refuse, or that the people who could sign it cannot make valid, is found
// before any card is touched.
//
// The error is a [*CheckError] if a check refuses the plan. Plans of another
// family than the roster's have nothing to build: see [OpenSealed],
// [DestroySealed] and [AbandonPlanned].
func Build(ctx context.Context, c *Case, rand io.Reader) (*Draft, error) {
	if c.Plan.Family() != plan.RosterFamily {
		return nil, refuse("the plan's act is %s, which makes no roster", c.Plan.ActNames())
	}
	d := &Draft{Previous: c.previous(), Files: make(map[string][]byte), Findings: c.Judge(), Notices: OffSentences(c.Plan)}
	if err := Refusal(d.Findings); err != nil {
		return nil, err
	}
	anchor, err := c.anchor(ctx, d)
	if err != nil {
		return nil, err
	}
	root := c.root(anchor)
	if d.Roster, err = roster.NewDraft(root); err != nil {
		return nil, err
	}
	if d.Revocations, err = c.revocations(d.Roster); err != nil {
		return nil, err
	}
	for _, h := range c.Keyholders {
		if h.Enrolment.Attesting == roster.NoAttestation {
			continue
		}
		named, err := digest.Parse(h.Enrolment.Attesting)
		if err != nil {
			return nil, err
		}
		d.Files[roster.AttestationPath(named)] = h.Raw[attestationName(h.Enrolment.Attesting)]
	}
	if err := rehearse(c, d, rand); err != nil {
		return nil, refuse("verifying the draft with throw-away keys").because(err).do("the plan describes a roster that no client would accept")
	}
	return d, nil
}

// root fills in what the plan says.
func (c *Case) root(anchor digest.Digest) roster.Root {
	p := c.Plan
	r := roster.Root{
		Repository:       p.Repository,
		Version:          p.Roster.Version,
		Issued:           p.Roster.Issued.Time,
		Expires:          p.Roster.Expires.Time,
		Threshold:        p.Roster.Threshold,
		SnapshotLifetime: uint64(p.Roster.SnapshotLifetime.D.Seconds()),
		SnapshotFloor:    p.Roster.SnapshotFloor,
		Anchor:           anchor,
	}
	if c.Chain != nil {
		r.Previous.Digest = c.Chain.Last().Digest()
		r.Revoked = append(r.Revoked, c.Chain.Last().Root().Revoked...)
	}
	r.Revoked = append(r.Revoked, c.Revoke...)
	for _, h := range c.Keyholders {
		r.Keyholders = append(r.Keyholders, roster.Keyholder{Name: h.Name, Key: h.Enrolment.Key, Attestation: h.Enrolment.Attesting})
	}
	for _, o := range c.Online {
		r.OnlineKeys = append(r.OnlineKeys, roster.OnlineKey{Role: o.Role, Key: o.Key, NotBefore: o.NotBefore, Expires: o.Expires})
	}
	return r
}

// revocations makes one of each online key of the roster.
func (c *Case) revocations(d *roster.Draft) ([]Document, error) {
	var all []Document
	for _, k := range d.Root().OnlineKeys {
		raw, err := roster.OnlineRevocation{Repository: c.Plan.Repository, Roster: d.Digest(), Key: k.Key,
			Reason: c.Plan.RevocationReason, Issued: d.Root().Issued}.Format()
		if err != nil {
			return nil, fmt.Errorf("making the revocation of online %s key %s: %w", k.Role, k.Key, err)
		}
		all = append(all, Document{roster.RevocationPath(k.Key.ID()), raw})
	}
	return all, nil
}

// anchor gives the digest that the roster pins, and recomputes it where the
// plan says so.
func (c *Case) anchor(ctx context.Context, d *Draft) (digest.Digest, error) {
	n := c.Plan.Anchor.New
	switch {
	case n == nil && c.Plan.Anchor.Fixed == plan.AnchorKeep && c.Chain != nil:
		return d.Previous.Anchor, nil
	case n == nil:
		root, _, err := tree.Build(nil, d.mapFile)
		return root, err
	case c.Chain == nil:
		return digest.Digest{}, errors.New("no previous roster, so no map can be anchored")
	}
	folder, err := OpenFolder(c.path(n.Repository))
	if err != nil {
		return digest.Digest{}, refuse("reading the copy of the public repository").because(err)
	}
	defer folder.Close()
	return c.recompute(ctx, n, d, folder.Fetch)
}

func (c *Case) recompute(ctx context.Context, n *plan.NewAnchor, d *Draft, fetch roster.Fetch) (digest.Digest, error) {
	ac := roster.AnchorCase{Map: c.Kept.Map.Root, Overrides: make(map[string]digest.Digest), Postpone: make(map[string]bool)}
	for _, o := range n.Overrides {
		ac.Overrides[o.Package] = o.List.Digest
	}
	for _, name := range n.Postpone {
		ac.Postpone[name] = true
	}
	revoked := c.Chain.Last().Revoked()
	for _, r := range c.Revoke {
		revoked.Add(r.Key.PublicKey, r.Reason)
	}
	a, err := c.Chain.Last().Recompute(ctx, ac, revoked, fetch)
	if err != nil {
		return digest.Digest{}, err
	}
	sum := change.Summarise(a)
	d.Anchor = &sum
	if err := checkAnswered(ac, sum); err != nil {
		return digest.Digest{}, err
	}
	if err := a.Emit(d.mapFile); err != nil {
		return digest.Digest{}, err
	}
	return a.Root(), c.overrideFiles(ctx, ac, d, fetch)
}

// mapFile takes a file of the anchor's map along.
func (d *Draft) mapFile(name digest.Digest, file []byte) error {
	d.Files[roster.MapPath(name)] = slices.Clone(file)
	return nil
}

// checkAnswered wants each name that the plan overrides or postpones among
// those that were.
func checkAnswered(ac roster.AnchorCase, sum change.Anchor) error {
	has := func(in []change.Name, name string) bool {
		return slices.ContainsFunc(in, func(n change.Name) bool { return n.Package == name })
	}
	for _, name := range slices.Sorted(maps.Keys(ac.Overrides)) {
		if !has(sum.Overrides, name) {
			return refuse("the plan's override of %q came to nothing", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ac.Postpone)) {
		if !has(sum.Postponed, name) {
			return refuse("the plan postpones %q, which is no new name of the map", name).do("correct the plan's postpone")
		}
	}
	return nil
}

// overrideFiles takes the lists of the overrides along.
func (c *Case) overrideFiles(ctx context.Context, ac roster.AnchorCase, d *Draft, fetch roster.Fetch) error {
	for name, list := range ac.Overrides {
		path := roster.ListPath(name, list)
		raw, err := fetch(ctx, path, roster.MaxList)
		if err != nil {
			return err
		}
		d.Files[path] = raw
		asc, err := fetch(ctx, roster.SignaturePath(path), roster.MaxSignatureFile)
		if errors.Is(err, roster.ErrAbsent) { // a list without maintainers has none
			continue
		}
		if err != nil {
			return err
		}
		d.Files[roster.SignaturePath(path)] = asc
	}
	return nil
}
