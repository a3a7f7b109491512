//go:build cgo && (linux || darwin || freebsd || openbsd)

package piv

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-piv/piv-go/v2/piv"

	"github.com/rootward/rootward/hsm"
)

// sw is an error of piv-go that carries a status word, as its own does.
func sw(doing string, word uint16) error {
	return fmt.Errorf("%s: %w", doing, statusError(word))
}

// TestEveryAnswerHasItsSentence lists what real cards and PC/SC are known to
// answer, and what people are told then. No row is an unexplained number.
func TestEveryAnswerHasItsSentence(t *testing.T) {
	c := &Card{serial: 5}
	slot, card := c.slot(), c.place()
	for _, r := range []struct {
		what string
		err  error
		says string
		hint string
	}{
		{"no pcscd", explain(card, "listing readers", &pcscError{codeNoService}),
			"smart card service not reached: the smart card service is not running", "start pcscd (Debian: apt install pcscd)"},
		{"pcscd that stopped", explain(card, "signing", errors.New("transmitting request: the Smart card resource manager has shut down")),
			"smart card service not reached: transmitting request: the Smart card resource manager has shut down", "start pcscd (Debian: apt install pcscd)"},
		{"no card", &hsm.NoCardError{Readers: 1},
			"no PIV card found in 1 readers", "insert the card and wait until its reader blinks"},
		{"another card", &hsm.NoCardError{Want: 5, Readers: 1, Others: []uint32{6}},
			"card 5 is not there, found 6", "insert the card and wait until its reader blinks"},
		{"two cards", &hsm.ManyCardsError{Serials: []uint32{5, 6}},
			"2 PIV cards found (5, 6), want one", "take all but one out, or name the one by its serial number (--serial)"},
		{"a card held by another program", explain(card, "x", busy(card, "R", &pcscError{codeSharing})),
			`reader "R" is held by another program: the card is held by another program`, "close other programs that use cards (gpg-agent, scdaemon, browsers)"},
		{"a card pulled out", explain(slot, "signing", &pcscError{codeRemoved}),
			"card 5 slot 9c: the card was removed or stopped answering: the card was removed", "put the card back, wait a moment, and repeat the step"},
		{"a driver that lost its card", explain(slot, "signing", errors.New("scard response too short")),
			"card 5 slot 9c: the card was removed or stopped answering: scard response too short", "put the card back, wait a moment, and repeat the step"},
		{"a wrong PIN", explainSecret(slot, hsm.PIN, "verifying the PIN", piv.AuthErr{Retries: 2}),
			"card 5 slot 9c: PIN refused, 2 tries left", "type the PIN again with care"},
		{"a wrong PIN, one try left", explainSecret(slot, hsm.PIN, "verifying the PIN", piv.AuthErr{Retries: 1}),
			"card 5 slot 9c: PIN refused, 1 try left", "stop and find the right PIN: one more wrong try blocks it"},
		{"a blocked PIN", explainSecret(slot, hsm.PIN, "verifying the PIN", piv.AuthErr{}),
			"card 5 slot 9c: PIN is blocked, 0 tries left", "the PUK unblocks the PIN (ceremony card unblock); or go on without this keyholder"},
		{"a wrong PUK", judgeOffer(card, hsm.PUK, hsm.PIN, 0x63c1),
			"card 5: PUK refused, 1 try left", "stop and find the right PUK: one more wrong try blocks it"},
		{"a blocked PUK", judgeOffer(card, hsm.PUK, hsm.PIN, 0x6983),
			"card 5: PUK is blocked, 0 tries left", "only a reset of the card's PIV application helps, which destroys its keys"},
		{"a PUK whose last try was wrong", judgeOffer(card, hsm.PUK, hsm.PIN, 0x63c0),
			"card 5: PUK is blocked, 0 tries left", "only a reset of the card's PIV application helps, which destroys its keys"},
		{"a new PIN that the card does not want", judgeOffer(card, hsm.PIN, hsm.PIN, 0x6985),
			"new PIN refused: card 5 refuses it by a rule of its own (status 6985); take eight digits, none of them many times", ""},
		{"no way to set a PUK", judgeOffer(card, hsm.PUK, hsm.PUK, 0x6d00),
			"card 5: the card does not support setting the PUK in this way: status 6d00", ""},
		{"a touch that was withheld", &hsm.TouchError{Place: slot, Status: 0x6600},
			"card 5 slot 9c: not touched in time, nothing signed (status 6600)", "try again and touch the card when it blinks"},
		{"a management key for another cipher", c.explainManagement(sw("authenticating with management key", 0x6a80)),
			"card 5: the card does not support proving the management key in the way that its firmware suggests: authenticating with management key: status 6a80", ""},
		{"a wrong management key", c.explainManagement(sw("authenticating with management key", 0x6982)),
			"card 5: management key refused", "the card is not as it left the factory: use a new card, or retire what is on this one (ceremony card retire)"},
		{"an algorithm that the card lacks", &hsm.UnsupportedError{Place: slot, What: "RSA-4096", Err: sw("generating", 0x6a80)},
			"card 5 slot 9c: the card does not support RSA-4096: generating: status 6a80", ""},
		{"no attestation", c.explainAttest(nil, sw("attesting", 0x6d00)),
			"card 5 slot 9c: the card does not support attestation: attesting: status 6d00", ""},
		{"no device certificate", c.explainAttest(nil, sw("attesting", 0x6a82)),
			"card 5 slot 9c: the card does not support attestation: attesting: status 6a82", ""},
		{"no PIV application", &hsm.NoCardError{Readers: 2},
			"no PIV card found in 2 readers", "insert the card and wait until its reader blinks"},
		{"no Yubico extensions", &hsm.UnsupportedError{Place: card, What: "Yubico's PIV extensions", Err: statusError(0x6d00)},
			"card 5: the card does not support Yubico's PIV extensions: status 6d00", ""},
		{"a slot that is filled", &hsm.OccupiedError{Place: slot, What: "a key"},
			"card 5 slot 9c: holds a key already, which would be lost", "use a new card, or retire what is on this one (ceremony card retire)"},
		{"a slot with another key", &hsm.WrongKeyError{Place: slot, Detail: "by its metadata"},
			"card 5 slot 9c: holds another key than the one wanted (by its metadata)", "check that this is the right keyholder's card"},
		{"a signature that does not verify", &hsm.SignatureError{Place: slot},
			"card 5 slot 9c: signature does not verify by the slot's key, thrown away", "set this card aside: it is faulty, or another key is in its slot"},
		{"a card that counts no tries", &hsm.CountError{Place: card, Secret: hsm.PIN, Tries: 1},
			"card 5: counts no wrong PIN, it says each time that 1 try is left", "its keys cannot be erased by any command: break its chip in front of a witness, and record that"},
		{"a card that takes any PIN", &hsm.CountError{Place: card, Secret: hsm.PIN, Tries: -1},
			"card 5: takes any PIN for the right one", "its keys cannot be erased by any command: break its chip in front of a witness, and record that"},
		{"a fault in the card", explain(slot, "signing", sw("command failed", 0x6f00)),
			"card 5 slot 9c: signing: command failed: status 6f00", "repeat the step once; if it fails the same way, set this card aside"},
	} {
		if r.err == nil || r.err.Error() != r.says {
			t.Errorf("%s:\n says %v\n want %s", r.what, r.err, r.says)
		}
		if got := hsm.HintFor(r.err); got != r.hint {
			t.Errorf("%s:\n hint %q\n want %q", r.what, got, r.hint)
		}
	}
}
