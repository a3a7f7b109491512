package signer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// fault submits what must end as a fault of the signer's, not as a refusal of
// the document: who sent it can do nothing about it.
func (r *rig) fault(s roster.Signed, words string) {
	r.t.Helper()
	before := r.show()
	_, err := r.service.Submit(r.t.Context(), s)
	var refusal *roster.Error
	if err == nil || errors.As(err, &refusal) || !strings.Contains(err.Error(), words) {
		r.t.Fatalf("over a damaged store submitting gives %v, wanted a fault with the words %q", err, words)
	}
	if after := r.show(); after != before {
		r.t.Fatalf("what ended in a fault changed the state:\n%s\nwas\n%s", after, before)
	}
}

// damage changes the store behind the service's back.
func (r *rig) damage(change func(store.Writer) error) {
	r.t.Helper()
	must(r.t, r.store.Update(r.t.Context(), change))
}

// A store that lost a manifest, or has one that is too long, must not let a
// released file have other bytes: nobody can say what they were.
func TestLostManifestIsAFault(t *testing.T) {
	for _, c := range []struct {
		name, words string
		damage      func(w store.Writer, m *roster.Manifest) error
	}{
		{"lost", "not in the store", func(w store.Writer, m *roster.Manifest) error {
			return w.Delete("documents", m.Digest().String())
		}},
		{"too long", "wanted at most", func(w store.Writer, m *roster.Manifest) error {
			long := append(rostertest.Sign(t, m.Bytes(), alice), make([]byte, pgp.MaxSignatureFile)...)
			return storeJSON(w, "documents", m.Digest().String(), roster.Signed{Document: m.Bytes(), Signatures: long})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.claim("example", alice)
			m := r.release("example", "example-1.0.tar.gz", "one", alice)
			other := r.manifest("example", "1.0", []roster.File{fileOf("example-1.0.tar.gz", "other")}, alice)
			r.refused(other, "other bytes")
			r.damage(func(w store.Writer) error { return c.damage(w, m) })
			r.fault(other, "looking for earlier releases")
			r.fault(other, c.words)
		})
	}
}

// A store that lost the newest list cannot judge its successor.
func TestLostListIsAFault(t *testing.T) {
	r := newRig(t)
	l := r.claim("example", alice)
	next := r.list(r.x.NextList("example", alice, bob), alice, bob)
	r.damage(func(w store.Writer) error { return w.Delete("documents", l.Digest().String()) })
	r.fault(next, "the store lacks list")
}

// A recorded snapshot that stands under another version's number is not used:
// no version may have two contents.
func TestMisplacedSnapshotIsAFault(t *testing.T) {
	r := newRig(t)
	r.damage(func(w store.Writer) error {
		raw, _, err := w.Load("snapshots", fmt.Sprintf("%020d", 1))
		if err != nil {
			return err
		}
		return w.Store("snapshots", fmt.Sprintf("%020d", 2), raw)
	})
	r.x.Now = r.x.Now.Add(2 * time.Hour)
	if err := r.service.Publish(t.Context(), true); err == nil || !strings.Contains(err.Error(), "it is not that version") {
		t.Fatalf("over a misplaced snapshot a pass ends with %v, wanted that it says so", err)
	}
	r.wantLatest(1)
}

// What the operator does twice changes nothing the second time: no package
// waits for a pass.
func TestNothingChangedIsNothingToPublish(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	must(t, r.service.Yank(t.Context(), "example", "1.0", ""))
	must(t, r.service.SetStatus(t.Context(), "example", tree.Quarantined))
	must(t, r.service.AddUnsigned(t.Context(), "plain", "1.0", fileOf("plain-1.0.tar.gz", "one")))
	r.publish()
	must(t, r.service.Yank(t.Context(), "example", "1.0", ""))
	must(t, r.service.SetStatus(t.Context(), "example", tree.Quarantined))
	must(t, r.service.AddUnsigned(t.Context(), "plain", "1.0", fileOf("plain-1.0.tar.gz", "one")))
	h, err := r.service.Health(t.Context())
	if err != nil || h.Waiting != 0 {
		t.Fatalf("%d packages wait to be published (%v), wanted none", h.Waiting, err)
	}
}

// A name that is not in its normal form is refused as such, whatever the act:
// "not known" would send the operator looking for a package that is there.
func TestOperatorNamesAreNormal(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	for what, act := range map[string]func() error{
		"status": func() error { return r.service.SetStatus(t.Context(), "Example", tree.Removed) },
		"yank":   func() error { return r.service.Yank(t.Context(), "ex_ample", "1.0", "") },
		"add": func() error {
			return r.service.AddUnsigned(t.Context(), "Example", "1.0", fileOf("example-1.0.tar.gz", "one"))
		},
	} {
		var refusal *roster.Error
		if err := act(); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "normal form") {
			t.Errorf("%s: a name out of its normal form gives %v, wanted a *roster.Error that says so", what, err)
		}
	}
}

// An anchored list that names a key of the roster stands nowhere, for clients
// neither: such a roster is not adopted.
func TestAnchoredListThatDoesNotStand(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.publish()
	r.x.PutList(r.x.NextList("example", bob), bob) // an override
	root := r.x.Map().Root
	r.x.Keyholders = append(r.x.Keyholders, bob)
	r.x.Succeed(func(next *roster.Root) {
		rostertest.SetKeyholders(next, r.x.Keyholders...)
		next.Anchor = root
	})
	_, err := r.service.Adopt(t.Context(), r.ceremony())
	var refusal *roster.Error
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "anchored list does not stand") {
		t.Fatalf("adopting gives %v, wanted a refusal", err)
	}
	if h, err := r.service.Health(t.Context()); err != nil || h.Roster != 1 {
		t.Fatalf("after a refused adoption the roster is %d (%v)", h.Roster, err)
	}
}

// A revocation without a key is refused, and not looked up anywhere.
func TestRevocationWithoutAKey(t *testing.T) {
	r := newRig(t)
	r.x.RevokeOnline(r.x.Countersign.Key)
	whole := r.x.Signed(roster.RevocationPath(r.x.Countersign.Key.ID()))
	var fields map[string]json.RawMessage
	must(t, json.Unmarshal(whole.Document, &fields))
	for _, key := range []string{`null`, `""`, `"AAAA"`} {
		doc := []byte(strings.Replace(string(whole.Document), string(fields["key"]), key, 1))
		var refusal *roster.Error
		if _, err := r.service.PublishRevocation(t.Context(), roster.Signed{Document: doc, Signatures: whole.Signatures}); !errors.As(err, &refusal) {
			t.Errorf("with the key %s a revocation gives %v, wanted a refusal", key, err)
		}
	}
	if _, err := r.service.PublishRevocation(t.Context(), whole); err != nil {
		t.Errorf("the whole revocation gives %v", err)
	}
}
