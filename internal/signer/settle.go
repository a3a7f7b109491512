package signer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/tree"
)

// batch is how many packages one pass brings up to date, so that after a
// change of keys, when every list is countersigned anew, an adoption or an
// operator need not wait for hours. It is also how many files wait for the
// disk together.
const batch = 1000

// A waiting is a document of a package that is to be published.
type waiting struct {
	key        string // in the outbox
	path       string
	document   []byte // nil if it was dropped since
	signatures []byte // nil if it has none
}

// waitingOf reads the documents of the given keys of the outbox.
func (v view) waitingOf(keys []string) ([]waiting, error) {
	var all []waiting
	for _, key := range keys {
		_, path, _ := strings.Cut(key, " ")
		asc, err := v.file(roster.SignaturePath(path))
		if err != nil {
			return nil, err
		}
		doc, err := v.file(path)
		if err != nil {
			return nil, err
		}
		all = append(all, waiting{key, path, doc, asc})
	}
	return all, nil
}

// publishOutbox publishes the documents that wait in the outbox.
func (s *Service) publishOutbox(ctx context.Context) error {
	var keys []string
	err := s.Store.View(ctx, func(tx store.Reader) (err error) {
		keys, err = view{tx}.keys(tableOutbox, "")
		return err
	})
	if err != nil {
		return err
	}
	for some := range slices.Chunk(keys, batch) {
		var documents []waiting
		err := s.Store.View(ctx, func(tx store.Reader) (err error) {
			documents, err = view{tx}.waitingOf(some)
			return err
		})
		if err == nil {
			err = s.putDocuments(documents)
		}
		if err == nil {
			err = s.Store.Update(ctx, func(w store.Writer) error { return changeOf(w).posted(documents) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// putDocuments publishes all signatures, and then the documents.
func (s *Service) putDocuments(all []waiting) error {
	var signatures, documents []publish.File
	for _, d := range all {
		if d.signatures != nil {
			signatures = append(signatures, publish.File{Path: roster.SignaturePath(d.path), Bytes: d.signatures, Mutable: true})
		}
		if d.document != nil {
			documents = append(documents, publish.File{Path: d.path, Bytes: d.document})
		}
	}
	for _, set := range [][]publish.File{signatures, documents} {
		if err := s.Files.All(set); err != nil {
			return fmt.Errorf("publishing documents: %w", err)
		}
	}
	return nil
}

// posted takes documents that were published out of the outbox, but not one
// to which signatures were added meanwhile.
func (c change) posted(all []waiting) error {
	for _, d := range all {
		now, err := c.file(roster.SignaturePath(d.path))
		if err == nil && bytes.Equal(now, d.signatures) {
			err = c.w.Delete(tableOutbox, d.key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A settling is a package that changed, as one reading of the store found it,
// with what makes its leaf true.
type settling struct {
	name      string
	dropped   bool // it is no more; nothing below is set
	rec       packageRecord
	index     *roster.Index
	documents []waiting
	list      *roster.Standing // nil while unsigned
	counter   *countersigned   // nil if the list needs none
	signed    bool             // the countersignature is new
}

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
	var some []*settling
	for _, name := range dirty {
		if len(some) == batch {
			s.kick()
			break
		}
		p, err := s.prepare(ctx, r, at, name)
		var away *AwayError
		if errors.As(err, &away) {
			trouble = err
			break
		}
		if err == nil {
			some = append(some, p)
		} else if trouble == nil {
			trouble = troubleWith(name, err)
		}
	}
	return errors.Join(trouble, s.settleEach(ctx, some))
}

func troubleWith(name string, err error) error {
	return fmt.Errorf("publishing package %s: %w", name, err)
}

// settleEach settles packages together or, if that fails, one by one, and
// returns the first trouble.
func (s *Service) settleEach(ctx context.Context, some []*settling) error {
	err := s.settle(ctx, some)
	if err == nil || len(some) == 0 {
		return err
	}
	var trouble error
	for _, p := range some {
		if err := s.settle(ctx, []*settling{p}); err != nil && trouble == nil {
			trouble = troubleWith(p.name, err)
		}
	}
	return trouble
}

// prepare reads a package that changed, checks that its list stands, and
// countersigns it if the present key has not. The documents that wait are read
// together with the index that may name them.
func (s *Service) prepare(ctx context.Context, r *roster.Roster, at time.Time, name string) (*settling, error) {
	p := &settling{name: name}
	err := s.Store.View(ctx, func(tx store.Reader) error {
		v := view{tx}
		var found bool
		var err error
		if p.rec, p.index, found, err = v.pkg(s.Repository, name); err != nil {
			return err
		}
		if p.dropped = !found; p.dropped {
			return nil
		}
		keys, err := v.keys(tableOutbox, name+" ")
		if err == nil {
			p.documents, err = v.waitingOf(keys)
		}
		if err != nil || p.rec.ListVersion == 0 {
			return err
		}
		if p.list, err = v.standing(ctx, r, name, p.rec.List.Digest); err != nil || p.list.Anchored() {
			return err
		}
		old, _, err := loadJSON[countersigned](v, tableCounter, p.rec.List.String())
		p.counter = &old
		return err
	})
	if err == nil && p.counter != nil {
		err = s.countersign(ctx, r, at, p)
	}
	return p, err
}

// countersign gives the package's list a countersignature by the present key,
// if that of the store is by another or none.
func (s *Service) countersign(ctx context.Context, r *roster.Roster, at time.Time, p *settling) error {
	key, signer, err := s.key(ctx, r, roster.RoleCountersign, at)
	if err != nil || p.counter.Key == key.ID().String() {
		return err
	}
	asc, err := pgp.Sign(s.Rand, p.list.Bytes(), key, signer, at)
	if err != nil {
		return fmt.Errorf("countersigning: %w", err)
	}
	p.counter, p.signed = &countersigned{key.ID().String(), asc}, true
	return nil
}

// settle publishes the packages' documents, then their countersignatures and
// indices, and then sets their leaves. A package that changed meanwhile stays
// dirty.
func (s *Service) settle(ctx context.Context, some []*settling) error {
	var documents []waiting
	var files []publish.File
	for _, p := range some {
		if p.dropped {
			continue
		}
		documents = append(documents, p.documents...)
		if p.counter != nil {
			path := roster.CountersignaturePath(roster.ListPath(p.name, p.rec.List.Digest))
			files = append(files, publish.File{Path: path, Bytes: p.counter.Signature, Mutable: true})
		}
		files = append(files, publish.File{Path: roster.IndexPath(p.name, p.index.Digest()), Bytes: p.index.Bytes()})
	}
	if err := s.keepCountersignatures(ctx, some); err != nil {
		return err
	}
	if err := s.putDocuments(documents); err != nil {
		return err
	}
	if err := s.Files.All(files); err != nil {
		return fmt.Errorf("publishing countersignatures and indices: %w", err)
	}
	if len(some) == 0 {
		return nil
	}
	return s.Store.Update(ctx, func(w store.Writer) error {
		for _, p := range some {
			if err := s.setLeaf(changeOf(w), p); err != nil {
				return err
			}
		}
		return nil
	})
}

// keepCountersignatures stores the new ones, before anybody sees them.
func (s *Service) keepCountersignatures(ctx context.Context, some []*settling) error {
	if !slices.ContainsFunc(some, func(p *settling) bool { return p.signed }) {
		return nil
	}
	return s.Store.Update(ctx, func(w store.Writer) error {
		for _, p := range some {
			if !p.signed {
				continue
			}
			if err := changeOf(w).storeJSON(tableCounter, p.rec.List.String(), p.counter); err != nil {
				return err
			}
		}
		return nil
	})
}

// setLeaf sets the leaf of a package all of whose files are published.
func (s *Service) setLeaf(c change, p *settling) error {
	now, found, err := loadJSON[packageRecord](c.view, tablePackages, p.name)
	if err != nil {
		return err
	}
	if p.dropped && !found {
		return errors.Join(c.w.Delete(tableDirty, p.name), c.deleteAll(tableOutbox, p.name+" "))
	}
	if found == p.dropped || now.Revision != p.rec.Revision {
		s.kick()
		return c.posted(p.documents)
	}
	leaf := tree.Leaf{
		Name: p.name, Status: p.rec.Status, ListVersion: p.rec.ListVersion, List: p.rec.List.Digest,
		IndexLength: p.index.Length(), Index: p.index.Digest(),
	}
	return errors.Join(
		c.posted(p.documents),
		c.storeLeaf(tableLeaves, leaf),
		c.w.Store(tablePending, p.name, strconv.AppendUint(nil, p.rec.Revision, 10)),
		c.w.Delete(tableDirty, p.name),
	)
}
