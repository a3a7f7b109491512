package signer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// judgeList decides on a maintainer list. It must follow the newest list that
// stands, or claim a name for which no list stands; its version must be above
// all that were given; it must stand by the client's rules, fit the package's
// index, and name no key anew that is known revoked.
func (s *Service) judgeList(l *roster.List, signed roster.Signed) judge {
	return func(ctx context.Context, v view, r *roster.Roster) (decision, error) {
		given, _, err := v.Load(tableLists, l.Package()+" "+number(l.Version()))
		if err != nil {
			return decision{}, err
		}
		rec, x, found, err := v.pkg(s.Repository, l.Package())
		if err != nil {
			return decision{}, err
		}
		if !found {
			rec = packageRecord{Status: tree.Active}
			if x, err = roster.NewIndex(s.Repository, l.Package()); err != nil {
				return decision{}, err
			}
		}
		if string(given) == l.Digest().String() {
			return v.judgeListAgain(ctx, r, l, signed, rec, x)
		}
		return v.judgeNewList(ctx, r, l, signed, rec, x)
	}
}

func (v view) judgeNewList(ctx context.Context, r *roster.Roster, l *roster.List, signed roster.Signed, rec packageRecord, x *roster.Index) (decision, error) {
	subject := fmt.Sprintf("%s version %d", l.Package(), l.Version())
	before, err := v.predecessor(l, rec, subject)
	if err != nil {
		return decision{}, err
	}
	_, highest, err := v.lists(l.Package())
	if err != nil {
		return decision{}, err
	}
	if l.Version() <= highest {
		return decision{}, &roster.Error{Layer: roster.LayerList, Subject: subject, Problem: "its version was given before",
			Found: fmt.Sprint(l.Version()), Want: fmt.Sprintf("a version above %d", highest), Do: "make the list again with a higher version"}
	}
	keys := l.Keys()
	if before != nil {
		keys = append(before.Keys(), keys...)
	}
	if err := v.noRevokedKeyReturns(r, l, before, subject); err != nil {
		return decision{}, err
	}
	stands, err := v.stands(ctx, r, l.Package(), x, l.Digest(), &signed)
	if err == nil {
		err = stands.Fits(x)
	}
	if err == nil {
		err = v.undisputed(ctx, r, l, before, x, subject)
	}
	if err != nil {
		return decision{}, err
	}
	return decision{digest: l.Digest(), message: fmt.Sprintf("maintainer list %s", subject), apply: func(c change) (map[string]uint64, error) {
		asc, err := keepSignatures(signed.Signatures, distinct(keys))
		if err != nil {
			return nil, err
		}
		rec.List, rec.ListVersion = roster.Ref{Digest: l.Digest()}, l.Version()
		return c.saveDocument(roster.Signed{Document: l.Bytes(), Signatures: asc}, roster.ListPath(l.Package(), l.Digest()), l.Package(), rec, x, c.give(l))
	}}, nil
}

// predecessor returns the list that l must follow and does follow; nil if l
// claims a name.
func (v view) predecessor(l *roster.List, rec packageRecord, subject string) (*roster.List, error) {
	refuse := func(problem, found, want, do string) error {
		return &roster.Error{Layer: roster.LayerList, Subject: subject, Problem: problem, Found: found, Want: want, Do: do}
	}
	if rec.ListVersion == 0 {
		if l.Version() != 1 {
			return nil, refuse("no list of this package stands, so it must be version 1", fmt.Sprintf("version %d", l.Version()), "", "")
		}
		return nil, nil
	}
	if l.Version() == 1 {
		return nil, refuse("the package has maintainers already", "a list of version 1", fmt.Sprintf("a successor of list version %d, signed by its maintainers", rec.ListVersion),
			"ask the package's maintainers; about a name in dispute, ask the index's operators for an override")
	}
	if l.Previous() != rec.List.Digest {
		return nil, refuse("it does not follow the newest list that stands", l.Previous().String(), fmt.Sprintf("version %d, %s", rec.ListVersion, rec.List),
			"fetch the newest list and make the successor again")
	}
	signed, found, err := v.document(rec.List.Digest)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("the store lacks list %s of %s", rec.List, l.Package())
	}
	return roster.ParseList(signed.Document)
}

// noRevokedKeyReturns refuses a list that newly names a key that is known
// revoked: it would count for nothing.
func (v view) noRevokedKeyReturns(r *roster.Roster, l, before *roster.List, subject string) error {
	revoked := r.Revoked()
	for _, k := range l.Keys() {
		if before != nil && slices.ContainsFunc(before.Keys(), func(old *pgp.PublicKey) bool { return old.Material() == k.Material() }) {
			continue
		}
		_, found, err := v.Load(tableKeysRevoked, k.Material().String())
		if err != nil {
			return err
		}
		if found || revoked.Has(k.Material()) {
			return &roster.Error{Layer: roster.LayerList, Subject: subject, Problem: fmt.Sprintf("it newly names key %s, which is revoked", k),
				Do: "make the list again with a new key of that maintainer"}
		}
	}
	return nil
}

// judgeListAgain decides on a list whose version was given to it before:
// signatures may be added while it stands.
func (v view) judgeListAgain(ctx context.Context, r *roster.Roster, l *roster.List, signed roster.Signed, rec packageRecord, x *roster.Index) (decision, error) {
	d := decision{digest: l.Digest(), message: fmt.Sprintf("maintainer list %s version %d was accepted before", l.Package(), l.Version()), nothing: true}
	if _, err := v.stands(ctx, r, l.Package(), x, l.Digest(), nil); err != nil {
		return d, err
	}
	old, found, err := v.document(l.Digest())
	if err != nil || !found {
		return d, errors.Join(err, lacks(found, l.Digest()))
	}
	keys := l.Keys()
	if previous := l.Previous(); !previous.IsZero() {
		s, found, err := v.document(previous)
		if err != nil {
			return d, err
		}
		if before, err := roster.ParseList(s.Document); found && err == nil {
			keys = append(before.Keys(), keys...)
		}
	}
	if len(old.Signatures) == 0 { // frozen by override: nobody signs it
		return d, nil
	}
	asc, err := mergeSignatures(l.Bytes(), old.Signatures, signed.Signatures, distinct(keys))
	if err != nil {
		return d, badSignatures(roster.LayerList, l.Package(), err)
	}
	if string(asc) == string(old.Signatures) {
		return d, nil
	}
	d.nothing, d.message = false, fmt.Sprintf("signatures added to maintainer list %s version %d", l.Package(), l.Version())
	d.apply = func(c change) (map[string]uint64, error) {
		return c.saveDocument(roster.Signed{Document: l.Bytes(), Signatures: asc}, roster.ListPath(l.Package(), l.Digest()), l.Package(), rec, x, nil)
	}
	return d, nil
}

// saveDocument stores a document of a package and the package. before is the
// error of what was written before.
func (c change) saveDocument(s roster.Signed, path, name string, rec packageRecord, x *roster.Index, before error) (map[string]uint64, error) {
	revision, err := c.save(name, rec, x)
	err = errors.Join(before, err,
		c.storeJSON(tableDocuments, digest.Sum(s.Document).String(), s),
		c.outbox(name, path))
	return map[string]uint64{name: revision}, err
}

func lacks(found bool, d digest.Digest) error {
	if found {
		return nil
	}
	return fmt.Errorf("the store lacks document %s", d)
}

// badSignatures refuses signatures that were to be added.
func badSignatures(layer roster.Layer, subject string, err error) error {
	return &roster.Error{Layer: layer, Subject: subject, Problem: "the signatures cannot be added", Err: err}
}

// distinct drops packets that stand twice.
func distinct(keys []*pgp.PublicKey) []*pgp.PublicKey {
	var all []*pgp.PublicKey
	for _, k := range keys {
		if !slices.ContainsFunc(all, func(o *pgp.PublicKey) bool { return o.ID() == k.ID() }) {
			all = append(all, k)
		}
	}
	return all
}

// rederive sets the package's list to the newest that stands, and says which
// have fallen. The caller saves rec.
func (c change) rederive(ctx context.Context, r *roster.Roster, name string, rec *packageRecord, x *roster.Index) error {
	newest, why, err := c.newestStanding(ctx, r, name, x)
	if err != nil || newest == nil {
		return err
	}
	rec.List, rec.ListVersion = roster.Ref{Digest: newest.Digest()}, newest.Version()
	return c.markFallen(why)
}
