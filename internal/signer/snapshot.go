package signer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// A ClockError says that the clock stands before the last snapshot: either it
// is wrong now, or it was wrong then.
type ClockError struct {
	Clock   roster.Time
	Version uint64
	Issued  roster.Time
}

func (e *ClockError) Error() string {
	return fmt.Sprintf("clock reads %s but snapshot %d was issued at %s", e.Clock, e.Version, e.Issued)
}

// Hint says what to do.
func (e *ClockError) Hint() string {
	return "set this machine's clock; if the snapshot's time was wrong, wait until it has passed"
}

// snapshotState says how far a snapshot's version has got.
type snapshotState string

const (
	snapshotRecorded  snapshotState = "recorded"    // its bytes are settled; it may be signed, it may be half published
	snapshotPublished snapshotState = "published"   // `latest` named it
	snapshotPassed    snapshotState = "passed over" // never to be signed again, because it no longer fits
)

// A snapshotRecord settles the bytes of one version before they are signed.
type snapshotRecord struct {
	State      snapshotState `json:"state"`
	Document   []byte        `json:"document"`
	Signatures []byte        `json:"signatures"`
}

// A snapshotVersion is a record with what its document says.
type snapshotVersion struct {
	snapshotRecord
	content roster.SnapshotContent
}

// lastSnapshot returns the record of the highest version; version 0 if there
// is none.
func (v view) lastSnapshot() (last snapshotVersion, err error) {
	key, raw, found, err := v.Last(tableSnapshots)
	if err != nil || !found {
		return last, err
	}
	return readSnapshot(key, raw)
}

// publishedSnapshot returns the record of the newest version that was
// published; version 0 if there is none.
func (v view) publishedSnapshot() (last snapshotVersion, err error) {
	n, err := v.meta(metaSnapshot)
	if err != nil || n == 0 {
		return last, err
	}
	raw, _, err := v.Load(tableSnapshots, number(n))
	if err != nil {
		return last, err
	}
	return readSnapshot(number(n), raw)
}

func readSnapshot(key string, raw []byte) (last snapshotVersion, err error) {
	if err := json.Unmarshal(raw, &last.snapshotRecord); err != nil {
		return last, fmt.Errorf("the store's snapshot %q is damaged: %w", key, err)
	}
	if err := json.Unmarshal(last.Document, &last.content); err != nil || number(last.content.Version) != key {
		return last, fmt.Errorf("the store's snapshot %q is damaged: it is not that version (%v)", key, err)
	}
	return last, nil
}

// finishSnapshot brings to its end a version that was recorded and not
// published: it signs the very same bytes, unless they were signed already.
// A version that no longer fits is passed over, for good.
func (s *Service) finishSnapshot(ctx context.Context, r *roster.Roster, at time.Time) error {
	var last snapshotVersion
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		last, err = view{tx}.lastSnapshot()
		return err
	})
	if err != nil || last.State != snapshotRecorded {
		return err
	}
	root, _, err := s.publishMap(ctx)
	if err != nil {
		return err
	}
	fits := last.content.Roster == r.Version() && last.content.Map.Root == root
	if fits && last.Signatures == nil {
		if last, err = s.signSnapshot(ctx, last, r, at); err != nil {
			return err
		}
	}
	if fits { // it may have expired, or the key that signed it may be revoked
		_, err = r.OpenSnapshot(roster.Signed{Document: last.Document, Signatures: last.Signatures}, last.content.Version, at, s.revoked())
		fits = err == nil
	}
	if !fits {
		s.Log.Warn("passing over a snapshot that was recorded and not published", "version", last.content.Version)
		return s.markSnapshot(ctx, last, snapshotPassed)
	}
	return s.publishSnapshot(ctx, last, r, at)
}

// signSnapshot signs the recorded bytes and keeps the signature.
func (s *Service) signSnapshot(ctx context.Context, last snapshotVersion, r *roster.Roster, at time.Time) (snapshotVersion, error) {
	key, signer, err := s.key(ctx, r, roster.RoleSnapshot, at)
	if err != nil {
		return last, err
	}
	asc, err := pgp.Sign(s.Rand, last.Document, key, signer, at)
	if err != nil {
		return last, fmt.Errorf("signing snapshot %d: %w", last.content.Version, err)
	}
	last.Signatures = asc
	return last, s.Store.Update(ctx, func(w store.Writer) error {
		return changeOf(w).storeJSON(tableSnapshots, number(last.content.Version), last.snapshotRecord)
	})
}

// publishSnapshot verifies a signed snapshot as a client would and publishes
// it, `latest` last.
func (s *Service) publishSnapshot(ctx context.Context, last snapshotVersion, r *roster.Roster, at time.Time) error {
	version := last.content.Version
	signed := roster.Signed{Document: last.Document, Signatures: last.Signatures}
	if _, err := r.OpenSnapshot(signed, version, at, s.revoked()); err != nil {
		return fmt.Errorf("checking the snapshot before it is published: %w", err)
	}
	path := roster.SnapshotPath(version)
	files := append(behindSignatures(path, signed),
		publish.File{Path: roster.LatestPath, Bytes: []byte(strconv.FormatUint(version, 10) + "\n"), Mutable: true})
	if err := s.put(files); err != nil {
		return err
	}
	if err := s.markSnapshot(ctx, last, snapshotPublished); err != nil {
		return err
	}
	s.Log.Info("published a snapshot", "version", version, "packages", last.content.Map.Size, "roster", last.content.Roster)
	return nil
}

// markSnapshot settles what became of a version. If it was published, so are
// the revisions of all packages whose leaves it shows.
func (s *Service) markSnapshot(ctx context.Context, last snapshotVersion, state snapshotState) error {
	return s.Store.Update(ctx, func(w store.Writer) error {
		c := changeOf(w)
		last.State = state
		if err := c.storeJSON(tableSnapshots, number(last.content.Version), last.snapshotRecord); err != nil || state != snapshotPublished {
			return err
		}
		if err := c.storeMeta(metaSnapshot, last.content.Version); err != nil {
			return err
		}
		revisions := make(map[string]uint64)
		err := c.Each(tablePending, "", func(name string, value []byte) (err error) {
			revisions[name], err = strconv.ParseUint(string(value), 10, 64)
			return err
		})
		if err != nil {
			return fmt.Errorf("reading what was to be published: %w", err)
		}
		for name, revision := range revisions {
			rec, found, err := loadJSON[packageRecord](c.view, tablePackages, name)
			if err != nil {
				return err
			}
			if found {
				rec.Published = max(rec.Published, revision)
				if err := c.storeJSON(tablePackages, name, rec); err != nil {
					return err
				}
			}
		}
		return w.Clear(tablePending)
	})
}

// newSnapshot makes and publishes the next snapshot, if one is due.
func (s *Service) newSnapshot(ctx context.Context, r *roster.Roster, at time.Time, force bool) error {
	var last snapshotVersion
	var pending int
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		if last, err = (view{tx}).lastSnapshot(); err != nil {
			return err
		}
		keys, err := view{tx}.keys(tablePending, "")
		pending = len(keys)
		return err
	})
	if err != nil {
		return err
	}
	revoked := s.revokedIDs(r)
	c := last.content
	if !force && last.State == snapshotPublished && pending == 0 && c.Roster == r.Version() &&
		slices.Equal(c.Revoked, revoked) && at.Before(c.Issued.Add(s.Interval)) && !at.Before(c.Issued.Time) {
		return nil
	}
	if c.Version > 0 && at.Before(c.Issued.Time) {
		return &ClockError{roster.At(at), c.Version, c.Issued}
	}
	if _, _, err := s.key(ctx, r, roster.RoleSnapshot, at); err != nil {
		return err // before a version is spent on it
	}
	root, size, err := s.publishMap(ctx)
	if err != nil {
		return err
	}
	life := min(s.Lifetime, time.Duration(r.Root().SnapshotLifetime)*time.Second)
	next := roster.SnapshotContent{
		Repository: s.Repository, Version: max(c.Version+1, r.Root().SnapshotFloor, 1),
		Issued: roster.At(at), Expires: roster.At(at.Add(life)), Roster: r.Version(),
		Map: roster.MapRoot{Root: root, Size: size}, Revoked: revoked,
	}
	recorded, err := s.recordSnapshot(ctx, c.Version, next)
	if err == nil {
		recorded, err = s.signSnapshot(ctx, recorded, r, at)
	}
	if err != nil {
		return err
	}
	return s.publishSnapshot(ctx, recorded, r, at)
}

// recordSnapshot settles the bytes of a version, if the last version is still
// the one that they were made after.
func (s *Service) recordSnapshot(ctx context.Context, after uint64, next roster.SnapshotContent) (snapshotVersion, error) {
	doc, err := next.Format()
	if err != nil {
		return snapshotVersion{}, fmt.Errorf("printing snapshot %d: %w", next.Version, err)
	}
	rec := snapshotRecord{State: snapshotRecorded, Document: doc}
	return snapshotVersion{rec, next}, s.Store.Update(ctx, func(w store.Writer) error {
		c := changeOf(w)
		last, err := c.lastSnapshot()
		if err != nil {
			return err
		}
		if last.content.Version != after {
			return fmt.Errorf("another signer recorded snapshot %d while %d was being made", last.content.Version, next.Version)
		}
		return c.storeJSON(tableSnapshots, number(next.Version), rec)
	})
}

// publishMap builds the map of all leaves and publishes the nodes and buckets
// that are not public yet.
func (s *Service) publishMap(ctx context.Context) (root digest.Digest, size uint64, err error) {
	var leaves []tree.Leaf
	err = s.Store.View(ctx, func(tx store.Reader) (err error) {
		leaves, err = view{tx}.leaves(tableLeaves)
		return err
	})
	if err != nil {
		return root, 0, err
	}
	public := make(map[digest.Digest]bool)
	set := mapSet{files: s.Files, published: s.maps}
	root, size, err = tree.Build(leaves, func(d digest.Digest, file []byte) error {
		public[d] = true
		if s.maps[d] {
			return nil
		}
		return set.add(d, file)
	})
	if err == nil {
		err = set.publish()
	}
	if err != nil {
		return root, 0, fmt.Errorf("publishing the map: %w", err)
	}
	s.maps = public
	return root, size, nil
}

// A mapSet publishes nodes and buckets, many at a time.
type mapSet struct {
	files     *publish.Directory
	waiting   []publish.File
	names     []digest.Digest        // of those that wait
	published map[digest.Digest]bool // what was published is noted here, unless nil
}

// add takes a file, which the caller may use again.
func (m *mapSet) add(d digest.Digest, file []byte) error {
	m.waiting = append(m.waiting, publish.File{Path: roster.MapPath(d), Bytes: bytes.Clone(file)})
	m.names = append(m.names, d)
	if len(m.waiting) < batch {
		return nil
	}
	return m.publish()
}

// publish publishes what waits.
func (m *mapSet) publish() error {
	if err := m.files.All(m.waiting); err != nil {
		return err
	}
	if m.published != nil {
		for _, d := range m.names {
			m.published[d] = true
		}
	}
	m.waiting, m.names = m.waiting[:0], m.names[:0]
	return nil
}

// revokedIDs are the online keys of r that are known revoked, sorted.
func (s *Service) revokedIDs(r *roster.Roster) []digest.Digest {
	revoked := s.revoked()
	var ids []digest.Digest
	for _, k := range r.Root().OnlineKeys {
		if revoked.Has(k.Key.Material()) {
			ids = append(ids, digest.Digest(k.Key.ID()))
		}
	}
	slices.SortFunc(ids, func(a, b digest.Digest) int { return slices.Compare(a[:], b[:]) })
	return ids
}
