package tree

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rootward/rootward/roster/digest"
)

// Build makes the map of the given leaves, in whatever order they come, and
// returns its root and the number of its leaves. Any two sets of equal leaves
// give the same root and the same files.
//
// Each node and bucket is passed to emit once, children before their parent,
// the root last, always in the same order and by the goroutine that called
// Build; file is valid only during the call. With emit nil, Build only
// computes. An error of emit ends the work and is returned as it is. Leaves
// that cannot stand in a map, two leaves of one name, and more than MaxLines
// names that share MaxDepth digits are refused before anything is emitted.
//
// Build does not change leaves, and they must not change while it runs. It
// works on as many processors as Go may use, and needs 24 bytes of memory a
// leaf, and a few megabytes.
func Build(leaves []Leaf, emit func(d digest.Digest, file []byte) error) (root digest.Digest, size uint64, err error) {
	places, err := arrange(leaves, Position)
	if err != nil {
		return digest.Digest{}, 0, err
	}
	b := &builder{leaves: leaves, emit: emit}
	if len(places) > share {
		b.parts = b.makeParts(places)
		defer b.parts.stop()
	}
	root, err = b.subtree(places, "")
	if err != nil {
		return digest.Digest{}, 0, err
	}
	return root, uint64(len(leaves)), nil
}

// A builder makes the files of one map, or of one subtree.
type builder struct {
	leaves []Leaf
	emit   func(digest.Digest, []byte) error // nil: nobody wants the files
	parts  *parts                            // who makes the subtrees of at most share leaves; nil: this builder
	buf    []byte                            // the file in the making; reused
	few    []named                           // the leaves of a bucket; reused

	touched byte // so that touch is not for nothing
}

// subtree makes the files of the given places, which share the digits of
// prefix, and returns the digest of the topmost. This is the rule by which a
// map has its shape.
func (b *builder) subtree(places []place, prefix string) (digest.Digest, error) {
	if b.parts != nil && len(places) <= share {
		return b.parts.next(b.emit)
	}
	if len(places) <= MaxLines {
		return b.bucket(places, prefix)
	}
	var n Node
	for i, child := range children(places, len(prefix)) {
		d, err := b.subtree(child, prefix+digits[i:i+1])
		if err != nil {
			return digest.Digest{}, err
		}
		n[i] = d
	}
	b.buf = AppendNode(b.buf[:0], prefix, &n)
	return b.file()
}

// children yields the places below each of the sixteen digits at depth.
func children(places []place, depth int) func(yield func(int, []place) bool) {
	shift := 4 * (MaxDepth - 1 - depth)
	return func(yield func(int, []place) bool) {
		for i := range fanout {
			end, _ := slices.BinarySearchFunc(places, uint64(i)+1, func(p place, want uint64) int {
				return cmp.Compare(p.key>>shift&15, want)
			})
			if !yield(i, places[:end]) {
				return
			}
			places = places[end:]
		}
	}
}

// A named is a leaf with the first bytes of its name, which nearly always
// settle a comparison. To read them for all leaves of a bucket before any is
// compared lets the processor wait for many of the leaves at once, which lie
// all over the memory.
type named struct {
	first uint64
	leaf  *Leaf
}

func (b *builder) bucket(places []place, prefix string) (digest.Digest, error) {
	b.few = b.few[:0]
	for _, p := range places {
		l := &b.leaves[p.at]
		b.few = append(b.few, named{firstBytes(l.Name), l})
	}
	slices.SortFunc(b.few, func(x, y named) int {
		if c := cmp.Compare(x.first, y.first); c != 0 {
			return c
		}
		return strings.Compare(x.leaf.Name, y.leaf.Name)
	})
	b.buf = header(b.buf[:0], bucketKind, prefix)
	for _, n := range b.few {
		b.buf = n.leaf.append(b.buf)
	}
	return b.file()
}

// firstBytes orders names as their first eight bytes do. A name that is
// shorter is as if zeros followed, which no name has.
func firstBytes(name string) (n uint64) {
	if len(name) >= 8 { // one load
		return uint64(name[0])<<56 | uint64(name[1])<<48 | uint64(name[2])<<40 | uint64(name[3])<<32 |
			uint64(name[4])<<24 | uint64(name[5])<<16 | uint64(name[6])<<8 | uint64(name[7])
	}
	for i := range len(name) {
		n |= uint64(name[i]) << (56 - 8*i)
	}
	return n
}

// file names the file in the making and passes it on.
func (b *builder) file() (digest.Digest, error) {
	d := digest.Sum(b.buf)
	if b.emit == nil {
		return d, nil
	}
	return d, b.emit(d, b.buf)
}
