package pgp

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Sign makes one detached signature over document with key and returns it as a
// signature file. signer holds the private half: a card's slot, a Vault key, or a
// key in memory; it is asked once, with a digest. P-256 signs SHA-256, P-384
// SHA-384, RSA (PKCS #1 v1.5) and Ed25519 SHA-512.
//
// The signature's date is at, cut to whole seconds; it must not be before the
// key's own. rand is passed to signer, which may ignore it.
//
// What comes back has been parsed and verified as [SignatureFile.Verify] does.
// signer's own error is wrapped. The error is [ErrExternalEd25519] if key is
// Ed25519 and signer is not an ed25519.PrivateKey.
func Sign(rand io.Reader, document []byte, key *PublicKey, signer crypto.Signer, at time.Time) ([]byte, error) {
	p, err := newPen(rand, key, signer, at)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	sig := p.draft(packet.SigTypeBinary)
	err = p.write(sig, func() error {
		return sig.Sign(documentHash(sig.Hash, document), p.private, p.config)
	})
	if err != nil {
		return nil, fmt.Errorf("signing with key %s: %w", key, err)
	}
	out := armoured(labelSignature, p.out.Bytes())
	file, err := ParseSignatures(out)
	if err != nil {
		return nil, fmt.Errorf("reading back what key %s signed: %w", key, err)
	}
	ids, err := file.Verify(document, []*PublicKey{key})
	if err != nil {
		return nil, fmt.Errorf("checking what key %s signed: %w", key, err)
	}
	if !slices.Equal(ids, []KeyID{key.id}) {
		return nil, fmt.Errorf("checking what key %s signed: it names another key", key)
	}
	return out, nil
}

// Certify makes the armoured OpenPGP certificate by which people's gpg knows key:
// the key, one user id, and a self-signature (type 0x13) with the flags certify
// and sign, primary, without an expiry, dated at. signer is asked once, as by
// [Sign], and the certificate is verified before it is returned.
//
// userID is 1 to [MaxUserID] bytes of printable UTF-8. No client of Rootward
// reads certificates, and this one gives no trust to anybody.
func Certify(rand io.Reader, userID string, key *PublicKey, signer crypto.Signer, at time.Time) ([]byte, error) {
	if err := checkUserID(userID); err != nil {
		return nil, fmt.Errorf("certifying: %w", err)
	}
	p, err := newPen(rand, key, signer, at)
	if err != nil {
		return nil, fmt.Errorf("certifying: %w", err)
	}
	primary := true
	sig := p.draft(packet.SigTypePositiveCert)
	sig.IsPrimaryId = &primary
	sig.FlagsValid, sig.FlagCertify, sig.FlagSign = true, true, true
	p.out.Write(appendFrame(key.Packet(), tagUserID, []byte(userID)))
	err = p.write(sig, func() error {
		return sig.SignUserId(userID, key.library, p.private, p.config)
	})
	if err != nil {
		return nil, fmt.Errorf("certifying key %s: %w", key, err)
	}
	err = guarded(func() error { return key.library.VerifyUserIdSignature(userID, key.library, sig) })
	if err != nil {
		return nil, fmt.Errorf("checking what key %s certified: %w", key, err)
	}
	return armoured(labelPublicKey, p.out.Bytes()), nil
}

func checkUserID(id string) error {
	if len(id) == 0 || len(id) > MaxUserID || !utf8.ValidString(id) {
		return fmt.Errorf("user id %.40q has %d bytes, want 1 to %d of UTF-8", id, len(id), MaxUserID)
	}
	for _, r := range id {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("user id %q has the character %U, want printable ones", id, r)
		}
	}
	return nil
}

// A pen is what one signature needs.
type pen struct {
	key     *PublicKey
	signer  *recorder
	private *packet.PrivateKey
	config  *packet.Config
	at      time.Time
	out     bytes.Buffer
}

// A recorder keeps its signer's error: go-crypto loses that of RSA signers.
type recorder struct {
	crypto.Signer
	err error
}

func (r *recorder) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	sig, err := r.Signer.Sign(rand, digest, opts)
	if err == nil && len(sig) == 0 {
		err = errors.New("signer returned nothing")
	}
	r.err = err
	return sig, err
}

var errNoKey = errors.New("key, signer or source of randomness is missing")

func newPen(rand io.Reader, key *PublicKey, signer crypto.Signer, at time.Time) (*pen, error) {
	if key == nil || key.library == nil || signer == nil || rand == nil {
		return nil, errNoKey
	}
	at = at.UTC().Truncate(time.Second)
	if err := checkSeconds(at); err != nil {
		return nil, fmt.Errorf("date: %w", err)
	}
	if at.Before(key.created) {
		return nil, fmt.Errorf("date %s is before the key's own, %s", at.Format(time.RFC3339), key.created.Format(time.RFC3339))
	}
	random := false
	p := &pen{
		key:    key,
		signer: &recorder{Signer: signer},
		at:     at,
		config: &packet.Config{
			Rand: rand,
			Time: func() time.Time { return at },
			// Otherwise every signature carries a notation of random salt.
			NonDeterministicSignaturesViaNotation: &random,
		},
	}
	// packet.NewSignerPrivateKey panics on signers that it does not know.
	p.private = &packet.PrivateKey{PublicKey: *key.library, PrivateKey: p.signer}
	if key.algorithm == Ed25519 {
		private, err := localEd25519(key, signer)
		if err != nil {
			return nil, err
		}
		p.private.PrivateKey = private
	}
	err := guarded(func() error {
		if public, ok := key.public.(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(signer.Public()) {
			return fmt.Errorf("signer holds another key than %s", key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// localEd25519 gives go-crypto an Ed25519 key in memory, the only kind it can use.
func localEd25519(key *PublicKey, signer crypto.Signer) (*eddsa.PrivateKey, error) {
	local, _ := signer.(ed25519.PrivateKey)
	public, known := key.library.PublicKey.(*eddsa.PublicKey)
	if !known || len(local) != ed25519.PrivateKeySize {
		return nil, ErrExternalEd25519
	}
	private := eddsa.NewPrivateKey(*public)
	private.D = local.Seed()
	return private, nil
}

// draft returns a signature of the given type with all but its numbers.
func (p *pen) draft(kind packet.SignatureType) *packet.Signature {
	keyID := p.key.library.KeyId
	return &packet.Signature{
		Version:           4,
		SigType:           kind,
		PubKeyAlgo:        p.key.library.PubKeyAlgo,
		Hash:              map[Algorithm]crypto.Hash{P256: crypto.SHA256, P384: crypto.SHA384, RSA: crypto.SHA512, Ed25519: crypto.SHA512}[p.key.algorithm],
		CreationTime:      p.at,
		IssuerKeyId:       &keyID,
		IssuerKeyVersion:  4,
		IssuerFingerprint: p.key.library.Fingerprint,
	}
}

// write signs and appends the packet to p.out. The signer's own error comes first.
func (p *pen) write(sig *packet.Signature, sign func() error) error {
	err := guarded(sign)
	if p.signer.err != nil {
		return p.signer.err
	}
	if err != nil {
		return err
	}
	return guarded(func() error { return sig.Serialize(&p.out) })
}
