package pgp

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestCertifyIsRead(t *testing.T) {
	for name, p := range allPairs(t) {
		t.Run(name, func(t *testing.T) {
			cert, err := Certify(randomness, "Alice (root keyholder)", p.PublicKey, p.signer, signed)
			if err != nil {
				t.Fatal(err)
			}
			found, err := KeysIn(cert)
			if err != nil || len(found) != 1 {
				t.Fatalf("KeysIn = %v, %v; want one key", found, err)
			}
			if c := found[0]; c.Key.ID() != p.ID() || !c.Primary || !c.SignFlag || c.UserID != "Alice (root keyholder)" {
				t.Fatalf("KeysIn = %+v, want the key that was certified", c)
			}
		})
	}
}

// flags returns a signature packet with the given type and key flags; its
// cryptography is nonsense, which KeysIn never looks at.
func flags(t *testing.T, p pair, kind, bits byte) []byte {
	f := p.honest()
	f.kind = kind
	f.hashed = append(f.hashed, sub(subKeyFlags, bits)...)
	return appendFrame(nil, tagSignature, f.body(t, p, ""))
}

// A certificate with a primary key that certifies, a subkey that signs and one
// that encrypts, and a second certificate after it.
func TestKeysIn(t *testing.T) {
	primary, signing, second := ecdsaPair(t, elliptic.P256(), 7), ecdsaPair(t, elliptic.P384(), 7), ed25519Pair(t, 1)
	ecdh := bodyOf(t, primary)
	ecdh[5] = 18
	cert := slices.Concat(
		primary.Packet(),
		appendFrame(nil, tagUserID, []byte("Alice \x1b[2J\u202e <alice@example.org>\xff")),
		flags(t, primary, 0x13, 0x01),
		appendFrame(nil, tagUserID, []byte("another name")),
		flags(t, primary, 0x00, 0x02), // a document signature says nothing of keys
		appendFrame(nil, tagPublicSubkey, bodyOf(t, signing)),
		flags(t, primary, 0x18, 0x02),
		appendFrame(nil, tagPublicSubkey, ecdh),
		flags(t, primary, 0x18, 0x02), // speaks of the key that was passed over
		appendFrame(nil, 12, []byte{1, 2}),
		second.Packet(),
	)
	for name, in := range map[string][]byte{"binary": cert, "armoured": armoured(labelPublicKey, cert)} {
		found, err := KeysIn(in)
		if err != nil || len(found) != 3 {
			t.Fatalf("%s: KeysIn = %v, %v; want three keys", name, found, err)
		}
		const user = `Alice \u001b[2J\u202e <alice@example.org>\xff`
		want := []Candidate{{primary.PublicKey, true, user, false}, {signing.PublicKey, false, user, true}, {second.PublicKey, true, "", false}}
		for i, c := range found {
			w := want[i]
			if c.Key.ID() != w.Key.ID() || c.Primary != w.Primary || c.UserID != w.UserID || c.SignFlag != w.SignFlag {
				t.Errorf("%s: key %d is %+v, want %+v", name, i, c, w)
			}
		}
	}
}

// Signatures that KeysIn cannot read, or that speak of nothing, give no flag.
func TestKeysInOddSignatures(t *testing.T) {
	p := ed25519Pair(t, 1)
	signer := ecdsaPair(t, elliptic.P256(), 7)
	v3 := signer.honest()
	v3.version, v3.kind = 3, 0x13
	v3.hashed = append(v3.hashed, sub(subKeyFlags, 2)...)
	broken := signer.honest()
	broken.kind = 0x13
	broken.hashed = append(broken.hashed, sub(subKeyFlags, 2)...)
	broken.hashed = append(broken.hashed, 0)
	empty := signer.honest()
	empty.kind = 0x13
	empty.hashed = append(empty.hashed, sub(subKeyFlags)...)
	for name, signature := range map[string][]byte{
		"version 3":      v3.body(t, signer, ""),
		"broken area":    broken.body(t, signer, ""),
		"empty flags":    empty.body(t, signer, ""),
		"empty":          {},
		"no hashed area": {4, 0x13, 22, 8, 0},
	} {
		odd := appendFrame(nil, tagSignature, signature)
		found, err := KeysIn(slices.Concat(odd, p.Packet(), odd))
		if err != nil || len(found) != 1 || found[0].SignFlag {
			t.Errorf("%s: KeysIn = %+v, %v; want one key without the flag", name, found, err)
		}
	}
	// A flag before any key is nobody's.
	found, err := KeysIn(append(flags(t, signer, 0x13, 2), p.Packet()...))
	if err != nil || len(found) != 1 || found[0].SignFlag {
		t.Errorf("KeysIn = %+v, %v; want one key without the flag", found, err)
	}
}

func TestUserIDIsCut(t *testing.T) {
	p := ed25519Pair(t, 1)
	found, err := KeysIn(append(p.Packet(), appendFrame(nil, tagUserID, bytes.Repeat([]byte{0xff}, 5000))...))
	if err != nil || len(found) != 1 || found[0].UserID != strings.Repeat(`\xff`, 30) {
		t.Fatalf("KeysIn = %+v, %v; want 120 bytes of user id", found, err)
	}
}

func TestKeysInRefuses(t *testing.T) {
	p := ed25519Pair(t, 1)
	body := bodyOf(t, p)
	ecdh := bodyOf(t, ecdsaPair(t, elliptic.P256(), 7))
	ecdh[5] = 18
	for name, c := range map[string]struct {
		cert   []byte
		want   string
		secret bool
	}{
		"nothing":             {nil, "empty", false},
		"text":                {[]byte("hello"), "armour begins with", false},
		"a signature file":    {p.sign(t, "document"), "want \"-----BEGIN PGP PUBLIC KEY BLOCK-----\"", false},
		"secret, armoured":    {armoured(labelSecretKey, appendFrame(nil, tagSecretKey, body)), "gpg --export", true},
		"secret key":          {appendFrame(nil, tagSecretKey, body), "gpg --export", true},
		"secret, mislabelled": {armoured(labelPublicKey, appendFrame(nil, tagSecretKey, body)), "gpg --export", true},
		"secret subkey":       {append(p.Packet(), appendFrame(nil, tagSecretSubkey, body)...), "gpg --export", true},
		"no key":              {appendFrame(nil, tagUserID, []byte("Alice")), "it holds no key", false},
		"subkey first":        {appendFrame(nil, tagPublicSubkey, body), "before any primary key", false},
		"encryption only":     {appendFrame(nil, tagPublicKey, ecdh), "ECDH", false},
		"cut short":           {p.Packet()[:20], "packet 1", false},
		"too many keys":       {bytes.Repeat(p.Packet(), MaxCertificateKeys+1), "more than 64 keys", false},
		"too large":           {bytes.Repeat(appendFrame(nil, tagUserID, make([]byte, 1000)), 300), "want at most 262144", false},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := KeysIn(c.cert)
			if found != nil || !errors.Is(err, ErrMalformedCertificate) || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrSecretKey) != c.secret {
				t.Errorf("KeysIn = %v, %v; want a refusal with %q", found, err, c.want)
			}
		})
	}
}

func FuzzKeysIn(f *testing.F) {
	for _, p := range allPairs(f) {
		cert, err := Certify(randomness, "Alice", p.PublicKey, p.signer, signed)
		if err != nil {
			f.Fatal(err)
		}
		data, err := unarmoured(cert, labelPublicKey)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(cert)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, cert []byte) {
		found, err := KeysIn(cert)
		if (err == nil) != (len(found) > 0) {
			t.Fatalf("KeysIn returned %d keys and %v", len(found), err)
		}
		for _, c := range found {
			if k, err := ParsePublicKey(c.Key.Packet()); err != nil || k.ID() != c.Key.ID() {
				t.Fatalf("a key that was found does not parse again (%v)", err)
			}
			if len(c.UserID) > maxUserIDShown || strings.ContainsFunc(c.UserID, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
				t.Fatalf("user id %q is not fit for a terminal", c.UserID)
			}
		}
	})
}
