package vcard

import (
	"bytes"
	"crypto/subtle"
)

const (
	factoryPIN = "123456\xff\xff"
	factoryPUK = "12345678"
)

func factoryManagementKey() []byte {
	return bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 3)
}

// try compares a secret and counts the tries; it saves the state first, so that
// pulling the card out gives no free try.
func (c *Card) try(k *counter, value []byte) int {
	if k.Left == 0 {
		return swBlocked
	}
	k.Left--
	if err := c.save(); err != nil {
		return swFault
	}
	right := subtle.ConstantTimeCompare([]byte(k.Value), value) == 1
	if k == &c.s.PIN && right && c.happens(RefusePIN) || k == &c.s.PUK && right && c.happens(RefusePUK) {
		right = false
	}
	if right || c.faults[NeverCounts] > 0 {
		k.Left = k.Max
		if err := c.save(); err != nil {
			return swFault
		}
	}
	if right {
		return swDone
	}
	return k.status()
}

func (k *counter) status() int {
	if k.Left == 0 {
		return swBlocked
	}
	return swTriesLeft | min(k.Left, maxRememberedTries)
}

// verify is VERIFY (NIST SP 800-73-4 part 2, section 3.2.1).
func (c *Card) verify(cmd command) int {
	if cmd.p2 != 0x80 {
		return swNoReference
	}
	switch {
	case cmd.p1 == 0xff && len(cmd.data) == 0:
		c.pin = false
		return swDone
	case cmd.p1 != 0:
		return swBadParameter
	case len(cmd.data) == 0 && c.pin:
		return swDone
	case len(cmd.data) == 0:
		return c.s.PIN.status()
	case len(cmd.data) != 8:
		return swBadData
	}
	sw := c.try(&c.s.PIN, cmd.data)
	c.pin, c.fresh = sw == swDone, sw == swDone
	return sw
}

// changeReference is CHANGE REFERENCE DATA (section 3.2.2) for PIN and PUK.
func (c *Card) changeReference(cmd command) int {
	var k *counter
	switch {
	case cmd.p2 == 0x80:
		k = &c.s.PIN
	case cmd.p2 == 0x81:
		k = &c.s.PUK
	default:
		return swNoReference
	}
	if len(cmd.data) != 16 {
		return swWrongLength
	}
	if k.Left == 0 {
		return swBlocked
	}
	if !wellFormed(cmd.data[8:]) || c.happens(RefuseNew) {
		return swConditions
	}
	if sw := c.try(k, cmd.data[:8]); sw != swDone {
		c.pin = false
		return sw
	}
	return c.setSecret(k, cmd.data[8:])
}

// resetRetry is RESET RETRY COUNTER (section 3.2.3).
func (c *Card) resetRetry(cmd command) int {
	if cmd.p2 != 0x80 {
		return swNoReference
	}
	if len(cmd.data) != 16 {
		return swWrongLength
	}
	if !wellFormed(cmd.data[8:]) || c.happens(RefuseNew) {
		return swConditions
	}
	if sw := c.try(&c.s.PUK, cmd.data[:8]); sw != swDone {
		return sw
	}
	return c.setSecret(&c.s.PIN, cmd.data[8:])
}

func (c *Card) setSecret(k *counter, value []byte) int {
	if c.happens(PullOnChange) {
		c.Pull()
		c.pulled = true
		return swFault
	}
	k.Value, k.Left = string(value), k.Max
	k.Default = k == &c.s.PIN && k.Value == factoryPIN || k == &c.s.PUK && k.Value == factoryPUK
	if err := c.save(); err != nil {
		return swFault
	}
	return swDone
}

// wellFormed wants 6 to 8 bytes, padded at the end with 0xff.
func wellFormed(value []byte) bool {
	body := bytes.TrimRight(value, "\xff")
	return len(body) >= 6 && !bytes.Contains(body, []byte{0xff})
}

// setRetries is YubiKeys' SET PIN RETRIES: it needs management key and PIN, and
// it sets PIN and PUK to the factory's values.
func (c *Card) setRetries(cmd command) int {
	if !c.admin || !c.pin {
		return swNotSatisfied
	}
	if cmd.p1 == 0 || cmd.p2 == 0 {
		return swBadData
	}
	c.s.PIN = counter{factoryPIN, int(cmd.p1), int(cmd.p1), true}
	c.s.PUK = counter{factoryPUK, int(cmd.p2), int(cmd.p2), true}
	c.pin = false
	if err := c.save(); err != nil {
		return swFault
	}
	return swDone
}

// reset is YubiKeys' RESET: only with PIN and PUK blocked.
func (c *Card) reset() int {
	if c.faults[NoReset] > 0 {
		return swUnknownCommand
	}
	if c.s.PIN.Left > 0 || c.s.PUK.Left > 0 {
		return swConditions
	}
	c.s.factory()
	if c.faults[Only3DES] > 0 {
		c.s.ManagementAlg = alg3DES
	}
	c.forget()
	if err := c.save(); err != nil {
		return swFault
	}
	return swDone
}
