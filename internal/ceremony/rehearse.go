package ceremony

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// An understudy is a throw-away key that stands in for a keyholder's.
type understudy struct {
	key    *pgp.PublicKey
	signer crypto.Signer
}

// A cast has one understudy for each key material.
type cast struct {
	rand io.Reader
	at   time.Time
	by   map[pgp.Material]understudy
}

// play returns the understudy of a key: of its kind for ECDSA, and P-384 in
// place of RSA, whose generation could take minutes.
func (c *cast) play(k roster.Key) (understudy, error) {
	if u, ok := c.by[k.Material()]; ok {
		return u, nil
	}
	var curve elliptic.Curve = elliptic.P384()
	if k.Algorithm() == pgp.P256 {
		curve = elliptic.P256()
	}
	private, err := ecdsa.GenerateKey(curve, c.rand)
	if err != nil {
		return understudy{}, fmt.Errorf("making a throw-away key: %w", err)
	}
	pub, err := pgp.NewPublicKey(private.Public(), c.at)
	if err != nil {
		return understudy{}, err
	}
	u := understudy{pub, private}
	c.by[k.Material()] = u
	return u, nil
}

// recast puts understudies in the place of all keyholders, and of keyholders
// among the revoked keys; online keys stay themselves, since they sign nothing
// here.
func (c *cast) recast(r roster.Root) (roster.Root, error) {
	r.Keyholders, r.Revoked = slices.Clone(r.Keyholders), slices.Clone(r.Revoked)
	for i := range r.Keyholders {
		u, err := c.play(r.Keyholders[i].Key)
		if err != nil {
			return r, err
		}
		r.Keyholders[i].Key = roster.Key{PublicKey: u.key}
	}
	for i := range r.Revoked {
		if u, ok := c.by[r.Revoked[i].Key.Material()]; ok {
			r.Revoked[i].Key = roster.Key{PublicKey: u.key}
		}
	}
	return r, nil
}

// sign signs a document as everyone who can: the keyholders of the rosters,
// each once, but those that the last roster revokes.
func (c *cast) sign(raw []byte, rosters ...roster.Root) (roster.Signed, error) {
	revoked := make(map[pgp.Material]bool)
	for _, k := range rosters[len(rosters)-1].Revoked {
		revoked[k.Key.Material()] = true
	}
	var files []*pgp.SignatureFile
	done := make(map[pgp.Material]bool)
	for _, r := range rosters {
		for _, k := range r.Keyholders {
			m := k.Key.Material()
			if done[m] || revoked[m] {
				continue
			}
			done[m] = true
			asc, err := pgp.Sign(c.rand, raw, k.Key.PublicKey, c.signerOf(m), c.at)
			if err != nil {
				return roster.Signed{}, err
			}
			file, err := pgp.ParseSignatures(asc)
			if err != nil {
				return roster.Signed{}, err
			}
			files = append(files, file)
		}
	}
	asc, err := pgp.Combine(files...)
	return roster.Signed{Document: raw, Signatures: asc}, err
}

func (c *cast) signerOf(m pgp.Material) crypto.Signer {
	for _, u := range c.by {
		if u.key.Material() == m {
			return u.signer
		}
	}
	return nil
}

// rehearse verifies a draft as clients will, with understudies: the roster by
// its predecessor or by its pinned digest, and each revocation under it.
func rehearse(c *Case, d *Draft, rand io.Reader) error {
	cast := &cast{rand: rand, at: roster.At(c.At).Time, by: make(map[pgp.Material]understudy)}
	next := d.Roster.Root()
	var verified *roster.Roster
	if d.Previous == nil {
		twin, err := cast.twin(next)
		if err != nil {
			return err
		}
		signed, err := cast.sign(twin.Bytes(), twin.Root())
		if err != nil {
			return err
		}
		if verified, err = roster.Trust(signed, twin.Digest(), EmptyMap()); err != nil {
			return err
		}
	} else {
		var err error
		if verified, err = cast.succeed(*d.Previous, next, outsiders(c, d)); err != nil {
			return err
		}
	}
	return cast.revoke(verified, d)
}

// outsiders are the keyholders of the previous roster who are neither of the
// new one nor named by the plan as outgoing: nobody will ask them to sign.
func outsiders(c *Case, d *Draft) []pgp.Material {
	var all []pgp.Material
	for _, k := range d.Previous.Keyholders {
		m := k.Key.Material()
		if !slices.ContainsFunc(c.everybody(), func(h Holder) bool { return h.Enrolment.Key.Material() == m }) {
			all = append(all, m)
		}
	}
	return all
}

func (c *cast) twin(r roster.Root) (*roster.Draft, error) {
	r, err := c.recast(r)
	if err != nil {
		return nil, err
	}
	return roster.NewDraft(r)
}

// succeed plays the succession between the twins of both rosters.
func (c *cast) succeed(old, next roster.Root, away []pgp.Material) (*roster.Roster, error) {
	for _, r := range []roster.Root{old, next} { // so that revoked keyholders are recast in both alike
		for _, k := range r.Keyholders {
			if _, err := c.play(k.Key); err != nil {
				return nil, err
			}
		}
	}
	first, err := c.twin(old)
	if err != nil {
		return nil, err
	}
	signed, err := c.sign(first.Bytes(), first.Root())
	if err != nil {
		return nil, err
	}
	before, err := roster.Trust(signed, first.Digest(), EmptyMap())
	if err != nil {
		return nil, err
	}
	next.Previous.Digest = first.Digest()
	second, err := c.twin(next)
	if err != nil {
		return nil, err
	}
	coming := first.Root()
	coming.Keyholders = slices.DeleteFunc(coming.Keyholders, func(k roster.Keyholder) bool {
		return slices.ContainsFunc(away, func(m pgp.Material) bool { return c.by[m].key.ID() == k.Key.ID() })
	})
	if signed, err = c.sign(second.Bytes(), coming, second.Root()); err != nil {
		return nil, err
	}
	return before.Succeed(signed)
}

// revoke verifies the twin of each revocation.
func (c *cast) revoke(r *roster.Roster, d *Draft) error {
	if len(d.Revocations) != len(d.Roster.Root().OnlineKeys) {
		return fmt.Errorf("%d revocations for %d online keys", len(d.Revocations), len(d.Roster.Root().OnlineKeys))
	}
	for i, k := range d.Roster.Root().OnlineKeys {
		twin, err := retarget(d.Revocations[i].Raw, r.Digest())
		if err != nil {
			return err
		}
		signed, err := c.sign(twin, r.Root())
		if err != nil {
			return err
		}
		if _, err := r.OpenRevocation(signed, k.Key.ID()); err != nil {
			return err
		}
	}
	return nil
}

// retarget names the twin roster in place of the real one in a revocation.
func retarget(raw []byte, to digest.Digest) ([]byte, error) {
	from, err := roster.RevocationRoster(raw)
	if err != nil {
		return nil, err
	}
	return bytes.Replace(raw, from.Append(nil), to.Append(nil), 1), nil
}
