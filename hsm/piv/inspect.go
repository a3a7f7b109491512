//go:build cgo && (linux || darwin || freebsd || openbsd)

package piv

import (
	"errors"

	"github.com/go-piv/piv-go/v2/piv"

	"github.com/rootward/rootward/hsm"
)

// Inspect asks the card for its state. It needs no secret and uses no try of
// the PIN; where the card has no metadata (firmware before 5.3), it offers the
// factory's management key once, for which cards do not count tries.
func (c *Card) Inspect() (State, error) {
	s := State{Info: Info{Serial: c.serial, Firmware: c.firmware}}
	if err := c.onWire(func(w *wire) error { return s.readSecrets(w) }); err != nil {
		return State{}, explain(c.place(), "inspecting the card", err)
	}
	err := c.onCard(func(yk *piv.YubiKey) error {
		s.Reader = c.reader // ours while onCard runs
		if s.DefaultManagementKey == Unknown {
			s.DefaultManagementKey = probeManagementKey(yk)
		}
		return s.readSlot(yk)
	})
	if err != nil {
		return State{}, explain(c.slot(), "inspecting the card", err)
	}
	return s, nil
}

func (s *State) readSecrets(w *wire) error {
	var err error
	if s.PINTries, err = w.pinTries(); err != nil {
		return err
	}
	s.PUKTries = -1
	pin, err := w.metadata(0x80)
	if err != nil {
		return err
	}
	puk, err := w.metadata(0x81)
	if err != nil {
		return err
	}
	management, err := w.metadata(0x9b)
	if err != nil {
		return err
	}
	s.DefaultPIN, s.DefaultPUK, s.DefaultManagementKey = isDefault(pin), isDefault(puk), isDefault(management)
	if left := puk[6]; len(left) == 2 {
		s.PUKTries = int(left[1])
	}
	if alg := management[1]; len(alg) == 1 {
		s.ManagementKeyAlgorithm = map[byte]string{0x03: "3DES", 0x08: "AES-128", 0x0a: "AES-192", 0x0c: "AES-256"}[alg[0]]
	}
	return nil
}

func isDefault(fields map[byte][]byte) Answer {
	if v := fields[5]; len(v) == 1 {
		return answer(v[0] == 1)
	}
	return Unknown
}

// pinTries asks how many tries the PIN has left, without using one. It must come
// before any VERIFY of the connection: afterwards cards answer that the PIN is
// verified.
func (w *wire) pinTries() (int, error) {
	_, sw, err := w.send(0x20, 0, 0x80, nil)
	switch {
	case err != nil:
		return 0, err
	case sw == 0x6983:
		return 0, nil
	case sw&0xfff0 == 0x63c0, sw&0xfff0 == 0x6300:
		return int(sw & 0xf), nil
	}
	return 0, statusError(sw)
}

// probeManagementKey offers the factory's management key. piv-go proves the key
// before it looks at the algorithm to generate; with none, it stops there and
// sends nothing more.
func probeManagementKey(yk *piv.YubiKey) Answer {
	_, err := yk.GenerateKey(FactorySecrets().ManagementKey, piv.SlotSignature, piv.Key{})
	switch {
	case !isManagementAuth(err):
		return Yes
	case hasStatus(err, 0x6982):
		return No
	}
	return Unknown
}

// readSlot finds out what slot 9c holds, by metadata, attestation, certificate.
func (s *State) readSlot(yk *piv.YubiKey) error {
	cert, err := yk.Certificate(piv.SlotSignature)
	s.Certificate = err == nil
	// An unreadable certificate fills the slot all the same.
	if err != nil && !errors.Is(err, piv.ErrNotFound) {
		if isGone(err) {
			return err
		}
		s.Certificate = true
	}
	info, err := yk.KeyInfo(piv.SlotSignature)
	switch {
	case err == nil:
		s.Key = &KeyState{Public: info.PublicKey, PINPolicy: pinPolicy(info.PINPolicy),
			TouchPolicy: touchPolicy(info.TouchPolicy), Generated: answer(info.Origin == piv.OriginGenerated)}
		return nil
	case errors.Is(err, piv.ErrNotFound):
		return nil
	case !hasStatus(err, 0x6d00, 0x6e00, 0x6a81):
		return err
	}
	attested, err := yk.Attest(piv.SlotSignature)
	switch {
	case err == nil:
		s.Key = &KeyState{Public: attested.PublicKey, Generated: Yes}
	case isGone(err):
		return err
	case cert != nil:
		s.Key = &KeyState{Public: cert.PublicKey}
	}
	return nil
}

func pinPolicy(p piv.PINPolicy) hsm.PINPolicy {
	switch p {
	case piv.PINPolicyNever:
		return hsm.PINNever
	case piv.PINPolicyOnce:
		return hsm.PINOnce
	case piv.PINPolicyAlways:
		return hsm.PINAlways
	case piv.PINPolicyMatchOnce:
		return hsm.PINMatchOnce
	case piv.PINPolicyMatchAlways:
		return hsm.PINMatchAlways
	}
	return 0
}

func touchPolicy(p piv.TouchPolicy) hsm.TouchPolicy {
	switch p {
	case piv.TouchPolicyNever:
		return hsm.TouchNever
	case piv.TouchPolicyAlways:
		return hsm.TouchAlways
	case piv.TouchPolicyCached:
		return hsm.TouchCached
	}
	return 0
}
