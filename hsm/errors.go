package hsm

import (
	"errors"
	"fmt"
	"strings"
)

// A Place says which card an error came from, and which slot if it concerns one.
type Place struct {
	Serial uint32 // 0: not known
	Slot   string // two hexadecimal digits such as "9c", or empty
}

func (p Place) String() string {
	s := "card"
	if p.Serial != 0 {
		s += fmt.Sprintf(" %d", p.Serial)
	}
	if p.Slot != "" {
		s += " slot " + p.Slot
	}
	return s
}

// Secret names one of the secrets of a card; never its value.
type Secret string

// The secrets of a card.
const (
	PIN           Secret = "PIN"
	PUK           Secret = "PUK"
	ManagementKey Secret = "management key"
)

// A Hinter is an error that knows what the reader can do next.
type Hinter interface {
	error
	Hint() string // one sentence, lower case, no full stop
}

// HintFor gives the hint of the first [Hinter] in err's tree, or "".
func HintFor(err error) string {
	var h Hinter
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// A PINError reports that a card refused a PIN or PUK and counted the try.
type PINError struct {
	Place
	Secret Secret // PIN or PUK
	Tries  int    // left; never 0, see [BlockedError]
}

func (e *PINError) Error() string {
	return fmt.Sprintf("%v: %s refused, %s left", e.Place, e.Secret, tries(e.Tries))
}

// Hint implements [Hinter].
func (e *PINError) Hint() string {
	if e.Tries == 1 {
		return fmt.Sprintf("stop and find the right %s: one more wrong try blocks it", e.Secret)
	}
	return fmt.Sprintf("type the %s again with care", e.Secret)
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

// A BlockedError reports that no try is left for a PIN or PUK.
type BlockedError struct {
	Place
	Secret Secret
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("%v: %s is blocked, 0 tries left", e.Place, e.Secret)
}

// Hint implements [Hinter].
func (e *BlockedError) Hint() string {
	if e.Secret == PIN {
		return "the PUK unblocks the PIN (ceremony card unblock); or go on without this keyholder"
	}
	return "only a reset of the card's PIV application helps, which destroys its keys"
}

// A CountError reports that a card takes wrong PINs or PUKs and does not count
// them, so that they can never be blocked: neither against a thief's guesses nor
// before a reset.
type CountError struct {
	Place
	Secret Secret
	Tries  int // left, as the card says each time; -1 where it never said
}

func (e *CountError) Error() string {
	if e.Tries < 0 {
		return fmt.Sprintf("%v: takes any %s for the right one", e.Place, e.Secret)
	}
	return fmt.Sprintf("%v: counts no wrong %s, it says each time that %s left", e.Place, e.Secret, areLeft(e.Tries))
}

// Hint implements [Hinter].
func (e *CountError) Hint() string {
	return "its keys cannot be erased by any command: break its chip in front of a witness, and record that"
}

func areLeft(n int) string {
	if n == 1 {
		return "1 try is"
	}
	return fmt.Sprintf("%d tries are", n)
}

// A ManagementKeyError reports that a card refused a management key. Cards do
// not count these tries.
type ManagementKeyError struct{ Place }

func (e *ManagementKeyError) Error() string {
	return fmt.Sprintf("%v: management key refused", e.Place)
}

// Hint implements [Hinter].
func (e *ManagementKeyError) Hint() string {
	return "the card is not as it left the factory: use a new card, or retire what is on this one (ceremony card retire)"
}

// A TouchError reports that a card with the PIN verified did not sign: nobody
// touched it in time, or it gave the answer that cards give then.
type TouchError struct {
	Place
	Status uint16 // the card's status word
}

func (e *TouchError) Error() string {
	return fmt.Sprintf("%v: not touched in time, nothing signed (status %04x)", e.Place, e.Status)
}

// Hint implements [Hinter].
func (e *TouchError) Hint() string { return "try again and touch the card when it blinks" }

// A RemovedError reports that a card was pulled out, or stopped answering, in
// the middle of an operation. Whether the card finished it is not known.
type RemovedError struct {
	Place
	Err error // what PC/SC said
}

func (e *RemovedError) Error() string {
	return fmt.Sprintf("%v: the card was removed or stopped answering: %v", e.Place, e.Err)
}

func (e *RemovedError) Unwrap() error { return e.Err }

// Hint implements [Hinter].
func (e *RemovedError) Hint() string { return "put the card back, wait a moment, and repeat the step" }

// A NoCardError reports that no PIV card is in any reader, or not the one
// wanted.
type NoCardError struct {
	Want    uint32   // serial wanted, or 0 for any
	Readers int      // readers seen
	Others  []uint32 // serials of the PIV cards that are there
}

func (e *NoCardError) Error() string {
	switch {
	case e.Want != 0 && len(e.Others) > 0:
		return fmt.Sprintf("card %d is not there, found %s", e.Want, serials(e.Others))
	case e.Want != 0:
		return fmt.Sprintf("card %d is not there, found no PIV card in %d readers", e.Want, e.Readers)
	}
	return fmt.Sprintf("no PIV card found in %d readers", e.Readers)
}

// Hint implements [Hinter].
func (e *NoCardError) Hint() string { return "insert the card and wait until its reader blinks" }

// A ManyCardsError reports that several PIV cards are present where one is
// wanted.
type ManyCardsError struct{ Serials []uint32 }

func (e *ManyCardsError) Error() string {
	return fmt.Sprintf("%d PIV cards found (%s), want one", len(e.Serials), serials(e.Serials))
}

// Hint implements [Hinter].
func (e *ManyCardsError) Hint() string {
	return "take all but one out, or name the one by its serial number (--serial)"
}

func serials(all []uint32) string {
	words := make([]string, len(all))
	for i, n := range all {
		words[i] = fmt.Sprint(n)
	}
	return strings.Join(words, ", ")
}

// A WrongKeyError reports that the slot does not hold the key that was wanted.
type WrongKeyError struct {
	Place
	Detail string // how it was found out
}

func (e *WrongKeyError) Error() string {
	return fmt.Sprintf("%v: holds another key than the one wanted (%s)", e.Place, e.Detail)
}

// Hint implements [Hinter].
func (e *WrongKeyError) Hint() string { return "check that this is the right keyholder's card" }

// An EmptySlotError reports that a slot holds no key.
type EmptySlotError struct{ Place }

func (e *EmptySlotError) Error() string { return fmt.Sprintf("%v: holds no key", e.Place) }

// An OccupiedError reports that a slot holds something that must not be
// overwritten.
type OccupiedError struct {
	Place
	What string // "a key", "a certificate"
}

func (e *OccupiedError) Error() string {
	return fmt.Sprintf("%v: holds %s already, which would be lost", e.Place, e.What)
}

// Hint implements [Hinter].
func (e *OccupiedError) Hint() string {
	return "use a new card, or retire what is on this one (ceremony card retire)"
}

// An ImportedError reports that a slot's key was brought to the card from
// outside, so that no attestation can exist.
type ImportedError struct{ Place }

func (e *ImportedError) Error() string {
	return fmt.Sprintf("%v: attestation: key was imported, not generated on the card", e.Place)
}

// An UnsupportedError reports that a card cannot do something.
type UnsupportedError struct {
	Place
	What string // such as "attestation"
	Err  error  // what the card said; may be nil
}

func (e *UnsupportedError) Error() string {
	s := fmt.Sprintf("%v: the card does not support %s", e.Place, e.What)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *UnsupportedError) Unwrap() error { return e.Err }

// A WeakSecretError reports a new PIN, PUK or management key that is refused
// before any card sees it.
type WeakSecretError struct {
	Secret Secret
	Reason string // never contains the value
}

func (e *WeakSecretError) Error() string {
	return fmt.Sprintf("new %s refused: %s", e.Secret, e.Reason)
}

// A FormError reports that what was typed can be no card's PIN or PUK. The card
// has not seen it, and counts no try. It says nothing of what was typed, not even
// how long it was: records quote it, and it may be the right PIN but for a slip.
type FormError struct{ Secret Secret }

func (e *FormError) Error() string {
	return fmt.Sprintf("what was typed is no %s, which has 4 to 8 printable characters; it was not sent to the card", e.Secret)
}

// A SecretsError reports that some of a card's secrets were changed and others
// not.
type SecretsError struct {
	Place
	Changed []Secret // these have their new values
	Failed  Secret   // this one, and those after it, have not
	Err     error
}

func (e *SecretsError) Error() string {
	if len(e.Changed) == 0 {
		return fmt.Sprintf("setting the %s, nothing changed before: %v", e.Failed, e.Err)
	}
	words := make([]string, len(e.Changed))
	for i, s := range e.Changed {
		words[i] = string(s)
	}
	return fmt.Sprintf("setting the %s, %s changed already: %v", e.Failed, strings.Join(words, " and "), e.Err)
}

func (e *SecretsError) Unwrap() error { return e.Err }

// A BusyError reports that another program holds the card.
type BusyError struct {
	Place
	Reader string
	Err    error
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("reader %q is held by another program: %v", e.Reader, e.Err)
}

func (e *BusyError) Unwrap() error { return e.Err }

// Hint implements [Hinter].
func (e *BusyError) Hint() string {
	return "close other programs that use cards (gpg-agent, scdaemon, browsers)"
}

// A ServiceError reports that the smart card service, pcscd, is not there.
type ServiceError struct{ Err error }

func (e *ServiceError) Error() string {
	return fmt.Sprintf("smart card service not reached: %v", e.Err)
}

func (e *ServiceError) Unwrap() error { return e.Err }

// Hint implements [Hinter].
func (e *ServiceError) Hint() string { return "start pcscd (Debian: apt install pcscd)" }

// A SignatureError reports that a card answered with a signature that does not
// verify by the key it should be from. It was thrown away.
type SignatureError struct{ Place }

func (e *SignatureError) Error() string {
	return fmt.Sprintf("%v: signature does not verify by the slot's key, thrown away", e.Place)
}

// Hint implements [Hinter].
func (e *SignatureError) Hint() string {
	return "set this card aside: it is faulty, or another key is in its slot"
}

// A CardError is any other failure, with what was being done.
type CardError struct {
	Place
	Doing string // a gerund, such as "generating a key"
	Err   error
}

func (e *CardError) Error() string { return fmt.Sprintf("%v: %s: %v", e.Place, e.Doing, e.Err) }

func (e *CardError) Unwrap() error { return e.Err }

// Hint implements [Hinter].
func (e *CardError) Hint() string {
	return "repeat the step once; if it fails the same way, set this card aside"
}
