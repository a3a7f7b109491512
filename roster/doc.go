// Package roster has Rootward's documents and their verification: the root
// roster, the maintainer list, the release manifest, the release index, the
// snapshot, the revocations and the anchor. docs/spec.md describes each byte.
//
// The package is pure: it reads no clock, no file and no network. Times come
// in as arguments; what must be looked up comes through a [Fetch].
//
// Types carry evidence. A [Draft], [Manifest] or [List] as parsed is
// well-formed and nothing more; a [*Roster], [*Snapshot], [*Standing],
// [*Index] or [*Release] exists only after its verification, because only the
// verifying function can make one:
//
//	Trust, (*Roster).Succeed      -> *Roster
//	(*Roster).OpenRevocation      -> *Revocation
//	(*Roster).OpenSnapshot        -> *Snapshot
//	tree.Lookup                   -> tree.Leaf, or proven absence
//	OpenIndex                     -> *Index
//	OpenKeyRevocation             -> *KeyRevocation
//	(*Roster).OpenList            -> *Standing
//	(*Standing).Release, Unsigned -> *Release
//
// Every failure is an [*Error]: which layer refused, what was expected, what
// was found, what the reader can do.
package roster
