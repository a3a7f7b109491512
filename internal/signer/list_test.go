package signer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// list makes a list and signs it, without publishing it in the model.
func (r *rig) list(c roster.ListContent, signers ...*rostertest.Signer) roster.Signed {
	r.t.Helper()
	l, err := roster.NewList(c)
	must(r.t, err)
	return roster.Signed{Document: l.Bytes(), Signatures: rostertest.Sign(r.t, l.Bytes(), signers...)}
}

// Each rule that a proposed list must obey, broken alone.
func TestListsThatAreRefused(t *testing.T) {
	first := func(r *rig, name string, edit func(*roster.ListContent), signers ...*rostertest.Signer) roster.Signed {
		c := r.x.FirstList(name, alice, bob)
		edit(&c)
		return r.list(c, signers...)
	}
	next := func(r *rig, edit func(*roster.ListContent), signers ...*rostertest.Signer) roster.Signed {
		c := r.x.NextList("taken", alice, bob)
		edit(&c)
		return r.list(c, signers...)
	}
	for _, c := range []struct {
		name, words string
		make        func(*rig) roster.Signed
	}{
		{"a name that is taken", "has maintainers already", func(r *rig) roster.Signed {
			return first(r, "taken", func(c *roster.ListContent) { c.ReleaseThreshold = 2 }, alice, bob)
		}},
		{"another repository's", "another repository", func(r *rig) roster.Signed {
			return first(r, "free", func(c *roster.ListContent) { c.Repository = "other.example" }, alice, bob)
		}},
		{"a claim that a maintainer did not sign", "newly named key has not signed", func(r *rig) roster.Signed {
			return first(r, "free", func(c *roster.ListContent) {}, alice)
		}},
		{"a claim that begins at version 2", "must be version 1", func(r *rig) roster.Signed {
			return first(r, "free", func(c *roster.ListContent) {
				c.Version, c.Previous = 2, roster.Ref{Digest: r.x.Pin()}
			}, alice, bob)
		}},
		{"a claim without maintainers", "must have maintainers", func(r *rig) roster.Signed {
			return first(r, "free", func(c *roster.ListContent) {
				c.Maintainers, c.Threshold, c.ReleaseThreshold = nil, 0, 0
			}, alice)
		}},
		{"a keyholder's key as a maintainer's", "one role a key", func(r *rig) roster.Signed {
			return first(r, "free", func(c *roster.ListContent) {
				c.Maintainers[0].Keys[0].PublicKey = r.x.Keyholders[0].Key
			}, r.x.Keyholders[0], bob)
		}},
		{"a claim that inherits an index which is not there", "does not extend", func(r *rig) roster.Signed {
			return first(r, "free", func(c *roster.ListContent) {
				c.Inherits = roster.Inheritance{Length: 10, Digest: roster.Ref{Digest: r.x.Pin()}}
			}, alice, bob)
		}},
		{"a succession signed by none of the maintainers", "not approved by the maintainers", func(r *rig) roster.Signed {
			return next(r, func(c *roster.ListContent) {
				c.Maintainers[0].Keys[0].PublicKey, c.Maintainers[1].Keys[0].PublicKey = carol.Key, dave.Key
			}, carol, dave)
		}},
		{"a succession without the new maintainer's consent", "newly named key has not signed", func(r *rig) roster.Signed {
			return next(r, func(c *roster.ListContent) { c.Maintainers[1].Keys[0].PublicKey = carol.Key }, alice)
		}},
		{"a version that was given", "its version was given before", func(r *rig) roster.Signed {
			return next(r, func(c *roster.ListContent) { c.Version = 2 }, alice)
		}},
		{"a successor of an old list", "does not follow the newest list", func(r *rig) roster.Signed {
			return next(r, func(c *roster.ListContent) { c.Previous = r.first }, alice)
		}},
		{"an index that was never published", "does not extend", func(r *rig) roster.Signed {
			return next(r, func(c *roster.ListContent) { c.Inherits.Digest = roster.Ref{Digest: r.x.Pin()} }, alice)
		}},
		{"a key that was revoked comes in", "which is revoked", func(r *rig) roster.Signed {
			return next(r, func(c *roster.ListContent) { c.Maintainers[1].Keys[0].PublicKey = mary.Key }, alice, mary)
		}},
		{"a revoked key comes in by another packet", "which is revoked", func(r *rig) roster.Signed {
			m := mary.Repacked()
			return next(r, func(c *roster.ListContent) { c.Maintainers[1].Keys[0].PublicKey = m.Key }, alice, m)
		}},
		{"a bad signature by a key that was asked for", "a signature is refused", func(r *rig) roster.Signed {
			s := next(r, func(*roster.ListContent) {}, alice)
			s.Signatures = rostertest.Sign(r.t, []byte("another document"), alice)
			return s
		}},
		{"another document of a later format", "wanted \"maintainer-list/v1\"", func(r *rig) roster.Signed {
			s := next(r, func(*roster.ListContent) {}, alice)
			s.Document = []byte(strings.Replace(string(s.Document), "maintainer-list/v1", "maintainer-list/v2", 1))
			return s
		}},
		{"a root roster", "wanted \"maintainer-list/v1\"", func(r *rig) roster.Signed {
			return r.x.Signed(roster.RosterPath(1))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			l := r.claim("taken", alice, bob)
			r.first = roster.Ref{Digest: l.Digest()}
			r.claim("other", mary)
			r.revokeKey(mary, "other")
			r.succeed(r.x.NextList("taken", alice, bob), alice)
			r.release("taken", "taken-1.0.tar.gz", "one", bob)
			r.publish()
			r.refused(c.make(r), c.words)
			r.publish()
			r.same()
		})
	}
}

// revokeKey submits a maintainer's revocation of their own key.
func (r *rig) revokeKey(s *rostertest.Signer, packages ...string) signer.Answer {
	r.t.Helper()
	before := len(r.x.Files)
	r.x.RevokeKey(s, packages...)
	if len(r.x.Files) == before {
		r.t.Fatal("the model has no revocation")
	}
	lines := r.x.Package(packages[0]).Index.Revocations()
	return r.accepted(roster.KeyRevocationPath(lines[len(lines)-1]))
}

func TestListAgain(t *testing.T) {
	r := newRig(t)
	c := r.x.FirstList("example", alice, bob)
	c.Threshold = 1
	r.claim("example", alice, bob)
	l := r.succeed(r.x.NextList("example", alice, bob), alice, mary)
	r.publish()
	path := roster.ListPath("example", l.Digest())
	if by := r.signers(path, l.Bytes(), alice, mary); !slices.Equal(by, []string{"Alice-m"}) {
		t.Fatalf("the list is published with signatures by %q, wanted Alice's and not a stranger's", by)
	}

	// The same again is its state, and changes nothing.
	before := r.show()
	if a := r.accepted(path); a.State != signer.Published {
		t.Fatalf("submitted again, the list is %q, wanted published", a.State)
	}
	if r.show() != before {
		t.Fatal("submitted again, the list changed the state")
	}
	// Bob signs too, alone in his file: both signatures are published.
	if _, err := r.service.Submit(t.Context(), roster.Signed{Document: l.Bytes(), Signatures: rostertest.Sign(t, l.Bytes(), bob)}); err != nil {
		t.Fatal(err)
	}
	r.publish()
	if by := r.signers(path, l.Bytes(), alice, bob); !slices.Equal(by, []string{"Alice-m", "Bob-m"}) {
		t.Fatalf("the list is published with signatures by %q, wanted Alice's and Bob's", by)
	}
	// A stranger's signature is not kept.
	if _, err := r.service.Submit(t.Context(), roster.Signed{Document: l.Bytes(), Signatures: rostertest.Sign(t, l.Bytes(), alice, mary)}); err != nil {
		t.Fatal(err)
	}
	r.publish()
	if by := r.signers(path, l.Bytes(), mary); len(by) > 0 {
		t.Fatal("a stranger's signature was published")
	}
	// A bad signature by a key that counts is refused, and nothing is lost.
	c = r.x.NextList("example", alice, bob)
	l = r.succeed(c, alice)
	r.refused(roster.Signed{Document: l.Bytes(), Signatures: rostertest.Sign(t, []byte("another document"), bob)}, "cannot be added")
}

// The signer says what a list would change, before it is public.
func TestEffectsAreTold(t *testing.T) {
	r := newRig(t)
	must(t, r.service.AddUnsigned(t.Context(), "example", "0.9", fileOf("example-0.9.tar.gz", "nine")))
	r.x.Upload("example", "example-0.9.tar.gz", "nine")
	c := r.x.FirstList("example", alice, bob)
	c.Inherits = r.x.Package("example").Index.Inheritance()
	l := r.x.PutList(c, alice, bob)
	a := r.accepted(roster.ListPath("example", l.Digest()))
	wantNote(t, a, "newly inherits line 1")

	r.release("example", "example-1.0.tar.gz", "one", bob)
	c = r.x.NextList("example", alice)
	c.Inherits = r.x.Package("example").Index.Inheritance(2)
	l = r.x.PutList(c, alice)
	a = r.accepted(roster.ListPath("example", l.Digest()))
	wantNote(t, a, "line 2 loses its authority")

	c = r.x.NextList("example", alice, carol)
	c.Inherits = r.x.Package("example").Index.Inheritance(2)
	l = r.x.PutList(c, alice, carol)
	if a = r.accepted(roster.ListPath("example", l.Digest())); len(a.Notes) != 0 {
		t.Fatalf("the answer's notes are %q; a new maintainer changes no line, and line 2 had lost its authority", a.Notes)
	}

	l = r.x.PutList(r.x.NextList("example", alice, bob), alice, bob)
	a = r.accepted(roster.ListPath("example", l.Digest()))
	wantNote(t, a, "newly inherits line 2")
	wantNote(t, a, "returns: an earlier list named it, and the list before does not; its signature makes count again: line 2")
	if len(a.Notes) != 2 {
		t.Fatalf("the answer's notes are %q; line 1 is nothing new", a.Notes)
	}
	r.publish()
	r.same()
}

func wantNote(t *testing.T, a signer.Answer, words string) {
	t.Helper()
	if !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, words) }) {
		t.Fatalf("the answer's notes are %q, wanted one that says %q", a.Notes, words)
	}
}

// The 65th succession since the anchor is refused; once an anchor holds a
// newer list, the count begins anew.
func TestSuccessionsAreCounted(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	for range roster.MaxSuccessions {
		r.succeed(r.x.NextList("example", alice), alice)
	}
	c := r.x.NextList("example", alice)
	r.refused(r.list(c, alice), "no chain of at most 64 successions")
	r.publish()
	r.same()
	r.x.Anchor()
	r.adopt()
	r.succeed(c, alice)
	r.publish()
	r.same()
	r.release("example", "example-1.0.tar.gz", "one", alice)
	r.publish()
	r.client().finds("example", "example-1.0.tar.gz", client.Established)
}

// A frozen package has no successor.
func TestFrozen(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.release("example", "example-1.0.tar.gz", "one", alice)
	c := r.x.NextList("example")
	c.Threshold, c.ReleaseThreshold = 0, 0
	r.succeed(c, alice)
	r.refused(r.list(r.x.NextList("example", alice), alice), "froze the package")
	m := r.x.Release("example", "example-2.0.tar.gz", "two", alice)
	r.refused(r.x.Signed(roster.ManifestPath("example", m.Digest())), "not signed by the maintainers")
	r.publish()
	r.client().finds("example", "example-1.0.tar.gz", client.New)
}
