package hsm

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
)

func binding(t *testing.T, m *maker) Binding {
	t.Helper()
	return Binding{Roots: m.pool(t), Key: m.slotKey.Public(), Serial: 11223344, MinimumFirmware: Firmware{5, 7, 0}, At: noon}
}

func TestBinding(t *testing.T) {
	m := newMaker(t)
	a, accepted, err := binding(t, m).Check(m.evidence(t))
	if err != nil || len(accepted) != 0 || a.Serial() != 11223344 {
		t.Errorf("a good card: %+v, %v, %v", a, accepted, err)
	}
}

// Each row turns one thing wrong, in the evidence or in what is wanted.
func TestBindingRefuses(t *testing.T) {
	for _, c := range []struct {
		what, reason string
		turn         func(t *testing.T, m *maker, b *Binding)
	}{
		{"another maker's root", "leads to no trusted root", func(t *testing.T, _ *maker, b *Binding) { b.Roots = newMaker(t).pool(t) }},
		{"no root", "no root certificate is trusted", func(_ *testing.T, _ *maker, b *Binding) { b.Roots = nil }},
		{"another key in the roster", "another key than the one given", func(t *testing.T, _ *maker, b *Binding) { b.Key = newKey(t).Public() }},
		{"another card", "it is of card 11223344, want card 7", func(_ *testing.T, _ *maker, b *Binding) { b.Serial = 7 }},
		{"no card wanted", "it is of card 11223344, want card 0", func(_ *testing.T, _ *maker, b *Binding) { b.Serial = 0 }},
		{"no serial number", "it names no card", func(_ *testing.T, m *maker, _ *Binding) { m.serial = nil }},
		{"another slot", `key is in slot "9a"`, func(_ *testing.T, m *maker, _ *Binding) { m.slot.Subject.CommonName = slotNamePrefix + "9a" }},
		{"PIN once", "PIN policy is once", func(_ *testing.T, m *maker, _ *Binding) { m.policy = []byte{2, 2} }},
		{"touch cached", "touch policy is cached", func(_ *testing.T, m *maker, _ *Binding) { m.policy = []byte{3, 3} }},
		{"old firmware", "firmware is 5.7.1, want at least 5.7.2", func(_ *testing.T, _ *maker, b *Binding) { b.MinimumFirmware = Firmware{5, 7, 2} }},
		{"an advisory", "YSA-2024-03", func(_ *testing.T, m *maker, b *Binding) {
			m.firmware, b.MinimumFirmware = []byte{5, 6, 9}, Firmware{5, 0, 0}
		}},
		{"another advisory was accepted", "YSA-2024-03", func(_ *testing.T, m *maker, b *Binding) {
			m.firmware, b.MinimumFirmware, b.AcceptedAdvisories = []byte{5, 6, 9}, Firmware{5, 0, 0}, []string{"CVE-2017-15361"}
		}},
		{"later than the certificates", "leads to no trusted root", func(_ *testing.T, _ *maker, b *Binding) { b.At = noon.AddDate(2, 0, 0) }},
	} {
		t.Run(c.what, func(t *testing.T) {
			m := newMaker(t)
			b := binding(t, m)
			c.turn(t, m, &b)
			_, _, err := b.Check(m.evidence(t))
			wantRefusal(t, err, c.reason)
		})
	}
	_, _, err := Binding{}.Check(newMaker(t).evidence(t))
	wantRefusal(t, err, "no root certificate is trusted") // the zero value refuses
}

// What was accepted is named, and the error of what was not says which it is.
func TestBindingNamesAdvisories(t *testing.T) {
	m := newMaker(t)
	m.firmware = []byte{5, 4, 3}
	b := binding(t, m)
	b.MinimumFirmware = Firmware{5, 0, 0}
	_, _, err := b.Check(m.evidence(t))
	var known *AdvisoryError
	if !errors.As(err, &known) || known.Advisory.ID != "YSA-2024-03" || HintFor(err) == "" {
		t.Errorf("error is %v, want an AdvisoryError with a hint", err)
	}
	b.AcceptedAdvisories = []string{"YSA-2024-03"}
	if _, accepted, err := b.Check(m.evidence(t)); err != nil || len(accepted) != 1 || accepted[0].ID != "YSA-2024-03" {
		t.Errorf("accepted: %v, %v", accepted, err)
	}
}

// A key of the wrong kind is refused though its card says nothing wrong of it.
func TestBindingWantsAKindOfKey(t *testing.T) {
	m := newMaker(t)
	e := m.evidence(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go makes no small keys: ", err)
	}
	device, err := x509.ParseCertificate(e.Device)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, m.slot, device, small.Public(), m.deviceKey)
	if err != nil {
		t.Fatal(err)
	}
	b := binding(t, m)
	b.Key = small.Public()
	_, _, err = b.Check(Evidence{Slot: der, Device: e.Device})
	wantRefusal(t, err, "RSA-1024 is not supported")
}

func TestCheckDigits(t *testing.T) {
	for value, want := range map[string]string{
		"271828": "", "31415926": "",
		"27182": "has 5 characters", "271828182": "has 9 characters", "27182a": "not a digit", "123456": "count up or down",
		"12345678": "count up or down", "432109": "count up or down", "777777": "one digit repeated", "": "has 0 characters",
	} {
		err := CheckDigits(PUK, value)
		var weak *WeakSecretError
		if want == "" && err != nil || want != "" && (!errors.As(err, &weak) || weak.Secret != PUK || !strings.Contains(weak.Reason, want)) {
			t.Errorf("%q: %v, want %q", value, err, want)
		}
	}
}
