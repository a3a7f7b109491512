package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

// sayEffects shows, before anyone signs, what the list would change: lines
// that it newly vouches for and those that it leaves out, releases that would
// lose their authority, and keys that return.
func (p program) sayEffects(c *cli.Context, s situation, next *roster.List) error {
	for _, o := range s.offers {
		before := s.before != nil && o.authorisedBy(s.before.List, s.revoked())
		after := o.authorisedBy(next, s.revoked())
		switch {
		case !before && next.Inherits(o.Line):
			p.say("warning", "newly inherits line %d (%s), which no maintainer list authorised before", o.Number, o.what)
		case !before && after:
			p.say("warning", "line %d (%s) counts again, by the signatures of keys that this list names", o.Number, o.what)
		case before && !after:
			p.say("warning", "line %d (%s) would lose its authority", o.Number, o.what)
		case !before:
			p.say("note", "leaves out line %d (%s), which no maintainer list authorised before; to vouch for it, add it to --inherit", o.Number, o.what)
		}
	}
	if s.before == nil {
		return nil
	}
	for _, k := range next.Keys() {
		if s.revoked().Has(k.Material()) {
			p.say("warning", "key %s is revoked (%s) and counts for nothing; leave it out", k, s.revoked()[k.Material()])
		}
	}
	for _, k := range s.before.Keys() {
		if !names(next, k) && !s.revoked().Has(k.Material()) {
			p.say("note", "key %s leaves the list, and is not revoked: what it signed since the last anchor would fall with a revocation; if it may be stolen, revoke it as well", k)
		}
	}
	return p.sayReturning(c, s, next)
}

// sayReturning names keys that an earlier list named and the list before does
// not, with the releases that they would authorise again.
func (p program) sayReturning(c *cli.Context, s situation, next *roster.List) error {
	former, err := formerLists(c.Context, s.view, s.before.List)
	if err != nil {
		return err
	}
	for _, k := range next.Keys() {
		if names(s.before.List, k) || !slices.ContainsFunc(former, func(l *roster.List) bool { return names(l, k) }) {
			continue
		}
		var again []string
		for _, o := range s.offers {
			if o.signedBy(next, next.Keys(), s.revoked()) && !o.signedBy(next, without(next, k), s.revoked()) {
				again = append(again, fmt.Sprintf("line %d (%s)", o.Number, o.what))
			}
		}
		if again == nil {
			again = []string{"nothing that is in the index"}
		}
		p.say("warning", "key %s returns: an earlier list named it, the list before does not; what it signed and its signature makes count: %s", k, strings.Join(again, "; "))
	}
	return nil
}

// without returns the list's keys but for one.
func without(l *roster.List, k *pgp.PublicKey) []*pgp.PublicKey {
	return slices.DeleteFunc(l.Keys(), func(other *pgp.PublicKey) bool { return other.Material() == k.Material() })
}

// mustSign returns the keys that are asked to sign the list: those that it
// newly names, and the unrevoked ones of the list before.
func (s situation) mustSign(l *roster.List) []*pgp.PublicKey {
	if s.before == nil {
		return l.Keys()
	}
	keys := slices.DeleteFunc(s.before.Keys(), func(k *pgp.PublicKey) bool { return s.revoked().Has(k.Material()) })
	for _, k := range l.Keys() {
		if !slices.ContainsFunc(s.before.Keys(), func(old *pgp.PublicKey) bool { return old.ID() == k.ID() }) {
			keys = append(keys, k)
		}
	}
	return keys
}

// sayListSigners says who of them must sign.
func (p program) sayListSigners(s situation, l *roster.List) {
	if s.before == nil {
		p.say("note", "every key that the list names must sign it")
		return
	}
	p.say("note", "%d of the maintainers of list version %d must sign it, and every key that it newly names", s.before.Content().Threshold, s.before.Version())
}
