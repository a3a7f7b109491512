//go:build cgo && (linux || darwin || freebsd || openbsd)

package piv

import (
	"errors"
	"slices"
	"strings"

	"github.com/go-piv/piv-go/v2/piv"

	"github.com/rootward/rootward/hsm"
)

// hasStatus reports whether the card answered one of the status words.
func hasStatus(err error, words ...uint16) bool {
	sw, ok := status(err)
	return ok && slices.Contains(words, sw)
}

func status(err error) (uint16, bool) {
	var e interface{ Status() uint16 } // piv-go keeps the type to itself
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.Status(), true
}

// piv-go keeps PC/SC's return codes to itself; these are its words for them.
var (
	wordsGone = []string{
		"smart card has been removed", "power has been removed", "smart card has been reset",
		"no Smart Card is currently in the device", "is not currently available for use",
		"supplied handle was invalid", "non-existent transaction", "communications error",
		"not responding to a reset", "reader name is not recognized",
		"scard response too short", // a driver that lost its card without noticing
	}
	wordsService = []string{"resource manager is not running", "resource manager has shut down"}
	wordsBusy    = []string{"other connections outstanding"}
)

func says(err error, words []string) bool {
	text := err.Error()
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// isGone reports whether the card, or its answer, is gone.
func isGone(err error) bool {
	return says(err, wordsGone) || isCode(err, codeRemoved, codeUnpowered, codeReset, codeNoCard, codeUnavailable,
		codeInvalidHandle, codeNotTransacted, codeComm, codeUnresponsive, codeUnknownReader)
}

// busy gives a [*hsm.BusyError] where a connection was refused because another
// program holds the card, and err itself otherwise.
func busy(place hsm.Place, reader string, err error) error {
	if err != nil && (says(err, wordsBusy) || isCode(err, codeSharing)) {
		return &hsm.BusyError{Place: place, Reader: reader, Err: err}
	}
	return err
}

// explain gives the error of package hsm for what PC/SC, piv-go or a card said.
func explain(place hsm.Place, doing string, err error) error {
	if err == nil {
		return nil
	}
	var known hsm.Hinter
	var unsupported *hsm.UnsupportedError
	var empty *hsm.EmptySlotError
	var imported *hsm.ImportedError
	switch {
	case errors.As(err, &known), errors.As(err, &empty), errors.As(err, &imported):
		return err
	case errors.As(err, &unsupported):
		if unsupported.Place == (hsm.Place{}) {
			unsupported.Place = place
		}
		return err
	case says(err, wordsService), isCode(err, codeNoService, codeServiceGone):
		return &hsm.ServiceError{Err: err}
	case isGone(err):
		return &hsm.RemovedError{Place: place, Err: err}
	}
	return &hsm.CardError{Place: place, Doing: doing, Err: err}
}

// explainSecret gives the error for a PIN or PUK that a card was offered.
func explainSecret(place hsm.Place, secret hsm.Secret, doing string, err error) error {
	var auth piv.AuthErr
	switch {
	case err == nil:
		return nil
	case errors.As(err, &auth) && auth.Retries == 0:
		return &hsm.BlockedError{Place: place, Secret: secret}
	case errors.As(err, &auth):
		return &hsm.PINError{Place: place, Secret: secret, Tries: auth.Retries}
	}
	return explain(place, doing, err)
}

// isManagementAuth reports whether piv-go failed to prove the management key.
func isManagementAuth(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "authenticating with management key") ||
		strings.Contains(err.Error(), "authenticating with old key"))
}

// explainManagement gives the error for a management key that was not proven.
func (c *Card) explainManagement(err error) error {
	switch {
	case hasStatus(err, 0x6a80, 0x6a86, 0x6d00, 0x6a88):
		return &hsm.UnsupportedError{Place: c.place(), What: "proving the management key in the way that its firmware suggests", Err: err}
	case isGone(err):
		return explain(c.place(), "proving the management key", err)
	}
	if _, refused := status(err); refused || strings.Contains(err.Error(), "challenge failed") {
		return &hsm.ManagementKeyError{Place: c.place()}
	}
	return explain(c.place(), "proving the management key", err)
}
