//go:build cgo && linux

package piv_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/hsm/piv"
	"github.com/rootward/rootward/internal/vcard"
)

var secrets = piv.Secrets{PIN: "271828", PUK: "31415926", ManagementKey: []byte("a key of 24 bytes, yes!!")}

func roots(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(needRoom(t).AttestationRoot()) {
		t.Fatal("the room's attestation root does not parse")
	}
	return pool
}

// typed gives a PIN prompt that records the tries it was told.
func typed(pin string, told *[]int) func(int) (string, error) {
	return func(tries int) (string, error) {
		if told != nil {
			*told = append(*told, tries)
		}
		return pin, nil
	}
}

func provision(t *testing.T, i int) (*piv.Card, crypto.PublicKey, hsm.Evidence) {
	t.Helper()
	c := open(t, i)
	pub, evidence, err := c.Provision(hsm.P384, secrets)
	if err != nil {
		t.Fatal(err)
	}
	return c, pub, evidence
}

func signer(t *testing.T, c *piv.Card, pub crypto.PublicKey, pin func(int) (string, error), touch func()) crypto.Signer {
	t.Helper()
	s, err := c.Signer(pub, pin, touch)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fault(t *testing.T, i int, f vcard.Fault, n int) {
	t.Helper()
	if err := needRoom(t).Fault(t.Context(), i, f, n); err != nil {
		t.Fatal(err)
	}
}

var digest = sha512.Sum384([]byte("a root roster"))

// The main path, on a card as it leaves the factory.
func TestProvisionAttestSign(t *testing.T) {
	c, pub, evidence := provision(t, cardNew)
	a, err := hsm.CheckAttestation(evidence, roots(t), pub, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.RequireRootPolicy(); err != nil {
		t.Error(err)
	}
	if a.Serial() != c.Serial() || a.Firmware().String() != "5.7.1" {
		t.Errorf("attested card %d firmware %v, want %d and 5.7.1", a.Serial(), a.Firmware(), c.Serial())
	}
	state, err := c.Inspect()
	if err != nil {
		t.Fatal(err)
	}
	if state.DefaultPIN != piv.No || state.DefaultPUK != piv.No || state.DefaultManagementKey != piv.No {
		t.Errorf("factory secrets left: PIN %v, PUK %v, management key %v", state.DefaultPIN, state.DefaultPUK, state.DefaultManagementKey)
	}
	if state.ManagementKeyAlgorithm != "AES-192" || state.PINTries != 3 || state.PUKTries != 3 {
		t.Errorf("state is %+v", state)
	}
	if k := state.Key; k == nil || k.PINPolicy != hsm.PINAlways || k.TouchPolicy != hsm.TouchAlways || k.Generated != piv.Yes {
		t.Errorf("slot's key is %+v, want PIN always, touch always, generated", k)
	}

	var told []int
	touched := 0
	s := signer(t, c, pub, typed(secrets.PIN, &told), func() { touched++ })
	for range 2 { // the second needs the PIN again, and the tries left
		sig, err := s.Sign(nil, digest[:], crypto.SHA384)
		if err != nil {
			t.Fatal(err)
		}
		if !ecdsa.VerifyASN1(pub.(*ecdsa.PublicKey), digest[:], sig) {
			t.Error("signature does not verify")
		}
	}
	if fmt.Sprint(told) != "[3 3]" || touched != 2 {
		t.Errorf("PIN asked with tries %v, touch announced %d times, want [3 3] and 2", told, touched)
	}

	for name, err := range map[string]error{"Generate": generateAgain(c), "Provision": provisionAgain(c)} {
		var occupied *hsm.OccupiedError
		if !errors.As(err, &occupied) {
			t.Errorf("%s on a used card: %v, want an OccupiedError", name, err)
		}
	}
}

func generateAgain(c *piv.Card) error {
	_, err := c.Generate(hsm.P384, secrets.ManagementKey)
	return err
}

func provisionAgain(c *piv.Card) error {
	_, _, err := c.Provision(hsm.P384, secrets)
	return err
}

// Firmware 4.3: 3DES, no metadata, serial number by the OTP application, device
// certificate without basic constraints.
func TestOldCard(t *testing.T) {
	c, pub, evidence := provision(t, cardOld)
	a, err := hsm.CheckAttestation(evidence, roots(t), pub, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got := hsm.Advisories(a.Firmware(), hsm.P384); len(got) != 1 || got[0].ID != "YSA-2024-03" {
		t.Errorf("advisories for ECDSA on %v: %v, want YSA-2024-03", a.Firmware(), got)
	}
	state, err := c.Inspect()
	if err != nil {
		t.Fatal(err)
	}
	if state.Key == nil || state.DefaultManagementKey != piv.No || state.DefaultPIN != piv.Unknown || state.PUKTries != -1 {
		t.Errorf("state of a card without metadata: %+v", state)
	}
	if _, err := signer(t, c, pub, typed(secrets.PIN, nil), nil).Sign(nil, digest[:], crypto.SHA384); err != nil {
		t.Error(err)
	}
	wantWrongKey(t, c, "by its attestation")
}

func wantWrongKey(t *testing.T, c *piv.Card, how string) {
	t.Helper()
	var wrong *hsm.WrongKeyError
	if _, err := c.Signer(anotherKey(t), typed("1", nil), nil); !errors.As(err, &wrong) || wrong.Detail != how {
		t.Errorf("Signer for another key: %v, want a WrongKeyError %s", err, how)
	}
}

// A card that claims 5.7 and takes only 3DES management keys.
func TestOnly3DESManagementKey(t *testing.T) {
	c, _, _ := provision(t, cardOnly3DES)
	state, err := c.Inspect()
	if err != nil {
		t.Fatal(err)
	}
	if state.ManagementKeyAlgorithm != "3DES" || state.DefaultManagementKey != piv.No {
		t.Errorf("management key: %s, default %v; want 3DES and changed", state.ManagementKeyAlgorithm, state.DefaultManagementKey)
	}
}

// A card that tells nothing but signs: its key is known by what it signed.
func TestMuteCard(t *testing.T) {
	c := open(t, cardMute)
	_, err := c.Generate(hsm.P384, piv.FactorySecrets().ManagementKey)
	var unsupported *hsm.UnsupportedError
	if !errors.As(err, &unsupported) {
		t.Fatalf("generating on a card of firmware 5.7 without metadata: %v, want an UnsupportedError", err)
	}
	fault(t, cardMute, vcard.NoMetadata, 0)
	pub, evidence, err := c.Provision(hsm.P384, secrets)
	if err != nil {
		t.Fatal(err)
	}
	if !evidence.IsZero() {
		t.Error("evidence from a card that cannot attest")
	}
	if _, err := c.Evidence(); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "does not support attestation") {
		t.Errorf("Evidence = %v, want an UnsupportedError", err)
	}
	fault(t, cardMute, vcard.NoMetadata, 1)
	if _, err := signer(t, c, pub, typed(secrets.PIN, nil), nil).Sign(nil, digest[:], crypto.SHA384); err != nil {
		t.Errorf("signing with the right key: %v", err)
	}
	var bad *hsm.SignatureError
	if _, err := signer(t, c, anotherKey(t), typed(secrets.PIN, nil), nil).Sign(nil, digest[:], crypto.SHA384); !errors.As(err, &bad) {
		t.Errorf("signing for another key: %v, want a SignatureError", err)
	}

	// With a certificate in the slot, that tells.
	fault(t, cardMute, vcard.NoMetadata, 0)
	raw(t, c, func(yk *yubikey.YubiKey) error {
		return yk.SetCertificate(secrets.ManagementKey, yubikey.SlotSignature, certify(t, pub))
	})
	fault(t, cardMute, vcard.NoMetadata, 1)
	wantWrongKey(t, c, "by its certificate")
	state, err := c.Inspect()
	if err != nil || !state.Certificate || state.Key == nil || !pub.(*ecdsa.PublicKey).Equal(state.Key.Public) {
		t.Errorf("state is %+v, %v; want the certificate's key", state, err)
	}
}

func anotherKey(t *testing.T) crypto.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public()
}

func TestSignerWantsItsKey(t *testing.T) {
	c := open(t, cardPIN)
	var empty *hsm.EmptySlotError
	if _, err := c.Signer(anotherKey(t), typed("1", nil), nil); !errors.As(err, &empty) {
		t.Errorf("Signer on an empty slot: %v, want an EmptySlotError", err)
	}
	if _, err := c.Evidence(); !errors.As(err, &empty) {
		t.Errorf("Evidence of an empty slot: %v, want an EmptySlotError", err)
	}
}

// A PIN goes wrong, until it is blocked; the card is asked before the keyholder.
func TestPINTries(t *testing.T) {
	c, pub, _ := provision(t, cardPIN)
	wantWrongKey(t, c, "by its metadata")
	sign := func(pin string, told *[]int) error {
		_, err := signer(t, c, pub, typed(pin, told), nil).Sign(nil, digest[:], crypto.SHA384)
		return err
	}
	var told []int
	if err := sign("1", &told); err == nil || strings.Contains(err.Error(), "left") {
		t.Errorf("a PIN of one character: %v, want a refusal before the card counts", err)
	}
	var refused *hsm.PINError
	if err := sign("999999", &told); !errors.As(err, &refused) || refused.Tries != 2 {
		t.Errorf("first wrong PIN: %v, want a PINError with 2 tries", err)
	}
	err := sign("999999", &told)
	if want := fmt.Sprintf("card %d slot 9c: PIN refused, 1 try left", c.Serial()); err == nil || err.Error() != want {
		t.Errorf("second wrong PIN: %v, want %q", err, want)
	}
	if strings.Contains(fmt.Sprint(err), "999999") {
		t.Error("the error holds the PIN")
	}
	if err := sign(secrets.PIN, &told); err != nil {
		t.Errorf("right PIN at the last try: %v", err)
	}
	fault(t, cardPIN, vcard.RefusePIN, 3)
	for range 2 {
		_ = sign(secrets.PIN, nil)
	}
	var blocked *hsm.BlockedError
	if err := sign(secrets.PIN, &told); !errors.As(err, &blocked) {
		t.Errorf("third wrong PIN: %v, want a BlockedError", err)
	}
	asked := len(told)
	if err := sign(secrets.PIN, &told); !errors.As(err, &blocked) || len(told) != asked {
		t.Errorf("blocked PIN: %v, asked %d times more; want a BlockedError and no prompt", err, len(told)-asked)
	}
	if fmt.Sprint(told) != "[3 3 2 1 1]" {
		t.Errorf("prompts were told %v tries, want [3 3 2 1 1]", told)
	}
	fault(t, cardPIN, vcard.BlockPUK, 1)
	state, err := c.Inspect()
	if err != nil || state.PINTries != 0 || state.PUKTries != 0 {
		t.Errorf("state of a blocked card: %+v, %v", state, err)
	}
	if err := c.SetSecrets(secrets, piv.Secrets{PIN: "161803", PUK: "24681357", ManagementKey: secrets.ManagementKey}); !errors.As(err, &blocked) {
		t.Errorf("SetSecrets on a blocked card: %v, want a BlockedError", err)
	}
}

func TestTouchAndRemoval(t *testing.T) {
	c, pub, _ := provision(t, cardTouch)
	r := needRoom(t)
	sign := func() error {
		_, err := signer(t, c, pub, typed(secrets.PIN, nil), nil).Sign(nil, digest[:], crypto.SHA384)
		return err
	}
	fault(t, cardTouch, vcard.WithholdTouch, 1)
	var touch *hsm.TouchError
	if err := sign(); !errors.As(err, &touch) || touch.Status != 0x6600 {
		t.Errorf("touch withheld: %v, want a TouchError with status 6600", err)
	}
	fault(t, cardTouch, vcard.WithholdTouch, 0)

	fault(t, cardTouch, vcard.BadSignature, 1)
	var bad *hsm.SignatureError
	if err := sign(); !errors.As(err, &bad) {
		t.Errorf("bad signature: %v, want a SignatureError", err)
	}
	fault(t, cardTouch, vcard.BadSignature, 0)

	fault(t, cardTouch, vcard.PullOnSign, 1)
	var removed *hsm.RemovedError
	err := sign()
	if !errors.As(err, &removed) {
		t.Errorf("pulled out while signing: %v, want a RemovedError", err)
	}
	if !strings.Contains(hsm.HintFor(err), "put the card back") {
		t.Errorf("hint is %q", hsm.HintFor(err))
	}
	var none *hsm.NoCardError
	if err := r.Remove(t.Context(), cardTouch); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Inspect(); !errors.As(err, &none) && !errors.As(err, &removed) {
		t.Errorf("while the card is out: %v, want a NoCardError", err)
	}
	if err := r.Insert(t.Context(), cardTouch); err != nil {
		t.Fatal(err)
	}
	if err := sign(); err != nil {
		t.Errorf("after the card was put back: %v", err)
	}
	stop := errors.New("the keyholder walked away")
	s := signer(t, c, pub, func(int) (string, error) { return "", stop }, nil)
	if _, err := s.Sign(nil, digest[:], crypto.SHA384); !errors.Is(err, stop) {
		t.Errorf("prompt that fails: %v, want its error", err)
	}
	if _, err := s.Sign(nil, digest[:20], crypto.SHA384); err == nil || errors.Is(err, stop) {
		t.Errorf("short digest: %v, want a refusal before the prompt", err)
	}
}

func TestRSA(t *testing.T) {
	c := open(t, cardRSA)
	pub, err := c.Generate(hsm.RSA3072, piv.FactorySecrets().ManagementKey)
	if err != nil {
		t.Fatal(err)
	}
	s := signer(t, c, pub, typed(piv.FactorySecrets().PIN, nil), nil)
	d := sha256.Sum256([]byte("a root roster"))
	for _, opts := range []crypto.SignerOpts{crypto.SHA256, &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}} {
		if _, err := s.Sign(rand.Reader, d[:], opts); err != nil { // Sign verifies
			t.Errorf("%T: %v", opts, err)
		}
	}
}

// Wrong old secrets: what changed before is named.
func TestSetSecretsSaysWhatChanged(t *testing.T) {
	c := open(t, cardSecrets)
	old := piv.FactorySecrets()
	wrong := old
	wrong.PUK = "87654320"
	err := c.SetSecrets(wrong, secrets)
	var partial *hsm.SecretsError
	var refused *hsm.PINError
	if !errors.As(err, &partial) || partial.Failed != hsm.PUK || fmt.Sprint(partial.Changed) != "[PIN]" ||
		!errors.As(err, &refused) || refused.Secret != hsm.PUK || refused.Tries != 2 {
		t.Fatalf("wrong PUK: %v, want a SecretsError about the PUK, PIN changed", err)
	}
	next := piv.Secrets{PIN: "161803", PUK: "24681357", ManagementKey: secrets.ManagementKey}
	wrong = piv.Secrets{PIN: secrets.PIN, PUK: old.PUK, ManagementKey: []byte("not the key of this card")}
	var management *hsm.ManagementKeyError
	if err := c.SetSecrets(wrong, next); !errors.As(err, &partial) || partial.Failed != hsm.ManagementKey || !errors.As(err, &management) {
		t.Fatalf("wrong management key: %v, want a SecretsError about it", err)
	}
	if _, err := c.Generate(hsm.P384, wrong.ManagementKey); !errors.As(err, &management) {
		t.Errorf("Generate with a wrong management key: %v, want a ManagementKeyError", err)
	}
	last := piv.Secrets{PIN: "271829", PUK: "31415927", ManagementKey: secrets.ManagementKey}
	if err := c.SetSecrets(piv.Secrets{PIN: next.PIN, PUK: next.PUK, ManagementKey: old.ManagementKey}, last); err != nil {
		t.Errorf("right secrets: %v", err)
	}
	var unsupported *hsm.UnsupportedError
	if _, err := c.Generate(hsm.RSA3072, last.ManagementKey); !errors.As(err, &unsupported) {
		t.Errorf("RSA-3072 on firmware 5.4: %v, want an UnsupportedError", err)
	}
}
