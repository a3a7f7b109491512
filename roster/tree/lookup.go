package tree

import (
	"bytes"
	"context"
	"fmt"

	"github.com/rootward/rootward/roster/digest"
)

// A Fetch returns the node or bucket with the digest d, whose bytes are kept
// at Path(d). It should read no more than limit bytes, plus one to tell that
// there are more. What it returns is not trusted: [Lookup] and [Walk] check
// its length and its digest.
type Fetch func(ctx context.Context, d digest.Digest, limit int64) ([]byte, error)

// Lookup follows the map from its root to the leaf of a package. If found is
// false and err is nil, the absence of a leaf is proven: the map with this
// root has none for the name.
//
// The error is a [*CorruptError] if a file is not what the root commits to or
// is malformed, and wraps the error of fetch if a file cannot be had. The name
// must be in normal form. Lookup makes at most MaxDepth+1 fetches. It sees
// only the files on its path: that a node has more than MaxLines lines below
// it, and that the map has as many leaves as a snapshot says, is for [Walk].
func Lookup(ctx context.Context, root digest.Digest, name string, fetch Fetch) (leaf Leaf, found bool, err error) {
	if err := checkName(name); err != nil {
		return Leaf{}, false, err
	}
	position := Position(name)
	path := position.String()
	for d, depth := root, 0; ; depth++ {
		f, err := open(ctx, d, path[:depth], fetch)
		if err != nil {
			return Leaf{}, false, err
		}
		if f.node != nil {
			d = f.node[digit(position, depth)]
			continue
		}
		for _, l := range f.leaves {
			if l.Name == name {
				return l, true, nil
			}
		}
		return Leaf{}, false, nil
	}
}

// Walk visits every leaf of a map, bucket by bucket in the order of their
// prefixes, and within a bucket in the order of names. An error of visit ends
// the walk and is returned as it is.
//
// Beyond what [Lookup] checks of each file, Walk checks that every node has
// more than MaxLines lines below it, so that Build of the visited leaves gives
// this root. A node is judged after its leaves were visited: what was visited
// counts only once Walk has returned nil.
func Walk(ctx context.Context, root digest.Digest, fetch Fetch, visit func(Leaf) error) error {
	_, err := walk(ctx, root, "", fetch, visit)
	return err
}

// walk visits one subtree and returns the number of its leaves.
func walk(ctx context.Context, d digest.Digest, prefix string, fetch Fetch, visit func(Leaf) error) (int, error) {
	f, err := open(ctx, d, prefix, fetch)
	if err != nil {
		return 0, err
	}
	if f.node == nil {
		for _, l := range f.leaves {
			if err := visit(l); err != nil {
				return 0, err
			}
		}
		return len(f.leaves), nil
	}
	total := 0
	for i, child := range f.node {
		n, err := walk(ctx, child, prefix+digits[i:i+1], fetch, visit)
		if err != nil {
			return 0, err
		}
		total += n
	}
	if total <= MaxLines {
		return 0, &CorruptError{File: d, Prefix: prefix, Found: fmt.Sprintf("a node over %d lines", total),
			Want: fmt.Sprintf("a bucket, because there are at most %d", MaxLines)}
	}
	return total, nil
}

// A file is a node, or else a bucket of leaves.
type file struct {
	node   *Node
	leaves []Leaf
}

// open fetches the file d that stands at prefix, checks it and reads it.
func open(ctx context.Context, d digest.Digest, prefix string, fetch Fetch) (file, error) {
	if err := ctx.Err(); err != nil {
		return file{}, fmt.Errorf("reading the map: %w", err)
	}
	b, err := fetch(ctx, d, int64(MaxFile))
	if err != nil {
		return file{}, fmt.Errorf("fetching map file %s: %w", d, err)
	}
	f, err := read(d, prefix, b)
	if c, ok := err.(*CorruptError); ok {
		c.File = d
	}
	return f, err
}

func read(d digest.Digest, prefix string, b []byte) (file, error) {
	if len(b) > MaxFile {
		return file{}, corrupt(prefix, fmt.Sprintf("%d bytes or more", len(b)), fmt.Sprintf("at most %d", MaxFile))
	}
	if got := digest.Sum(b); got != d {
		return file{}, corrupt(prefix, "digest "+got.String(), "digest "+d.String())
	}
	if !bytes.HasPrefix(b, []byte(nodeKind)) {
		leaves, err := ParseBucket(prefix, b)
		return file{leaves: leaves}, err
	}
	if len(prefix) >= MaxDepth {
		return file{}, corrupt(prefix, "a node", fmt.Sprintf("a bucket, because the map ends after %d digits", MaxDepth))
	}
	n, err := ParseNode(prefix, b)
	return file{node: n}, err
}
