package hsm

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// A Binding is what evidence must prove before a key may sign for the root. The
// zero value accepts nothing.
type Binding struct {
	// Roots are the makers' roots: [YubicoRoots], or a rehearsal's own.
	Roots *x509.CertPool
	// Key is the key that the roster lists.
	Key crypto.PublicKey
	// Serial is the card's. Evidence that names none, as that of some YubiKey 4,
	// is refused: it binds the key to no card.
	Serial uint32
	// MinimumFirmware is the oldest that may have made the key.
	MinimumFirmware Firmware
	// AcceptedAdvisories are the IDs of those that the plan takes upon itself.
	AcceptedAdvisories []string
	// At is the time of the check, UTC.
	At time.Time
}

// Check checks in full what one card's evidence can prove: the chain to one of
// the roots; that it is about this key, generated on the card of this serial
// number, in slot 9c, with PIN always and touch always; firmware that is not too
// old and under no advisory that was not accepted. The advisories that were
// accepted come back, to be named.
//
// What needs other cards' evidence, that no serial number and no key is there
// twice, is the caller's to check. The error is an [*AttestationError]; for an
// advisory it wraps an [*AdvisoryError].
func (b Binding) Check(e Evidence) (Attestation, []Advisory, error) {
	a, err := CheckAttestation(e, b.Roots, b.Key, b.At)
	if err != nil {
		return Attestation{}, nil, err
	}
	if err := a.RequireRootPolicy(); err != nil {
		return Attestation{}, nil, err
	}
	switch {
	case a.serial == 0:
		return Attestation{}, nil, refuse("it names no card, want card %d", b.Serial)
	case a.serial != b.Serial:
		return Attestation{}, nil, refuse("it is of card %d, want card %d", a.serial, b.Serial)
	}
	if least := b.MinimumFirmware; a.firmware.Before(least.Major, least.Minor, least.Patch) {
		return Attestation{}, nil, refuse("firmware is %s, want at least %s", a.firmware, least)
	}
	algorithm, err := AlgorithmOf(a.pub)
	if err != nil {
		return Attestation{}, nil, &AttestationError{"key of a kind that may not sign for the root", err}
	}
	var accepted []Advisory
	for _, adv := range Advisories(a.firmware, algorithm) {
		if !slices.Contains(b.AcceptedAdvisories, adv.ID) {
			return Attestation{}, nil, &AttestationError{"the card's firmware has a known weakness", &AdvisoryError{adv}}
		}
		accepted = append(accepted, adv)
	}
	return a, accepted, nil
}

// An AdvisoryError names the advisory because of which a key is refused.
type AdvisoryError struct{ Advisory Advisory }

func (e *AdvisoryError) Error() string {
	return fmt.Sprintf("%s: %s (%s)", e.Advisory.ID, e.Advisory.Warning, e.Advisory.URL)
}

// Hint implements [Hinter].
func (e *AdvisoryError) Hint() string {
	return "use another card, or name the advisory in the plan's accepted_advisories if the people decide so"
}
