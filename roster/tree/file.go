package tree

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/rootward/rootward/roster/digest"
)

// AppendBucket appends the bucket file with the given prefix and leaves. The
// leaves must be sorted, valid and within the prefix, as ParseBucket wants
// them; AppendBucket does not look.
func AppendBucket(b []byte, prefix string, leaves []Leaf) []byte {
	b = header(b, bucketKind, prefix)
	for i := range leaves {
		b = leaves[i].Append(b)
	}
	return b
}

// ParseBucket reads the bucket file that stands at prefix: "" at the root, or
// up to MaxDepth hex digits. The leaves come strictly sorted by the bytes of
// their names, each of them within the prefix, at most MaxLines of them. What
// it accepts, AppendBucket prints back to the same bytes.
//
// ParseBucket does not check the digest of the file; [Lookup] and [Walk] do.
// The error is a [*CorruptError] unless the prefix itself is none.
func ParseBucket(prefix string, file []byte) ([]Leaf, error) {
	if err := checkPrefix(prefix, MaxDepth); err != nil {
		return nil, err
	}
	body, err := cutHeader(prefix, bucketKind, file)
	if err != nil {
		return nil, err
	}
	n := bytes.Count(body, []byte{'\n'})
	if n > MaxLines {
		return nil, corrupt(prefix, fmt.Sprintf("a bucket with %d lines", n), fmt.Sprintf("it split, because it has more than %d", MaxLines))
	}
	leaves := make([]Leaf, 0, n)
	for len(body) > 0 {
		line, rest, ended := bytes.Cut(body, []byte{'\n'})
		if !ended {
			return nil, corrupt(prefix, "a last line without a line feed", "every line to end in one")
		}
		body = rest
		l, err := ParseLeaf(string(line))
		if err != nil {
			return nil, corrupt(prefix, err.Error(), "a leaf line")
		}
		if !within(Position(l.Name), prefix) {
			return nil, corrupt(prefix, fmt.Sprintf("package %s at position %s", l.Name, Position(l.Name)), "only packages within the prefix")
		}
		if len(leaves) > 0 && leaves[len(leaves)-1].Name >= l.Name {
			return nil, corrupt(prefix, fmt.Sprintf("package %s after %s", l.Name, leaves[len(leaves)-1].Name), "lines strictly sorted by name")
		}
		leaves = append(leaves, l)
	}
	return leaves, nil
}

// AppendNode appends the node file with the given prefix and children.
func AppendNode(b []byte, prefix string, n *Node) []byte {
	b = header(b, nodeKind, prefix)
	for i := range n {
		b = append(n[i].Append(b), '\n')
	}
	return b
}

// ParseNode reads the node file that stands at prefix: "" at the root, or
// fewer than MaxDepth hex digits. What it accepts, AppendNode prints back to
// the same bytes. Whether the subtree has more than MaxLines lines cannot be
// seen from the node; [Walk] checks it.
//
// ParseNode does not check the digest of the file; [Lookup] and [Walk] do. The
// error is a [*CorruptError] unless the prefix itself is none.
func ParseNode(prefix string, file []byte) (*Node, error) {
	if err := checkPrefix(prefix, MaxDepth-1); err != nil {
		return nil, err
	}
	body, err := cutHeader(prefix, nodeKind, file)
	if err != nil {
		return nil, err
	}
	const line = 2*digest.Size + 1
	if len(body) != fanout*line {
		return nil, corrupt(prefix, fmt.Sprintf("a node with %d bytes of children", len(body)),
			fmt.Sprintf("%d lines of %d bytes", fanout, line))
	}
	var n Node
	for i := range n {
		l := body[i*line : (i+1)*line]
		d, err := parseDigest(string(l[:line-1]))
		if err == nil && l[line-1] != '\n' {
			err = errors.New("the line does not end in a line feed")
		}
		if err != nil {
			return nil, corrupt(prefix, fmt.Sprintf("child %c: %v", digits[i], err), "a digest on each line")
		}
		n[i] = d
	}
	return &n, nil
}

// cutHeader checks the first line of a file and returns what follows it.
func cutHeader(prefix, kind string, file []byte) ([]byte, error) {
	if len(file) > MaxFile {
		return nil, corrupt(prefix, fmt.Sprintf("%d bytes", len(file)), fmt.Sprintf("at most %d", MaxFile))
	}
	want := header(nil, kind, prefix)
	body, ok := bytes.CutPrefix(file, want)
	if !ok {
		first, _, _ := bytes.Cut(file, []byte{'\n'})
		return nil, corrupt(prefix, fmt.Sprintf("the first line %.80q", first), fmt.Sprintf("%q", want[:len(want)-1]))
	}
	return body, nil
}

func corrupt(prefix, found, want string) *CorruptError {
	return &CorruptError{Prefix: prefix, Found: found, Want: want}
}
