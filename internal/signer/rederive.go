package signer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// line brings one package into line with the new anchor: its index extends
// the anchored one, and its list is the newest that stands from the anchored
// list. After a theft, lines of the index that nobody but the online keys
// vouched for are left out.
func (a *adoption) line(ctx context.Context, c change, l tree.Leaf, listChanged bool) error {
	rec, x, err := a.present(ctx, c, l)
	if err != nil {
		return err
	}
	if err := a.anchoredList(ctx, c, l); err != nil {
		return err
	}
	if !a.FloorChanged && !listChanged {
		return nil
	}
	before, length := rec, x.Length()
	if a.FloorChanged {
		if x, err = c.withoutForgedRevocations(x, l, a.repository); err != nil {
			return err
		}
	}
	list, why, err := c.newestStanding(ctx, a.r, l.Name, x)
	if err != nil {
		return err
	}
	if list == nil && l.HasList() {
		return &roster.Error{Layer: roster.LayerAnchor, Subject: l.Name, Problem: "the anchored list does not stand under the roster", Err: why[l.List]}
	}
	rec.List, rec.ListVersion = roster.Ref{}, 0
	if list != nil {
		rec.List, rec.ListVersion = roster.Ref{Digest: list.Digest()}, list.Version()
	}
	if a.FloorChanged {
		if x, err = c.authorisedLines(list, x, l, a.repository); err == nil {
			err = c.forgetOthers(l.Name, list)
		}
		if err != nil {
			return err
		}
	}
	if err := c.markFallen(why); err != nil {
		return err
	}
	if rec.List != before.List {
		a.Replaced = append(a.Replaced, l.Name)
	}
	if x.Length() < length {
		a.Shortened = append(a.Shortened, l.Name)
	}
	if rec == before && x.Length() == length {
		return nil
	}
	revision, err := c.save(l.Name, rec, x)
	return errors.Join(err, c.knowOverride(l, revision))
}

// knowOverride notes a list that was never proposed, but came with a roster,
// as if it had been.
func (c change) knowOverride(l tree.Leaf, revision uint64) error {
	if !l.HasList() {
		return nil
	}
	_, found, err := loadJSON[proposalRecord](c.view, tableProposals, l.List.String())
	if err != nil || found {
		return err
	}
	return c.storeJSON(tableProposals, l.List.String(), proposalRecord{Kind: kindList, Packages: map[string]uint64{l.Name: revision}})
}

// present returns the package's record and its index, which must extend the
// anchored one.
func (a *adoption) present(ctx context.Context, c change, l tree.Leaf) (packageRecord, *roster.Index, error) {
	rec, x, found, err := c.pkg(a.repository, l.Name)
	if err == nil && !found {
		err = &roster.Error{Layer: roster.LayerAnchor, Subject: l.Name, Problem: "the anchor holds a package that this signer's store does not",
			Do: "restore the store from its newest backup, then adopt the roster again"}
	}
	if err != nil {
		return rec, nil, err
	}
	return rec, x, x.Extends(l.IndexLength, l.Index, "the anchored index")
}

// anchoredList makes sure that the store has the anchored list: an override's
// comes with the roster.
func (a *adoption) anchoredList(ctx context.Context, c change, l tree.Leaf) error {
	if !l.HasList() {
		return nil
	}
	path := roster.ListPath(l.Name, l.List)
	signed, found, err := c.document(l.List)
	if err != nil {
		return err
	}
	if !found {
		if signed.Document, err = a.bundle.fetch(ctx, path, roster.MaxList); err != nil {
			return &roster.Error{Layer: roster.LayerAnchor, Subject: l.Name, Problem: "the anchored list is not at hand", Err: err,
				Do: "bring the lists of overrides that the ceremony wrote beside the roster"}
		}
		if got := digest.Sum(signed.Document); got != l.List {
			return &roster.Error{Layer: roster.LayerAnchor, Subject: path, Problem: "it is not the anchored list", Found: got.String(), Want: l.List.String()}
		}
		// A list that freezes the package by override has no signatures.
		signed.Signatures, err = a.bundle.fetch(ctx, roster.SignaturePath(path), roster.MaxSignatureFile)
		if err != nil && !errors.Is(err, roster.ErrAbsent) {
			return err
		}
		if err := errors.Join(c.storeJSON(tableDocuments, l.List.String(), signed), c.outbox(l.Name, path), c.w.Store(tableDirty, l.Name, present)); err != nil {
			return err
		}
	}
	list, err := roster.ParseList(signed.Document)
	if err != nil {
		return err
	}
	if list.Package() != l.Name || list.Version() != l.ListVersion {
		return &roster.Error{Layer: roster.LayerAnchor, Subject: l.Name, Problem: "the anchor names a list as what it is not",
			Found: fmt.Sprintf("%s version %d", list.Package(), list.Version()), Want: fmt.Sprintf("%s version %d", l.Name, l.ListVersion)}
	}
	was, found, err := c.Load(tableLists, l.Name+" "+number(l.ListVersion))
	if err == nil && found && string(was) != l.List.String() {
		var d digest.Digest
		if d, err = digest.Parse(string(was)); err == nil {
			err = c.markFallen(map[digest.Digest]error{d: fmt.Errorf("the root gave version %d to another list, %s", l.ListVersion, l.List)})
		}
	}
	return errors.Join(err, c.give(list))
}

// withoutForgedRevocations leaves out, behind the anchored part, lines that
// name a key revocation which the store does not have or which does not open:
// clients could not follow them.
func (c change) withoutForgedRevocations(x *roster.Index, l tree.Leaf, repository string) (*roster.Index, error) {
	return filterIndex(x, repository, l.Name, l.IndexLength, func(line roster.Line) (bool, error) {
		if line.Kind != roster.LineRevocation {
			return true, nil
		}
		s, found, err := c.document(line.Digest)
		if err != nil || !found {
			return false, err
		}
		_, err = roster.OpenKeyRevocation(s, repository)
		return err == nil, nil
	})
}

// authorisedLines leaves out, behind the anchored part and what the list
// inherits, lines that add what the list does not authorise.
func (c change) authorisedLines(list *roster.Standing, x *roster.Index, l tree.Leaf, repository string) (*roster.Index, error) {
	keep := l.IndexLength
	if list != nil {
		keep = max(keep, list.Content().Inherits.Length)
	}
	return filterIndex(x, repository, l.Name, keep, func(line roster.Line) (bool, error) {
		switch {
		case line.Kind == roster.LineYank || line.Kind == roster.LineRevocation:
			return true, nil
		case list == nil:
			return false, nil
		case line.Kind == roster.LineFile:
			return list.Inherits(line), nil
		}
		s, err := c.manifest(line)
		return err == nil && list.Authorises(x.Offer(line, s)), err
	})
}

// filterIndex returns the index without those lines behind its first bytes
// that keep does not want.
func filterIndex(x *roster.Index, repository, name string, first uint64, keep func(roster.Line) (bool, error)) (*roster.Index, error) {
	var kept []roster.Line
	head := uint64(strings.IndexByte(string(x.Bytes()), '\n') + 1)
	lines := x.Lines()
	for _, line := range lines {
		ok := line.End <= first
		if !ok {
			var err error
			if ok, err = keep(line); err != nil {
				return nil, err
			}
		}
		if ok {
			kept = append(kept, line)
		}
	}
	if len(kept) == len(lines) {
		return x, nil
	}
	y, err := roster.ParseIndex(x.Bytes()[:head], repository, name)
	if err != nil {
		return nil, err
	}
	return y.Append(kept...)
}

// forgetOthers takes back the versions of lists from which none leads to the
// one that stands, or of all if none stands.
func (c change) forgetOthers(name string, list *roster.Standing) error {
	given := make(map[string]digest.Digest)
	err := c.Each(tableLists, name+" ", func(key string, value []byte) (err error) {
		given[key], err = digest.Parse(string(value))
		return err
	})
	for key, d := range given {
		if list == nil || !list.Descends(d) {
			err = errors.Join(err, c.w.Delete(tableLists, key))
		}
	}
	return err
}

// drop forgets a package that no anchor holds. Its documents stay, in case
// they are proposed again; its name may be claimed anew.
func (c change) drop(name string) error {
	newest, _, err := c.lists(name)
	if err != nil {
		return err
	}
	for _, d := range newest {
		p, found, loadErr := loadJSON[proposalRecord](c.view, tableProposals, d.String())
		if loadErr != nil {
			return loadErr
		}
		if found {
			p.Refused = "the online keys were stolen, and no anchor holds this name: claim it again"
			err = errors.Join(err, c.storeJSON(tableProposals, d.String(), p))
		}
	}
	return errors.Join(err,
		c.deleteAll(tableLists, name+" "),
		c.deleteAll(tableOutbox, name+" "),
		c.w.Delete(tablePackages, name),
		c.w.Delete(tableIndexes, name),
		c.w.Delete(tableDirty, name),
		c.w.Delete(tableLeaves, name),
		c.w.Store(tablePending, name, []byte("0")))
}
