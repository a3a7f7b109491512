package client

import (
	"context"
	"slices"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// longIndex is the length, in bytes, from which on a remembered release index
// is not fetched again when lines were appended to it.
const longIndex = 8 << 10

func indexLimit(l tree.Leaf) int64 { return int64(min(l.IndexLength, roster.MaxIndex)) }

// askIndex asks for the release index that a leaf names.
func (v *View) askIndex(leaf tree.Leaf, kept *packageMemory) {
	path, limit := roster.IndexPath(leaf.Name, leaf.Index), indexLimit(leaf)
	v.askFor(path, limit, limit, func(ctx context.Context) ([]byte, error) { return v.fetchIndex(ctx, leaf, kept.index) })
}

// readIndex returns the release index that a leaf names: as it is remembered,
// or else as it was asked for, or else fetched now.
func (v *View) readIndex(ctx context.Context, leaf tree.Leaf, kept *packageMemory) ([]byte, error) {
	if b, ok := kept.keptIndex(leaf.Index); ok {
		return b, nil
	}
	path := roster.IndexPath(leaf.Name, leaf.Index)
	b, err, asked := v.take(path, indexLimit(leaf))
	if !asked {
		b, err = v.fetchIndex(ctx, leaf, kept.index)
	}
	return b, required(path, err)
}

// fetchIndex fetches what was appended to a long index that is remembered, and
// the whole of any other. Where the source has no such part, or it makes not
// the index that the leaf names, the whole is fetched as well: so nobody can
// withhold by it what they could not have withheld without.
func (v *View) fetchIndex(ctx context.Context, leaf tree.Leaf, had []byte) ([]byte, error) {
	if b := v.appended(ctx, leaf, had); b != nil {
		return b, nil
	}
	return v.request(ctx, roster.IndexPath(leaf.Name, leaf.Index), indexLimit(leaf))
}

func (v *View) appended(ctx context.Context, leaf tree.Leaf, had []byte) []byte {
	source, ok := v.source().(Tailer)
	if !ok || len(had) < longIndex || leaf.IndexLength <= uint64(len(had)) || leaf.IndexLength > roster.MaxIndex {
		return nil
	}
	tail, err := v.slotted(ctx, func() ([]byte, error) {
		r, err := source.OpenFrom(ctx, roster.IndexPath(leaf.Name, leaf.Index), int64(len(had)), int64(leaf.IndexLength))
		if err != nil {
			return nil, err
		}
		return readAll(r)
	})
	whole := slices.Concat(had, tail)
	if err != nil || digest.Sum(whole) != leaf.Index {
		return nil
	}
	return whole
}
