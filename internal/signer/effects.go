package signer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

// maxNotes is how many effects an answer tells of each kind.
const maxNotes = 50

// effects tells what countersigning a list changes: lines that it newly
// inherits and that the list before did not authorise, releases that would
// lose their authority, keys that return and what counts again with them.
func (v view) effects(ctx context.Context, r *roster.Roster, signed roster.Signed) ([]string, error) {
	l, err := roster.ParseList(signed.Document)
	if err != nil {
		return nil, err
	}
	rec, x, found, err := v.pkg(r.Repository(), l.Package())
	if err != nil || !found || rec.List.Digest == l.Digest() {
		return nil, err
	}
	before, err := v.listBefore(rec)
	if err != nil {
		return nil, err
	}
	revoked, err := v.revokedFor(ctx, r, x)
	if err != nil {
		return nil, err
	}
	offers, err := x.Offers(v.manifest)
	if err != nil {
		return nil, err
	}
	e, err := l.Effects(before, offers, revoked, func(k *pgp.PublicKey) (bool, error) {
		_, named, err := v.Load(tableKeys, k.Material().String()+" "+l.Package())
		return named, err
	})
	return notes(e), err
}

// listBefore is the list that stands in the record, nil if there is none.
func (v view) listBefore(rec packageRecord) (*roster.List, error) {
	if rec.ListVersion == 0 {
		return nil, nil
	}
	signed, found, err := v.document(rec.List.Digest)
	if err := errors.Join(err, lacks(found, rec.List.Digest)); err != nil {
		return nil, err
	}
	return roster.ParseList(signed.Document)
}

// manifest returns the manifest that a line names; nothing, if the store does
// not have it.
func (v view) manifest(line roster.Line) (roster.Signed, error) {
	signed, _, err := v.document(line.Digest)
	return signed, err
}

// notes are the sentences of an answer.
func notes(e roster.Effects) []string {
	var notes []string
	counts := make(map[string]int)
	note := func(kind, format string, args ...any) {
		if counts[kind]++; counts[kind] <= maxNotes {
			notes = append(notes, fmt.Sprintf(format, args...))
		}
	}
	for _, l := range e.Lines {
		switch l.Change {
		case roster.NewlyInherited:
			note("inherits", "newly inherits line %d, which no list authorised before: %s", l.Number, l)
		case roster.CountsAgain:
			note("again", "line %d counts again: %s", l.Number, l)
		case roster.LosesAuthority:
			note("loses", "line %d loses its authority: %s", l.Number, l)
		}
	}
	for _, kind := range []string{"inherits", "again", "loses"} {
		if n := counts[kind]; n > maxNotes {
			notes = append(notes, fmt.Sprintf("%d more of the kind %q", n-maxNotes, kind))
		}
	}
	for _, r := range e.Returning {
		notes = append(notes, fmt.Sprintf("key %s returns: an earlier list named it, and the list before does not%s", r.Key, again(r.Again)))
	}
	return notes
}

// again names the lines that a returning key's signature makes count.
func again(offers []roster.Offer) string {
	var lines []string
	for i, o := range offers {
		if i == maxNotes {
			lines = append(lines, fmt.Sprintf("and %d more", len(offers)-i))
			break
		}
		lines = append(lines, fmt.Sprint(o.Number))
	}
	if lines == nil {
		return ""
	}
	return "; its signature makes count again: line " + strings.Join(lines, ", ")
}

// undisputed refuses a list under which two lines would count that give one
// file different bytes: the file would change for clients, or a mirror could
// choose between them.
func (v view) undisputed(ctx context.Context, r *roster.Roster, l, before *roster.List, x *roster.Index, subject string) error {
	lines := make(map[string]int) // of a version; most have one
	for _, line := range x.Lines() {
		if line.Kind != roster.LineYank {
			lines[line.Version]++
		}
	}
	offers, err := x.Offers(func(line roster.Line) (roster.Signed, error) {
		if lines[line.Version] < 2 {
			return roster.Signed{}, nil
		}
		return v.manifest(line)
	})
	if err != nil {
		return err
	}
	revoked, err := v.revokedFor(ctx, r, x)
	if err != nil {
		return err
	}
	if disputed := l.Disputes(before, offers, revoked); len(disputed) > 0 {
		return &roster.Error{Layer: roster.LayerList, Subject: subject, Problem: fmt.Sprintf("under it two lines of the index would count that give file %q different bytes", disputed[0]),
			Do: "leave one of the lines out of what the list inherits; or name another key of the maintainer who signed it, or revoke the key"}
	}
	return nil
}
