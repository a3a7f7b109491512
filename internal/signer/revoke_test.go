package signer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// An online key's revocation is published at once and without any key; the
// service signs no more with it, and its snapshots name it if another is left.
func TestRevocationOfAnOnlineKey(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	r.publish()
	r.keys.set(true)
	r.revokeOnline(r.x.Countersign)
	r.keys.set(false)
	if _, err := r.client().authorise("example", "example-1.0.tar.gz"); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Fatalf("a client finds %v, wanted that the key is revoked", err)
	}
	r.claim("other", bob)
	var key *signer.KeyError
	if err := r.service.Publish(t.Context(), false); !errors.As(err, &key) || key.Role != roster.RoleCountersign {
		t.Fatalf("the pass ends with %v, wanted a *KeyError of the countersign key", err)
	}
	_, c := r.latest()
	if len(c.Revoked) != 1 || c.Revoked[0] != digest.Digest(r.x.Countersign.Key.ID()) {
		t.Fatalf("the snapshot names %v revoked, wanted the countersign key", c.Revoked)
	}
	if r.published("other") {
		t.Fatal("a list was published without a countersignature")
	}
	r.restart()
	if err := r.service.Publish(t.Context(), true); !errors.As(err, &key) {
		t.Fatalf("after a restart the pass ends with %v, wanted a *KeyError still", err)
	}
	r.revokeOnline(r.x.Snapshot)
	if err := r.service.Publish(t.Context(), true); !errors.As(err, &key) {
		t.Fatalf("with both keys revoked the pass ends with %v, wanted a *KeyError", err)
	}
	again := r.x.Signed(roster.RevocationPath(r.x.Snapshot.Key.ID()))
	if _, err := r.service.PublishRevocation(t.Context(), again); err != nil {
		t.Fatalf("opened twice, a revocation gives %v", err)
	}
}

// revokeOnline opens the revocation of an online key.
func (r *rig) revokeOnline(k *rostertest.Signer) {
	r.t.Helper()
	r.x.RevokeOnline(k.Key)
	got, err := r.service.PublishRevocation(r.t.Context(), r.x.Signed(roster.RevocationPath(k.Key.ID())))
	must(r.t, err)
	if got.ID() != k.Key.ID() {
		r.t.Fatalf("revoked %s, wanted %s", got, k.Key)
	}
	if _, err := r.read(roster.SignaturePath(roster.RevocationPath(k.Key.ID()))); err != nil {
		r.t.Fatal("the revocation is not published at once")
	}
}

// published reports whether the newest snapshot's map has the package.
func (r *rig) published(name string) bool {
	r.t.Helper()
	return r.shown(name).Published
}

func TestRevocationsThatAreRefused(t *testing.T) {
	r := newRig(t)
	r.x.RevokeOnline(r.x.Snapshot.Key)
	path := roster.RevocationPath(r.x.Snapshot.Key.ID())
	good := r.x.Signed(path)
	for _, c := range []struct {
		name, words string
		s           roster.Signed
	}{
		{"one keyholder signed", "quorum", roster.Signed{Document: good.Document, Signatures: rostertest.Sign(t, good.Document, r.x.Keyholders[0])}},
		{"another document", "wrong type", r.x.Signed(roster.RosterPath(1))},
		{"under a roster that is not known", "was not adopted here", roster.Signed{Signatures: good.Signatures,
			Document: []byte(strings.Replace(string(good.Document), r.x.Roster.Digest().String(), digest.Sum(nil).String(), 1))}},
		{"a key that is none of its online keys", "no such online key", func() roster.Signed {
			r.x.RevokeOnline(alice.Key)
			return r.x.Signed(roster.RevocationPath(alice.Key.ID()))
		}()},
	} {
		if _, err := r.service.PublishRevocation(t.Context(), c.s); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: found %v, wanted a refusal with the words %q", c.name, err, c.words)
		}
	}
	if err := r.service.Publish(t.Context(), true); err != nil {
		t.Errorf("after refused revocations a pass ends with %v", err)
	}
}
