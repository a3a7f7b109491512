package signer_test

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
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
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.claim("example", alice)
			r.publish2(r.crashAfter(func(s *hooked) bool { return s.wrote("snapshots") }))
			r.recorded(2)
			r.restart()
			c.change(r)
			r.publish()
			r.wantLatest(3)
			if _, err := r.read(roster.SnapshotPath(2)); err == nil {
				t.Fatal("a version that was to be passed over was published")
			}
			r.same()
			r.client().snapshot()
		})
	}
}

// A snapshot that was signed, not published, by a key that is revoked now is
// passed over too; one that was only recorded is signed by the standby key.
func TestRecordedVersionAndStandbyKey(t *testing.T) {
	for _, c := range []struct {
		name   string
		writes int // to the table of snapshots before the crash
		first  uint64
	}{{"recorded", 1, 3}, {"signed", 2, 4}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			standby := rostertest.Person("standby-snapshot")
			r.x.Succeed(func(root *roster.Root) {
				k := root.OnlineKeys[1]
				k.Key = roster.Key{PublicKey: standby.Key}
				root.OnlineKeys = append(root.OnlineKeys, k)
			})
			r.adopt()
			r.publish()
			r.claim("example", alice)
			writes := 0
			r.publish2(r.crashAfter(func(s *hooked) bool {
				if s.wrote("snapshots") {
					writes++
				}
				return writes == c.writes
			}))
			r.recorded(3)
			r.restart()
			r.revokeOnline(r.x.Snapshot)
			r.keys.keys[roster.RoleSnapshot] = standby
			r.publish()
			r.wantLatest(4) // the revocation makes another due
			for version := c.first; version <= 4; version++ {
				if _, err := r.read(roster.SnapshotPath(version)); err != nil {
					t.Errorf("snapshot %d is not published", version)
				}
			}
			if _, err := r.read(roster.SnapshotPath(3)); (err == nil) != (c.first == 3) {
				t.Errorf("snapshot 3, whose key was revoked, is published: %v", err == nil)
			}
			r.client().snapshot()
		})
	}
}

// Of two signers over one store, the one that comes too late does not settle
// a version.
func TestVersionsAreComparedAndSwapped(t *testing.T) {
	r := newRig(t)
	other, err := signer.Open(t.Context(), r.options())
	must(t, err)
	o := r.options()
	once := false
	o.Keys = keysFunc(func(ctx context.Context, role roster.Role) (*pgp.PublicKey, crypto.Signer, error) {
		if role == roster.RoleSnapshot && !once {
			once = true
			must(t, other.Publish(ctx, true))
		}
		return r.keys.Key(ctx, role)
	})
	s, err := signer.Open(t.Context(), o)
	must(t, err)
	if err := s.Publish(t.Context(), true); err == nil || !strings.Contains(err.Error(), "another signer recorded snapshot 2") {
		t.Fatalf("with a snapshot made meanwhile a pass ends with %v, wanted that it gives way", err)
	}
	r.wantLatest(2)
	must(t, s.Publish(t.Context(), true))
	r.wantLatest(3)
}

type keysFunc func(context.Context, roster.Role) (*pgp.PublicKey, crypto.Signer, error)

func (f keysFunc) Key(ctx context.Context, role roster.Role) (*pgp.PublicKey, crypto.Signer, error) {
	return f(ctx, role)
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

// deadFiles writes nothing any more once its store has crashed.
type deadFiles struct {
	publish.Disk
	h *hooked
}

func (d deadFiles) WriteTemporary(path string, data []byte, mode fs.FileMode) (string, error) {
	if d.h.dead {
		return "", errCrash
	}
	return d.Disk.WriteTemporary(path, data, mode)
}

// crashAfter returns a service over the same store that can write nothing any
// more after the update for which stop returns true.
func (r *rig) crashAfter(stop func(*hooked) bool) *signer.Service {
	r.t.Helper()
	o := r.options()
	h := &hooked{Bolt: r.store, stop: stop}
	files, err := publish.Open(o.Files.Root(), deadFiles{h: h})
	must(r.t, err)
	o.Store, o.Files = h, files
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
