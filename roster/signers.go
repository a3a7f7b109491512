package roster

import (
	"maps"
	"slices"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/threshold"
)

// Revoked is a set of key material that counts nowhere, with the reasons.
// The nil set is empty.
type Revoked map[pgp.Material]string

// Add puts a key in the set; the first reason stays.
func (r Revoked) Add(k *pgp.PublicKey, reason string) {
	if _, ok := r[k.Material()]; !ok {
		r[k.Material()] = reason
	}
}

// Has reports whether the material is revoked, in whatever packet.
func (r Revoked) Has(m pgp.Material) bool {
	_, ok := r[m]
	return ok
}

// And returns the union of both sets.
func (r Revoked) And(other Revoked) Revoked {
	both := other.clone()
	maps.Copy(both, r)
	return both
}

func (r Revoked) hasKey(k threshold.Key) bool { return r.Has(pgp.Material(k)) }

func (r Revoked) clone() Revoked {
	c := make(Revoked, len(r))
	maps.Copy(c, r)
	return c
}

// signers are the keys whose good signatures a file holds.
type signers []*pgp.PublicKey

// verify checks a document's signature file against the keys that were asked
// for. A bad signature by one of them, or two by one of them, refuses it.
func verify(l Layer, subject string, s Signed, keys []*pgp.PublicKey) (signers, error) {
	file, err := pgp.ParseSignatures(s.Signatures)
	if err != nil {
		return nil, refuse(l, subject, "the signature file is malformed").because(err)
	}
	ids, err := file.Verify(s.Document, keys)
	if err != nil {
		return nil, refuse(l, subject, "a signature is refused").because(err).
			do("fetch it again from another mirror; if it stays so, the document or the signature was changed")
	}
	var found signers
	for _, k := range keys {
		if slices.Contains(ids, k.ID()) {
			found = append(found, k)
		}
	}
	return found, nil
}

func (s signers) has(k *pgp.PublicKey) bool {
	return slices.ContainsFunc(s, func(other *pgp.PublicKey) bool { return other.ID() == k.ID() })
}

func (s signers) materials() []threshold.Key {
	var m []threshold.Key
	for _, k := range s {
		m = append(m, threshold.Key(k.Material()))
	}
	return m
}

// union returns the keys of a, and those of b whose packets are not in a.
func union(a, b []*pgp.PublicKey) []*pgp.PublicKey {
	all := slices.Clone(a)
	for _, k := range b {
		if !signers(all).has(k) {
			all = append(all, k)
		}
	}
	return all
}
