//go:build cgo && (linux || darwin || freebsd || openbsd)

package piv

import (
	"crypto/des"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rootward/rootward/hsm"
)

// identify asks for firmware and serial number, as Yubico's PIV extensions give
// them since firmware 5, and the OTP application before.
func (w *wire) identify() (hsm.Firmware, uint32, error) {
	v, sw, err := w.send(0xfd, 0, 0, nil)
	if err != nil {
		return hsm.Firmware{}, 0, err
	}
	if sw != 0x9000 || len(v) != 3 {
		return hsm.Firmware{}, 0, &hsm.UnsupportedError{What: "Yubico's PIV extensions", Err: statusError(sw)}
	}
	firmware := hsm.Firmware{Major: v[0], Minor: v[1], Patch: v[2]}
	instruction, p1 := byte(0xf8), byte(0)
	if firmware.Before(5, 0, 0) {
		_, sw, err := w.send(0xa4, 0x04, 0, []byte{0xa0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01, 0x01})
		if err != nil {
			return firmware, 0, err
		}
		if sw != 0x9000 {
			return firmware, 0, &hsm.UnsupportedError{What: "telling its serial number", Err: statusError(sw)}
		}
		instruction, p1 = 0x01, 0x10
	}
	n, sw, err := w.send(instruction, p1, 0, nil)
	if err != nil {
		return firmware, 0, err
	}
	if sw != 0x9000 || len(n) != 4 {
		return firmware, 0, &hsm.UnsupportedError{What: "telling its serial number", Err: statusError(sw)}
	}
	return firmware, binary.BigEndian.Uint32(n), nil
}

// statusError is a status word that a card answered.
type statusError uint16

func (s statusError) Error() string  { return fmt.Sprintf("status %04x", uint16(s)) }
func (s statusError) Status() uint16 { return uint16(s) }

// metadata reads the metadata of PIN (80), PUK (81) or management key (9b):
// fields by tag. It gives nil where the card has no metadata.
func (w *wire) metadata(reference byte) (map[byte][]byte, error) {
	b, sw, err := w.send(0xf7, 0, reference, nil)
	if err != nil {
		return nil, err
	}
	if sw != 0x9000 {
		return nil, nil
	}
	fields := map[byte][]byte{}
	for len(b) >= 2 {
		n := int(b[1])
		if n >= 0x80 || len(b) < 2+n {
			return nil, fmt.Errorf("metadata of %02x is malformed", reference)
		}
		fields[b[0]], b = b[2:2+n], b[2+n:]
	}
	return fields, nil
}

// setManagementKey3DES proves the old 3DES key and sets a new one (NIST SP
// 800-73-4 part 2, appendix A.1.2, and Yubico's SET MANAGEMENT KEY).
func (w *wire) setManagementKey3DES(old, key []byte) error {
	block, err := des.NewTripleDESCipher(old)
	if err != nil {
		return err
	}
	b, sw, err := w.send(0x87, 0x03, 0x9b, []byte{0x7c, 0x02, 0x80, 0x00})
	if err != nil {
		return err
	}
	if sw != 0x9000 || len(b) != 12 {
		return statusError(sw)
	}
	// A constant challenge: the card's answer shows that the card works, and need
	// not show that it is not a replay.
	witness, challenge, want := make([]byte, 8), []byte("rootward"), make([]byte, 8)
	block.Decrypt(witness, b[4:])
	block.Encrypt(want, challenge)
	proof := append([]byte{0x7c, 20, 0x80, 8}, witness...)
	proof = append(append(proof, 0x81, 8), challenge...)
	b, sw, err = w.send(0x87, 0x03, 0x9b, proof)
	if err != nil {
		return err
	}
	if sw != 0x9000 {
		return statusError(sw)
	}
	if len(b) != 12 || subtle.ConstantTimeCompare(b[4:], want) != 1 {
		return errors.New("the card did not prove that it knows the management key")
	}
	_, sw, err = w.send(0xff, 0xff, 0xff, append([]byte{0x03, 0x9b, 24}, key...))
	if err == nil && sw != 0x9000 {
		err = statusError(sw)
	}
	return err
}
