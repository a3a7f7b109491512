package ceremony

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

// The checks about keyholders and their cards.

func checkKeyholderUnique(c *Case) error {
	names, keys := make(map[string]bool), make(map[pgp.Material]string)
	for _, h := range c.Keyholders {
		if names[h.Name] {
			return fmt.Errorf("two keyholders are named %q", h.Name)
		}
		names[h.Name] = true
		m := h.Enrolment.Key.Material()
		if other, ok := keys[m]; ok {
			return fmt.Errorf("%q and %q hold one key, %s", other, h.Name, h.Enrolment.Key)
		}
		keys[m] = h.Name
	}
	return nil
}

func checkOutgoing(c *Case) error {
	if len(c.Outgoing) == 0 || c.Chain == nil {
		return nil
	}
	root := c.previous()
	for _, h := range c.Outgoing {
		id := h.Enrolment.Key.ID()
		if !slices.ContainsFunc(root.Keyholders, func(k roster.Keyholder) bool { return k.Key.ID() == id }) {
			return fmt.Errorf("%q is no keyholder of roster %d", h.Name, root.Version)
		}
		if slices.ContainsFunc(c.Keyholders, func(k Holder) bool { return k.Enrolment.Key.ID() == id }) {
			return fmt.Errorf("the outgoing key of %q is a keyholder's of this roster too", h.Name)
		}
		if c.revokes(h.Enrolment.Key) {
			return fmt.Errorf("the outgoing key of %q is one that the plan revokes: it cannot sign", h.Name)
		}
	}
	return nil
}

func checkSerialUnique(c *Case) error {
	seen := make(map[uint32]string)
	for _, h := range c.everybody() {
		if other, ok := seen[h.Card]; ok {
			return fmt.Errorf("%q and %q hold card %d", other, h.Name, h.Card)
		}
		seen[h.Card] = h.Name
	}
	return nil
}

func checkEnrolment(c *Case) error {
	for _, h := range c.everybody() {
		if e := h.Enrolment; e.Holder != h.Name || e.Serial != h.Card {
			return fmt.Errorf("the plan names %q with card %d, the enrolment %q with card %d", h.Name, h.Card, e.Holder, e.Serial)
		}
	}
	return nil
}

func withoutAttestation(c *Case) string {
	if len(c.Plan.CardsWithoutAttestation) == 0 {
		return ""
	}
	return "none wanted of " + strings.Join(c.Plan.CardsWithoutAttestation, ", ")
}

// checkAttested wants an attestation of every new keyholder's card but those
// that the plan excuses by name, and wants those to have none.
func checkAttested(c *Case) error {
	for _, name := range c.Plan.CardsWithoutAttestation {
		if !slices.ContainsFunc(c.Keyholders, func(h Holder) bool { return h.Name == name }) {
			return fmt.Errorf("cards_without_attestation names %q, who is no keyholder", name)
		}
	}
	for _, h := range c.Keyholders {
		excused := slices.Contains(c.Plan.CardsWithoutAttestation, h.Name)
		switch none := h.Enrolment.Attesting == roster.NoAttestation; {
		case none && !excused:
			return fmt.Errorf("the card of %q gives no attestation, and the plan does not name it in cards_without_attestation", h.Name)
		case none:
		case excused:
			return fmt.Errorf("the card of %q gives an attestation, and the plan excuses it from one", h.Name)
		case h.attestErr != nil:
			return fmt.Errorf("card of %q: %w", h.Name, h.attestErr)
		case h.attested.Serial() != h.Card:
			return fmt.Errorf("the attestation of %q is of card %d, wanted card %d", h.Name, h.attested.Serial(), h.Card)
		}
	}
	return nil
}

// attestedCheck applies a check to each keyholder's card that is attested; of
// the others CARD-ATTESTED has its say.
func attestedCheck(judge func(*Case, hsm.Attestation) error) func(*Case) error {
	return func(c *Case) error {
		for _, h := range c.Keyholders {
			if h.attestErr != nil {
				continue
			}
			if err := judge(c, h.attested); err != nil {
				return fmt.Errorf("card %d of %q: %w", h.Card, h.Name, err)
			}
		}
		return nil
	}
}

func checkSlot(_ *Case, a hsm.Attestation) error {
	if a.Slot() != slot {
		return fmt.Errorf("the key is in slot %s, wanted %s", a.Slot(), slot)
	}
	return nil
}

func checkPIN(_ *Case, a hsm.Attestation) error {
	if a.PINPolicy() != hsm.PINAlways {
		return fmt.Errorf("PIN policy is %v, wanted %v", a.PINPolicy(), hsm.PINAlways)
	}
	return nil
}

func checkTouch(_ *Case, a hsm.Attestation) error {
	if a.TouchPolicy() != hsm.TouchAlways {
		return fmt.Errorf("touch policy is %v, wanted %v", a.TouchPolicy(), hsm.TouchAlways)
	}
	return nil
}

// checkFirmware goes by the attestation, which the card cannot make up. A card
// without one can be of any make, with versions of its own.
func checkFirmware(c *Case) error {
	least := c.Plan.MinimumFirmware.Firmware
	return attestedCheck(func(_ *Case, a hsm.Attestation) error {
		if a.Firmware().Before(least.Major, least.Minor, least.Patch) {
			return fmt.Errorf("firmware is %s, wanted at least %s", a.Firmware(), least)
		}
		return nil
	})(c)
}

func checkAdvisory(c *Case, a hsm.Attestation) error {
	algorithm, err := hsm.AlgorithmOf(a.PublicKey())
	if err != nil {
		return err
	}
	for _, adv := range hsm.Advisories(a.Firmware(), algorithm) {
		if !slices.Contains(c.Plan.AcceptedAdvisories, adv.ID) {
			return fmt.Errorf("%s (%s): %s", adv.ID, adv.URL, adv.Warning)
		}
	}
	return nil
}

func checkAlgorithm(c *Case) error {
	for _, h := range c.Keyholders {
		algorithm, err := hsm.AlgorithmOf(h.Enrolment.Key.Public())
		if err != nil {
			return fmt.Errorf("key of %q: %w", h.Name, err)
		}
		if !slices.Contains(c.Plan.Algorithms, algorithm) {
			return fmt.Errorf("key of %q is %s, wanted one of %v", h.Name, algorithm, c.Plan.Algorithms)
		}
	}
	return nil
}
