package change

import (
	"slices"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A SealedKey is an online key whose revocation was signed in advance.
type SealedKey struct {
	Role   roster.Role
	Key    roster.Key
	Roster uint64 // under which it was sealed
	Reason string // in the revocation
}

// Opening gives the sentences for opening sealed revocations while newest is the
// newest roster: what clients will refuse, and what is left to them at the time.
func Opening(newest roster.Root, keys []SealedKey, why string, at time.Time) []Sentence {
	var s sentences
	s.say("Sealed revocations of %s are opened, under root roster %d: %q.", newest.Repository, newest.Version, why)
	for _, k := range keys {
		s.warn(Revokes, "REVOKES online %s key %s for good, by the revocation that roster %d's keyholders signed in advance: %q.", k.Role, k.Key, k.Roster, k.Reason)
	}
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		left := slices.DeleteFunc(slices.Clone(newest.OnlineKeys), func(o roster.OnlineKey) bool {
			return o.Role != role || at.Before(o.NotBefore.Time) || !at.Before(o.Expires.Time) ||
				slices.ContainsFunc(keys, func(k SealedKey) bool { return k.Key.Material() == o.Key.Material() })
		})
		for _, o := range left {
			s.say("Online %s key %s still counts, until %s.", role, o.Key, o.Expires)
		}
		if len(left) == 0 {
			s.warn(Expires, "NO %s KEY IS LEFT that counts now: %s", role, without[role])
		}
	}
	s.say("Once the files are public, clients refuse these keys for ever. There is no way back.")
	return s
}

// without says what clients do without a key of a role.
var without = map[roster.Role]string{
	roster.RoleCountersign: "no maintainer list that the anchor lacks is accepted until a new root roster names one.",
	roster.RoleSnapshot:    "clients refuse the whole index until a new root roster names one.",
}

// Destruction gives the sentences for destroying a superseded set of revocations.
func Destruction(newest roster.Root, keys []SealedKey, why string) []Sentence {
	var s sentences
	s.say("Sealed revocations of %s are destroyed: root roster %d is public. The reason is: %q.", newest.Repository, newest.Version, why)
	for _, k := range keys {
		s.warn(Destroys, "DESTROYS the revocation of online %s key %s, sealed under roster %d.", k.Role, k.Key, k.Roster)
		if slices.ContainsFunc(newest.OnlineKeys, func(o roster.OnlineKey) bool { return o.Key.Material() == k.Key.Material() }) {
			s.say("That key still counts under roster %d, which has a sealed revocation of its own.", newest.Version)
		}
	}
	return s
}

// Abandonment gives the sentences for destroying a draft over which some signatures
// were asked for.
func Abandonment(version uint64, draft digest.Digest, signed int, reason string) []Sentence {
	var s sentences
	s.warn(Destroys, "DESTROYS the draft of root roster %d with digest %s.", version, draft)
	s.warn(Destroys, "DESTROYS %d signatures that cards were asked for: with enough of them the draft is a roster.", signed)
	s.say("The reason is: %q.", reason)
	s.say("Copies outside the record are for the people to destroy.")
	return s
}
