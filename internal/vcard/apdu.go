package vcard

import "encoding/binary"

// Status words (ISO/IEC 7816-4, section 5.6, and NIST SP 800-73-4 part 2).
const (
	swDone             = 0x9000
	swNoTouch          = 0x6600
	swWrongLength      = 0x6700
	swChainBroken      = 0x6883
	swNotSatisfied     = 0x6982
	swBlocked          = 0x6983
	swConditions       = 0x6985
	swBadData          = 0x6a80
	swNotFound         = 0x6a82
	swBadParameter     = 0x6a86
	swNoReference      = 0x6a88
	swUnknownCommand   = 0x6d00
	swUnknownClass     = 0x6e00
	swFault            = 0x6f00
	swTriesLeft        = 0x63c0 // low four bits: tries left
	swMoreData         = 0x6100 // low byte: how many more, 00 for 256 or more
	maxShortAnswer     = 256
	maxChainedData     = 4096
	maxRememberedTries = 15
)

// command is one APDU taken apart.
type command struct {
	class, instruction, p1, p2 byte
	data                       []byte
}

// parseAPDU takes a command APDU apart: short lengths with or without Le, and
// extended lengths (ISO/IEC 7816-4, section 5.1). The second result is false
// where the length bytes and the bytes present do not agree.
func parseAPDU(b []byte) (command, bool) {
	if len(b) < 4 {
		return command{}, false
	}
	c := command{class: b[0], instruction: b[1], p1: b[2], p2: b[3]}
	rest := b[4:]
	switch {
	case len(rest) <= 1: // nothing, or Le alone
		return c, true
	case rest[0] != 0: // Lc, data, and perhaps Le
		n := int(rest[0])
		if len(rest) != 1+n && len(rest) != 2+n {
			return command{}, false
		}
		c.data = rest[1 : 1+n]
		return c, true
	case len(rest) == 3: // extended Le alone
		return c, true
	case len(rest) < 3:
		return command{}, false
	}
	n := int(binary.BigEndian.Uint16(rest[1:3]))
	if n == 0 || (len(rest) != 3+n && len(rest) != 5+n) {
		return command{}, false
	}
	c.data = rest[3 : 3+n]
	return c, true
}

// tlv formats one BER-TLV object; tags above 0xff take two bytes.
func tlv(tag int, value []byte) []byte {
	var b []byte
	if tag > 0xff {
		b = append(b, byte(tag>>8))
	}
	b = append(b, byte(tag))
	switch n := len(value); {
	case n < 0x80:
		b = append(b, byte(n))
	case n <= 0xff:
		b = append(b, 0x81, byte(n))
	default:
		b = append(b, 0x82, byte(n>>8), byte(n))
	}
	return append(b, value...)
}

// object is one BER-TLV object of a command.
type object struct {
	tag   int
	value []byte
}

// parseTLVs reads a sequence of BER-TLV objects with one-byte tags, or with the
// two-byte tags that begin with 0x7f or 0x5f, and lengths of at most two bytes.
func parseTLVs(b []byte) ([]object, bool) {
	var all []object
	for len(b) > 0 {
		tag := int(b[0])
		b = b[1:]
		if tag&0x1f == 0x1f {
			if len(b) == 0 {
				return nil, false
			}
			tag, b = tag<<8|int(b[0]), b[1:]
		}
		value, rest, ok := cutLength(b)
		if !ok {
			return nil, false
		}
		all, b = append(all, object{tag, value}), rest
	}
	return all, true
}

func cutLength(b []byte) (value, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, false
	}
	n := int(b[0])
	b = b[1:]
	switch {
	case n == 0x81 && len(b) >= 1:
		n, b = int(b[0]), b[1:]
	case n == 0x82 && len(b) >= 2:
		n, b = int(binary.BigEndian.Uint16(b)), b[2:]
	case n >= 0x80:
		return nil, nil, false
	}
	if len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

// find gives the value of the first object with the tag.
func find(all []object, tag int) ([]byte, bool) {
	for _, o := range all {
		if o.tag == tag {
			return o.value, true
		}
	}
	return nil, false
}
