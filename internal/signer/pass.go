package signer

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/pgp"
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

// publishWithKeys finishes the last snapshot, brings leaves up to date, and
// makes the next snapshot.
func (s *Service) publishWithKeys(ctx context.Context, r *roster.Roster, at time.Time, force bool) error {
	if err := s.finishSnapshot(ctx, r, at); err != nil {
		return err
	}
	trouble := s.settleAll(ctx, r, at)
	var away *AwayError
	if errors.As(trouble, &away) { // and would be for the snapshot, after another wait
		return trouble
	}
	return errors.Join(trouble, s.newSnapshot(ctx, r, at, force))
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
	var names []string
	err := s.Store.View(ctx, func(tx store.Reader) error {
		keys, err := view{tx}.keys(tableOutbox, "")
		for _, k := range keys {
			if name, _, _ := strings.Cut(k, " "); len(names) == 0 || names[len(names)-1] != name {
				names = append(names, name)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.flush(ctx, name); err != nil {
			return err
		}
	}
	return s.publishRosters(ctx, r)
}

// A file is one that is to be published.
type file struct {
	path    string
	bytes   []byte
	mutable bool
}

func (s *Service) put(files []file) error {
	for _, f := range files {
		write := s.Files.Immutable
		if f.mutable {
			write = s.Files.Mutable
		}
		if err := write(f.path, f.bytes); err != nil {
			return fmt.Errorf("publishing %s: %w", f.path, err)
		}
	}
	return nil
}

// flush publishes the documents of a package that wait in the outbox, each
// document after its signatures.
func (s *Service) flush(ctx context.Context, name string) error {
	signatures := make(map[string][]byte) // by the document's path
	var files []file
	err := s.Store.View(ctx, func(tx store.Reader) error {
		v := view{tx}
		keys, err := v.keys(tableOutbox, name+" ")
		for _, k := range keys {
			path := strings.TrimPrefix(k, name+" ")
			asc, errAsc := v.file(roster.SignaturePath(path))
			doc, errDoc := v.file(path)
			if err = errors.Join(err, errAsc, errDoc); err != nil {
				return err
			}
			if asc != nil {
				files = append(files, file{roster.SignaturePath(path), asc, true})
			}
			if doc != nil {
				files = append(files, file{path, doc, false})
			}
			signatures[path] = asc
		}
		return err
	})
	if err != nil || len(signatures) == 0 {
		return err
	}
	if err := s.put(files); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(w store.Writer) error {
		c := changeOf(w)
		for path, published := range signatures {
			now, err := c.file(roster.SignaturePath(path))
			if err == nil && bytes.Equal(now, published) { // none were added meanwhile
				err = w.Delete(tableOutbox, name+" "+path)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// publishRevocations publishes the opened revocations of online keys.
func (s *Service) publishRevocations(ctx context.Context) error {
	var files []file
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
	var files []file
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
func (v view) rosterFiles(r *roster.Roster) ([]file, error) {
	var files []file
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
			files = append(files, file{roster.AttestationPath(d), pem, false})
		}
	}
	signed, _, err := loadJSON[roster.Signed](v, tableRosters, number(r.Version()))
	path := roster.RosterPath(r.Version())
	return append(files, file{roster.SignaturePath(path), signed.Signatures, true}, file{path, signed.Document, false}), err
}

func (s *Service) publishAnchor(r *roster.Roster, leaves []tree.Leaf) error {
	root, _, err := tree.Build(leaves, func(d digest.Digest, file []byte) error {
		return s.Files.Immutable(roster.MapPath(d), file)
	})
	if err != nil {
		return fmt.Errorf("publishing the anchor's map: %w", err)
	}
	if root != r.Root().Anchor {
		return fmt.Errorf("the store's anchor is damaged: its root is %s, wanted %s from roster %d", root, r.Root().Anchor, r.Version())
	}
	return nil
}

// batch is how many packages one pass brings up to date, so that after a
// change of keys, when every list is countersigned anew, an adoption or an
// operator need not wait for hours.
const batch = 500

// settleAll brings the leaves of packages that changed up to date. One
// package's trouble does not hold up the others, unless the keys are away.
func (s *Service) settleAll(ctx context.Context, r *roster.Roster, at time.Time) error {
	var dirty []string
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		dirty, err = view{tx}.keys(tableDirty, "")
		return err
	})
	if err != nil {
		return err
	}
	var trouble error
	done := 0
	for _, name := range dirty {
		if done == batch {
			s.kick()
			break
		}
		err := s.settle(ctx, r, at, name)
		var away *AwayError
		if errors.As(err, &away) {
			return err
		}
		if err == nil {
			done++
		} else if trouble == nil {
			trouble = fmt.Errorf("publishing package %s: %w", name, err)
		}
	}
	return trouble
}

// settle publishes one package's documents, countersignature and index, and
// then sets its leaf. If the package changed meanwhile, it stays dirty.
func (s *Service) settle(ctx context.Context, r *roster.Roster, at time.Time, name string) error {
	if err := s.flush(ctx, name); err != nil {
		return err
	}
	var rec packageRecord
	var x *roster.Index
	var found bool
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		rec, x, found, err = view{tx}.pkg(s.Repository, name)
		return err
	})
	if err != nil {
		return err
	}
	if !found { // dropped since
		return s.Store.Update(ctx, func(w store.Writer) error {
			return errors.Join(w.Delete(tableDirty, name), changeOf(w).deleteAll(tableOutbox, name+" "))
		})
	}
	if err := s.settleList(ctx, r, at, name, rec); err != nil {
		return err
	}
	leaf := tree.Leaf{
		Name: name, Status: rec.Status, ListVersion: rec.ListVersion, List: rec.List.Digest,
		IndexLength: x.Length(), Index: x.Digest(),
	}
	if err := s.put([]file{{roster.IndexPath(name, leaf.Index), x.Bytes(), false}}); err != nil {
		return err
	}
	return s.Store.Update(ctx, func(w store.Writer) error {
		c := changeOf(w)
		now, found, err := loadJSON[packageRecord](c.view, tablePackages, name)
		if err != nil || !found || now.Revision != rec.Revision {
			s.kick()
			return err
		}
		return errors.Join(
			c.storeLeaf(tableLeaves, leaf),
			w.Store(tablePending, name, strconv.AppendUint(nil, rec.Revision, 10)),
			w.Delete(tableDirty, name),
		)
	})
}

// settleList checks that the package's list stands and, unless the anchor
// holds it, publishes its countersignature by the present key.
func (s *Service) settleList(ctx context.Context, r *roster.Roster, at time.Time, name string, rec packageRecord) error {
	if rec.ListVersion == 0 {
		return nil
	}
	var list *roster.Standing
	var old countersigned
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		v := view{tx}
		if list, err = v.standing(ctx, r, name, rec.List.Digest); err != nil {
			return err
		}
		old, _, err = loadJSON[countersigned](v, tableCounter, rec.List.String())
		return err
	})
	if err != nil || list.Anchored() {
		return err
	}
	key, signer, err := s.key(ctx, r, roster.RoleCountersign, at)
	if err != nil {
		return err
	}
	if old.Key != key.ID().String() {
		asc, err := pgp.Sign(s.Rand, list.Bytes(), key, signer, at)
		if err != nil {
			return fmt.Errorf("countersigning: %w", err)
		}
		old = countersigned{key.ID().String(), asc}
		err = s.Store.Update(ctx, func(w store.Writer) error {
			return changeOf(w).storeJSON(tableCounter, rec.List.String(), old)
		})
		if err != nil {
			return err
		}
	}
	path := roster.CountersignaturePath(roster.ListPath(name, rec.List.Digest))
	return s.put([]file{{path, old.Signature, true}})
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
