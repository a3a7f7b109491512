package tree

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster/digest"
)

// A Status is what the online signer says of a package. It can only refuse: no
// status makes a package unsigned, and none authorises anything.
type Status string

// The statuses of a package.
const (
	Active      Status = "active"      // nothing stands against it
	Quarantined Status = "quarantined" // withheld while somebody looks into it
	Removed     Status = "removed"     // withdrawn; the name keeps its leaf
)

// MaxNumber is the greatest version or length in a leaf: 2^53 - 1, so that
// every JSON reader can hold it.
const MaxNumber = 1<<53 - 1

// MaxLine is the length in bytes of the longest leaf line, its line feed
// included: a name, a status, two numbers of 16 digits, two digests, and the
// separators.
const MaxLine = pypi.MaxName + len(Quarantined) + 2*16 + 2*2*digest.Size + 6

// A Leaf is what the map says of one package.
type Leaf struct {
	Name        string        // in normal form (PEP 503)
	Status      Status        // Active, Quarantined or Removed
	ListVersion uint64        // version of the maintainer list; 0 while unsigned
	List        digest.Digest // digest of the maintainer list; zero while unsigned
	IndexLength uint64        // length of the release index
	Index       digest.Digest // digest of the release index
}

// HasList reports whether the package has a maintainer list. One without is
// unsigned.
func (l Leaf) HasList() bool { return l.ListVersion != 0 }

// Check returns an error that names the first field of l that cannot stand in
// a map. It does not know whether the list and the index exist.
func (l Leaf) Check() error {
	if err := checkName(l.Name); err != nil {
		return err
	}
	switch l.Status {
	case Active, Quarantined, Removed:
	default:
		return fmt.Errorf("package %s: status is %.40q; want %s, %s or %s", l.Name, l.Status, Active, Quarantined, Removed)
	}
	switch {
	case l.ListVersion > MaxNumber:
		return fmt.Errorf("package %s: list version is %d; want at most %d", l.Name, l.ListVersion, uint64(MaxNumber))
	case l.IndexLength > MaxNumber:
		return fmt.Errorf("package %s: index length is %d; want at most %d", l.Name, l.IndexLength, uint64(MaxNumber))
	case l.ListVersion == 0 && !l.List.IsZero():
		return fmt.Errorf("package %s: list version is 0 beside the list digest %s; want '-', or a version from 1", l.Name, l.List)
	case l.ListVersion != 0 && l.List.IsZero():
		return fmt.Errorf("package %s: list version is %d without a list digest; want both or neither", l.Name, l.ListVersion)
	case l.Index.IsZero():
		return fmt.Errorf("package %s: index digest is missing", l.Name)
	}
	return nil
}

// Append appends the line of l, which ends in a line feed:
//
//	name SP status SP listversion SP listdigest SP indexlength SP indexdigest LF
//
// The list digest is '-' while the package is unsigned. Append does not check
// l; see [Leaf.Check].
func (l Leaf) Append(b []byte) []byte { return l.append(b) }

func (l *Leaf) append(b []byte) []byte {
	b = append(b, l.Name...)
	b = append(b, ' ')
	b = append(b, l.Status...)
	b = append(b, ' ')
	b = strconv.AppendUint(b, l.ListVersion, 10)
	b = append(b, ' ')
	if l.List.IsZero() {
		b = append(b, '-')
	} else {
		b = appendHex(b, &l.List)
	}
	b = append(b, ' ')
	b = strconv.AppendUint(b, l.IndexLength, 10)
	b = append(b, ' ')
	b = appendHex(b, &l.Index)
	return append(b, '\n')
}

// appendHex appends what d.Append does, eight digits at a time: a map of an
// index has some million digests.
func appendHex(b []byte, d *digest.Digest) []byte {
	const each = 0x0101010101010101 // 1 in each of eight bytes
	var text [2 * digest.Size]byte
	for i := 0; i < digest.Size; i += 4 {
		n := uint64(binary.BigEndian.Uint32(d[i:]))
		n = (n<<16 | n) & 0x0000ffff0000ffff
		n = (n<<8 | n) & 0x00ff00ff00ff00ff
		n = (n<<4 | n) & (0xf * each) // one digit in each byte
		letters := (n + 6*each) >> 4 & each
		binary.BigEndian.PutUint64(text[2*i:], n+'0'*each+('a'-'0'-10)*letters)
	}
	return append(b, text[:]...)
}

// String returns the line of l without its line feed.
func (l Leaf) String() string {
	b := l.Append(nil)
	return string(b[:len(b)-1])
}

// ParseLeaf reads one line, without its line feed. What it accepts prints back
// to the same bytes.
func ParseLeaf(line string) (Leaf, error) {
	if len(line) > MaxLine-1 {
		return Leaf{}, fmt.Errorf("leaf line has %d bytes; want at most %d", len(line), MaxLine-1)
	}
	var f [6]string
	if n := strings.Count(line, " ") + 1; n != len(f) {
		return Leaf{}, fmt.Errorf("leaf line %q has %d fields; want 6 with one space between them", line, n)
	}
	rest := line
	for i := range f {
		f[i], rest, _ = strings.Cut(rest, " ")
	}
	// The name is a copy, so that a leaf does not keep its line in memory.
	l := Leaf{Name: strings.Clone(f[0]), Status: Status(f[1])}
	for _, s := range []Status{Active, Quarantined, Removed} {
		if l.Status == s {
			l.Status = s
		}
	}
	var err error
	if l.ListVersion, err = parseNumber(f[2]); err != nil {
		return Leaf{}, fmt.Errorf("leaf line %q: list version: %w", line, err)
	}
	if f[3] != "-" {
		if l.List, err = parseDigest(f[3]); err != nil {
			return Leaf{}, fmt.Errorf("leaf line %q: list %w", line, err)
		}
	}
	if l.IndexLength, err = parseNumber(f[4]); err != nil {
		return Leaf{}, fmt.Errorf("leaf line %q: index length: %w", line, err)
	}
	if l.Index, err = parseDigest(f[5]); err != nil {
		return Leaf{}, fmt.Errorf("leaf line %q: index %w", line, err)
	}
	if err := l.Check(); err != nil {
		return Leaf{}, fmt.Errorf("leaf line %q: %w", line, err)
	}
	return l, nil
}

// parseNumber reads a decimal number without sign or leading zeros. Its size
// is for Check to judge; more digits than MaxNumber has are refused here.
func parseNumber(s string) (uint64, error) {
	if s == "" || len(s) > 16 || len(s) > 1 && s[0] == '0' {
		return 0, fmt.Errorf("found %q; want a decimal number below 2^53 without leading zeros", s)
	}
	var n uint64
	for i := range len(s) {
		if s[i] < '0' || '9' < s[i] {
			return 0, fmt.Errorf("found %q; want a decimal number below 2^53 without leading zeros", s)
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return n, nil
}

// parseDigest reads a digest that is not zero: zero stands for none.
func parseDigest(s string) (digest.Digest, error) {
	d, err := digest.Parse(s)
	if err == nil && d.IsZero() {
		err = fmt.Errorf("digest is all zeros, which stands for none")
	}
	return d, err
}
