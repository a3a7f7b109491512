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
)

// offers reads the lines of an index that name files, and their manifests. A
// manifest that is not one is an offer nobody should take.
func offers(ctx context.Context, v *client.View, pkg string, x *roster.Index) ([]roster.Offer, error) {
	return x.Offers(func(l roster.Line) (roster.Signed, error) {
		return roster.FetchSigned(ctx, roster.ManifestPath(pkg, l.Digest), roster.MaxManifest, v.Fetch)
	})
}

// what says for people what an offer names.
func what(o roster.Offer) string {
	switch {
	case o.Kind == roster.LineFile:
		return fmt.Sprintf("%s, uploaded unsigned", o.File)
	case o.Manifest() == nil:
		return fmt.Sprintf("version %s, whose manifest is malformed", o.Version)
	}
	var names []string
	for _, f := range o.Manifest().Content().Files {
		names = append(names, f.Name)
	}
	return fmt.Sprintf("version %s: %s", o.Version, strings.Join(names, ", "))
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
