package signer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// A KeyError says that an online key may not sign now: the newest roster does
// not list it in its role, or it is revoked or outside its window.
type KeyError struct {
	Role   roster.Role
	Key    *pgp.PublicKey
	Roster uint64
}

func (e *KeyError) Error() string {
	return fmt.Sprintf("%s key %s does not count under root roster %d: not listed, revoked, or outside its not_before and expires", e.Role, e.Key, e.Roster)
}

// Hint says what to do.
func (e *KeyError) Hint() string {
	return "hold a ceremony for a roster that lists the key, or configure the key that the roster lists"
}

// ExitCode is 3: nothing is broken.
func (e *KeyError) ExitCode() int { return 3 }

// Publish makes one pass: it publishes what the state has and the directory
// lacks, from the content up to `latest`. A snapshot is made if a leaf, the
// roster or the revocations changed, if Interval has passed since the last,
// or if force is set. What can be done without the online keys is done first,
// so that an [*AwayError] leaves only their part.
//
// Other errors: [ErrNoRoster], a [*KeyError], a [*ClockError], a
// [*publish.ConflictError], or a fault of the store or the disk. A pass that
// ended in an error has broken nothing and may be repeated.
func (s *Service) Publish(ctx context.Context, force bool) error {
	s.work.Lock()
	defer s.work.Unlock()
	err := s.onePass(ctx, s.Clock(), force)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pass = err
	close(s.done)
	s.done = make(chan struct{})
	return err
}

func (s *Service) onePass(ctx context.Context, at time.Time, force bool) error {
	r, err := s.current()
	if err != nil {
		return err
	}
	err = s.publishWithoutKeys(ctx, r)
	if err == nil {
		err = s.publishWithKeys(ctx, r, at, force)
	}
	s.tellOf(ctx, err)
	return err
}

// publishWithKeys finishes the last snapshot, renews countersignatures, brings
// leaves up to date, and makes the next snapshot.
func (s *Service) publishWithKeys(ctx context.Context, r *roster.Roster, at time.Time, force bool) error {
	if err := s.finishSnapshot(ctx, r, at); err != nil {
		return err
	}
	var away *AwayError
	trouble := s.renew(ctx, r, at)
	if !errors.As(trouble, &away) {
		trouble = errors.Join(trouble, s.settleAll(ctx, r, at))
	}
	if errors.As(trouble, &away) { // and would be for the snapshot, after another wait
		return trouble
	}
	counts, err := s.lastSnapshotCounts(ctx, r, at)
	if err != nil {
		return errors.Join(trouble, err)
	}
	return errors.Join(trouble, s.newSnapshot(ctx, r, at, force || !counts))
}

// What a pass may wait for.
const (
	forKeys = "the online keys"
	forHelp = "somebody to look into a fault"
)

// tellOf tells the log how a pass ended.
func (s *Service) tellOf(ctx context.Context, err error) {
	var away *AwayError
	var key *KeyError
	switch {
	case ctx.Err() != nil: // it was told to stop
	case err == nil:
		s.tell(forKeys, nil)
		s.tell(forHelp, nil)
	case errors.As(err, &away), errors.As(err, &key):
		s.tell(forKeys, err)
	default:
		s.tell(forHelp, err)
	}
}

// publishWithoutKeys publishes what needs no online key: opened revocations,
// documents, and then the rosters that were adopted.
func (s *Service) publishWithoutKeys(ctx context.Context, r *roster.Roster) error {
	if err := s.publishRevocations(ctx); err != nil {
		return err
	}
	if err := s.publishOutbox(ctx); err != nil {
		return err
	}
	return s.publishRosters(ctx, r)
}

// put publishes files one after the other, because each tells readers of those
// before it.
func (s *Service) put(files []publish.File) error {
	for _, f := range files {
		if err := s.Files.All([]publish.File{f}); err != nil {
			return fmt.Errorf("publishing %s: %w", f.Path, err)
		}
	}
	return nil
}

// publishRevocations publishes the opened revocations of online keys.
func (s *Service) publishRevocations(ctx context.Context) error {
	var files []publish.File
	var ids []string
	err := s.Store.View(ctx, func(tx store.Reader) error {
		keys, err := view{tx}.keys(tableRevoked, "")
		for _, id := range keys {
			if s.shown[id] {
				continue
			}
			f, err := view{tx}.revocationFiles(id)
			if err != nil {
				return err
			}
			files, ids = append(files, f...), append(ids, id)
		}
		return err
	})
	if err == nil {
		err = s.put(files)
	}
	if err == nil {
		for _, id := range ids {
			s.shown[id] = true
		}
	}
	return err
}

// publishRosters publishes what was adopted and is not public yet: first the
// attestations and the anchor's map, then each roster behind its signatures.
func (s *Service) publishRosters(ctx context.Context, newest *roster.Roster) error {
	var files []publish.File
	var anchor []tree.Leaf
	err := s.Store.View(ctx, func(tx store.Reader) error {
		v := view{tx}
		done, err := v.meta(metaPublished)
		if err != nil || done >= newest.Version() {
			return err
		}
		for _, r := range s.walk() {
			if r.Version() <= done {
				continue
			}
			f, err := v.rosterFiles(r)
			if err != nil {
				return err
			}
			files = append(files, f...)
		}
		anchor, err = v.leaves(tableAnchor)
		return err
	})
	if err != nil || len(files) == 0 {
		return err
	}
	if err := s.publishAnchor(newest, anchor); err != nil {
		return err
	}
	if err := s.put(files); err != nil {
		return err
	}
	s.Log.Info("published the root roster", "version", newest.Version(), "digest", newest.Digest().String())
	return s.Store.Update(ctx, func(w store.Writer) error {
		return changeOf(w).storeMeta(metaPublished, newest.Version())
	})
}

// rosterFiles are the attestations and documents of one roster, in the order
// of their publication.
func (v view) rosterFiles(r *roster.Roster) ([]publish.File, error) {
	var files []publish.File
	for _, k := range r.Root().Keyholders {
		d, err := digest.Parse(k.Attestation)
		if err != nil {
			continue // a card that gives none
		}
		pem, found, err := v.Load(tableAttested, k.Attestation)
		if err != nil {
			return nil, err
		}
		if found {
			files = append(files, publish.File{Path: roster.AttestationPath(d), Bytes: pem})
		}
	}
	signed, _, err := loadJSON[roster.Signed](v, tableRosters, number(r.Version()))
	path := roster.RosterPath(r.Version())
	return append(files, behindSignatures(path, signed)...), err
}

// behindSignatures are the files of a document, which comes last.
func behindSignatures(path string, signed roster.Signed) []publish.File {
	return []publish.File{
		{Path: roster.SignaturePath(path), Bytes: signed.Signatures, Mutable: true},
		{Path: path, Bytes: signed.Document},
	}
}

func (s *Service) publishAnchor(r *roster.Roster, leaves []tree.Leaf) error {
	set := mapSet{files: s.Files}
	root, _, err := tree.Build(leaves, set.add)
	if err == nil {
		err = set.publish()
	}
	if err != nil {
		return fmt.Errorf("publishing the anchor's map: %w", err)
	}
	if root != r.Root().Anchor {
		return fmt.Errorf("the store's anchor is damaged: its root is %s, wanted %s from roster %d", root, r.Root().Anchor, r.Version())
	}
	return nil
}

// key returns an online key that may sign now.
func (s *Service) key(ctx context.Context, r *roster.Roster, role roster.Role, at time.Time) (*pgp.PublicKey, crypto.Signer, error) {
	key, signer, err := s.Keys.Key(ctx, role)
	if err != nil {
		return nil, nil, fmt.Errorf("reaching the %s key: %w", role, err)
	}
	for _, k := range r.OnlineKey(role, at, s.revoked()) {
		if k.ID() == key.ID() {
			return key, signer, nil
		}
	}
	return nil, nil, &KeyError{role, key, r.Version()}
}
