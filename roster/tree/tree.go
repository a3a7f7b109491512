// Package tree has the map: a hash tree over all packages of an index, from
// whose root a client reaches the one line of a package, or a proof that there
// is none.
//
// The position of a package is the 64 hex digits of SHA-256(name). The tree
// branches sixteen ways by these digits and ends in buckets of sorted lines.
// Its shape depends on the lines alone: a subtree is one bucket if it has at
// most [MaxLines] lines, and else a node with sixteen children. Nodes and
// buckets are text files, named by their SHA-256 (see [Path]):
//
//	map-bucket/v1 4f
//	example active 1 <list digest> 512 <index digest>
//	...at most 64 lines, strictly sorted by the bytes of the name
//
//	map-node/v1 4
//	<digest of child 40>
//	...sixteen lines, for the digits 0 to f
//
// The word after the kind is the prefix: the digits consumed on the way from
// the root, or "-" at the root. A child without lines is a bucket that has
// only its first line. Every line ends in a line feed; there are no others.
//
// The package is pure: it reads no file, clock or network. It knows nothing of
// snapshots and anchors, which say which root to believe.
package tree

import (
	"crypto/sha256"
	"fmt"

	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster/digest"
)

const (
	// MaxLines is the number of lines that one bucket can hold; a subtree with
	// one line more is a node.
	MaxLines = 64

	// MaxDepth is the longest prefix of a bucket, in hex digits. 65 names whose
	// digests begin with the same 16 digits cost about 2^63 hashes to find; the
	// limit keeps a hostile server from leading a client down a longer path.
	MaxDepth = 16

	// MaxFile is the length in bytes of the longest node or bucket.
	MaxFile = len(bucketKind) + MaxDepth + 1 + MaxLines*MaxLine

	bucketKind = "map-bucket/v1 "
	nodeKind   = "map-node/v1 "
	fanout     = 16
	digits     = "0123456789abcdef"
)

// A Node is what a node file says: the digests of its sixteen children.
type Node [fanout]digest.Digest

// Path returns where the repository keeps the node or bucket d: a relative
// path with '/' as separator.
func Path(d digest.Digest) string { return "map/" + d.String() }

// Position returns the place of a package in the map, SHA-256(name). The name
// is taken as it is.
func Position(name string) digest.Digest { return sha256.Sum256([]byte(name)) }

// digit returns the hex digit at the given depth of a position.
func digit(p digest.Digest, depth int) byte {
	if depth%2 == 0 {
		return p[depth/2] >> 4
	}
	return p[depth/2] & 15
}

// within reports whether a position begins with the digits of prefix.
func within(p digest.Digest, prefix string) bool {
	for i := range len(prefix) {
		if digits[digit(p, i)] != prefix[i] {
			return false
		}
	}
	return true
}

// header appends the first line of a file.
func header(b []byte, kind, prefix string) []byte {
	b = append(b, kind...)
	if prefix == "" {
		b = append(b, '-')
	}
	b = append(b, prefix...)
	return append(b, '\n')
}

// A CorruptError says that a file of the map is not what the root commits to,
// or not of the one shape that the lines of a map have. Whoever served it, or
// whoever made the root, is at fault; there is nothing in it to use.
type CorruptError struct {
	File   digest.Digest // the file that was asked for; zero from the Parse functions
	Prefix string        // the hex digits on the way to it; "" is the root
	Found  string        // what it holds; strings from outside are quoted
	Want   string        // what it should hold
}

func (e *CorruptError) Error() string {
	name, at := "map file", "the root"
	if !e.File.IsZero() {
		name += " " + e.File.String()
	}
	if e.Prefix != "" {
		at = "prefix " + e.Prefix
	}
	return fmt.Sprintf("%s at %s: found %s; want %s", name, at, e.Found, e.Want)
}

// checkPrefix refuses a prefix that no file of the given kind can have. It
// guards the exported functions against a caller's slip.
func checkPrefix(prefix string, longest int) error {
	if len(prefix) > longest {
		return fmt.Errorf("prefix %q has %d digits; want at most %d", prefix, len(prefix), longest)
	}
	for i := range len(prefix) {
		if c := prefix[i]; (c < '0' || '9' < c) && (c < 'a' || 'f' < c) {
			return fmt.Errorf("prefix %q: character %d is not a lower-case hex digit", prefix, i+1)
		}
	}
	return nil
}

// checkName refuses a name that cannot stand in the map.
func checkName(name string) error {
	if !pypi.IsNormal(name) {
		return fmt.Errorf("package name %.120q is not in normal form (PEP 503, at most %d bytes)", name, pypi.MaxName)
	}
	return nil
}
