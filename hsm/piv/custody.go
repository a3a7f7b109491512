//go:build cgo && (linux || darwin || freebsd || openbsd)

package piv

import (
	"fmt"

	"github.com/rootward/rootward/hsm"
)

// References of the secrets that a card counts tries of (NIST SP 800-73-4 part 1,
// table 4b).
var reference = map[hsm.Secret]byte{hsm.PIN: 0x80, hsm.PUK: 0x81}

// Readers lists the names of all readers that PC/SC knows, with a card or
// without. The error is a [*hsm.ServiceError] when pcscd is not there.
func Readers() ([]string, error) {
	names, err := readers()
	return names, explain(hsm.Place{}, "listing readers", err)
}

// ChangePIN replaces the PIN. The new one is checked first (see
// [hsm.CheckDigits]); a wrong current one costs a try. The error is a
// [*hsm.WeakSecretError], also where the card refuses the new PIN by a rule of
// its own, a [*hsm.PINError] or a [*hsm.BlockedError].
func (c *Card) ChangePIN(current, next string) error { return c.change(hsm.PIN, current, next) }

// ChangePUK does the same to the PUK.
func (c *Card) ChangePUK(current, next string) error { return c.change(hsm.PUK, current, next) }

func (c *Card) change(secret hsm.Secret, current, next string) error {
	if err := hsm.CheckDigits(secret, next); err != nil {
		return err
	}
	return c.offer(0x24, reference[secret], secret, secret, current, next)
}

// Unblock sets a new PIN by the PUK, whether or not the PIN is blocked, and gives
// it all its tries again. A wrong PUK costs one of the PUK's. Errors are those
// of [Card.ChangePIN], about the PUK or the new PIN.
func (c *Card) Unblock(puk, next string) error {
	if err := hsm.CheckDigits(hsm.PIN, next); err != nil {
		return err
	}
	return c.offer(0x2c, reference[hsm.PIN], hsm.PUK, hsm.PIN, puk, next)
}

// offer sends CHANGE REFERENCE DATA or RESET RETRY COUNTER (NIST SP 800-73-4
// part 2, sections 3.2.2 and 3.2.3): proven is the secret that the current value
// is of, set the one that gets the next.
func (c *Card) offer(instruction, p2 byte, proven, set hsm.Secret, current, next string) error {
	if err := checkForm(proven, current); err != nil {
		return err
	}
	doing := fmt.Sprintf("setting the %s", set)
	err := c.onWire(func(w *wire) error {
		_, sw, err := w.send(instruction, 0, p2, append(padded(current), padded(next)...))
		if err != nil {
			return err
		}
		return judgeOffer(c.place(), proven, set, sw)
	})
	return explain(c.place(), doing, err)
}

// judgeOffer gives the error for a card's answer to a current and a new secret.
func judgeOffer(place hsm.Place, proven, set hsm.Secret, sw uint16) error {
	if sw == 0x9000 {
		return nil
	}
	if left, ok := triesIn(sw); ok && left == 0 {
		return &hsm.BlockedError{Place: place, Secret: proven}
	} else if ok {
		return &hsm.PINError{Place: place, Secret: proven, Tries: left}
	}
	switch sw {
	case 0x6985, 0x6a80, 0x6700:
		return &hsm.WeakSecretError{Secret: set, Reason: fmt.Sprintf("card %d refuses it by a rule of its own (status %04x); take eight digits, none of them many times", place.Serial, sw)}
	case 0x6d00, 0x6e00, 0x6a81, 0x6a86, 0x6a88:
		return &hsm.UnsupportedError{Place: place, What: fmt.Sprintf("setting the %s in this way", set), Err: statusError(sw)}
	}
	return statusError(sw)
}

// triesIn reads the tries left from a status word, if it tells of any.
func triesIn(sw uint16) (int, bool) {
	switch {
	case sw == 0x6983:
		return 0, true
	case sw&0xfff0 == 0x63c0, sw&0xfff0 == 0x6300:
		return int(sw & 0xf), true
	}
	return 0, false
}

func padded(s string) []byte {
	b := []byte("\xff\xff\xff\xff\xff\xff\xff\xff")
	copy(b, s)
	return b
}

// Limits of blocking a PIN or PUK. Cards may be set to as many as 255 tries, and
// say 15 while more are left.
const (
	maxWrong    = 256 // values offered in all
	maxStanding = 8   // answers in a row that say the same number, below 15
)

// wrongValues are offered to use up tries; two, in case one is right.
var wrongValues = [2]string{"90817263", "36271809"}

// Reset destroys everything in the card's PIV application, its keys above all: it
// uses up the tries of PIN and PUK, without which cards refuse, and resets. The
// card is then as it left the factory, and its serial number and device
// certificate stay.
//
// The error is a [*hsm.CountError] if the card takes wrong values and does not
// count them, so that it can never be blocked, and a [*hsm.UnsupportedError] if
// it has no reset; then PIN and PUK are blocked and the key, though it exists,
// can be used by nobody.
func (c *Card) Reset() error {
	err := c.onWire(func(w *wire) error {
		for _, secret := range []hsm.Secret{hsm.PIN, hsm.PUK} {
			if err := c.block(w, secret); err != nil {
				return err
			}
		}
		_, sw, err := w.send(0xfb, 0, 0, nil)
		switch {
		case err != nil:
			return err
		case sw == 0x6d00, sw == 0x6e00, sw == 0x6a81:
			return &hsm.UnsupportedError{Place: c.place(), What: "a reset of its PIV application (PIN and PUK are blocked now)", Err: statusError(sw)}
		case sw != 0x9000:
			return statusError(sw)
		}
		return nil
	})
	return explain(c.place(), "resetting the PIV application", err)
}

// block uses up a secret's tries.
func (c *Card) block(w *wire, secret hsm.Secret) error {
	last, standing, right := -1, 0, 0
	for range maxWrong {
		sw, err := w.tryWrong(secret, wrongValues[right])
		if err != nil {
			return err
		}
		left, counts := triesIn(sw)
		switch {
		case counts && left == 0:
			return nil
		case sw == 0x9000: // by an odd chance
			if right++; right == len(wrongValues) {
				return &hsm.CountError{Place: c.place(), Secret: secret, Tries: last}
			}
			continue
		case !counts:
			return statusError(sw)
		}
		if standing++; left != last || left == 15 {
			standing = 0
		}
		if last = left; standing == maxStanding {
			break
		}
	}
	return &hsm.CountError{Place: c.place(), Secret: secret, Tries: last}
}

// tryWrong offers a value: by VERIFY for the PIN, and as the current one in
// CHANGE REFERENCE DATA, which leaves it what it is, for the PUK.
func (w *wire) tryWrong(secret hsm.Secret, value string) (uint16, error) {
	instruction, data := byte(0x20), padded(value)
	if secret == hsm.PUK {
		instruction, data = 0x24, append(data, data...)
	}
	_, sw, err := w.send(instruction, 0, reference[secret], data)
	return sw, err
}
