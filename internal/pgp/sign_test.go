package pgp

import (
	"testing"
)

func TestSignVerifies(t *testing.T) {
	for name, p := range allPairs(t) {
		t.Run(name, func(t *testing.T) {
			f := parsed(t, p.sign(t, "document"))
			ids, err := f.Verify([]byte("document"), []*PublicKey{p.PublicKey})
			if err != nil || len(ids) != 1 || ids[0] != p.ID() {
				t.Fatalf("Verify = %v, %v; want the signer's id", ids, err)
			}
			if _, err := f.Verify([]byte("another"), []*PublicKey{p.PublicKey}); err == nil {
				t.Fatal("a signature verifies over another document")
			}
		})
	}
}

func TestCertify(t *testing.T) {
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
