package ceremony

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A Proving asks a card to prove the key in its slot 9c.
type Proving struct {
	Card               Custody
	Roots              *x509.CertPool // see [hsm.Binding]
	MinimumFirmware    hsm.Firmware
	AcceptedAdvisories []string
	At                 time.Time
	// Roster, if it is not nil, is the roster whose keyholder the key must be.
	Roster *roster.Root
}

// Attest has the card attest its key, and checks in full what that proves; see
// [hsm.Binding]. The lines say what was proven, also where an error says what was
// not.
func (p Proving) Attest() (lines []string, err error) {
	evidence, err := p.Card.Evidence()
	var unsupported *hsm.UnsupportedError
	if errors.As(err, &unsupported) {
		return nil, refuse("card %d proves nothing", p.Card.Serial()).because(err).
			do("use another card, or name its holder in the plan's cards_without_attestation if the people decide so")
	}
	if err != nil {
		return nil, Judge(err)
	}
	certificate, err := x509.ParseCertificate(evidence.Slot)
	if err != nil {
		return nil, Judge(&hsm.AttestationError{Reason: "reading the slot's certificate", Err: err})
	}
	b := hsm.Binding{Roots: p.Roots, Key: certificate.PublicKey, Serial: p.Card.Serial(), MinimumFirmware: p.MinimumFirmware,
		AcceptedAdvisories: p.AcceptedAdvisories, At: p.At}
	a, err := hsm.CheckAttestation(evidence, b.Roots, b.Key, b.At)
	if err != nil {
		return nil, Judge(err)
	}
	lines = proven(a)
	state, err := p.Card.Look()
	if err != nil {
		return lines, Judge(err)
	}
	if k := state.Key; k != nil && k.Public != nil && !equalKeys(k.Public, b.Key) {
		return lines, Judge(&hsm.AttestationError{Reason: "it is about another key than the one that the card says is in the slot"})
	}
	_, accepted, err := b.Check(evidence)
	if err != nil {
		return lines, Judge(err)
	}
	for _, adv := range accepted {
		lines = append(lines, fmt.Sprintf("ADVISORY %s, accepted: %s (%s)", adv.ID, adv.Warning, adv.URL))
	}
	if len(accepted) == 0 {
		lines = append(lines, fmt.Sprintf("no advisory that this program knows concerns firmware %s", a.Firmware()))
	}
	listed, err := p.listed(a)
	return append(lines, listed...), err
}

// proven says what an attestation says, once its chain was checked.
func proven(a hsm.Attestation) []string {
	kind := "a key of a kind that may not sign for the root"
	if algorithm, err := hsm.AlgorithmOf(a.PublicKey()); err == nil {
		kind = fmt.Sprintf("%s key", algorithm)
	}
	card := fmt.Sprintf("card %d", a.Serial())
	if a.Serial() == 0 {
		card = "a card that does not say its number"
	}
	return []string{
		fmt.Sprintf("attested by %s, firmware %s, %s", card, a.Firmware(), a.FormFactor()),
		fmt.Sprintf("slot %s: %s, generated on the card, PIN %v, touch %v", a.Slot(), kind, a.PINPolicy(), a.TouchPolicy()),
		fmt.Sprintf("the chain ends with %q", a.Root()),
		fmt.Sprintf("attestation SHA-256 %s", digest.Digest(a.Digest())),
	}
}

// listed wants the key among the roster's keyholders.
func (p Proving) listed(a hsm.Attestation) ([]string, error) {
	if p.Roster == nil {
		return nil, nil
	}
	i := slices.IndexFunc(p.Roster.Keyholders, func(k roster.Keyholder) bool { return equalKeys(a.PublicKey(), k.Key.Public()) })
	if i < 0 {
		return nil, refuse("root roster %d of %s does not list the key on card %d", p.Roster.Version, p.Roster.Repository, p.Card.Serial()).
			do("check whose card this is, and that it is the newest roster")
	}
	k := p.Roster.Keyholders[i]
	return []string{fmt.Sprintf("root roster %d lists it as the key of %s: %s", p.Roster.Version, k.Name, k.Key)}, nil
}
