package pgp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Armour labels (RFC 4880, section 6.2).
const (
	labelSignature = "PGP SIGNATURE"
	labelPublicKey = "PGP PUBLIC KEY BLOCK"
	labelSecretKey = "PGP PRIVATE KEY BLOCK"
)

const (
	maxArmourHeaders = 8
	maxArmourLine    = 76 // characters of base64 in a line (RFC 4880, section 6.3)
	armourColumns    = 64 // what we write
)

// armoured writes data as one armour block, with its CRC-24, which older gpg wants.
func armoured(label string, data []byte) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "-----BEGIN %s-----\n\n", label)
	text := base64.StdEncoding.EncodeToString(data)
	for len(text) > 0 {
		n := min(armourColumns, len(text))
		out.WriteString(text[:n])
		out.WriteByte('\n')
		text = text[n:]
	}
	fmt.Fprintf(&out, "=%s\n-----END %s-----\n", crcText(data), label)
	return out.Bytes()
}

// unarmoured reads exactly one armour block with the given label and nothing
// beside it. The headers Version and Comment are allowed and ignored; a checksum
// may be left out but must be right. Lines end in LF, or all of them in CRLF.
func unarmoured(in []byte, label string) ([]byte, error) {
	lines, err := armourLines(in)
	if err != nil {
		return nil, err
	}
	begin, end := "-----BEGIN "+label+"-----", "-----END "+label+"-----"
	if len(lines) < 2 || lines[0] != begin {
		return nil, fmt.Errorf("armour begins with %.60q, want %q and nothing before it", lines[0], begin)
	}
	lines = lines[1:]
	if lines, err = skipHeaders(lines); err != nil {
		return nil, err
	}
	if last := lines[len(lines)-1]; last != end {
		return nil, fmt.Errorf("armour ends with %.60q, want %q and nothing after it", last, end)
	}
	lines = lines[:len(lines)-1]
	sum := ""
	if n := len(lines); n > 0 && strings.HasPrefix(lines[n-1], "=") {
		sum, lines = lines[n-1][1:], lines[:n-1]
		if len(sum) != 4 {
			return nil, fmt.Errorf("armour checksum has %d characters, want 4", len(sum))
		}
	}
	data, err := armourBody(lines)
	if err != nil {
		return nil, err
	}
	if want := crcText(data); sum != "" && sum != want {
		return nil, fmt.Errorf("armour checksum is %q, want %q", sum, want)
	}
	return data, nil
}

// armourLines splits text into lines without their ends.
func armourLines(in []byte) ([]string, error) {
	if crlf := bytes.Count(in, []byte("\r\n")); crlf > 0 {
		if crlf != bytes.Count(in, []byte("\n")) {
			return nil, errors.New("armour mixes LF and CRLF line ends")
		}
		in = bytes.ReplaceAll(in, []byte("\r\n"), []byte("\n"))
	}
	return strings.Split(string(bytes.TrimSuffix(in, []byte("\n"))), "\n"), nil
}

// skipHeaders returns the lines after the armour headers and the empty line that
// ends them. At least one line is left.
func skipHeaders(lines []string) ([]string, error) {
	for i, line := range lines {
		if line == "" {
			if i+1 == len(lines) {
				break
			}
			return lines[i+1:], nil
		}
		if i == maxArmourHeaders {
			return nil, fmt.Errorf("armour has more than %d headers", maxArmourHeaders)
		}
		if !strings.HasPrefix(line, "Version: ") && !strings.HasPrefix(line, "Comment: ") || !printableASCII(line) {
			return nil, fmt.Errorf("armour header %.60q, want none, Version or Comment, then an empty line", line)
		}
	}
	return nil, errors.New("armour has no empty line after its headers, or nothing after it")
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// armourBody decodes the lines of base64.
func armourBody(lines []string) ([]byte, error) {
	for _, line := range lines {
		if line == "" || len(line) > maxArmourLine {
			return nil, fmt.Errorf("armour line has %d characters, want 1 to %d", len(line), maxArmourLine)
		}
		if strings.HasPrefix(line, "-") || strings.Contains(line, "\r") {
			return nil, fmt.Errorf("armour line %.60q, want base64: one block only", line)
		}
	}
	data, err := base64.StdEncoding.Strict().DecodeString(strings.Join(lines, ""))
	if err != nil {
		return nil, fmt.Errorf("armour: %w", err)
	}
	return data, nil
}

// crcText returns the armour checksum of data as four characters (RFC 4880, section 6.1).
func crcText(data []byte) string {
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
