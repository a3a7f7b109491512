//go:build cgo && (linux || darwin || freebsd || openbsd)

package piv

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-piv/piv-go/v2/piv"

	"github.com/rootward/rootward/hsm"
)

// piv-go says in words what PC/SC answered; these are its words as seen.
func TestExplainKnowsPivGosWords(t *testing.T) {
	place := hsm.Place{Serial: 5, Slot: Slot}
	tests := []struct{ text, want string }{
		{"transmitting request: the smart card has been removed, so further communication is not possible", "*hsm.RemovedError"},
		{"connecting to smart card: the operation requires a Smart Card, but no Smart Card is currently in the device", "*hsm.RemovedError"},
		{"transmitting request: the supplied handle was invalid", "*hsm.RemovedError"},
		{"transmitting request: an attempt was made to end a non-existent transaction", "*hsm.RemovedError"},
		{"transmitting request: the smart card has been reset, so any shared state information is invalid", "*hsm.RemovedError"},
		{"connecting to pcsc: the Smart card resource manager is not running", "*hsm.ServiceError"},
		{"transmitting request: the Smart card resource manager has shut down", "*hsm.ServiceError"},
		{"command failed: smart card error 6f00", "*hsm.CardError"},
	}
	for _, test := range tests {
		err := explain(place, "signing", errors.New(test.text))
		if got := fmt.Sprintf("%T", err); got != test.want {
			t.Errorf("%q becomes a %s, want %s", test.text, got, test.want)
		}
	}
	held := errors.New("connecting to smart card: the smart card cannot be accessed because of other connections outstanding")
	if err := explain(place, "signing", busy(place, "Reader 1", held)); fmt.Sprintf("%T", err) != "*hsm.BusyError" {
		t.Errorf("%q becomes a %T, want *hsm.BusyError", held, err)
	}
}

// Cards say in several ways that nobody touched them.
func TestNoTouch(t *testing.T) {
	for _, sw := range []uint16{0x6600, 0x6400, 0x6401, 0x6982, 0x6985} {
		if !isNoTouch(sw) {
			t.Errorf("status %04x after a verified PIN is not taken for a missing touch", sw)
		}
	}
	for _, sw := range []uint16{0x6a80, 0x6a88, 0x6d00, 0x6f00, 0x9000} {
		if isNoTouch(sw) {
			t.Errorf("status %04x is taken for a missing touch", sw)
		}
	}
}

// 63c0 and 6983 both say that no try is left.
func TestExplainSecret(t *testing.T) {
	place := hsm.Place{Serial: 5}
	for retries, want := range map[int]string{
		0: "card 5: PUK is blocked, 0 tries left",
		1: "card 5: PUK refused, 1 try left",
	} {
		err := explainSecret(place, hsm.PUK, "setting the PUK", fmt.Errorf("wrapped: %w", piv.AuthErr{Retries: retries}))
		if err == nil || err.Error() != want {
			t.Errorf("%d retries: %v, want %q", retries, err, want)
		}
	}
}
