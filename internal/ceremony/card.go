package ceremony

import (
	"crypto"

	"github.com/rootward/rootward/hsm"
)

// A Card is what a ceremony needs of a PIV card. hsm/piv has the real ones;
// errors are those of package hsm.
type Card interface {
	Serial() uint32
	Firmware() hsm.Firmware // as the card claims it

	// Look asks for the card's state. It needs no secret and uses no try.
	Look() (CardState, error)

	// Provision makes a key in slot 9c, PIN always and touch always, reads its
	// attestation, and replaces the factory's PIN, PUK and management key, in
	// this order. It refuses a filled slot and a card that is not as it left the
	// factory. The evidence is zero where the card cannot attest.
	Provision(hsm.Algorithm, Secrets) (crypto.PublicKey, hsm.Evidence, error)

	// Signer gives the key in slot 9c, which must be pub. For each signature it
	// calls pin once with the tries left, and touch just before the card waits.
	Signer(pub crypto.PublicKey, pin func(tries int) (string, error), touch func()) (crypto.Signer, error)
}

// A Custody is a card with what its holder does to it outside a ceremony. Errors
// are those of package hsm.
type Custody interface {
	Card

	// Evidence gives the attestation of slot 9c, unchecked.
	Evidence() (hsm.Evidence, error)
	// ChangePIN and ChangePUK replace a secret by its current value.
	ChangePIN(current, next string) error
	ChangePUK(current, next string) error
	// Unblock sets a new PIN by the PUK.
	Unblock(puk, next string) error
	// Reset destroys all that the PIV application holds.
	Reset() error
}

// A CardState is what a card says of itself. The zero value of a field says
// nothing.
type CardState struct {
	PINTries  int  // left
	PUKTries  int  // left; -1 where the card does not say
	SlotEmpty bool // slot 9c holds neither a key nor a certificate

	// As the card left the factory?
	DefaultPIN, DefaultPUK, DefaultManagementKey hsm.Answer
	ManagementKeyAlgorithm                       string
	Key                                          *hsm.KeyState // nil: none, or the card does not say
}

// Secrets are what a card is given. They print as nothing.
type Secrets struct {
	PIN, PUK      string
	ManagementKey []byte
}

// String hides the secrets.
func (Secrets) String() string { return "(secrets)" }

// GoString hides the secrets.
func (Secrets) GoString() string { return "ceremony.Secrets{}" }

// A Desk is where the people of a ceremony read and type. What it says comes
// from documents and cards too: a Desk must make it harmless to print.
type Desk interface {
	// Say shows one line.
	Say(line string)
	// Ask shows a prompt and returns the line that was typed, without its end.
	Ask(prompt string) (string, error)
	// Secret does the same without showing what is typed.
	Secret(prompt string) (string, error)
}

// A Discloser is a Desk that can show what is secret, once, and wipe it from the
// screen when the person has written it down. Where the Desk of an [Enrolling]
// is none, drawn secrets are said as any line.
type Discloser interface {
	Disclose(lines []string) error
}
