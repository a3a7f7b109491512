package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

// sayEffects shows, before anyone signs, what the list would change: lines
// that it newly vouches for and those that it leaves out, releases that would
// lose their authority, and keys that return.
func (p program) sayEffects(s situation, e roster.Effects) {
	for _, l := range e.Lines {
		p.sayLine(l)
	}
	if s.before == nil {
		return
	}
	for _, k := range e.Revoked {
		p.say("warning", "key %s is revoked (%s) and counts for nothing; leave it out", k, s.revoked()[k.Material()])
	}
	for _, k := range e.Leaving {
		p.say("note", "key %s leaves the list, and is not revoked: what it signed since the last anchor would fall with a revocation; if it may be stolen, revoke it as well", k)
	}
	for _, r := range e.Returning {
		var again []string
		for _, o := range r.Again {
			again = append(again, fmt.Sprintf("line %d (%s)", o.Number, what(o)))
		}
		if again == nil {
			again = []string{"nothing that is in the index"}
		}
		p.say("warning", "key %s returns: an earlier list named it, the list before does not; what it signed and its signature makes count: %s", r.Key, strings.Join(again, "; "))
	}
}

// effects judges the list by what this client sees.
func (s situation) effects(ctx context.Context, next *roster.List) (roster.Effects, error) {
	var before *roster.List
	var former []*roster.List
	if s.before != nil {
		before = s.before.List
		var err error
		if former, err = formerLists(ctx, s.view, before); err != nil {
			return roster.Effects{}, err
		}
	}
	return next.Effects(before, s.offers, s.revoked(), func(k *pgp.PublicKey) (bool, error) {
		return slices.ContainsFunc(former, func(l *roster.List) bool { return l.Names(k) }), nil
	})
}

func (p program) sayLine(l roster.LineEffect) {
	switch l.Change {
	case roster.NewlyInherited:
		p.say("warning", "newly inherits line %d (%s), which no maintainer list authorised before", l.Number, what(l.Offer))
	case roster.CountsAgain:
		p.say("warning", "line %d (%s) counts again, by the signatures of keys that this list names", l.Number, what(l.Offer))
	case roster.LosesAuthority:
		p.say("warning", "line %d (%s) would lose its authority", l.Number, what(l.Offer))
	case roster.StaysOut:
		p.say("note", "leaves out line %d (%s), which no maintainer list authorised before; to vouch for it, add it to --inherit", l.Number, what(l.Offer))
	}
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
