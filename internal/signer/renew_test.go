package signer_test

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// A pair is one of the two pairs of online keys in these tests.
type pair struct{ countersign, snapshot *rostertest.Signer }

// twoPairs adopts a roster with a second pair of online keys, which makes the
// first pair's windows end. It returns both pairs and that end.
func (r *rig) twoPairs() (former, later pair, end time.Time) {
	r.t.Helper()
	former = pair{r.x.Countersign, r.x.Snapshot}
	later = pair{rostertest.Person("countersign-2"), rostertest.Person("snapshot-2")}
	end = r.x.Now.AddDate(0, 0, 10)
	r.x.Succeed(func(next *roster.Root) {
		next.OnlineKeys = slices.Clone(next.OnlineKeys)
		for i, k := range next.OnlineKeys {
			key := later.countersign.Key
			if k.Role == roster.RoleSnapshot {
				key = later.snapshot.Key
			}
			next.OnlineKeys = append(next.OnlineKeys, roster.OnlineKey{Role: k.Role, Key: roster.Key{PublicKey: key}, NotBefore: k.NotBefore, Expires: k.Expires})
			next.OnlineKeys[i].Expires = roster.At(end)
		}
	})
	r.adopt()
	return former, later, end
}

// configure starts the service again with this pair.
func (r *rig) configure(p pair) {
	r.t.Helper()
	r.keys.mu.Lock()
	r.keys.keys = map[roster.Role]*rostertest.Signer{roster.RoleCountersign: p.countersign, roster.RoleSnapshot: p.snapshot}
	r.keys.mu.Unlock()
	r.restart()
}

// countersignedBy checks whose countersignature of a package's list is public.
func (r *rig) countersignedBy(name string, k *pgp.PublicKey) {
	r.t.Helper()
	path := roster.ListPath(name, r.shown(name).List.Digest)
	doc, err := r.read(path)
	must(r.t, err)
	asc, err := r.read(roster.CountersignaturePath(path))
	must(r.t, err)
	f, err := pgp.ParseSignatures(asc)
	must(r.t, err)
	if ids, err := f.Verify(doc, []*pgp.PublicKey{k}); err != nil || len(ids) != 1 {
		r.t.Fatalf("the list of %s is not countersigned by %s (%v); its signatures name %X", name, k, err, f.Claims())
	}
}

// Lists that a key countersigned are countersigned by the next one before the
// former's window ends, and clients go on when it has ended.
func TestLaterKeysTakeOverBeforeAWindowEnds(t *testing.T) {
	r := newRig(t)
	former, later, end := r.twoPairs()
	r.claim("example", alice)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	r.publish()
	r.countersignedBy("example", former.countersign.Key)

	r.configure(later)
	r.x.Now = end.Add(-48 * time.Hour)
	r.publish()
	r.countersignedBy("example", former.countersign.Key) // there is time

	r.x.Now = end.Add(-time.Hour)
	r.publish()
	r.countersignedBy("example", later.countersign.Key)
	c := r.client()
	c.finds("example", "example-1.0.tar.gz", client.New)
	r.x.Now = end
	c.finds("example", "example-1.0.tar.gz", client.Remembered)
	r.client().finds("example", "example-1.0.tar.gz", client.New)
}

// If the operators change the keys only when the window has ended, the first
// pass renews all.
func TestWindowsThatEndedAreNoticed(t *testing.T) {
	r := newRig(t)
	former, later, end := r.twoPairs()
	r.claim("example", alice)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	r.x.Now = end.Add(-24*time.Hour - time.Minute)
	r.publish()
	version, _ := r.latest()

	// While the key at hand is the one whose window ends, none is renewed.
	r.x.Now = end.Add(-24*time.Hour + time.Minute)
	r.publish()
	r.countersignedBy("example", former.countersign.Key)
	if h, err := r.service.Health(t.Context()); err != nil || h.Waiting != 0 || h.Snapshot != version {
		t.Fatalf("before the window ends the service is %+v (%v), wanted nothing waiting and no new snapshot", h, err)
	}
	r.x.Now = end.Add(-time.Minute)
	r.publish()

	r.x.Now = end
	if _, err := r.client().authorise("example", "example-1.0.tar.gz"); err == nil || !strings.Contains(err.Error(), "outside its not_before and expires") {
		t.Fatalf("with the window ended a client finds %v, wanted a refusal that names it", err)
	}
	if err := r.service.Publish(t.Context(), false); err == nil || !strings.Contains(err.Error(), "does not count") {
		t.Fatalf("a pass with keys whose window ended ends with %v, wanted a *KeyError", err)
	}
	r.configure(later)
	r.publish()
	r.countersignedBy("example", later.countersign.Key)
	r.client().finds("example", "example-1.0.tar.gz", client.New)
}

// A key that will count only later renews nothing yet, and what keeps lists
// from being renewed keeps no snapshot from being made.
func TestRenewalWaitsForAKeyThatCounts(t *testing.T) {
	r := newRig(t)
	former, _, end := r.twoPairs()
	future := rostertest.Person("countersign-3")
	r.x.Succeed(func(next *roster.Root) {
		next.OnlineKeys = append(slices.Clone(next.OnlineKeys), roster.OnlineKey{Role: roster.RoleCountersign, Key: roster.Key{PublicKey: future.Key},
			NotBefore: roster.At(end.Add(-time.Minute)), Expires: roster.At(end.AddDate(1, 0, 0))})
	})
	r.adopt()
	r.claim("example", alice)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	r.publish()
	r.configure(pair{future, former.snapshot})
	r.x.Now = end.Add(-20 * time.Hour)
	r.publish()
	if h, err := r.service.Health(t.Context()); err != nil || h.Waiting != 0 {
		t.Fatalf("with a key at hand that does not count yet %d packages wait (%v), wanted none", h.Waiting, err)
	}

	o := r.options()
	o.Keys = keysFunc(func(ctx context.Context, role roster.Role) (*pgp.PublicKey, crypto.Signer, error) {
		if role == roster.RoleCountersign {
			return nil, nil, errors.New("no such key")
		}
		return r.keys.Key(ctx, role)
	})
	s, err := signer.Open(t.Context(), o)
	must(t, err)
	version, _ := r.latest()
	if err := s.Publish(t.Context(), true); err == nil || !strings.Contains(err.Error(), "no such key") {
		t.Fatalf("the pass ends with %v, wanted that there is no such key", err)
	}
	r.wantLatest(version + 1)
	r.client().finds("example", "example-1.0.tar.gz", client.New)
}

// A snapshot by a key whose window has ended is followed at once by one of the
// later key's, though nothing changed and it is not due.
func TestSnapshotOfAnEndedWindowIsReplaced(t *testing.T) {
	r := newRig(t)
	_, later, end := r.twoPairs()
	r.x.Now = end.Add(-time.Minute)
	r.publish()
	version, _ := r.latest()
	r.configure(later)
	r.publish()
	r.wantLatest(version)
	r.x.Now = end
	r.publish()
	r.wantLatest(version + 1)
	r.client().snapshot()
	r.publish()
	r.wantLatest(version + 1)
}
