package tree

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/rootward/rootward/roster/digest"
)

// A place is a leaf's index and the first MaxDepth digits of its position,
// which are all that the shape of a map can depend on.
type place struct {
	key uint64
	at  int
}

// Keys are first sorted by their first spreadBits, by counting, and then each
// run of equal ones by comparison.
const (
	spreadBits  = 16
	spreadShift = 64 - spreadBits
)

// arrange checks the leaves and returns their places in the order of the map.
// The position of a name is an argument so that a test can make names collide.
func arrange(leaves []Leaf, position func(name string) digest.Digest) ([]place, error) {
	keys := make([]uint64, len(leaves))
	err := inParallel(len(leaves), func(from, to int) error {
		for i := from; i < to; i++ {
			if err := leaves[i].Check(); err != nil {
				return err
			}
			p := position(leaves[i].Name)
			keys[i] = binary.BigEndian.Uint64(p[:MaxDepth/2])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	places, ends := spread(keys)
	err = inParallel(len(ends), func(from, to int) error {
		for i := from; i < to; i++ {
			begin := 0
			if i > 0 {
				begin = ends[i-1]
			}
			if err := arrangeRun(leaves, places[begin:ends[i]]); err != nil {
				return err
			}
		}
		return nil
	})
	return places, err
}

// spread returns the places of the keys sorted by their first bits, and where
// each run of equal ones ends; of few keys, one run of all as they come.
func spread(keys []uint64) (places []place, ends []int) {
	places = make([]place, len(keys))
	if len(keys) <= share { // not worth it
		for at, k := range keys {
			places[at] = place{k, at}
		}
		return places, []int{len(keys)}
	}
	ends = make([]int, 1<<spreadBits)
	for _, k := range keys {
		ends[k>>spreadShift]++
	}
	begin := 0
	for i, n := range ends {
		ends[i] = begin // until its places are filled in
		begin += n
	}
	for at, k := range keys {
		run := &ends[k>>spreadShift]
		places[*run] = place{k, at}
		*run++
	}
	return places, ends
}

// arrangeRun sorts places by their keys. Two leaves of one name have the same
// key, and so stand in one run.
func arrangeRun(leaves []Leaf, run []place) error {
	slices.SortFunc(run, func(a, b place) int {
		if c := cmp.Compare(a.key, b.key); c != 0 {
			return c
		}
		return strings.Compare(leaves[a.at].Name, leaves[b.at].Name)
	})
	for i := 1; i < len(run); i++ {
		if run[i-1].key != run[i].key {
			continue
		}
		name := leaves[run[i].at].Name
		if leaves[run[i-1].at].Name == name {
			return fmt.Errorf("package %s has two leaves; want one", name)
		}
		if i >= MaxLines && run[i].key == run[i-MaxLines].key {
			return fmt.Errorf("package %s: %d names share the first %d digits of their positions; want at most %d",
				name, MaxLines+1, MaxDepth, MaxLines)
		}
	}
	return nil
}

// inParallel calls do for consecutive parts of 0 to n, on all processors, and
// returns the error of the first part that has one.
func inParallel(n int, do func(from, to int) error) error {
	parts := max(1, min(runtime.GOMAXPROCS(0), n/share))
	errs := make([]error, parts)
	var all sync.WaitGroup
	for i := range parts {
		all.Go(func() { errs[i] = do(i*n/parts, (i+1)*n/parts) })
	}
	all.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}
