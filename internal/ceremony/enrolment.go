package ceremony

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

const enrolmentType = "card-enrolment/v1"

// maxEnrolment is the longest enrolment, in bytes.
const maxEnrolment = 64 << 10

// An Enrolment is what the provisioning of a card leaves behind: which key lies
// on which card, held by whom. It is not signed. What it says of the key is
// proven by the attestation, which stands in a file beside it, and by the
// signature with which the keyholder consents to the roster that lists the key.
type Enrolment struct {
	Type       string      `json:"type"`
	Repository string      `json:"repository"`
	Holder     string      `json:"holder"`
	Serial     uint32      `json:"serial"`
	Firmware   string      `json:"firmware"` // as the card claims it
	Slot       string      `json:"slot"`
	Key        roster.Key  `json:"key"`         // its creation date is the enrolment's
	Attesting  string      `json:"attestation"` // digest of the attestation, or "none"
	Enrolled   roster.Time `json:"enrolled"`
}

// Format prints the enrolment, with its type filled in.
func (e Enrolment) Format() ([]byte, error) {
	e.Type = enrolmentType
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("printing an enrolment: %w", err)
	}
	return append(b, '\n'), nil
}

// ParseEnrolment reads what Format wrote, and nothing that would not print back
// to the same bytes. It judges neither key nor attestation.
func ParseEnrolment(b []byte) (Enrolment, error) {
	var e Enrolment
	if len(b) > maxEnrolment {
		return e, fmt.Errorf("enrolment has %d bytes, wanted at most %d", len(b), maxEnrolment)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return Enrolment{}, fmt.Errorf("not an enrolment: %w", err)
	}
	if e.Type != enrolmentType {
		return Enrolment{}, fmt.Errorf("file says type %q, wanted %q", e.Type, enrolmentType)
	}
	if again, err := e.Format(); err != nil || !bytes.Equal(again, b) {
		return Enrolment{}, fmt.Errorf("the enrolment was edited: it does not print back to the same bytes")
	}
	if err := roster.CheckRepository(e.Repository); err != nil {
		return Enrolment{}, err
	}
	if err := roster.CheckName(e.Holder); err != nil {
		return Enrolment{}, err
	}
	if e.Key.PublicKey == nil || e.Serial == 0 || e.Slot != slot {
		return Enrolment{}, fmt.Errorf("the enrolment lacks its key, its serial number or slot %s", slot)
	}
	if _, err := digest.Parse(e.Attesting); err != nil && e.Attesting != roster.NoAttestation {
		return Enrolment{}, fmt.Errorf("attestation is %q, wanted a SHA-256 in hex or %q", e.Attesting, roster.NoAttestation)
	}
	return e, nil
}

// slot is the one slot for keys of the root.
const slot = "9c"

// The names of the files that belong to an enrolment, in its directory.
func enrolmentName(serial uint32) string     { return fmt.Sprintf("%d.json", serial) }
func certificateName(serial uint32) string   { return fmt.Sprintf("%d.cert.asc", serial) }
func attestationName(attested string) string { return attested + ".pem" }
func provisioningName(serial uint32) string  { return fmt.Sprintf("%d.transcript.jsonl", serial) }

// A Holder is a keyholder as the plan and the enrolment have them.
type Holder struct {
	Name      string
	Card      uint32 // serial, as the plan says
	Enrolment Enrolment
	Evidence  hsm.Evidence // zero where the enrolment says none
	// Raw are the exact files, by name: the enrolment, and the attestation and
	// the certificate where they are there.
	Raw map[string][]byte

	attested  hsm.Attestation
	attestErr error // why attested is not to be used
}
