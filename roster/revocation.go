package roster

import (
	"slices"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster/digest"
)

var (
	revocationForm    = form{"revocation/v1", MaxRevocation, LayerRevocation}
	keyRevocationForm = form{"key-revocation/v1", MaxRevocation, LayerRevocation}
)

// OnlineRevocation is what the revocation of an online key says.
type OnlineRevocation struct {
	Type       string        `json:"type"`
	Repository string        `json:"repository"`
	Roster     digest.Digest `json:"roster"` // whose keyholders sign it
	Key        Key           `json:"key"`
	Reason     string        `json:"reason"`
	Issued     Time          `json:"issued"`
}

// Format prints the document, with its type filled in.
func (o OnlineRevocation) Format() ([]byte, error) {
	o.Type = revocationForm.kind
	return encode(&o)
}

// A Revocation takes away an online key, under the roster that it names and
// all later ones. Only [Roster.OpenRevocation] makes one.
type Revocation struct{ doc OnlineRevocation }

// Key is the key revoked.
func (r *Revocation) Key() *pgp.PublicKey { return r.doc.Key.PublicKey }

// Reason is why.
func (r *Revocation) Reason() string { return r.doc.Reason }

// RevocationRoster returns the digest of the roster that a revocation says it
// is made under, unverified, so that the roster can be found.
func RevocationRoster(doc []byte) (digest.Digest, error) {
	var o OnlineRevocation
	if err := revocationForm.parse("", doc, &o); err != nil {
		return digest.Digest{}, err
	}
	return o.Roster, nil
}

// OpenRevocation checks that s revokes the online key id under r: it names r
// by digest, the key is one of r's online keys, and M of r's keyholders
// signed it. It counts under r and every roster that follows r; that the
// roster at hand follows r is for the caller to know.
func (r *Roster) OpenRevocation(s Signed, id pgp.KeyID) (*Revocation, error) {
	subject := RevocationPath(id)
	var o OnlineRevocation
	if err := revocationForm.parse(subject, s.Document, &o); err != nil {
		return nil, err
	}
	switch {
	case o.Repository != r.root.Repository:
		return nil, refuse(LayerRevocation, subject, "it is for another repository").found("%q", o.Repository).want("%q", r.root.Repository)
	case o.Key.ID() != id:
		return nil, refuse(LayerRevocation, subject, "it revokes another key").want("%s", id)
	case o.Roster != r.digest:
		return nil, refuse(LayerRevocation, subject, "it is made under another roster").found("%s", o.Roster).want("%s", r.digest)
	case !slices.ContainsFunc(r.root.OnlineKeys, func(k OnlineKey) bool { return k.Key.ID() == id }):
		return nil, refuse(LayerRevocation, subject, "the roster that it names lists no such online key")
	}
	if err := CheckName(o.Reason); err != nil {
		return nil, refuse(LayerRevocation, subject, "malformed reason").because(err)
	}
	signed, err := verify(LayerRevocation, subject, s, r.keys)
	if err != nil {
		return nil, err
	}
	if _, err := r.policy.Approve(digest.Sum(s.Document), signed.materials(), r.revoked.hasKey); err != nil {
		return nil, refuse(LayerRevocation, subject, "quorum of roster version %d not met", r.Version()).because(err)
	}
	return &Revocation{o}, nil
}

// MaintainerRevocation is what the revocation of a maintainer's key says.
type MaintainerRevocation struct {
	Type       string `json:"type"`
	Repository string `json:"repository"`
	Key        Key    `json:"key"`
	Reason     string `json:"reason"`
	Issued     Time   `json:"issued"`
}

// Format prints the document, with its type filled in.
func (m MaintainerRevocation) Format() ([]byte, error) {
	m.Type = keyRevocationForm.kind
	return encode(&m)
}

// A KeyRevocation takes away a maintainer's key, everywhere and for good. It
// is signed by that key. Only [OpenKeyRevocation] makes one.
type KeyRevocation struct {
	doc    MaintainerRevocation
	digest digest.Digest
}

// Key is the key revoked.
func (r *KeyRevocation) Key() *pgp.PublicKey { return r.doc.Key.PublicKey }

// Reason is why.
func (r *KeyRevocation) Reason() string { return r.doc.Reason }

// Digest is the document's.
func (r *KeyRevocation) Digest() digest.Digest { return r.digest }

// OpenKeyRevocation checks that s is a revocation, for the repository, of the
// key that signed it.
func OpenKeyRevocation(s Signed, repository string) (*KeyRevocation, error) {
	d := digest.Sum(s.Document)
	subject := KeyRevocationPath(d)
	var m MaintainerRevocation
	if err := keyRevocationForm.parse(subject, s.Document, &m); err != nil {
		return nil, err
	}
	if m.Repository != repository {
		return nil, refuse(LayerRevocation, subject, "it is for another repository").found("%q", m.Repository).want("%q", repository)
	}
	if err := CheckName(m.Reason); err != nil {
		return nil, refuse(LayerRevocation, subject, "malformed reason").because(err)
	}
	signed, err := verify(LayerRevocation, subject, s, []*pgp.PublicKey{m.Key.PublicKey})
	if err != nil {
		return nil, err
	}
	if len(signed) == 0 {
		return nil, refuse(LayerRevocation, subject, "the key that it revokes has not signed it").want("a signature by %s", m.Key)
	}
	return &KeyRevocation{m, d}, nil
}
