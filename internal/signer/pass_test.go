package signer_test

import (
	"context"
	"crypto"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// While the keys are away proposals are kept, what is published stays, the
// log says so once, and it goes on by itself.
func TestKeysAway(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.publish()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.service.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run ends with %v, wanted nil", err)
		}
	}()
	r.keys.set(true)
	a := r.accepted(roster.ManifestPath("example", r.x.Release("example", "example-1.0.tar.gz", "one", alice).Digest()))
	b := r.accepted(roster.ListPath("other", r.x.Claim("other", bob).Digest()))
	wait, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	for _, d := range []digest.Digest{a.Digest, b.Digest} {
		if s, err := r.service.Await(wait, d); err != nil || s.State != signer.Accepted {
			t.Fatalf("with the keys away a proposal is %q (%v), wanted accepted", s.State, err)
		}
	}
	if n := strings.Count(r.log.String(), "msg=waiting"); n != 1 {
		t.Fatalf("the log tells of the keys %d times, wanted once:\n%s", n, r.log)
	}
	c := r.client()
	c.snapshot()
	r.keys.set(false)
	for _, d := range []digest.Digest{a.Digest, b.Digest} {
		if s, err := r.service.Await(t.Context(), d); err != nil || s.State != signer.Published {
			t.Fatalf("with the keys back a proposal is %q (%v), wanted published", s.State, err)
		}
	}
	if n := strings.Count(r.log.String(), "no longer waiting"); n != 1 {
		t.Fatalf("the log tells %d times that the keys are back, wanted once", n)
	}
	r.same()
	c.finds("example", "example-1.0.tar.gz", client.New)
}

// A published file that somebody else wrote is left as it is, and said.
func TestForeignFileInTheDirectory(t *testing.T) {
	r := newRig(t)
	must(t, publishFile(r, roster.SnapshotPath(2), "a thief's"))
	r.claim("example", alice)
	var conflict *publish.ConflictError
	if err := r.service.Publish(t.Context(), false); !errors.As(err, &conflict) {
		t.Fatalf("over a foreign snapshot the pass ends with %v, wanted a *publish.ConflictError", err)
	}
	if b, _ := r.read(roster.SnapshotPath(2)); string(b) != "a thief's" {
		t.Fatal("an immutable file was written again with other bytes")
	}
	r.wantLatest(1)
	if !strings.Contains(r.log.String(), "somebody to look into a fault") {
		t.Fatalf("the log does not ask for help:\n%s", r.log)
	}
}

// A foreign file in the place of one package's index is that package's trouble
// alone, though a pass writes the files of many together.
func TestForeignFileOfOnePackage(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"one", "two", "three"} {
		r.claim(name, alice)
	}
	path := roster.IndexPath("two", r.x.Package("two").Index.Digest())
	must(t, publishFile(r, path, "a thief's"))
	var conflict *publish.ConflictError
	if err := r.service.Publish(t.Context(), false); !errors.As(err, &conflict) || !strings.Contains(err.Error(), "publishing package two") {
		t.Fatalf("over a foreign index the pass ends with %v, wanted a *publish.ConflictError for package two", err)
	}
	if !r.published("one") || r.published("two") || !r.published("three") {
		t.Fatal("the other packages are not published, or that one is")
	}
	must(t, os.Remove(filepath.Join(r.dir, "www", filepath.FromSlash(path))))
	r.publish()
	r.same()
}

// A release that comes while its package is being published is published with
// its manifest, or not yet.
func TestReleaseDuringAPass(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	o := r.options()
	var late *roster.Manifest
	o.Keys = keysFunc(func(ctx context.Context, role roster.Role) (*pgp.PublicKey, crypto.Signer, error) {
		if late == nil {
			late = r.release("example", "example-1.0.tar.gz", "one", alice)
		}
		return r.keys.Key(ctx, role)
	})
	s, err := signer.Open(t.Context(), o)
	must(t, err)
	must(t, s.Publish(t.Context(), false))
	if r.published("example") {
		t.Error("the package is published as it was before it changed")
	}
	must(t, s.Publish(t.Context(), false))
	if _, err := r.read(roster.ManifestPath("example", late.Digest())); err != nil {
		t.Error(err)
	}
	r.same()
}

func publishFile(r *rig, path, content string) error {
	files := r.options().Files
	return files.Immutable(path, []byte(content))
}

// The anchor in the store is checked against the roster before it is public.
func TestDamagedAnchorIsNotPublished(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.publish()
	r.x.Anchor()
	r.adopt()
	must(t, r.store.Update(t.Context(), func(w store.Writer) error {
		return errors.Join(w.Clear("anchor"), w.Store("meta", "published-roster", []byte("1")))
	}))
	if err := r.service.Publish(t.Context(), false); err == nil || !strings.Contains(err.Error(), "anchor is damaged") {
		t.Fatalf("over a damaged anchor a pass ends with %v, wanted that it says so", err)
	}
}

// A recorded snapshot of a map that the leaves no longer give is not signed.
func TestRecordedVersionOfAnotherMap(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	r.publish2(r.crashAfter(func(s *hooked) bool { return s.wrote("snapshots") }))
	r.restart()
	must(t, r.store.Update(t.Context(), func(w store.Writer) error { return w.Delete("leaves", "example") }))
	r.publish()
	r.wantLatest(3)
	if _, err := r.read(roster.SnapshotPath(2)); err == nil {
		t.Fatal("a snapshot of another map was published")
	}
}

// Keys that the roster does not list sign nothing.
func TestKeysThatTheRosterDoesNotList(t *testing.T) {
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		r := newRig(t)
		r.keys.keys[role] = mary
		l := r.claim("example", alice)
		var key *signer.KeyError
		if err := r.service.Publish(t.Context(), true); !errors.As(err, &key) || key.Role != role || key.Key.ID() != mary.Key.ID() {
			t.Fatalf("with a %s key that is not listed a pass ends with %v, wanted a *KeyError", role, err)
		}
		path := roster.CountersignaturePath(roster.ListPath("example", l.Digest()))
		if _, err := r.read(path); (err == nil) != (role == roster.RoleSnapshot) {
			t.Fatalf("with a %s key that is not listed a countersignature is published: %v", role, err == nil)
		}
		if r.published("example") {
			t.Fatal("the package is published")
		}
	}
}

// A package that changes while it is being published is published again.
func TestChangeDuringAPass(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	o := r.options()
	once := false
	o.Keys = keysFunc(func(ctx context.Context, role roster.Role) (*pgp.PublicKey, crypto.Signer, error) {
		if role == roster.RoleCountersign && !once {
			once = true
			must(t, r.service.SetStatus(ctx, "example", tree.Quarantined))
		}
		return r.keys.Key(ctx, role)
	})
	s, err := signer.Open(t.Context(), o)
	must(t, err)
	must(t, s.Publish(t.Context(), false))
	must(t, s.Publish(t.Context(), false))
	r.x.Package("example").Status = tree.Quarantined
	r.same()
}

// Signatures that are added while the document is being published are
// published too.
func TestSignaturesAddedDuringAPass(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice, bob)
	m := r.release("example", "example-1.0.tar.gz", "one", alice)
	o := r.options()
	files, err := publish.Open(o.Files.Root(), &interrupted{name: m.Digest().String() + ".json", do: func() {
		_, err := r.service.Submit(t.Context(), roster.Signed{Document: m.Bytes(), Signatures: rostertest.Sign(t, m.Bytes(), bob)})
		must(t, err)
	}})
	must(t, err)
	o.Files = files
	s, err := signer.Open(t.Context(), o)
	must(t, err)
	must(t, s.Publish(t.Context(), false))
	must(t, s.Publish(t.Context(), false))
	if by := r.signers(roster.ManifestPath("example", m.Digest()), m.Bytes(), alice, bob); len(by) != 2 {
		t.Fatalf("the manifest is published with signatures by %q, wanted Alice's and Bob's", by)
	}
}

// interrupted does something once, when a file has got that name.
type interrupted struct {
	publish.Disk
	name string
	do   func()
}

func (i *interrupted) NameNew(tmp, path string) error {
	err := i.Disk.NameNew(tmp, path)
	if filepath.Base(path) == i.name && i.do != nil {
		do := i.do
		i.do = nil
		do()
	}
	return err
}

// While the keys are away a pass asks for them once, not once a package.
func TestKeysAreAskedForOnce(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"one", "two", "three"} {
		r.claim(name, alice)
	}
	o := r.options()
	asked := 0
	o.Keys = keysFunc(func(ctx context.Context, role roster.Role) (*pgp.PublicKey, crypto.Signer, error) {
		asked++
		return nil, nil, &signer.AwayError{Err: errors.New("sealed")}
	})
	s, err := signer.Open(t.Context(), o)
	must(t, err)
	var away *signer.AwayError
	if err := s.Publish(t.Context(), true); !errors.As(err, &away) || asked != 1 {
		t.Fatalf("a pass asked %d times and ended with %v, wanted once and an *AwayError", asked, err)
	}
}

func TestOptions(t *testing.T) {
	r := newRig(t)
	for _, edit := range []func(*signer.Options){
		func(o *signer.Options) { o.Repository = "Not A Name" },
		func(o *signer.Options) { o.Interval = 0 },
		func(o *signer.Options) { o.Lifetime = o.Interval },
	} {
		o := r.options()
		edit(&o)
		if _, err := signer.Open(t.Context(), o); err == nil {
			t.Errorf("options %q, %s, %s were taken", o.Repository, o.Interval, o.Lifetime)
		}
	}
}
