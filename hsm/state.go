package hsm

import "crypto"

// Answer is what a card says to a question of yes or no.
type Answer int

// The answers.
const (
	Unknown Answer = iota // the card does not say
	No
	Yes
)

func (a Answer) String() string {
	switch a {
	case No:
		return "no"
	case Yes:
		return "yes"
	}
	return "unknown"
}

// KeyState is what a card says of the key in a slot. Only an attestation proves
// it.
type KeyState struct {
	// Public may be nil if the card does not say.
	Public      crypto.PublicKey
	PINPolicy   PINPolicy   // 0 where the card does not say
	TouchPolicy TouchPolicy // 0 where the card does not say
	Generated   Answer      // on the card, rather than imported
}
