package pgp

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestSignVerifies(t *testing.T) {
	for name, p := range allPairs(t) {
		t.Run(name, func(t *testing.T) {
			f := parsed(t, p.sign(t, "document"))
			ids, err := f.Verify([]byte("document"), keysOf(p))
			if err != nil || len(ids) != 1 || ids[0] != p.ID() {
				t.Fatalf("Verify = %v, %v; want the signer's id", ids, err)
			}
			var bad *BadSignatureError
			if _, err := f.Verify([]byte("another"), keysOf(p)); !errors.As(err, &bad) {
				t.Fatalf("over another document: error is %v, want a BadSignatureError", err)
			}
		})
	}
}

// Each algorithm has its hash, and the date is the one given, in whole seconds.
func TestSignHashAndDate(t *testing.T) {
	want := map[string]crypto.Hash{"P-256": crypto.SHA256, "P-384": crypto.SHA384, "RSA": crypto.SHA512, "Ed25519": crypto.SHA512}
	for name, p := range allPairs(t) {
		out, err := Sign(randomness, []byte("document"), p.PublicKey, p.signer, signed.Add(999*time.Millisecond).In(time.FixedZone("east", 3600)))
		if err != nil {
			t.Fatal(err)
		}
		s := parsed(t, out).signatures[0]
		if s.hash != want[name] || !s.library.CreationTime.Equal(signed) {
			t.Errorf("%s: signed with %v at %v, want %v at %v", name, s.hash, s.library.CreationTime, want[name], signed)
		}
		if len(s.library.Notations) != 0 {
			t.Errorf("%s: signature carries a notation", name)
		}
	}
}

// A crooked signer does what a card or a service may do.
type crooked struct {
	crypto.Signer
	sign func(crypto.Signer, []byte, crypto.SignerOpts) ([]byte, error)
}

func (c crooked) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return c.sign(c.Signer, digest, opts)
}

// Whatever the signer does, an error comes back and no signature; its own error
// can be told apart.
func TestSignerMisbehaves(t *testing.T) {
	errPulled := errors.New("the card was pulled out")
	pairs := allPairs(t)
	delete(pairs, "Ed25519")
	for name, sign := range map[string]func(crypto.Signer, []byte, crypto.SignerOpts) ([]byte, error){
		"fails":   func(crypto.Signer, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errPulled },
		"nothing": func(crypto.Signer, []byte, crypto.SignerOpts) ([]byte, error) { return nil, nil },
		"garbage": func(crypto.Signer, []byte, crypto.SignerOpts) ([]byte, error) { return []byte{0x30, 1, 2, 3}, nil },
		"panics":  func(crypto.Signer, []byte, crypto.SignerOpts) ([]byte, error) { panic("secret 123456") },
		"another digest": func(s crypto.Signer, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
			digest[0] ^= 1
			return s.Sign(randomness, digest, opts)
		},
		"error with a signature": func(s crypto.Signer, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
			out, _ := s.Sign(randomness, digest, opts)
			return out, errPulled
		},
	} {
		for algorithm, p := range pairs {
			t.Run(name+"/"+algorithm, func(t *testing.T) {
				out, err := Sign(randomness, []byte("document"), p.PublicKey, crooked{p.signer, sign}, signed)
				cert, certErr := Certify(randomness, "Alice", p.PublicKey, crooked{p.signer, sign}, signed)
				for _, err := range []error{err, certErr} {
					if err == nil || !strings.Contains(err.Error(), p.String()) {
						t.Errorf("error is %v, want one that names the key", err)
					} else if strings.Contains(err.Error(), "123456") {
						t.Errorf("error %q tells what the signer panicked with", err)
					}
					var bad *BadSignatureError
					if name == "nothing" && !strings.Contains(err.Error(), "signer returned nothing") {
						t.Errorf("error is %v, want it to say that the signer returned nothing", err)
					}
					if name == "another digest" && !errors.As(err, &bad) && !strings.Contains(err.Error(), "certified") {
						t.Errorf("error is %v, want a BadSignatureError", err)
					}
					if fails := name == "fails" || name == "error with a signature"; errors.Is(err, errPulled) != fails {
						t.Errorf("error is %v; the signer's own error in it: want %v", err, fails)
					}
				}
				if out != nil || cert != nil {
					t.Errorf("Sign = %q, Certify = %q; want nothing", out, cert)
				}
			})
		}
	}
}

func TestSignRefuses(t *testing.T) {
	p, other, ed := ecdsaPair(t, elliptic.P256(), 7), ecdsaPair(t, elliptic.P256(), 8), ed25519Pair(t, 1)
	for name, c := range map[string]struct {
		rand   io.Reader
		key    *PublicKey
		signer crypto.Signer
		at     time.Time
		want   string
	}{
		"no randomness":         {nil, p.PublicKey, p.signer, signed, "missing"},
		"no key":                {randomness, nil, p.signer, signed, "missing"},
		"zero key":              {randomness, &PublicKey{}, p.signer, signed, "missing"},
		"no signer":             {randomness, p.PublicKey, nil, signed, "missing"},
		"another's signer":      {randomness, p.PublicKey, other.signer, signed, "another key"},
		"another kind":          {randomness, p.PublicKey, rsaPair(t).signer, signed, "another key"},
		"another's Ed25519":     {randomness, ed.PublicKey, ed25519Pair(t, 2).signer, signed, "another key"},
		"external Ed25519":      {randomness, ed.PublicKey, crooked{Signer: ed.signer}, signed, "Ed25519 keys cannot"},
		"short Ed25519":         {randomness, ed.PublicKey, ed25519.PrivateKey{1, 2}, signed, "Ed25519 keys cannot"},
		"signer of no key":      {randomness, p.PublicKey, ed25519.PrivateKey{1, 2}, signed, "caught a panic"},
		"Ed25519 key, P-256":    {randomness, ed.PublicKey, p.signer, signed, "Ed25519 keys cannot"},
		"before the key's date": {randomness, p.PublicKey, p.signer, born.Add(-time.Second), "before the key's own, 2025-03-01T12:00:00Z"},
		"after 2106":            {randomness, p.PublicKey, p.signer, time.Unix(1<<32, 0), "outside 1970 to 2106"},
		"no date":               {randomness, p.PublicKey, p.signer, time.Time{}, "outside 1970 to 2106"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := Sign(c.rand, []byte("document"), c.key, c.signer, c.at)
			if out != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Sign = %q, %v; want an error with %q", out, err, c.want)
			}
			out, err = Certify(c.rand, "Alice", c.key, c.signer, c.at)
			if out != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Certify = %q, %v; want an error with %q", out, err, c.want)
			}
			if strings.Contains(c.want, "cannot") && !errors.Is(err, ErrExternalEd25519) {
				t.Errorf("error is %v, want ErrExternalEd25519", err)
			}
		})
	}
}

// The signer is asked once: each time may cost a PIN and a touch.
func TestSignerIsAskedOnce(t *testing.T) {
	p := ecdsaPair(t, elliptic.P384(), 7)
	asked := 0
	count := crooked{p.signer, func(s crypto.Signer, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		asked++
		if opts.HashFunc() != crypto.SHA384 || len(digest) != 48 {
			t.Errorf("signer is given %d bytes as %v, want a SHA-384 digest", len(digest), opts.HashFunc())
		}
		return s.Sign(randomness, digest, opts)
	}}
	if _, err := Sign(randomness, []byte("document"), p.PublicKey, count, signed); err != nil || asked != 1 {
		t.Errorf("Sign: asked %d times (%v), want once", asked, err)
	}
	if _, err := Certify(randomness, "Alice", p.PublicKey, count, signed); err != nil || asked != 2 {
		t.Errorf("Certify: asked %d times more (%v), want once", asked-1, err)
	}
}

func TestCertifyUserID(t *testing.T) {
	p := ecdsaPair(t, elliptic.P256(), 7)
	for _, id := range []string{"", strings.Repeat("a", MaxUserID+1), "a\nb", "\x1b[2J", "a\u202eb", "a\xff", "a\x00", "tab\t"} {
		if out, err := Certify(randomness, id, p.PublicKey, p.signer, signed); out != nil || err == nil || !strings.Contains(err.Error(), "user id") {
			t.Errorf("user id %q: Certify = %q, %v; want a refusal", id, out, err)
		}
	}
	for _, id := range []string{"a", strings.Repeat("a", MaxUserID), "Zoë <zoe@example.org>"} {
		if _, err := Certify(randomness, id, p.PublicKey, p.signer, signed); err != nil {
			t.Errorf("user id %q: %v", id, err)
		}
	}
}
