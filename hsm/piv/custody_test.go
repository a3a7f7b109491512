//go:build cgo && linux

package piv_test

import (
	"errors"
	"strings"
	"testing"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/hsm/piv"
	"github.com/rootward/rootward/internal/vcard"
)

func TestReaders(t *testing.T) {
	needRoom(t)
	names, err := piv.Readers()
	if err != nil || len(names) < len(cards) {
		t.Fatalf("readers are %q, %v; want one for each of %d cards", names, err, len(cards))
	}
	for _, n := range names {
		if !strings.HasPrefix(n, "Rehearsal Reader ") {
			t.Errorf("reader %q is none of the room", n)
		}
	}
}

// wantTries looks at what the card says is left.
func wantTries(t *testing.T, c *piv.Card, pin, puk int) {
	t.Helper()
	if s, err := c.Inspect(); err != nil || s.PINTries != pin || s.PUKTries != puk {
		t.Errorf("tries left are %d and %d (%v), want %d and %d", s.PINTries, s.PUKTries, err, pin, puk)
	}
}

func TestChangePIN(t *testing.T) {
	c := open(t, cardCustody)
	const pin, puk = "123456", "12345678"
	var weak *hsm.WeakSecretError
	if err := c.ChangePIN("000001", "123456"); !errors.As(err, &weak) {
		t.Errorf("the factory's PIN as a new one: %v, want a WeakSecretError", err)
	}
	for _, typed := range []string{"", "1", "123456789", "1234\x00"} {
		var form *hsm.FormError
		if err := c.ChangePIN(typed, "271828"); !errors.As(err, &form) || form.Secret != hsm.PIN {
			t.Errorf("a current PIN of another form: %v, want a FormError", err)
		}
	}
	wantTries(t, c, 3, 3)
	var refused *hsm.PINError
	if err := c.ChangePIN("000001", "271828"); !errors.As(err, &refused) || refused.Secret != hsm.PIN || refused.Tries != 2 {
		t.Errorf("a wrong current PIN: %v, want a PINError with 2 tries", err)
	}
	if err := c.ChangePUK("00000001", "31415926"); !errors.As(err, &refused) || refused.Secret != hsm.PUK {
		t.Errorf("a wrong current PUK: %v, want a PINError about the PUK", err)
	}
	wantTries(t, c, 2, 2)
	fault(t, cardCustody, vcard.RefuseNew, 1)
	if err := c.ChangePIN(pin, "271828"); !errors.As(err, &weak) || !strings.Contains(err.Error(), "a rule of its own (status 6985)") {
		t.Errorf("a PIN that the card does not want: %v, want a WeakSecretError", err)
	}
	if err := errors.Join(c.ChangePIN(pin, "271828"), c.ChangePUK(puk, "31415926")); err != nil {
		t.Error(err)
	}
	s, err := c.Inspect()
	if err != nil || s.DefaultPIN != piv.No || s.DefaultPUK != piv.No {
		t.Errorf("state is %+v, %v; want changed PIN and PUK", s, err)
	}
	fault(t, cardCustody, vcard.PullOnChange, 1)
	var removed *hsm.RemovedError
	if err := c.ChangePIN("271828", "141421"); !errors.As(err, &removed) {
		t.Errorf("pulled out: %v, want a RemovedError", err)
	}
	if err := needRoom(t).Insert(t.Context(), cardCustody); err != nil {
		t.Fatal(err)
	}
	if err := c.ChangePIN("271828", "141421"); err != nil {
		t.Errorf("after the card was put back: %v", err)
	}
}

func TestUnblock(t *testing.T) {
	c := open(t, cardCustody)
	fault(t, cardCustody, vcard.BlockPIN, 1)
	var refused *hsm.PINError
	if err := c.Unblock("00000001", "271828"); !errors.As(err, &refused) || refused.Secret != hsm.PUK || refused.Tries != 2 {
		t.Errorf("a wrong PUK: %v, want a PINError about the PUK", err)
	}
	var weak *hsm.WeakSecretError
	if err := c.Unblock("12345678", "777777"); !errors.As(err, &weak) || weak.Secret != hsm.PIN {
		t.Errorf("a weak PIN: %v, want a WeakSecretError about the PIN", err)
	}
	wantTries(t, c, 0, 2)
	if err := c.Unblock("12345678", "271828"); err != nil {
		t.Fatal(err)
	}
	wantTries(t, c, 3, 3)
	fault(t, cardCustody, vcard.BlockPUK, 1)
	var blocked *hsm.BlockedError
	if err := c.Unblock("12345678", "271829"); !errors.As(err, &blocked) || blocked.Secret != hsm.PUK {
		t.Errorf("a blocked PUK: %v, want a BlockedError about the PUK", err)
	}
}

func TestReset(t *testing.T) {
	c, _, _ := provision(t, cardCustody)
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	s, err := c.Inspect()
	if err != nil || s.Key != nil || s.Certificate || s.DefaultPIN != piv.Yes || s.DefaultPUK != piv.Yes || s.DefaultManagementKey != piv.Yes {
		t.Errorf("state after a reset is %+v, %v", s, err)
	}
	wantTries(t, c, 3, 3)
}

// A card with more tries than it can say is not given up.
func TestResetOfACardWithManyTries(t *testing.T) {
	c := open(t, cardCustody)
	raw(t, c, func(yk *yubikey.YubiKey) error {
		return yk.SetRetries(yubikey.DefaultManagementKey, yubikey.DefaultPIN, 60, 40)
	})
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	wantTries(t, c, 3, 3)
}

// A card whose PIN is one of the values that are offered as wrong.
func TestResetOfACardWithThatVeryPIN(t *testing.T) {
	c := open(t, cardCustody)
	if err := errors.Join(c.ChangePIN("123456", "90817263"), c.ChangePUK("12345678", "90817263"), c.Reset()); err != nil {
		t.Fatal(err)
	}
	wantTries(t, c, 3, 3)
}

// A card that counts no tries is given up after a few, and keeps its key.
func TestResetOfACardThatNeverCounts(t *testing.T) {
	c, _, _ := provision(t, cardCustody)
	fault(t, cardCustody, vcard.NeverCounts, 1)
	defer fault(t, cardCustody, vcard.NeverCounts, 0)
	var stuck *hsm.CountError
	err := c.Reset()
	if !errors.As(err, &stuck) || stuck.Secret != hsm.PIN || stuck.Tries != 3 {
		t.Fatalf("Reset = %v, want a CountError about the PIN", err)
	}
	if !strings.Contains(err.Error(), "it says each time that 3 tries are left") || !strings.Contains(hsm.HintFor(err), "break its chip") {
		t.Errorf("it says %q, and to do: %q", err, hsm.HintFor(err))
	}
}

// A card without a reset has its secrets blocked, so that its key is of no use.
func TestResetUnknown(t *testing.T) {
	c, _, _ := provision(t, cardCustody)
	fault(t, cardCustody, vcard.NoReset, 1)
	defer fault(t, cardCustody, vcard.NoReset, 0)
	var unsupported *hsm.UnsupportedError
	if err := c.Reset(); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), "PIN and PUK are blocked now") {
		t.Errorf("Reset = %v, want an UnsupportedError", err)
	}
	wantTries(t, c, 0, 0)
}

// Old cards say nothing of the PUK; the rest is the same.
func TestCustodyOfAnOldCard(t *testing.T) {
	c := open(t, cardOldCustody)
	if err := errors.Join(c.ChangePIN("123456", "271828"), c.Unblock("12345678", "141421"), c.Reset()); err != nil {
		t.Fatal(err)
	}
	wantTries(t, c, 3, -1)
}
