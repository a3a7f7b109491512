package signer

import (
	"context"
	"fmt"

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
	if err != nil || !found {
		return nil, err
	}
	if rec.List.Digest == l.Digest() {
		return nil, nil
	}
	next, err := v.stands(ctx, r, l.Package(), x, l.Digest(), &signed)
	if err != nil {
		return nil, err
	}
	var before *roster.Standing
	if rec.ListVersion > 0 {
		if before, err = v.stands(ctx, r, l.Package(), x, rec.List.Digest, nil); err != nil {
			return nil, err
		}
	}
	notes, err := v.lineEffects(ctx, before, next, x)
	if err != nil || before == nil {
		return notes, err
	}
	returning, err := v.returning(l, before.List)
	return append(notes, returning...), err
}

func (v view) lineEffects(ctx context.Context, before, next *roster.Standing, x *roster.Index) ([]string, error) {
	var notes []string
	counts := make(map[string]int)
	note := func(kind, format string, args ...any) {
		if counts[kind]++; counts[kind] <= maxNotes {
			notes = append(notes, fmt.Sprintf(format, args...))
		}
	}
	for _, line := range x.Lines() {
		if line.Kind != roster.LineManifest && line.Kind != roster.LineFile {
			continue
		}
		did := false
		var err error
		if before != nil {
			if did, err = v.authorises(ctx, before, line); err != nil {
				return nil, err
			}
		}
		does, err := v.authorises(ctx, next, line)
		if err != nil {
			return nil, err
		}
		switch {
		case !did && next.Inherits(line):
			note("inherits", "newly inherits line %d, which no list authorised before: %s", line.Number, line)
		case !did && does:
			note("again", "line %d counts again: %s", line.Number, line)
		case did && !does:
			note("loses", "line %d loses its authority: %s", line.Number, line)
		}
	}
	for kind, n := range counts {
		if n > maxNotes {
			notes = append(notes, fmt.Sprintf("%d more of the kind %q", n-maxNotes, kind))
		}
	}
	return notes, nil
}

// returning names the keys that the list before does not name and an earlier
// one does.
func (v view) returning(l, before *roster.List) ([]string, error) {
	had := make(map[pgp.Material]bool)
	for _, k := range before.Keys() {
		had[k.Material()] = true
	}
	var notes []string
	for _, k := range l.Keys() {
		if had[k.Material()] {
			continue
		}
		_, named, err := v.Load(tableKeys, k.Material().String()+" "+l.Package())
		if err != nil {
			return nil, err
		}
		if named {
			notes = append(notes, fmt.Sprintf("key %s returns: an earlier list named it, and the list before does not", k))
		}
	}
	return notes, nil
}
