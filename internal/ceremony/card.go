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

// A CardState is what a card says of itself.
type CardState struct {
	PINTries  int  // left
	PUKTries  int  // left; -1 where the card does not say
	SlotEmpty bool // slot 9c holds neither a key nor a certificate
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
