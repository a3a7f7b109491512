package roster

import (
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster/digest"
)

var snapshotForm = form{"snapshot/v1", MaxSnapshot, LayerSnapshot}

// MaxSkew is how far ahead of the reader's clock a snapshot may be issued.
const MaxSkew = 5 * time.Minute

// MaxSnapshotRevoked is how many revoked keys a snapshot may name.
const MaxSnapshotRevoked = 64

// SnapshotContent is what a snapshot says.
type SnapshotContent struct {
	Type       string          `json:"type"`
	Repository string          `json:"repository"`
	Version    uint64          `json:"version"`
	Issued     Time            `json:"issued"`
	Expires    Time            `json:"expires"`
	Roster     uint64          `json:"roster"` // the roster version it is made under
	Map        MapRoot         `json:"map"`
	Revoked    []digest.Digest `json:"revoked"` // ids of online keys that the signer knows revoked
}

// A MapRoot names a map: its root's digest and how many leaves it has.
type MapRoot struct {
	Root digest.Digest `json:"root"`
	Size uint64        `json:"size"`
}

// Format prints the document, with its type filled in.
func (c SnapshotContent) Format() ([]byte, error) {
	c.Type = snapshotForm.kind
	return encode(&c)
}

// A Snapshot is a verified statement, by the online signer, of the whole
// index at one moment. Only [Roster.OpenSnapshot] makes one.
type Snapshot struct {
	content SnapshotContent
	digest  digest.Digest
}

// Version is the snapshot's number.
func (s *Snapshot) Version() uint64 { return s.content.Version }

// Digest is the SHA-256 of the document.
func (s *Snapshot) Digest() digest.Digest { return s.digest }

// Map names the map that the snapshot commits to.
func (s *Snapshot) Map() MapRoot { return s.content.Map }

// Issued and Expires bound the snapshot's life, in UTC.
func (s *Snapshot) Issued() time.Time { return s.content.Issued.Time }

// Expires is the moment from which the snapshot says nothing.
func (s *Snapshot) Expires() time.Time { return s.content.Expires.Time }

// Revoked names the online keys that the signer knew revoked.
func (s *Snapshot) Revoked() []pgp.KeyID {
	ids := make([]pgp.KeyID, len(s.content.Revoked))
	for i, d := range s.content.Revoked {
		ids[i] = pgp.KeyID(d)
	}
	return ids
}

// OpenSnapshot checks that s is snapshot version of r's repository, signed by
// a snapshot key that counts at the time and is not revoked; that it lives no
// longer than r allows, is not issued more than [MaxSkew] ahead, has not
// expired, is not below r's floor, and was made under no later roster than r
// (the error then wraps [ErrNewerRoster]). What the reader remembers of
// earlier snapshots is not checked here.
func (r *Roster) OpenSnapshot(s Signed, version uint64, at time.Time, revoked Revoked) (*Snapshot, error) {
	snap, err := r.parseSnapshot(s.Document, version)
	if err != nil {
		return nil, err
	}
	if err := r.snapshotSigned(s, version, at, revoked); err != nil {
		return nil, err
	}
	c := &snap.content
	subject := SnapshotPath(version)
	switch {
	case version < r.root.SnapshotFloor:
		return nil, refuse(LayerSnapshot, subject, "it is below the roster's snapshot_floor").found("%d", version).want("at least %d", r.root.SnapshotFloor).
			do("the server must publish a snapshot at or above the floor; until then only old ones exist")
	case c.Issued.After(at.Add(MaxSkew)):
		return nil, refuse(LayerSnapshot, subject, "it is issued in the future").found("%s", c.Issued).want("at most %s after %s", MaxSkew, At(at)).
			do("check this machine's clock")
	case !at.Before(c.Expires.Time):
		return nil, refuse(LayerSnapshot, subject, "expired").found("%s", At(at)).want("a time before %s", c.Expires).stale().
			do("the server or a mirror withholds newer snapshots: try another mirror or network, and check this machine's clock")
	}
	return snap, nil
}

func (r *Roster) parseSnapshot(doc []byte, version uint64) (*Snapshot, error) {
	subject := SnapshotPath(version)
	snap := &Snapshot{digest: digest.Sum(doc)}
	c := &snap.content
	if err := snapshotForm.parse(subject, doc, c); err != nil {
		return nil, err
	}
	switch {
	case c.Repository != r.root.Repository:
		return nil, refuse(LayerSnapshot, subject, "it is for another repository").found("%q", c.Repository).want("%q", r.root.Repository)
	case c.Version != version || version < 1 || version > MaxNumber:
		return nil, refuse(LayerSnapshot, subject, "it says that it is another version").found("%d", c.Version).want("%d", version)
	case c.Roster > r.root.Version:
		return nil, refuse(LayerSnapshot, subject, "it was made under root roster %d", c.Roster).because(ErrNewerRoster).want("at most %d", r.root.Version).stale().
			do("the newer roster is withheld from you: try another mirror or network")
	case c.Roster < 1:
		return nil, refuse(LayerSnapshot, subject, "it names no roster version")
	case c.Map.Root.IsZero() || c.Map.Size > MaxNumber:
		return nil, refuse(LayerSnapshot, subject, "it names no map")
	case !c.Issued.Before(c.Expires.Time):
		return nil, refuse(LayerSnapshot, subject, "issued %s is not before expires %s", c.Issued, c.Expires)
	case c.Expires.Sub(c.Issued.Time) > time.Duration(r.root.SnapshotLifetime)*time.Second:
		return nil, refuse(LayerSnapshot, subject, "it lives longer than the roster allows").found("%s", c.Expires.Sub(c.Issued.Time)).want("at most %d seconds", r.root.SnapshotLifetime)
	case len(c.Revoked) > MaxSnapshotRevoked:
		return nil, refuse(LayerSnapshot, subject, "it names too many revoked keys").found("%d", len(c.Revoked)).want("at most %d", MaxSnapshotRevoked)
	}
	return snap, nil
}

// snapshotSigned asks for a signature by a snapshot key that counts, and says
// so plainly where the only signature is by one that does not.
func (r *Roster) snapshotSigned(s Signed, version uint64, at time.Time, revoked Revoked) error {
	subject := SnapshotPath(version)
	var all []*pgp.PublicKey
	for _, k := range r.root.OnlineKeys {
		if k.Role == RoleSnapshot {
			all = append(all, k.Key.PublicKey)
		}
	}
	signed, err := verify(LayerSnapshot, subject, s, all)
	if err != nil {
		return err
	}
	counting := signers(r.OnlineKey(RoleSnapshot, at, revoked))
	for _, k := range signed {
		if counting.has(k) {
			return nil
		}
	}
	return uncounted(LayerSnapshot, subject, RoleSnapshot, signed, revoked)
}

// uncounted explains why none of the online signatures counts.
func uncounted(l Layer, subject string, role Role, signed signers, revoked Revoked) error {
	for _, k := range signed {
		if revoked.Has(k.Material()) {
			return refuse(l, subject, "signed only by a %s key that is revoked (%s: %s)", role, k, revoked[k.Material()]).
				do("wait for the index's operators to publish a roster with new online keys")
		}
	}
	if len(signed) > 0 {
		return refuse(l, subject, "signed only by a %s key outside its not_before and expires (%s)", role, signed[0])
	}
	return refuse(l, subject, "not signed by any %s key of the roster", role)
}
