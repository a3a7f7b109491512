package status

import (
	"fmt"
	"slices"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/ceremony/plan"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// An Input is all from which a status follows.
type Input struct {
	Rosters []*roster.Roster // a walk: at least one, oldest first
	Cards   []Card           // of the newest, from [ReadCards]
	Opened  map[pgp.KeyID]bool
	Away    []string  // keyholders who cannot come, or whose cards are gone
	At      time.Time // UTC
}

// A Rhythm is how much time passes between what people do.
type Rhythm struct {
	Ceremony time.Duration // from one ceremony to the next
	Overlap  time.Duration // what a new roster leaves of the former one's life
	Waiting  time.Duration // from the snapshot that is kept to the ceremony that anchors it
}

// Usual is the rhythm that docs/maintenance.md tells operators; the overlap and
// the waiting period are those that a plan's checks want by default.
func Usual() Rhythm {
	p := plan.DefaultPolicy()
	return Rhythm{Ceremony: 90 * day, Overlap: p.OverlapMin.D, Waiting: p.WaitingMin.D}
}

const day = 24 * time.Hour

// A Status says how a root stands.
type Status struct {
	Repository      string
	Version         uint64
	Digest          digest.Digest
	Issued, Expires time.Time
	At              time.Time

	Threshold     int
	Present, Away []string
	// Losses[k-1] is whether the threshold is still reached when any k of those
	// present are lost too.
	Losses   []bool
	Critical []string // each of whom is wanted: one of them lost, and the root is beyond repair
	Acts     []Reach

	Cards  []Card
	Shared []Shared
	Roles  []Role
	Online []Online
	Sealed []Sealed

	Actions []Action // in the order of their dates
	// Problems are why the root does not do its work, or may not soon. There is
	// none where all is well.
	Problems []string
}

// A Reach says whether acts can reach the threshold.
type Reach struct {
	Acts []plan.Act
	// Without names each keyholder without whom the acts would have to reach
	// it and cannot; for acts that concern nobody's card, all or nobody.
	Without []string
	Cards   bool // whether cards sign at all
}

// Shared is firmware that as many cards have as the threshold wants: one
// weakness of it would reach the root.
type Shared struct {
	Firmware hsm.Firmware
	Holders  []string
}

// A Role is how the online keys of a role stand.
type Role struct {
	Role  roster.Role
	Now   int       // keys that count
	Until time.Time // when the last of them stops, without a gap; zero if none counts
}

// An Online is an online key of the newest roster.
type Online struct {
	roster.OnlineKey
	Opened bool // its revocation is public
}

// A Sealed is a set of revocations that were signed in advance.
type Sealed struct {
	Version uint64 // of the roster under which it was sealed
	Keys    int
	Newest  bool // it should be in its envelopes; a former set should be destroyed
}

// Of says how a root stands.
func Of(in Input, rhythm Rhythm) *Status {
	last := newest(in.Rosters)
	root := last.Root()
	s := &Status{Repository: root.Repository, Version: root.Version, Digest: last.Digest(),
		Issued: root.Issued.Time, Expires: root.Expires.Time, At: in.At.UTC(), Threshold: root.Threshold, Cards: in.Cards}
	for _, k := range root.Keyholders {
		if slices.Contains(in.Away, k.Name) {
			s.Away = append(s.Away, k.Name)
		} else {
			s.Present = append(s.Present, k.Name)
		}
	}
	s.people()
	s.shared()
	s.online(root, in.Opened)
	for _, r := range in.Rosters {
		of := r.Root()
		s.Sealed = append(s.Sealed, Sealed{of.Version, len(of.OnlineKeys), of.Version == root.Version})
	}
	s.problems()
	s.actions(rhythm)
	return s
}

// people counts whom the root can lose.
func (s *Status) people() {
	for k := range s.Present {
		s.Losses = append(s.Losses, len(s.Present)-(k+1) >= s.Threshold)
	}
	if len(s.Present) == s.Threshold {
		s.Critical = slices.Clone(s.Present)
	}
	all := slices.Concat(s.Present, s.Away)
	slices.Sort(all)
	var none, lost, absent []string
	for _, name := range all {
		left := len(s.Present)
		if slices.Contains(s.Present, name) {
			left--
		} else {
			absent = append(absent, name)
		}
		if left < s.Threshold {
			lost = append(lost, name)
		}
		if len(s.Present) < s.Threshold {
			none = append(none, name)
		}
	}
	if len(none) > 0 {
		absent = none
	}
	s.Acts = []Reach{
		{Acts: []plan.Act{plan.Renewal, plan.Keyholders, plan.OnlineRotation, plan.OnlineTheft, plan.Reanchor}, Without: none, Cards: true},
		{Acts: []plan.Act{plan.CardLost, plan.CardCompromised}, Without: lost, Cards: true},
		{Acts: []plan.Act{plan.CardRetired}, Without: absent, Cards: true},
		{Acts: []plan.Act{plan.OpenRevocations, plan.DestroyRevocations, plan.AbandonDraft}},
	}
}

// shared groups the cards by firmware, in the order of the roster.
func (s *Status) shared() {
	for _, c := range s.Cards {
		i := slices.IndexFunc(s.Shared, func(o Shared) bool { return o.Firmware == c.Firmware })
		switch {
		case !c.tells():
		case i < 0:
			s.Shared = append(s.Shared, Shared{c.Firmware, []string{c.Holder}})
		default:
			s.Shared[i].Holders = append(s.Shared[i].Holders, c.Holder)
		}
	}
	s.Shared = slices.DeleteFunc(s.Shared, func(o Shared) bool { return len(o.Holders) < s.Threshold })
}

func (s *Status) online(root roster.Root, opened map[pgp.KeyID]bool) {
	for _, k := range root.OnlineKeys {
		s.Online = append(s.Online, Online{k, opened[k.Key.ID()]})
	}
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		r := Role{Role: role}
		for _, k := range s.Online {
			if k.counts(role, s.At) {
				r.Now++
			}
		}
		r.Until = s.covered(role)
		s.Roles = append(s.Roles, r)
	}
}

func (k Online) counts(role roster.Role, at time.Time) bool {
	return k.Role == role && !k.Opened && !at.Before(k.NotBefore.Time) && at.Before(k.Expires.Time)
}

// covered is how long, from now and without a gap, a key of the role counts.
func (s *Status) covered(role roster.Role) time.Time {
	var until time.Time
	for t := s.At; ; t = until {
		for _, k := range s.Online {
			if k.counts(role, t) && k.Expires.After(until) {
				until = k.Expires.Time
			}
		}
		if !until.After(t) {
			return until
		}
	}
}

func (s *Status) problems() {
	add := func(format string, args ...any) { s.Problems = append(s.Problems, fmt.Sprintf(format, args...)) }
	if !s.At.Before(s.Expires) {
		add("root roster %d expired at %s: clients refuse the index", s.Version, utc(s.Expires))
	}
	if n := len(s.Present); n < s.Threshold {
		add("%d keyholders can sign, wanted %d: no roster can be made", n, s.Threshold)
	}
	for _, r := range s.Roles {
		if r.Now == 0 {
			add("no online %s key counts now", r.Role)
		}
	}
	for _, k := range s.Online {
		if k.Opened {
			add("the revocation of online %s key %s is public, and no newer roster replaces that key", k.Role, k.Key)
		}
	}
	for _, c := range s.Cards {
		if c.Proof == Missing || c.Proof == Mismatched {
			add("the attestation of %s's card, which the roster names, is %s", c.Holder, c.Proof)
		}
	}
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }
