package vcard

import "encoding/hex"

// Data objects (NIST SP 800-73-4 part 1, table 3; 5fff01 is YubiKeys').
const (
	objectDevice    = "5fff01" // the device's attestation certificate
	objectProtected = "5fc109" // printed information: needs the PIN
	maxObject       = 3052     // as on YubiKeys
)

// readObject is GET DATA (NIST SP 800-73-4 part 2, section 3.1.2).
func (c *Card) readObject(cmd command) ([]byte, int) {
	id, sw := objectID(cmd)
	if sw != swDone {
		return nil, sw
	}
	switch {
	case id == objectDevice && c.faults[NoAttestation] > 0:
		return nil, swNotFound
	case id == objectDevice && c.s.Objects[id] == nil && c.s.atLeast(4, 3, 0):
		return tlv(0x53, certificateObject(c.s.Device)), swDone
	case id == objectProtected && !c.pin:
		return nil, swNotSatisfied
	}
	value, ok := c.s.Objects[id]
	if !ok {
		return nil, swNotFound
	}
	return tlv(0x53, value), swDone
}

// certificateObject wraps a certificate, uncompressed (part 1, appendix A).
func certificateObject(der []byte) []byte {
	b := append(tlv(0x70, der), tlv(0x71, []byte{0})...)
	return append(b, tlv(0xfe, nil)...)
}

func objectID(cmd command) (string, int) {
	if cmd.p1 != 0x3f || cmd.p2 != 0xff {
		return "", swBadParameter
	}
	fields, ok := parseTLVs(cmd.data)
	if !ok {
		return "", swBadData
	}
	id, ok := find(fields, 0x5c)
	if !ok || len(id) == 0 || len(id) > 3 {
		return "", swBadData
	}
	return hex.EncodeToString(id), swDone
}

// writeObject is PUT DATA (section 3.3.1). An empty object is deleted.
func (c *Card) writeObject(cmd command) int {
	if !c.admin {
		return swNotSatisfied
	}
	id, sw := objectID(cmd)
	if sw != swDone {
		return sw
	}
	fields, _ := parseTLVs(cmd.data)
	value, ok := find(fields, 0x53)
	if !ok {
		return swBadData
	}
	if len(value) > maxObject {
		return 0x6a84
	}
	if len(value) == 0 {
		delete(c.s.Objects, id)
	} else {
		c.s.Objects[id] = append([]byte(nil), value...)
	}
	if err := c.save(); err != nil {
		return swFault
	}
	return swDone
}
