//go:build cgo && (linux || darwin || freebsd || openbsd)

package piv

// #cgo darwin LDFLAGS: -framework PCSC
// #cgo linux pkg-config: libpcsclite
// #cgo freebsd CFLAGS: -I/usr/local/include/ -I/usr/local/include/PCSC
// #cgo freebsd LDFLAGS: -L/usr/local/lib/ -lpcsclite
// #cgo openbsd CFLAGS: -I/usr/local/include/ -I/usr/local/include/PCSC
// #cgo openbsd LDFLAGS: -L/usr/local/lib/ -lpcsclite
// #include <stdlib.h>
// #include <PCSC/winscard.h>
// #include <PCSC/wintypes.h>
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"
)

// This file is the part of PC/SC that piv-go keeps to itself. It is here for what
// piv-go cannot do: tell a reader without a PIV card from others without holding
// it, read the metadata of PIN, PUK and management key, set a 3DES management
// key on a card that claims firmware 5.4 or later, and reset a card.

// A pcscError is a return code of PC/SC.
type pcscError struct{ code uint32 }

// Return codes that callers tell apart.
const (
	codeInvalidHandle = 0x80100003
	codeUnknownReader = 0x80100009
	codeSharing       = 0x8010000b
	codeNoCard        = 0x8010000c
	codeNotReady      = 0x80100010
	codeNotTransacted = 0x80100016
	codeUnavailable   = 0x80100017
	codeNoService     = 0x8010001d
	codeServiceGone   = 0x8010001e
	codeNoReaders     = 0x8010002e
	codeComm          = 0x8010002f
	codeUnresponsive  = 0x80100066
	codeUnpowered     = 0x80100067
	codeReset         = 0x80100068
	codeRemoved       = 0x80100069
)

var pcscWords = map[uint32]string{
	codeSharing:       "the card is held by another program",
	codeNoCard:        "no card in the reader",
	codeNoService:     "the smart card service is not running",
	codeServiceGone:   "the smart card service has stopped",
	codeRemoved:       "the card was removed",
	codeReset:         "the card was reset by another program",
	codeUnpowered:     "the card has no power",
	codeUnresponsive:  "the card does not answer",
	codeComm:          "the card does not answer",
	codeNotTransacted: "the card does not answer",
}

func (e *pcscError) Error() string {
	if words, ok := pcscWords[e.code]; ok {
		return words
	}
	return fmt.Sprintf("PC/SC return code 0x%08x", e.code)
}

func check(rc C.LONG) error {
	if code := uint32(rc); code != 0 {
		return &pcscError{code}
	}
	return nil
}

func isCode(err error, codes ...uint32) bool {
	var e *pcscError
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.code == code {
			return true
		}
	}
	return false
}

// readers lists the readers' names.
func readers() ([]string, error) {
	var ctx C.SCARDCONTEXT
	if err := check(C.SCardEstablishContext(C.SCARD_SCOPE_SYSTEM, nil, nil, &ctx)); err != nil {
		return nil, err
	}
	defer C.SCardReleaseContext(ctx)
	var n C.DWORD
	err := check(C.SCardListReaders(ctx, nil, nil, &n))
	if isCode(err, codeNoReaders) {
		return nil, nil
	}
	if err != nil || n == 0 {
		return nil, err
	}
	buf := make([]byte, n)
	err = check(C.SCardListReaders(ctx, nil, (*C.char)(unsafe.Pointer(&buf[0])), &n))
	if isCode(err, codeNoReaders) {
		return nil, nil
	}
	var names []string
	for _, name := range bytes.Split(buf, []byte{0}) {
		if len(name) > 0 {
			names = append(names, string(name))
		}
	}
	return names, err
}

// A wire is an exclusive connection to the card in a reader, with the PIV
// application selected.
type wire struct {
	ctx  C.SCARDCONTEXT
	card C.SCARDHANDLE
}

// errNotPIV reports a card without a PIV application.
var errNotPIV = errors.New("the card has no PIV application")

// dial connects to the card in a reader.
func dial(reader string) (*wire, error) {
	w, err := connect(reader)
	if err != nil {
		return nil, err
	}
	_, sw, err := w.send(0xa4, 0x04, 0, []byte{0xa0, 0x00, 0x00, 0x03, 0x08})
	if err == nil && sw != 0x9000 {
		err = errNotPIV
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func connect(reader string) (*wire, error) {
	w := new(wire)
	if err := check(C.SCardEstablishContext(C.SCARD_SCOPE_SYSTEM, nil, nil, &w.ctx)); err != nil {
		return nil, err
	}
	name := C.CString(reader)
	defer C.free(unsafe.Pointer(name))
	var protocol C.DWORD
	if err := check(C.SCardConnect(w.ctx, name, C.SCARD_SHARE_EXCLUSIVE, C.SCARD_PROTOCOL_T1, &w.card, &protocol)); err != nil {
		C.SCardReleaseContext(w.ctx)
		return nil, err
	}
	return w, nil
}

// close resets the card, so that it forgets what was proven, and lets go of it.
func (w *wire) close() {
	C.SCardDisconnect(w.card, C.SCARD_RESET_CARD)
	C.SCardReleaseContext(w.ctx)
}

// send sends a command of up to 255 bytes and gathers the answer (ISO/IEC
// 7816-4, section 5.1).
func (w *wire) send(instruction, p1, p2 byte, data []byte) ([]byte, uint16, error) {
	if len(data) > 255 {
		return nil, 0, fmt.Errorf("command data of %d bytes, want at most 255", len(data))
	}
	apdu := append([]byte{0, instruction, p1, p2, byte(len(data))}, data...)
	var all []byte
	for {
		answer, err := w.transmit(apdu)
		if err != nil {
			return nil, 0, err
		}
		n := len(answer) - 2
		all = append(all, answer[:n]...)
		sw := uint16(answer[n])<<8 | uint16(answer[n+1])
		if sw>>8 != 0x61 {
			return all, sw, nil
		}
		apdu = []byte{0, 0xc0, 0, 0, 0}
	}
}

func (w *wire) transmit(apdu []byte) ([]byte, error) {
	var answer [C.MAX_BUFFER_SIZE_EXTENDED]byte
	n := C.DWORD(len(answer))
	if err := check(C.SCardTransmit(w.card, C.SCARD_PCI_T1, (*C.BYTE)(&apdu[0]), C.DWORD(len(apdu)), nil,
		(*C.BYTE)(&answer[0]), &n)); err != nil {
		return nil, err
	}
	if n < 2 {
		return nil, &pcscError{codeComm} // a driver that lost its card without noticing
	}
	return bytes.Clone(answer[:n]), nil
}
