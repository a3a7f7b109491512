package vcard

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The faults of a card whose secrets are changed, by which a program for its
// custody is tried.
func TestFaultsOfCustody(t *testing.T) {
	const (
		rightPUK   = "0024008110 3132333435363738 3132333435363739"
		changedPUK = "0024008110 3132333435363739 3132333435363738"
		unblock    = "002C008010 3132333435363738 323731383238FFFF"
	)
	h := newHost(t, Config{})
	set := func(f Fault, n int) {
		t.Helper()
		if err := h.SetFault(f, n); err != nil {
			t.Fatal(err)
		}
	}
	set(RefusePUK, 1)
	h.want(0x63c2, rightPUK)
	h.want(0x9000, rightPUK)
	h.want(0x9000, changedPUK)
	set(RefuseNew, 2)
	h.want(0x6985, rightPUK)
	h.want(0x6985, unblock)
	h.want(0x9000, unblock)

	set(NeverCounts, 1)
	for range 20 {
		h.want(0x63c3, verifyWrong)
		h.want(0x63c3, changePUK)
	}
	set(NeverCounts, 0)
	set(NoReset, 1)
	set(BlockPIN, 1)
	set(BlockPUK, 1)
	h.want(0x6d00, "00FB000000")
	set(NoReset, 0)
	h.want(0x9000, "00FB000000")

	set(PullOnChange, 1)
	b, err := hex.DecodeString(strings.ReplaceAll(rightPUK, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	if a := h.Transmit(b); a != nil {
		t.Errorf("a card that was pulled out answers %x", a)
	}
	h.want(0x9000, rightPUK) // nothing was set
}
