package vcard

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// A Fault is something that a real card may do or lack, which this card does
// when it is told to.
type Fault string

// The faults that a card knows. RefusePIN, RefusePUK, RefuseNew, PullOnSign and
// PullOnChange count: with n, they happen n times. The others are on (above 0) or off (0).
const (
	RefusePIN     Fault = "refuse-pin"     // take the next n right PINs for wrong ones
	WithholdTouch Fault = "withhold-touch" // nobody touches: wait for the time-out, then 6600
	PullOnSign    Fault = "pull-on-sign"   // pulled out in the middle of the next n signatures
	NoAttestation Fault = "no-attestation" // ATTEST answers 6d00, the device certificate 6a82
	NoMetadata    Fault = "no-metadata"    // GET METADATA answers 6d00
	Only3DES      Fault = "only-3des"      // management key 3DES only, whatever the firmware says
	BadSignature  Fault = "bad-signature"  // signatures come out wrong
	NoExtensions  Fault = "no-extensions"  // PIV as NIST has it: no command that YubiKeys add
	NotPIV        Fault = "not-piv"        // no PIV application at all
	RefusePUK     Fault = "refuse-puk"     // take the next n right PUKs for wrong ones
	RefuseNew     Fault = "refuse-new"     // refuse the next n new PINs and PUKs, as cards with rules of their own do: 6985
	PullOnChange  Fault = "pull-on-change" // pulled out when the next n PINs or PUKs are to be set
	NeverCounts   Fault = "never-counts"   // wrong PINs and PUKs cost no try
	NoReset       Fault = "no-reset"       // RESET answers 6d00
	BlockPIN      Fault = "block-pin"      // the PIN's tries are used up, now
	BlockPUK      Fault = "block-puk"      // the PUK's tries are used up, now
)

var allFaults = []Fault{RefusePIN, WithholdTouch, PullOnSign, NoAttestation, NoMetadata, Only3DES,
	BadSignature, NoExtensions, NotPIV, RefusePUK, RefuseNew, PullOnChange, NeverCounts, NoReset, BlockPIN, BlockPUK}

// ParseFault knows the names of the faults; its error lists them.
func ParseFault(name string) (Fault, error) {
	if f := Fault(name); slices.Contains(allFaults, f) {
		return f, nil
	}
	names := make([]string, len(allFaults))
	for i, f := range allFaults {
		names[i] = string(f)
	}
	return "", fmt.Errorf("no such fault %q, want one of %s", name, strings.Join(names, ", "))
}

// SetFault makes the card do or lack what the fault says: n times, or while n is
// above 0. BlockPIN and BlockPUK change the card's state at once, for good.
func (c *Card) SetFault(f Fault, n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f {
	case BlockPIN, BlockPUK:
		if n <= 0 {
			return nil
		}
		if f == BlockPIN {
			c.s.PIN.Left = 0
		} else {
			c.s.PUK.Left = 0
		}
		return c.save()
	case Only3DES:
		if n > 0 && c.s.ManagementAlg != alg3DES {
			if len(c.s.ManagementKey) != 24 {
				return fmt.Errorf("the management key has %d bytes, a 3DES key has 24", len(c.s.ManagementKey))
			}
			c.s.ManagementAlg = alg3DES
			if err := c.save(); err != nil {
				return err
			}
		}
	}
	c.faults[f] = n
	return nil
}

// happens reports whether a counted fault happens now, and counts it down.
func (c *Card) happens(f Fault) bool {
	if c.faults[f] <= 0 {
		return false
	}
	c.faults[f]--
	return true
}

// Pull takes the card out of its reader: a running command ends without an
// answer, and [Serve] hangs up.
func (c *Card) Pull() {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	if !c.isOut {
		c.isOut = true
		close(c.out)
		c.back = make(chan struct{})
	}
}

// Insert puts the card back.
func (c *Card) Insert() {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	if c.isOut {
		c.isOut = false
		c.out = make(chan struct{})
		close(c.back)
	}
}

// AwaitInsert returns when the card is not pulled out, or with ctx's error.
func (c *Card) AwaitInsert(ctx context.Context) error {
	c.outMu.Lock()
	back := c.back
	c.outMu.Unlock()
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gone gives a channel that is closed when the card is pulled out, and whether
// it is out already.
func (c *Card) gone() (<-chan struct{}, bool) {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	return c.out, c.isOut
}

// hold notes whether a reader has the card.
func (c *Card) hold(held bool) {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	if c.held != held {
		c.held = held
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// await returns when a reader has the card, or has it no more.
func (c *Card) await(ctx context.Context, held bool) error {
	for {
		c.outMu.Lock()
		is, changed := c.held, c.changed
		c.outMu.Unlock()
		if is == held {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
