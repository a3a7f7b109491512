package tree

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/roster/digest"
)

// Build makes the map of the given leaves, in whatever order they come, and
// returns its root and the number of its leaves. Any two sets of equal leaves
// give the same root and the same files.
//
// Each node and bucket is passed to emit once, children before their parent,
// the root last; file is valid only during the call. With emit nil, Build only
// computes. An error of emit ends the work and is returned as it is. Leaves
// that cannot stand in a map, two leaves of one name, and more than MaxLines
// names that share MaxDepth digits are refused before anything is emitted.
//
// Build does not change leaves. It needs 16 bytes of memory a leaf.
func Build(leaves []Leaf, emit func(d digest.Digest, file []byte) error) (root digest.Digest, size uint64, err error) {
	places, err := arrange(leaves, Position)
	if err != nil {
		return digest.Digest{}, 0, err
	}
	if emit == nil {
		emit = func(digest.Digest, []byte) error { return nil }
	}
	b := &builder{leaves: leaves, emit: emit}
	root, err = b.subtree(places, 0)
	if err != nil {
		return digest.Digest{}, 0, err
	}
	return root, uint64(len(leaves)), nil
}

// A place is a leaf's index and the first MaxDepth digits of its position,
// which are all that the shape of a map can depend on.
type place struct {
	key uint64
	at  int
}

// arrange checks the leaves and returns their places in the order of the map,
// and in the order of names where the keys are equal. The position of a name
// is an argument so that a test can make names collide.
func arrange(leaves []Leaf, position func(name string) digest.Digest) ([]place, error) {
	places := make([]place, len(leaves))
	for i := range leaves {
		if err := leaves[i].Check(); err != nil {
			return nil, err
		}
		p := position(leaves[i].Name)
		places[i] = place{binary.BigEndian.Uint64(p[:MaxDepth/2]), i}
	}
	slices.SortFunc(places, func(a, b place) int {
		if c := cmp.Compare(a.key, b.key); c != 0 {
			return c
		}
		return strings.Compare(leaves[a.at].Name, leaves[b.at].Name)
	})
	for i := 1; i < len(places); i++ {
		if a, b := places[i-1].at, places[i].at; leaves[a].Name == leaves[b].Name {
			return nil, fmt.Errorf("package %s has two leaves; want one", leaves[a].Name)
		}
		if i >= MaxLines && places[i].key == places[i-MaxLines].key {
			return nil, fmt.Errorf("package %s: %d names share the first %d digits of their positions; want at most %d",
				leaves[places[i].at].Name, MaxLines+1, MaxDepth, MaxLines)
		}
	}
	return places, nil
}

// A builder makes the files of one map.
type builder struct {
	leaves []Leaf
	emit   func(digest.Digest, []byte) error
	buf    []byte  // the file in the making; reused
	few    []place // the places of a bucket, sorted by name; reused
	prefix [MaxDepth]byte
}

// subtree makes the files of the given places, which share their first depth
// digits, and returns the digest of the topmost.
func (b *builder) subtree(places []place, depth int) (digest.Digest, error) {
	if len(places) <= MaxLines {
		return b.bucket(places, depth)
	}
	var n Node
	shift := 4 * (MaxDepth - 1 - depth)
	for i := range n {
		end, _ := slices.BinarySearchFunc(places, uint64(i)+1, func(p place, want uint64) int {
			return cmp.Compare(p.key>>shift&15, want)
		})
		b.prefix[depth] = digits[i]
		d, err := b.subtree(places[:end], depth+1)
		if err != nil {
			return digest.Digest{}, err
		}
		n[i], places = d, places[end:]
	}
	b.buf = AppendNode(b.buf[:0], string(b.prefix[:depth]), &n)
	return b.file()
}

func (b *builder) bucket(places []place, depth int) (digest.Digest, error) {
	b.few = append(b.few[:0], places...)
	slices.SortFunc(b.few, func(x, y place) int {
		return strings.Compare(b.leaves[x.at].Name, b.leaves[y.at].Name)
	})
	b.buf = header(b.buf[:0], bucketKind, string(b.prefix[:depth]))
	for _, p := range b.few {
		b.buf = b.leaves[p.at].Append(b.buf)
	}
	return b.file()
}

// file names the file in the making and passes it on.
func (b *builder) file() (digest.Digest, error) {
	d := digest.Sum(b.buf)
	return d, b.emit(d, b.buf)
}
