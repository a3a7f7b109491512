// Package change puts a root roster, and what it changes, into plain sentences
// for the people who are to sign it or to witness it. The sentences follow from
// the documents alone, so that whoever holds the same documents reads the same
// sentences.
//
// What comes from outside, such as a name, stands in quotation marks, so that it
// cannot pass for a sentence of ours. Words in capitals mark what deserves a
// second look: REMOVES, LOWERS SECURITY, REVOKES, OVERRIDES and the like. For
// programs, each sentence has its [Class].
package change

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rootward/rootward/internal/words"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// An Anchor sums up how a new anchor differs from the former one. It is kept
// beside a draft, because the roster itself holds only the map's root.
type Anchor struct {
	Map       digest.Digest `json:"map"`  // the root of the new anchor
	Size      int           `json:"size"` // names that it holds
	New       int           `json:"new"`
	Succeeded int           `json:"succeeded"`
	Extended  int           `json:"extended"`
	Missing   []Name        `json:"missing"`
	Refused   []Name        `json:"refused"`
	Postponed []Name        `json:"postponed"`
	Overrides []Name        `json:"overrides"`
}

// A Name is a package that the sentences name, and why.
type Name struct {
	Package string `json:"package"`
	Why     string `json:"why"`
}

// Summarise sums up what a recomputation found.
func Summarise(a *roster.Anchor) Anchor {
	s := Anchor{Map: a.Root(), Size: a.Size()}
	for _, c := range a.Changes() {
		n := Name{Package: c.Name}
		switch c.Verdict {
		case roster.AnchorNew:
			s.New++
		case roster.AnchorSucceeded:
			s.Succeeded++
		case roster.AnchorExtended:
			s.Extended++
		case roster.AnchorMissing:
			s.Missing = append(s.Missing, n)
		case roster.AnchorPostponed:
			s.Postponed = append(s.Postponed, n)
		case roster.AnchorOverride:
			n.Why = fmt.Sprintf("list version %d (%s) in place of version %d", c.New.ListVersion, c.New.List, c.Old.ListVersion)
			if c.Old.ListVersion == 0 {
				n.Why = fmt.Sprintf("list version %d (%s), where the anchor so far has no list", c.New.ListVersion, c.New.List)
			}
			s.Overrides = append(s.Overrides, n)
		case roster.AnchorRefused:
			n.Why = c.Why.Error()
			s.Refused = append(s.Refused, n)
		}
	}
	return s
}

// Of gives the lines of [Between].
func Of(previous *roster.Root, next roster.Root, anchor *Anchor) []string {
	return Texts(Between(previous, next, anchor))
}

// Between gives the sentences for next, which follows previous; previous is nil
// for a roster that is shown by itself. anchor is nil where only the documents
// are at hand.
func Between(previous *roster.Root, next roster.Root, anchor *Anchor) []Sentence {
	var s sentences
	if previous == nil {
		s.whole(next)
	} else {
		s.follows(*previous, next)
	}
	s.anchor(previous, next, anchor)
	return s
}

// whole describes a roster by itself.
func (s *sentences) whole(r roster.Root) {
	if r.Version == 1 {
		s.warn(Begins, "This is the FIRST root roster of %s: whoever trusts its digest trusts all that follows.", r.Repository)
	} else {
		s.say("This is root roster %d of %s. It follows the roster with digest %s.", r.Version, r.Repository, r.Previous)
	}
	s.say("It is issued %s and expires %s (%s).", r.Issued, r.Expires, days(r.Expires.Sub(r.Issued.Time)))
	s.say("%d of its %d keyholders can make the next roster, or revoke an online key.", r.Threshold, len(r.Keyholders))
	for _, k := range r.Keyholders {
		s.say("Keyholder %q: %s.", k.Name, keyholder(k))
		s.also(Unattested, unattested(k))
	}
	for _, k := range r.OnlineKeys {
		s.say("Online %s key %s counts from %s until %s.", k.Role, k.Key, k.NotBefore, k.Expires)
	}
	s.say("A snapshot lives at most %s, and none below version %d counts.", seconds(r.SnapshotLifetime), r.SnapshotFloor)
	for _, k := range r.Revoked {
		s.say("Key %s is revoked since %s: %q.", k.Key, k.At, k.Reason)
	}
}

func unattested(k roster.Keyholder) bool { return k.Attestation == roster.NoAttestation }

func keyholder(k roster.Keyholder) string {
	if unattested(k) {
		return fmt.Sprintf("key %s, on a card that gives NO ATTESTATION", k.Key)
	}
	return fmt.Sprintf("key %s, card's attestation %s", k.Key, k.Attestation)
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return d.String()
	}
	return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
}

// seconds writes a length of time as people do: 24h, not 24h0m0s.
func seconds(n uint64) string {
	s := (time.Duration(n) * time.Second).String()
	s, _ = strings.CutSuffix(s, "m0s")
	if strings.HasSuffix(s, "h0") {
		return strings.TrimSuffix(s, "0")
	}
	if s != "" && s[len(s)-1] != 's' {
		s += "m"
	}
	return s
}

// follows describes the difference between two rosters.
func (s *sentences) follows(old, now roster.Root) {
	s.say("Root roster %d of %s follows roster %d.", now.Version, now.Repository, old.Version)
	if now.Repository != old.Repository {
		s.warn(Changes, "The previous roster is of ANOTHER REPOSITORY: %s.", old.Repository)
	}
	s.say("It is issued %s.", now.Issued)
	switch d := now.Expires.Sub(old.Expires.Time); {
	case d > 0:
		s.say("It expires %s, %s later than the previous one.", now.Expires, days(d))
	case d < 0:
		s.warn(Expires, "It expires %s, %s EARLIER than the previous one.", now.Expires, days(-d))
	default:
		s.say("It expires %s, as the previous one does.", now.Expires)
	}
	if !now.Issued.Before(old.Expires.Time) {
		s.warn(Expires, "The previous roster EXPIRED %s before this one is issued: clients have refused since.", days(now.Issued.Sub(old.Expires.Time)))
	}
	s.people(old, now)
	s.threshold(old, now)
	s.online(old.OnlineKeys, now.OnlineKeys)
	s.revoked(old, now)
	if now.SnapshotLifetime != old.SnapshotLifetime {
		word, longer := "becomes shorter", now.SnapshotLifetime > old.SnapshotLifetime
		if longer {
			word = "becomes longer, which LOWERS SECURITY"
		}
		s.say("The longest life of a snapshot %s: %s, before %s.", word, seconds(now.SnapshotLifetime), seconds(old.SnapshotLifetime))
		s.also(Lowers, longer)
	}
	if now.SnapshotFloor != old.SnapshotFloor {
		s.warn(Changes, "The snapshot floor CHANGES from %d to %d: clients forget what only the online keys vouched for.", old.SnapshotFloor, now.SnapshotFloor)
	}
}

func (s *sentences) people(old, now roster.Root) {
	find := func(in []roster.Keyholder, name string) *roster.Keyholder {
		if i := slices.IndexFunc(in, func(k roster.Keyholder) bool { return k.Name == name }); i >= 0 {
			return &in[i]
		}
		return nil
	}
	var same []string
	for _, k := range old.Keyholders {
		is := find(now.Keyholders, k.Name)
		switch {
		case is == nil:
			s.warn(Removes, "REMOVES keyholder %q: %s.", k.Name, keyholder(k))
		case is.Key.ID() != k.Key.ID():
			s.warn(Replaces, "REPLACES the key of keyholder %q: %s, in place of %s.", k.Name, keyholder(*is), k.Key)
			s.also(Unattested, unattested(*is))
		case is.Attestation != k.Attestation:
			s.warn(Changes, "CHANGES the attestation of keyholder %q: %s.", k.Name, keyholder(*is))
			s.also(Unattested, unattested(*is))
		default:
			same = append(same, strconv.Quote(k.Name))
		}
	}
	for _, k := range now.Keyholders {
		if find(old.Keyholders, k.Name) == nil {
			s.warn(Adds, "ADDS keyholder %q: %s.", k.Name, keyholder(k))
			s.also(Unattested, unattested(k))
		}
	}
	if len(same) > 0 {
		s.say("Keyholders as before: %s.", strings.Join(same, ", "))
	}
}

func (s *sentences) threshold(old, now roster.Root) {
	n, m := len(now.Keyholders), now.Threshold
	switch {
	case m < old.Threshold:
		s.warn(Lowers, "The threshold goes from %d to %d (of %d), which LOWERS SECURITY: %s.", old.Threshold, m, n, people(m))
	case m > old.Threshold:
		s.warn(Changes, "The threshold goes from %d to %d (of %d).", old.Threshold, m, n)
	default:
		s.say("The threshold stays %d (of %d).", m, n)
	}
	if n < len(old.Keyholders) {
		s.warn(Lowers, "There are FEWER KEYHOLDERS: %d, before %d; %d may be lost before the root is.", n, len(old.Keyholders), n-m)
	}
}

func people(m int) string {
	if m == 1 {
		return "one person is the root"
	}
	return fmt.Sprintf("%d people are the root", m)
}

func (s *sentences) online(old, now []roster.OnlineKey) {
	find := func(in []roster.OnlineKey, k roster.OnlineKey) *roster.OnlineKey {
		if i := slices.IndexFunc(in, func(o roster.OnlineKey) bool { return o.Key.ID() == k.Key.ID() }); i >= 0 {
			return &in[i]
		}
		return nil
	}
	for _, k := range old {
		is := find(now, k)
		switch {
		case is == nil:
			s.warn(Removes, "REMOVES online %s key %s.", k.Role, k.Key)
		case is.Role != k.Role:
			s.warn(Changes, "CHANGES THE ROLE of online key %s from %s to %s.", k.Key, k.Role, is.Role)
		case !is.NotBefore.Equal(k.NotBefore.Time) || !is.Expires.Equal(k.Expires.Time):
			s.say("Online %s key %s now counts from %s until %s, before from %s until %s.", k.Role, k.Key, is.NotBefore, is.Expires, k.NotBefore, k.Expires)
			s.also(Expires, is.Expires.Before(k.Expires.Time))
		default:
			s.say("Online %s key %s stays, until %s.", k.Role, k.Key, k.Expires)
		}
	}
	for _, k := range now {
		if find(old, k) == nil {
			s.warn(Adds, "ADDS online %s key %s, which counts from %s until %s.", k.Role, k.Key, k.NotBefore, k.Expires)
		}
	}
}

func (s *sentences) revoked(old, now roster.Root) {
	if len(now.Revoked) < len(old.Revoked) {
		s.warn(Lowers, "FORGETS revoked keys, which no client will accept: %d, before %d.", len(now.Revoked), len(old.Revoked))
		return
	}
	for _, k := range now.Revoked[len(old.Revoked):] {
		s.warn(Revokes, "REVOKES key %s (%s) for good, since %s: %q.", k.Key, was(old, k.Key), k.At, k.Reason)
	}
}

// was says what a key was in the previous roster.
func was(old roster.Root, key roster.Key) string {
	for _, k := range old.Keyholders {
		if k.Key.Material() == key.Material() {
			return "keyholder " + strconv.Quote(k.Name)
		}
	}
	for _, k := range old.OnlineKeys {
		if k.Key.Material() == key.Material() {
			return "online " + string(k.Role) + " key"
		}
	}
	return "no key of the previous roster"
}

func (s *sentences) anchor(previous *roster.Root, next roster.Root, a *Anchor) {
	switch {
	case previous == nil && next.Version == 1:
		s.say("The anchor is the empty map (%s): no package's maintainers are established yet.", next.Anchor)
		return
	case previous != nil && next.Anchor == previous.Anchor && a == nil:
		s.say("The anchor is KEPT as it was (%s).", next.Anchor)
		return
	case a == nil:
		s.warn(Changes, "The anchor is the map with root %s; what changes in it stands in the ceremony's record.", next.Anchor)
		return
	}
	s.say("The anchor is recomputed: %d names (map %s).", a.Size, a.Map)
	s.say("Anchor: %d new, %d changed by their maintainers, %d with more releases or another status, %d OVERRIDES.", a.New, a.Succeeded, a.Extended, len(a.Overrides))
	for _, n := range a.Overrides {
		s.warn(Overrides, "OVERRIDES the maintainers of %s: %s.", n.Package, n.Why)
	}
	for _, n := range a.Refused {
		s.warn(Withholds, "REFUSED in the anchor, its former state stays: %s: %s.", n.Package, n.Why)
	}
	for _, n := range a.Missing {
		s.warn(Withholds, "MISSING from the map, its former state stays: %s.", n.Package)
	}
	for _, n := range a.Postponed {
		s.say("Postponed to the next anchor: %s.", n.Package)
	}
}

// Digest gives a digest as hex and as words to read aloud, in lines.
func Digest(d digest.Digest) []string {
	lines := []string{"SHA-256 " + d.String()}
	return append(lines, strings.Split(strings.TrimSpace(words.Format(d[:])), "\n")...)
}

// SwitchedOff says that a check has no say in a ceremony. The sentence is of the
// class [CheckOff].
func SwitchedOff(check, by, why string) string {
	return fmt.Sprintf("CHECK %s IS SWITCHED OFF, approved by %q: %q.", check, by, why)
}
