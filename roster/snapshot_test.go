package roster_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

func TestOpenSnapshot(t *testing.T) {
	for _, c := range []struct {
		name  string
		edit  func(*roster.SnapshotContent)
		later time.Duration
		want  string
		stale bool
	}{
		{"as it should be", nil, 0, "", false},
		{"until just before it expires", nil, 12*time.Hour - time.Second, "", false},
		{"expired", nil, 12 * time.Hour, "expired", true},
		{"a little in the future", nil, -5 * time.Minute, "", false},
		{"issued in the future", nil, -5*time.Minute - time.Second, "issued in the future", false},
		{"another repository", func(c *roster.SnapshotContent) { c.Repository = "other.example" }, 0, "for another repository", false},
		{"a later roster", func(c *roster.SnapshotContent) { c.Roster = 2 }, 0, "made under root roster 2", true},
		{"no roster", func(c *roster.SnapshotContent) { c.Roster = 0 }, 0, "names no roster version", false},
		{"lives as long as allowed", func(c *roster.SnapshotContent) { c.Expires = roster.At(c.Issued.Add(24 * time.Hour)) }, 0, "", false},
		{"lives too long", func(c *roster.SnapshotContent) { c.Expires = roster.At(c.Issued.Add(24*time.Hour + time.Second)) }, 0, "lives longer", false},
		{"expires when issued", func(c *roster.SnapshotContent) { c.Expires = c.Issued }, 0, "is not before expires", false},
		{"too many revoked", func(c *roster.SnapshotContent) {
			for i := range 65 {
				c.Revoked = append(c.Revoked, digest.Sum([]byte{byte(i)}))
			}
		}, 0, "too many revoked keys", false},
		{"a map of too many leaves", func(c *roster.SnapshotContent) { c.Map.Size = 1 << 53 }, 0, "names no map", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := rostertest.New(t)
			v := x.Publish(c.edit)
			s, err := x.Roster.OpenSnapshot(x.Signed(roster.SnapshotPath(v)), v, x.Now.Add(c.later), nil)
			switch {
			case c.want == "":
				accepted(t, err)
				if s.Version() != v || s.Map() != x.Map() {
					t.Errorf("snapshot %d with map %v", s.Version(), s.Map())
				}
			case c.stale:
				stale(t, err, roster.LayerSnapshot, c.want)
			default:
				refused(t, err, roster.LayerSnapshot, c.want)
			}
			if got := errors.Is(err, roster.ErrNewerRoster); got != (c.name == "a later roster") {
				t.Errorf("wraps ErrNewerRoster: %v", got)
			}
		})
	}
}

func TestSnapshotIsTheVersionAskedFor(t *testing.T) {
	x := rostertest.New(t)
	x.Publish(nil)
	_, err := x.Roster.OpenSnapshot(x.Signed(roster.SnapshotPath(1)), 2, x.Now, nil)
	refused(t, err, roster.LayerSnapshot, "it says that it is another version")
}

func TestSnapshotBelowTheFloor(t *testing.T) {
	x := rostertest.New(t)
	x.Succeed(func(r *roster.Root) { r.SnapshotFloor = 7 })
	for v, want := range map[uint64]string{6: "below the roster's snapshot_floor", 7: ""} {
		x.Publish(func(c *roster.SnapshotContent) { c.Version = v })
		_, err := x.Roster.OpenSnapshot(x.Signed(roster.SnapshotPath(v)), v, x.Now, nil)
		if want == "" {
			accepted(t, err)
		} else {
			refused(t, err, roster.LayerSnapshot, want)
		}
	}
}

func TestSnapshotIsSignedByASnapshotKeyThatCounts(t *testing.T) {
	x := rostertest.New(t)
	v := x.Publish(nil)
	path := roster.SnapshotPath(v)
	s := x.Signed(path)
	open := func(s roster.Signed, at time.Time, revoked roster.Revoked) error {
		_, err := x.Roster.OpenSnapshot(s, v, at, revoked)
		return err
	}
	by := func(k *rostertest.Signer) roster.Signed {
		return roster.Signed{Document: s.Document, Signatures: rostertest.Sign(t, s.Document, k)}
	}
	refused(t, open(by(x.Countersign), x.Now, nil), roster.LayerSnapshot, "not signed by any snapshot key")
	refused(t, open(by(person("Alice")), x.Now, nil), roster.LayerSnapshot, "not signed by any snapshot key")
	refused(t, open(by(person("Mallory")), x.Now, nil), roster.LayerSnapshot, "not signed by any snapshot key")
	refused(t, open(s, x.Now, roster.Revoked{x.Snapshot.Key.Material(): "stolen"}), roster.LayerSnapshot, "that is revoked")
	refused(t, open(s, x.Now, roster.Revoked{x.Snapshot.Repacked().Key.Material(): "stolen"}), roster.LayerSnapshot, "that is revoked")
	refused(t, open(s, x.Now.AddDate(4, 0, 0), nil), roster.LayerSnapshot, "outside its not_before and expires")
	refused(t, open(roster.Signed{Document: s.Document}, x.Now, nil), roster.LayerSnapshot, "signature file is malformed")
	changed := roster.Signed{Document: replace(s.Document, `"size": 0`, `"size": 1`), Signatures: s.Signatures}
	refused(t, open(changed, x.Now, nil), roster.LayerSnapshot, "a signature is refused")
}
