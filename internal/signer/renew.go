package signer

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// renewAhead is how long before the end of a key's window what it signed is
// signed by another: so long that a hundred thousand lists are done, and that
// somebody can look into what keeps them from being done.
const renewAhead = 24 * time.Hour

// renew marks each package whose countersignature is by a key that counts no
// more, so that this pass renews it. One by a key whose window will end soon
// is renewed ahead, once the present key is one that lasts: no client then
// meets a list that nobody countersigned. The packages are gone through only
// when the keys that count, or that last, are others than at the last pass.
func (s *Service) renew(ctx context.Context, r *roster.Roster, at time.Time) error {
	good := make(map[string]bool)
	counting := r.OnlineKey(roster.RoleCountersign, at, s.revoked())
	lasting := r.OnlineKey(roster.RoleCountersign, at.Add(renewAhead), s.revoked())
	for _, k := range counting {
		good[k.ID().String()] = true
	}
	if len(without(counting, idsOf(lasting))) > 0 {
		present, _, err := s.Keys.Key(ctx, roster.RoleCountersign)
		if err != nil {
			return fmt.Errorf("reaching the %s key: %w", roster.RoleCountersign, err)
		}
		if id := present.ID(); good[id.String()] && len(without([]*pgp.PublicKey{present}, idsOf(lasting))) == 0 {
			clear(good)
			for _, k := range lasting {
				good[k.ID().String()] = true
			}
		}
	}
	seen := fmt.Sprint(r.Digest(), good)
	if seen == s.renewed {
		return nil
	}
	var names []string
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		names, err = view{tx}.uncountersigned(good)
		return err
	})
	if err == nil && len(names) > 0 {
		s.Log.Info("countersigning lists anew", "lists", len(names))
		err = s.Store.Update(ctx, func(w store.Writer) error { return changeOf(w).markDirty(names) })
	}
	if err == nil {
		s.renewed = seen
	}
	return err
}

// lastSnapshotCounts reports whether clients accept the signature of the last
// snapshot, if one was published: the window of the key that gave it may be
// over.
func (s *Service) lastSnapshotCounts(ctx context.Context, r *roster.Roster, at time.Time) (bool, error) {
	var last snapshotVersion
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		last, err = view{tx}.publishedSnapshot()
		return err
	})
	if err != nil || last.content.Version == 0 {
		return true, err
	}
	_, err = r.OpenSnapshot(roster.Signed{Document: last.Document, Signatures: last.Signatures}, last.content.Version, at, s.revoked())
	return err == nil, nil
}

func idsOf(keys []*pgp.PublicKey) []pgp.KeyID {
	var ids []pgp.KeyID
	for _, k := range keys {
		ids = append(ids, k.ID())
	}
	return ids
}

// counting returns the ids of the countersign keys of r that are not revoked.
// Their windows are not looked at.
func (s *Service) counting(r *roster.Roster, revoked roster.Revoked) map[string]bool {
	ids := make(map[string]bool)
	for _, k := range r.Root().OnlineKeys {
		if k.Role == roster.RoleCountersign && !revoked.Has(k.Key.Material()) {
			ids[k.Key.ID().String()] = true
		}
	}
	return ids
}

// recountersign marks each package whose list needs a countersignature and
// has none by one of the good keys, so that the next pass renews it.
func (c change) recountersign(good map[string]bool) error {
	names, err := c.uncountersigned(good)
	if err != nil {
		return err
	}
	return c.markDirty(names)
}

// uncountersigned names the packages whose list needs a countersignature and
// has none by one of the good keys.
func (v view) uncountersigned(good map[string]bool) ([]string, error) {
	type needy struct {
		name string
		list digest.Digest
	}
	var packages []needy
	err := v.Each(tablePackages, "", func(name string, raw []byte) error {
		var rec packageRecord
		if err := json.Unmarshal(raw, &rec); err != nil {
			return fmt.Errorf("the store's record of %s is damaged: %w", name, err)
		}
		if rec.ListVersion > 0 {
			packages = append(packages, needy{name, rec.List.Digest})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range packages {
		anchor, _, err := v.anchored(p.name)
		if err != nil {
			return nil, err
		}
		sig, _, err := loadJSON[countersigned](v, tableCounter, p.list.String())
		if err != nil {
			return nil, err
		}
		if anchor.List != p.list && !good[sig.Key] {
			names = append(names, p.name)
		}
	}
	return names, nil
}

// markDirty has the next pass look at packages.
func (c change) markDirty(names []string) error {
	for _, name := range names {
		if err := c.w.Store(tableDirty, name, present); err != nil {
			return err
		}
	}
	return nil
}
