package signer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
)

// PublishRevocation checks the opened revocation of an online key and
// publishes it at once; no key is needed for that. From then on the service
// does not sign with the key, and its snapshots name it, if another snapshot
// key is left to sign them.
//
// The error is a [*roster.Error] if the revocation is refused, or
// [ErrNoRoster].
func (s *Service) PublishRevocation(ctx context.Context, signed roster.Signed) (*pgp.PublicKey, error) {
	r, err := s.current()
	if err != nil {
		return nil, err
	}
	rev, err := openRevocation(s.walk(), signed)
	if err != nil {
		return nil, err
	}
	revoked := s.revoked()
	revoked.Add(rev.Key(), rev.Reason())
	err = s.Store.Update(ctx, func(w store.Writer) error {
		c := changeOf(w)
		id := rev.Key().ID().String()
		if _, found, err := c.Load(tableRevoked, id); err != nil || found {
			return err // the first is as good as any
		}
		return errors.Join(c.storeJSON(tableRevoked, id, signed), c.recountersign(s.counting(r, revoked)))
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.opened = append(s.opened[:len(s.opened):len(s.opened)], rev)
	s.mu.Unlock()
	s.Log.Warn("an online key is revoked", "key", rev.Key().String(), "reason", rev.Reason())
	s.kick()
	// Not under s.work: a pass that is under way must not delay it.
	var files []publish.File
	err = s.Store.View(ctx, func(tx store.Reader) (err error) {
		files, err = view{tx}.revocationFiles(rev.Key().ID().String())
		return err
	})
	if err != nil {
		return nil, err
	}
	return rev.Key(), s.put(files)
}

// revocationFiles are those of one opened revocation.
func (v view) revocationFiles(id string) ([]publish.File, error) {
	signed, _, err := loadJSON[roster.Signed](v, tableRevoked, id)
	path := fmt.Sprintf("revocations/%s.json", id)
	return behindSignatures(path, signed), err
}

// openRevocation verifies a revocation under the roster that it names.
func openRevocation(walk []*roster.Roster, signed roster.Signed) (*roster.Revocation, error) {
	under, err := roster.RevocationRoster(signed.Document)
	if err != nil {
		return nil, err
	}
	var head struct {
		Key roster.Key `json:"key"`
	}
	if err := json.Unmarshal(signed.Document, &head); err != nil || head.Key.PublicKey == nil {
		return nil, &roster.Error{Layer: roster.LayerRevocation, Problem: "it names no key"}
	}
	i := slices.IndexFunc(walk, func(r *roster.Roster) bool { return r.Digest() == under })
	if i < 0 {
		return nil, &roster.Error{Layer: roster.LayerRevocation, Subject: roster.RevocationPath(head.Key.ID()),
			Problem: "it is made under a roster that was not adopted here", Found: under.String(),
			Do: "adopt that roster first, if it is this repository's"}
	}
	return walk[i].OpenRevocation(signed, head.Key.ID())
}

// opened verifies the revocations in the store.
func (v view) opened(walk []*roster.Roster) ([]*roster.Revocation, error) {
	keys, err := v.keys(tableRevoked, "")
	var all []*roster.Revocation
	for _, k := range keys {
		signed, _, err := loadJSON[roster.Signed](v, tableRevoked, k)
		if err != nil {
			return nil, err
		}
		rev, err := openRevocation(walk, signed)
		if err != nil {
			return nil, err
		}
		all = append(all, rev)
	}
	return all, err
}
