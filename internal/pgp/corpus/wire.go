package corpus

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// Packet tags (RFC 9580, section 5) that cases are made of.
const (
	tagSignature  = 2
	tagOnePass    = 4
	tagSecretKey  = 5
	tagPublicKey  = 6
	tagCompressed = 8
	tagMarker     = 10
	tagLiteral    = 11
	tagTrust      = 12
	tagUserID     = 13
	tagSubkey     = 14
	tagPadding    = 21
)

// frame returns a packet with a new-format header of the shortest length.
func frame(tag byte, body []byte) []byte {
	head := []byte{0xc0 | tag}
	switch n := len(body); {
	case n < 192:
		head = append(head, byte(n))
	case n < 8384:
		head = append(head, byte((n-192)>>8+192), byte(n-192))
	default:
		head = binary.BigEndian.AppendUint32(append(head, 255), uint32(n))
	}
	return append(head, body...)
}

// framed returns a packet with the header given, whatever it says.
func framed(body []byte, header ...byte) []byte { return append(header, body...) }

// mpi returns value as a multiprecision integer (RFC 4880, section 3.2).
func mpi(value []byte) []byte {
	value = bytes.TrimLeft(value, "\x00")
	count := 0
	if len(value) > 0 {
		count = 8*(len(value)-1) + bits.Len8(value[0])
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(count)), value...)
}

// numbers splits the algorithm's part of a signature into its integers.
func numbers(tail []byte) (values [][]byte) {
	for len(tail) >= 2 {
		size := (int(binary.BigEndian.Uint16(tail)) + 7) / 8
		values, tail = append(values, tail[2:2+size]), tail[2+size:]
	}
	return values
}

// critical is the bit of a subpacket's type (RFC 9580, section 5.2.3.7).
const critical = 0x80

// sub returns a subpacket with the shortest length.
func sub(kind byte, data ...byte) []byte {
	var head []byte
	switch n := len(data) + 1; {
	case n < 192:
		head = []byte{byte(n)}
	case n < 16320:
		head = []byte{byte((n-192)>>8 + 192), byte(n - 192)}
	default:
		head = binary.BigEndian.AppendUint32([]byte{255}, uint32(n))
	}
	return slices.Concat(head, []byte{kind}, data)
}

// notation returns the body of a notation subpacket, human-readable.
func notation(name, value string) []byte {
	return slices.Concat([]byte{0x80, 0, 0, 0, 0, byte(len(name)), 0, byte(len(value))}, []byte(name), []byte(value))
}

func seconds(t uint32) []byte { return binary.BigEndian.AppendUint32(nil, t) }

const label = "PGP SIGNATURE"

// An armour is an armour block, each part of which can be spoiled alone.
type armour struct {
	label, end string // of the first and the last line
	headers    string // with their line ends
	columns    int
	sum        string // the checksum line, or "" for the right one, or "-" for none
}

func armoured(data []byte) []byte { return armour{}.block(data) }

func (a armour) block(data []byte) []byte {
	if a.label == "" {
		a.label = label
	}
	if a.end == "" {
		a.end = a.label
	}
	if a.columns == 0 {
		a.columns = 64
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "-----BEGIN %s-----\n%s\n", a.label, a.headers)
	for text := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(data)), a.columns) {
		fmt.Fprintf(&out, "%s\n", text)
	}
	switch a.sum {
	case "":
		fmt.Fprintf(&out, "=%s\n", checksum(data))
	case "-":
	default:
		fmt.Fprintf(&out, "%s\n", a.sum)
	}
	fmt.Fprintf(&out, "-----END %s-----\n", a.end)
	return out.Bytes()
}

// checksum returns the CRC-24 of data (RFC 9580, section 6.1) as four characters.
func checksum(data []byte) string {
	crc := uint32(0xb704ce)
	for _, b := range data {
		crc ^= uint32(b) << 16
		for range 8 {
			crc <<= 1
			if crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return base64.StdEncoding.EncodeToString([]byte{byte(crc >> 16), byte(crc >> 8), byte(crc)})
}
