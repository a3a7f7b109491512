package signer

import (
	"context"
	"errors"
	"fmt"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// revokedFor returns the keys that count nowhere for a package: those that
// its index and the roster say are revoked.
func (v view) revokedFor(ctx context.Context, r *roster.Roster, x *roster.Index) (roster.Revoked, error) {
	revoked := r.Revoked()
	if x == nil {
		return revoked, nil
	}
	keys, err := roster.FetchKeyRevocations(ctx, x, v.fetch)
	if err != nil {
		// Not wrapped: a store that lost one is a fault, not a refusal.
		return nil, fmt.Errorf("reading the key revocations of the index: %v", err)
	}
	for _, k := range keys {
		revoked.Add(k.Key(), k.Reason())
	}
	return revoked, nil
}

// standing opens a list that the store has, as a client would under r.
func (v view) standing(ctx context.Context, r *roster.Roster, name string, list digest.Digest) (*roster.Standing, error) {
	_, x, _, err := v.pkg(r.Repository(), name)
	if err != nil {
		return nil, err
	}
	return v.stands(ctx, r, name, x, list, nil)
}

// stands opens a list as a client would under r, with the index x, which may
// be nil. proposed, if not nil, is a list that the store does not have.
func (v view) stands(ctx context.Context, r *roster.Roster, name string, x *roster.Index, list digest.Digest, proposed *roster.Signed) (*roster.Standing, error) {
	anchor, _, err := v.anchored(name)
	if err != nil {
		return nil, err
	}
	revoked, err := v.revokedFor(ctx, r, x)
	if err != nil {
		return nil, err
	}
	known := func(d digest.Digest) (roster.Signed, bool) {
		if proposed != nil && d == list {
			return *proposed, true
		}
		return roster.Signed{}, false
	}
	chain, err := roster.FetchChain(ctx, name, list, anchor.List, known, v.fetch)
	if err != nil {
		return nil, err
	}
	return r.Stands(roster.Lineage{Package: name, Anchored: anchor.List, Chain: chain, Revoked: revoked})
}

// newestStanding returns the list with the highest version that stands under
// r and fits the index; nil if none of those that were given does. why says of each newer one
// why it does not.
func (v view) newestStanding(ctx context.Context, r *roster.Roster, name string, x *roster.Index) (list *roster.Standing, why map[digest.Digest]error, err error) {
	newest, _, err := v.lists(name)
	if err != nil {
		return nil, nil, err
	}
	why = make(map[digest.Digest]error)
	for _, d := range newest {
		s, err := v.stands(ctx, r, name, x, d, nil)
		if err == nil {
			err = s.Fits(x)
		}
		if err == nil {
			return s, why, nil
		}
		if !refused(err) {
			return nil, nil, err
		}
		why[d] = err
	}
	return nil, why, nil
}

// mergeSignatures returns old with those signatures of more added that are by
// keys and not in old yet. If they do not fit one file, old gives up what is
// not by keys. What comes back verifies with keys.
func mergeSignatures(document, old, more []byte, keys []*pgp.PublicKey) ([]byte, error) {
	was, err := pgp.ParseSignatures(old)
	if err != nil {
		return nil, fmt.Errorf("reading the signatures in the store: %w", err)
	}
	have, err := was.Verify(document, keys)
	if err != nil {
		return nil, fmt.Errorf("verifying the signatures in the store: %w", err)
	}
	missing := without(keys, have)
	is, err := pgp.ParseSignatures(more)
	if err != nil {
		return nil, err
	}
	if got, err := is.Verify(document, missing); err != nil || len(got) == 0 {
		return old, err
	}
	added, err := keepSignatures(more, missing)
	if err != nil {
		return nil, err
	}
	both, err := combine(old, added)
	if err != nil && len(have) > 0 {
		if old, err = keepSignatures(old, keys); err == nil {
			both, err = combine(old, added)
		}
	} else if err != nil {
		both, err = added, nil
	}
	if err != nil {
		return nil, err
	}
	file, err := pgp.ParseSignatures(both)
	if err == nil {
		_, err = file.Verify(document, keys)
	}
	return both, err
}

// combine makes one signature file of two.
func combine(a, b []byte) ([]byte, error) {
	x, errX := pgp.ParseSignatures(a)
	y, errY := pgp.ParseSignatures(b)
	if err := errors.Join(errX, errY); err != nil {
		return nil, err
	}
	return pgp.Combine(x, y)
}

// without returns the keys whose ids are not in ids.
func without(keys []*pgp.PublicKey, ids []pgp.KeyID) []*pgp.PublicKey {
	have := make(map[pgp.KeyID]bool)
	for _, id := range ids {
		have[id] = true
	}
	var rest []*pgp.PublicKey
	for _, k := range keys {
		if !have[k.ID()] {
			rest = append(rest, k)
		}
	}
	return rest
}

// keepSignatures drops from a signature file what is by none of keys.
func keepSignatures(asc []byte, keys []*pgp.PublicKey) ([]byte, error) {
	f, err := pgp.ParseSignatures(asc)
	if err != nil {
		return nil, err
	}
	return f.Keep(keys)
}
