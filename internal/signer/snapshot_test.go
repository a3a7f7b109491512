package signer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// latest returns the number that `latest` gives, and what that snapshot says.
func (r *rig) latest() (version uint64, c roster.SnapshotContent) {
	r.t.Helper()
	b, err := r.read(roster.LatestPath)
	must(r.t, err)
	_, err = fmt.Sscanf(string(b), "%d\n", &version)
	must(r.t, err)
	doc, err := r.read(roster.SnapshotPath(version))
	must(r.t, err)
	must(r.t, json.Unmarshal(doc, &c))
	return version, c
}

func (r *rig) wantLatest(want uint64) roster.SnapshotContent {
	r.t.Helper()
	got, c := r.latest()
	if got != want {
		r.t.Fatalf("latest says %d, wanted %d", got, want)
	}
	return c
}

// A snapshot comes when something changed, and every interval; not otherwise.
func TestWhenSnapshotsAreMade(t *testing.T) {
	r := newRig(t)
	c := r.wantLatest(1)
	if life := c.Expires.Sub(c.Issued.Time); life != 12*time.Hour || !c.Issued.Equal(r.x.Now) {
		t.Fatalf("the snapshot is issued %s and lives %s, wanted %s and 12h", c.Issued, life, r.x.Now)
	}
	r.x.Now = r.x.Now.Add(59 * time.Minute)
	r.publish()
	r.wantLatest(1)
	r.claim("example", alice)
	r.publish()
	r.wantLatest(2)
	r.x.Now = r.x.Now.Add(59 * time.Minute)
	r.publish()
	r.wantLatest(2)
	r.x.Now = r.x.Now.Add(time.Minute)
	r.publish()
	r.wantLatest(3)
	must(t, r.service.Publish(t.Context(), true))
	r.wantLatest(4)
	r.x.Succeed(nil)
	r.adopt()
	r.publish()
	if c := r.wantLatest(5); c.Roster != 2 {
		t.Fatalf("the snapshot is made under roster %d, wanted 2", c.Roster)
	}
}

// A snapshot lives no longer than the roster allows.
func TestSnapshotLifetimeIsTheRosters(t *testing.T) {
	r := newRig(t)
	r.x.Succeed(func(root *roster.Root) { root.SnapshotLifetime = 7200 })
	r.adopt()
	r.publish()
	if c := r.wantLatest(2); c.Expires.Sub(c.Issued.Time) != 2*time.Hour {
		t.Fatalf("the snapshot lives from %s to %s, wanted 2h", c.Issued, c.Expires)
	}
}

// A clock that ran backwards signs nothing; an hour later all is well.
func TestClockRanBackwards(t *testing.T) {
	r := newRig(t)
	r.x.Now = r.x.Now.Add(-time.Second)
	r.claim("example", alice)
	var clock *signer.ClockError
	if err := r.service.Publish(t.Context(), false); !errors.As(err, &clock) || clock.Version != 1 {
		t.Fatalf("with the clock before snapshot 1 a pass ends with %v, wanted a *ClockError", err)
	}
	r.wantLatest(1)
	r.x.Now = r.x.Now.Add(time.Second)
	r.publish()
	r.wantLatest(2)
	r.same()
}

// A version stands for one document: recorded, then signed. If the signature
// fails, the very same bytes are signed later, though the clock went on and
// more was accepted; what came meanwhile is in the next version.
func TestTheSameBytesAreSignedAgain(t *testing.T) {
	r := newRig(t)
	r.claim("example", alice)
	crash := r.crashAfter(func(s *hooked) bool { return s.wrote("snapshots") })
	r.publish2(crash)
	doc := r.recorded(2)
	r.restart()
	r.x.Now = r.x.Now.Add(10 * time.Minute)
	r.claim("other", bob)
	r.publish()
	r.wantLatest(3)
	published, err := r.read(roster.SnapshotPath(2))
	must(t, err)
	if string(published) != doc {
		t.Fatalf("snapshot 2 is published as\n%s\nwanted what was recorded\n%s", published, doc)
	}
	r.same()
	r.client().snapshot()
}

// A recorded version that no longer fits is passed over, never changed.
func TestRecordedVersionIsPassedOver(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*rig)
	}{
		{"it has expired", func(r *rig) { r.x.Now = r.x.Now.Add(12 * time.Hour) }},
		{"a new roster was adopted", func(r *rig) { r.x.Succeed(nil); r.adopt() }},
		{"its key was revoked, and a standby pair takes over", func(r *rig) {
			standby := r.x.Snapshot
			r.revokeOnline(rostertest.Person("standby-snapshot"))
			r.keys.keys[roster.RoleSnapshot] = standby
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			// A roster with two snapshot keys; the service begins with the other.
			r.x.Succeed(func(root *roster.Root) {
				k := root.OnlineKeys[1]
				k.Key = roster.Key{PublicKey: rostertest.Person("standby-snapshot").Key}
				root.OnlineKeys = append(root.OnlineKeys, k)
			})
			r.adopt()
			r.keys.keys[roster.RoleSnapshot] = rostertest.Person("standby-snapshot")
			r.publish()
			r.claim("example", alice)
			r.publish2(r.crashAfter(func(s *hooked) bool { return s.wrote("snapshots") }))
			r.recorded(3)
			r.restart()
			c.change(r)
			r.publish()
			r.wantLatest(4)
			if _, err := r.read(roster.SnapshotPath(3)); err == nil {
				t.Fatal("a version that was to be passed over was published")
			}
			r.same()
			r.client().snapshot()
		})
	}
}

// recorded returns the bytes that the store settles for a version.
func (r *rig) recorded(version uint64) string {
	r.t.Helper()
	var rec struct {
		Document []byte `json:"document"`
		State    string `json:"state"`
	}
	must(r.t, r.store.View(r.t.Context(), func(tx store.Reader) error {
		raw, found, err := tx.Load("snapshots", fmt.Sprintf("%020d", version))
		if !found {
			r.t.Fatalf("no snapshot %d is recorded", version)
		}
		if err == nil {
			err = json.Unmarshal(raw, &rec)
		}
		return err
	}))
	if rec.State != "recorded" {
		r.t.Fatalf("snapshot %d is %q, wanted recorded", version, rec.State)
	}
	return string(rec.Document)
}

// hooked is a store that stops working after an update that its test chooses.
type hooked struct {
	*store.Bolt
	tables map[store.Table]bool // that the update wrote to
	stop   func(*hooked) bool
	dead   bool
}

var errCrash = errors.New("the process is gone")

func (h *hooked) wrote(t store.Table) bool { return h.tables[t] }

func (h *hooked) Update(ctx context.Context, change func(store.Writer) error) error {
	if h.dead {
		return errCrash
	}
	h.tables = make(map[store.Table]bool)
	err := h.Bolt.Update(ctx, func(w store.Writer) error { return change(noting{w, h}) })
	h.dead = err == nil && h.stop(h)
	return err
}

type noting struct {
	store.Writer
	h *hooked
}

func (n noting) Store(t store.Table, key string, value []byte) error {
	n.h.tables[t] = true
	return n.Writer.Store(t, key, value)
}

// crashAfter returns a service over the same store that can write nothing any
// more after the update for which stop returns true.
func (r *rig) crashAfter(stop func(*hooked) bool) *signer.Service {
	r.t.Helper()
	o := r.options()
	h := &hooked{Bolt: r.store, stop: stop}
	o.Store = h
	s, err := signer.Open(r.t.Context(), o)
	must(r.t, err)
	return s
}

// publish2 lets a service that crashes publish.
func (r *rig) publish2(s *signer.Service) {
	r.t.Helper()
	if err := s.Publish(r.t.Context(), false); !errors.Is(err, errCrash) {
		r.t.Fatalf("the pass ends with %v, wanted a crash", err)
	}
}

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
}

func publishFile(r *rig, path, content string) error {
	files := r.options().Files
	return files.Immutable(path, []byte(content))
}
