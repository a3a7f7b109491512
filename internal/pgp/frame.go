package pgp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Packet tags (RFC 4880, section 4.3) that are named here.
const (
	tagSignature    = 2
	tagSecretKey    = 5
	tagPublicKey    = 6
	tagSecretSubkey = 7
	tagUserID       = 13
	tagPublicSubkey = 14
)

// A frame is one packet: its tag and its body.
type frame struct {
	tag  byte
	body []byte
}

// nextFrame splits the first packet off in. Both header formats are accepted
// (gpg writes the old one) if the length is definite and as short as it can be;
// partial and indeterminate lengths are refused (RFC 4880, section 4.2).
func nextFrame(in []byte) (f frame, rest []byte, err error) {
	if len(in) == 0 {
		return frame{}, nil, errors.New("packet header: nothing there")
	}
	if in[0]&0x80 == 0 {
		return frame{}, nil, fmt.Errorf("packet header: first octet %#02x has bit 7 clear", in[0])
	}
	var tag byte
	var length, header int
	if in[0]&0x40 != 0 {
		tag = in[0] & 0x3f
		length, header, err = newLength(in[1:])
	} else {
		tag = in[0] >> 2 & 0x0f
		length, header, err = oldLength(in[0]&3, in[1:])
	}
	if err != nil {
		return frame{}, nil, fmt.Errorf("packet header, tag %d: %w", tag, err)
	}
	body := in[1+header:]
	if length > len(body) {
		return frame{}, nil, fmt.Errorf("packet with tag %d has %d bytes of body, want %d", tag, len(body), length)
	}
	return frame{tag: tag, body: body[:length:length]}, body[length:], nil
}

var (
	errShortLength = errors.New("length is cut short")
	errLongLength  = errors.New("length is not in its shortest form")
)

// newLength reads a new-format length: its value and its size in octets.
func newLength(in []byte) (length, size int, err error) {
	if len(in) > 0 && in[0] >= 224 && in[0] < 255 {
		return 0, 0, errors.New("partial body length, want a definite one")
	}
	return octetLength(in, 224)
}

// octetLength reads a length of one, two or five octets, as packets (RFC 4880,
// section 4.2.2) and subpackets (section 5.2.3.1) have it. The two-octet form
// begins below limit in packets and below 255 in subpackets.
func octetLength(in []byte, limit int) (length, size int, err error) {
	switch {
	case len(in) == 0:
		return 0, 0, errShortLength
	case in[0] < 192:
		return int(in[0]), 1, nil
	case int(in[0]) < limit:
		if len(in) < 2 {
			return 0, 0, errShortLength
		}
		return int(in[0]-192)<<8 + int(in[1]) + 192, 2, nil
	case len(in) < 5:
		return 0, 0, errShortLength
	}
	n := binary.BigEndian.Uint32(in[1:5])
	if n > 1<<30 {
		return 0, 0, fmt.Errorf("length is %d", n)
	}
	if int(n) < (limit-192)<<8+192 {
		return 0, 0, errLongLength
	}
	return int(n), 5, nil
}

// oldLength reads an old-format length of the given type (RFC 4880, section 4.2.1).
func oldLength(kind byte, in []byte) (length, size int, err error) {
	size = 1 << kind
	if kind == 3 {
		return 0, 0, errors.New("indeterminate length, want a definite one")
	}
	if len(in) < size {
		return 0, 0, errShortLength
	}
	var n uint32
	for _, b := range in[:size] {
		n = n<<8 | uint32(b)
	}
	if n > 1<<30 {
		return 0, 0, fmt.Errorf("length is %d", n)
	}
	if kind == 1 && n < 1<<8 || kind == 2 && n < 1<<16 {
		return 0, 0, errLongLength
	}
	return int(n), size, nil
}

// appendFrame appends a packet with a new-format header of the shortest length.
func appendFrame(to []byte, tag byte, body []byte) []byte {
	to = append(to, 0xc0|tag)
	switch n := len(body); {
	case n < 192:
		to = append(to, byte(n))
	case n < 8384:
		to = append(to, byte((n-192)>>8+192), byte(n-192))
	default:
		to = append(to, 255)
		to = binary.BigEndian.AppendUint32(to, uint32(n))
	}
	return append(to, body...)
}

// nextMPI splits a multiprecision integer off in (RFC 4880, section 3.2): at
// least 1, at most maxBits bits, its bit count exact.
func nextMPI(in []byte, maxBits int) (value, rest []byte, err error) {
	if len(in) < 2 {
		return nil, nil, errors.New("number is cut short")
	}
	count := int(binary.BigEndian.Uint16(in))
	if count == 0 || count > maxBits {
		return nil, nil, fmt.Errorf("number has %d bits, want 1 to %d", count, maxBits)
	}
	size := (count + 7) / 8
	if len(in)-2 < size {
		return nil, nil, errors.New("number is cut short")
	}
	value = in[2 : 2+size : 2+size]
	if found := 8*(size-1) + bits.Len8(value[0]); found != count {
		return nil, nil, fmt.Errorf("number says %d bits and has %d", count, found)
	}
	return value, in[2+size:], nil
}

// appendMPI appends value, without its leading zeros, as a multiprecision integer.
func appendMPI(to, value []byte) []byte {
	for len(value) > 0 && value[0] == 0 {
		value = value[1:]
	}
	count := 0
	if len(value) > 0 {
		count = 8*(len(value)-1) + bits.Len8(value[0])
	}
	to = binary.BigEndian.AppendUint16(to, uint16(count))
	return append(to, value...)
}
