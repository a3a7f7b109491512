package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/threshold"
)

// An offer is a line of a release index that names files: what a list may
// inherit.
type offer struct {
	roster.Line
	what     string           // what it names, for people
	manifest *roster.Manifest // nil for a file uploaded unsigned, or a manifest that is malformed
	asc      []byte           // the manifest's signatures
}

// offers reads the lines of an index that name files, and their manifests. A
// manifest that is not one is an offer nobody should take.
func offers(ctx context.Context, v *client.View, pkg string, x *roster.Index) ([]offer, error) {
	var all []offer
	for _, l := range x.Lines() {
		o := offer{Line: l, what: fmt.Sprintf("%s, uploaded unsigned", l.File)}
		switch l.Kind {
		case roster.LineFile:
		case roster.LineManifest:
			s, err := roster.FetchSigned(ctx, roster.ManifestPath(pkg, l.Digest), roster.MaxManifest, v.Fetch)
			if err != nil {
				return nil, err
			}
			o.read(s)
		default:
			continue
		}
		all = append(all, o)
	}
	return all, nil
}

func (o *offer) read(s roster.Signed) {
	m, err := roster.ParseManifest(s.Document)
	if err != nil || m.Digest() != o.Digest {
		o.what = fmt.Sprintf("version %s, whose manifest is malformed", o.Version)
		return
	}
	o.manifest, o.asc = m, s.Signatures
	var names []string
	for _, f := range m.Content().Files {
		names = append(names, f.Name)
	}
	o.what = fmt.Sprintf("version %s: %s", o.Version, strings.Join(names, ", "))
}

// authorisedBy reports whether a list, which need not stand or be signed yet,
// authorises the line: it inherits it, or release_threshold of its maintainers
// signed the manifest with keys that are not revoked.
func (o offer) authorisedBy(l *roster.List, revoked roster.Revoked) bool {
	return l.Inherits(o.Line) || o.signedBy(l, l.Keys(), revoked)
}

// signedBy counts only the given keys of the list.
func (o offer) signedBy(l *roster.List, keys []*pgp.PublicKey, revoked roster.Revoked) bool {
	if o.manifest == nil || l.Frozen() || o.manifest.Content().Package != l.Package() || o.manifest.Content().Repository != l.Content().Repository {
		return false
	}
	policy, err := threshold.New(l.Content().ReleaseThreshold, people(l))
	if err != nil {
		return false
	}
	signed, err := signers(o.manifest.Bytes(), o.asc, keys)
	if err != nil {
		return false
	}
	var materials []threshold.Key
	for _, k := range signed {
		materials = append(materials, threshold.Key(k.Material()))
	}
	_, err = policy.Approve(o.manifest.Digest(), materials, func(k threshold.Key) bool { return revoked.Has(pgp.Material(k)) })
	return err == nil
}

func people(l *roster.List) []threshold.Person {
	var all []threshold.Person
	for _, m := range l.Content().Maintainers {
		p := threshold.Person{Name: m.Name}
		for _, k := range m.Keys {
			p.Keys = append(p.Keys, threshold.Key(k.Material()))
		}
		all = append(all, p)
	}
	return all
}

// signers returns those of keys whose good signatures over document the file
// holds.
func signers(document, asc []byte, keys []*pgp.PublicKey) ([]*pgp.PublicKey, error) {
	file, err := pgp.ParseSignatures(asc)
	if err != nil {
		return nil, err
	}
	ids, err := file.Verify(document, keys)
	if err != nil {
		return nil, err
	}
	var all []*pgp.PublicKey
	for _, id := range ids {
		for _, k := range keys {
			if k.ID() == id {
				all = append(all, k)
				break
			}
		}
	}
	return all, nil
}

// formerLists returns the lists that led to l, newest first, as far as the
// repository has them: nothing is proven about them, but that each is named
// by the one after it.
func formerLists(ctx context.Context, v *client.View, l *roster.List) ([]*roster.List, error) {
	var all []*roster.List
	for len(all) < roster.MaxSuccessions && !l.Previous().IsZero() {
		doc, err := v.Fetch(ctx, roster.ListPath(l.Package(), l.Previous()), roster.MaxList)
		if errors.Is(err, roster.ErrAbsent) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		former, err := roster.ParseList(doc)
		if err != nil || digest.Sum(doc) != l.Previous() {
			return nil, fmt.Errorf("list %s of %s is not what its successor names", l.Previous(), l.Package())
		}
		all, l = append(all, former), former
	}
	return all, nil
}
