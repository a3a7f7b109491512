//go:build cgo && (linux || darwin || freebsd || openbsd)

package piv

import (
	"cmp"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/go-piv/piv-go/v2/piv"

	"github.com/rootward/rootward/hsm"
)

// A Card is one PIV card, known by its serial number. Its methods may be called
// from several goroutines; they take turns.
type Card struct {
	serial   uint32
	firmware hsm.Firmware

	mu     sync.Mutex
	reader string // where it was last seen
}

// List gives the PIV cards that are in readers, in the order of their serial
// numbers. Readers without a card, and cards without PIV, are left out. The
// error is a [*hsm.ServiceError] when pcscd is not there. When a card cannot be
// asked, because another program holds it (a [*hsm.BusyError]) or because it
// lacks Yubico's extensions (a [*hsm.UnsupportedError]), List gives the others
// and the error.
func List() ([]Info, error) {
	seen, err := scan()
	if err != nil {
		return nil, err
	}
	return seen.cards, seen.problem
}

// A scanning is what was found in all readers.
type scanning struct {
	cards   []Info
	readers int
	problem error // why a card could not be asked, if one could not
}

func scan() (scanning, error) {
	names, err := readers()
	if err != nil {
		return scanning{}, explain(hsm.Place{}, "listing readers", err)
	}
	seen := scanning{readers: len(names)}
	for _, name := range names {
		info, err := probe(name)
		switch {
		case err == nil:
			seen.cards = append(seen.cards, info)
		case errors.Is(err, errNotPIV), isGone(err), isCode(err, codeNotReady):
		case seen.problem == nil:
			seen.problem = explain(hsm.Place{}, fmt.Sprintf("looking at the card in reader %q", name), busy(hsm.Place{}, name, err))
		}
	}
	slices.SortFunc(seen.cards, func(a, b Info) int { return cmp.Compare(a.Serial, b.Serial) })
	return seen, nil
}

func probe(reader string) (Info, error) {
	w, err := dial(reader)
	if err != nil {
		return Info{}, err
	}
	defer w.close()
	firmware, serial, err := w.identify()
	return Info{Reader: reader, Serial: serial, Firmware: firmware}, err
}

// Open finds the card with the serial number; 0 takes the only PIV card there
// is. The error is a [*hsm.NoCardError], a [*hsm.ManyCardsError] that names the
// cards, or one of [List]: a card that cannot be asked might be the one, or one
// too many.
func Open(serial uint32) (*Card, error) {
	info, err := find(serial)
	if err != nil {
		return nil, err
	}
	return &Card{serial: info.Serial, firmware: info.Firmware, reader: info.Reader}, nil
}

func find(serial uint32) (Info, error) {
	seen, err := scan()
	if err != nil {
		return Info{}, err
	}
	var others []uint32
	var found []Info
	for _, card := range seen.cards {
		others = append(others, card.Serial)
		if serial == 0 || card.Serial == serial {
			found = append(found, card)
		}
	}
	switch {
	case len(found) > 1:
		return Info{}, &hsm.ManyCardsError{Serials: others}
	case len(found) == 1 && (serial != 0 || seen.problem == nil):
		return found[0], nil
	case seen.problem != nil:
		return Info{}, seen.problem
	}
	return Info{}, &hsm.NoCardError{Want: serial, Readers: seen.readers, Others: others}
}

// Serial gives the card's serial number.
func (c *Card) Serial() uint32 { return c.serial }

// Firmware gives the version that the card claims.
func (c *Card) Firmware() hsm.Firmware { return c.firmware }

// Close lets go of the card. Nothing is held between operations, so there is
// nothing to fail.
func (c *Card) Close() error { return nil }

func (c *Card) place() hsm.Place { return hsm.Place{Serial: c.serial} }
func (c *Card) slot() hsm.Place  { return hsm.Place{Serial: c.serial, Slot: Slot} }

// locate finds the reader in which the card is now.
func (c *Card) locate() (string, error) {
	if info, err := probe(c.reader); err == nil && info.Serial == c.serial {
		return c.reader, nil
	}
	info, err := find(c.serial)
	if err != nil {
		return "", err
	}
	c.reader = info.Reader
	return c.reader, nil
}

// onWire runs f with a plain connection to the card.
func (c *Card) onWire(f func(*wire) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	reader, err := c.locate()
	if err != nil {
		return err
	}
	w, err := dial(reader)
	if err != nil {
		return busy(c.place(), reader, err)
	}
	defer w.close()
	_, serial, err := w.identify()
	if err != nil {
		return err
	}
	if serial != c.serial {
		return &hsm.NoCardError{Want: c.serial, Readers: 1, Others: []uint32{serial}}
	}
	// identify may have left the PIV application.
	if _, sw, err := w.send(0xa4, 0x04, 0, []byte{0xa0, 0x00, 0x00, 0x03, 0x08}); err != nil || sw != 0x9000 {
		return cmp.Or[error](err, errNotPIV)
	}
	return f(w)
}

// onCard runs f with an exclusive connection of piv-go, and resets the card
// afterwards.
func (c *Card) onCard(f func(*piv.YubiKey) error) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reader, err := c.locate()
	if err != nil {
		return err
	}
	yk, err := piv.Open(reader)
	if err != nil {
		return busy(c.place(), reader, err)
	}
	defer func() {
		_ = yk.Close() // a card that is gone cannot be disconnected
		if w, err := connect(reader); err == nil {
			w.close()
		}
	}()
	serial, err := yk.Serial()
	if err != nil {
		return err
	}
	if serial != c.serial {
		return &hsm.NoCardError{Want: c.serial, Readers: 1, Others: []uint32{serial}}
	}
	return f(yk)
}

// Generate makes a key in slot 9c, PIN always and touch always, and gives its
// public half. The management key is the card's current one. The error is a
// [*hsm.OccupiedError] if the slot holds a key or a certificate, a
// [*hsm.ManagementKeyError], or a [*hsm.UnsupportedError] if the card does not
// know the algorithm.
func (c *Card) Generate(algorithm hsm.Algorithm, managementKey []byte) (crypto.PublicKey, error) {
	key := piv.Key{PINPolicy: piv.PINPolicyAlways, TouchPolicy: piv.TouchPolicyAlways}
	switch algorithm {
	case hsm.P256:
		key.Algorithm = piv.AlgorithmEC256
	case hsm.P384:
		key.Algorithm = piv.AlgorithmEC384
	case hsm.RSA3072:
		key.Algorithm = piv.AlgorithmRSA3072
	case hsm.RSA4096:
		key.Algorithm = piv.AlgorithmRSA4096
	default:
		return nil, fmt.Errorf("algorithm is %q, want %s, %s, %s or %s", string(algorithm), hsm.P384, hsm.P256, hsm.RSA3072, hsm.RSA4096)
	}
	state, err := c.Inspect()
	if err != nil {
		return nil, err
	}
	switch {
	case state.Key != nil:
		return nil, &hsm.OccupiedError{Place: c.slot(), What: "a key"}
	case state.Certificate:
		return nil, &hsm.OccupiedError{Place: c.slot(), What: "a certificate"}
	}
	var pub crypto.PublicKey
	err = c.onCard(func(yk *piv.YubiKey) error {
		pub, err = yk.GenerateKey(managementKey, piv.SlotSignature, key)
		return err
	})
	switch {
	case err == nil:
	case isManagementAuth(err):
		return nil, c.explainManagement(err)
	case hasStatus(err, 0x6a80, 0x6a81, 0x6a86):
		return nil, &hsm.UnsupportedError{Place: c.slot(), What: string(algorithm), Err: err}
	default:
		return nil, explain(c.slot(), "generating a key", err)
	}
	if got, err := hsm.AlgorithmOf(pub); err != nil || got != algorithm {
		return nil, &hsm.CardError{Place: c.slot(), Doing: "generating a key", Err: fmt.Errorf("card made %q, want %q", string(got), string(algorithm))}
	}
	return pub, nil
}

// Evidence gives the attestation of slot 9c with the card's own certificate,
// unchecked: see [hsm.CheckAttestation]. The error is an [*hsm.UnsupportedError]
// where the card has none, an [*hsm.ImportedError] or an [*hsm.EmptySlotError].
func (c *Card) Evidence() (hsm.Evidence, error) {
	var e hsm.Evidence
	err := c.onCard(func(yk *piv.YubiKey) error {
		slot, err := yk.Attest(piv.SlotSignature)
		if err != nil {
			return c.explainAttest(yk, err)
		}
		device, err := yk.AttestationCertificate()
		if err != nil {
			if errors.Is(err, piv.ErrNotFound) {
				err = &hsm.UnsupportedError{Place: c.place(), What: "attestation: it has no device certificate", Err: err}
			}
			return err
		}
		e = hsm.Evidence{Slot: slot.Raw, Device: device.Raw}
		return nil
	})
	if err != nil {
		return hsm.Evidence{}, explain(c.slot(), "reading the attestation", err)
	}
	return e, nil
}

// explainAttest tells why ATTEST was refused.
func (c *Card) explainAttest(yk *piv.YubiKey, err error) error {
	switch {
	case hasStatus(err, 0x6d00, 0x6e00, 0x6a81, 0x6a82):
		return &hsm.UnsupportedError{Place: c.slot(), What: "attestation", Err: err}
	case errors.Is(err, piv.ErrNotFound): // empty, or imported
		info, infoErr := yk.KeyInfo(piv.SlotSignature)
		if infoErr == nil && info.Origin == piv.OriginImported {
			return &hsm.ImportedError{Place: c.slot()}
		}
		return &hsm.EmptySlotError{Place: c.slot()}
	}
	return err
}
