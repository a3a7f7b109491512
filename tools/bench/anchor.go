package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/tools/bench/world"
)

// An anchorCheck is what happens to an index between two ceremonies.
type anchorCheck struct {
	extended  int // packages with a new release
	succeeded int // with a new release and a new list
	added     int // not in the former anchor
	overrides int // whose list the root replaces
}

// changesOf shares out the changed packages as a quarter might.
func changesOf(changed int) anchorCheck {
	c := anchorCheck{succeeded: changed / 5, added: changed / 8, overrides: max(1, changed/500)}
	c.extended = changed - c.succeeded - c.added - c.overrides
	return c
}

// anchoring measures the anchor check as the air-gapped machine makes it: it
// reads both maps, recomputes them, and judges each changed package.
func anchoring(ctx context.Context, o options, changed int, out io.Writer) error {
	parts := changesOf(changed)
	var names []string
	w := world.New(player{}, o.seed, o.packages, true, func(members []world.Member) []string {
		step := len(members) / changed
		for i := range changed {
			names = append(names, members[i*step].Name)
		}
		return names
	})
	left := names
	take := func(n int) []string {
		some := left[:n]
		left = left[n:]
		return some
	}
	added := make(map[string]bool)
	for _, name := range take(parts.added) {
		added[name] = true
	}
	r := w.Anchor(added)
	overrides := make(map[string]digest.Digest)
	for _, name := range take(parts.overrides) {
		w.Change(name, world.State{Releases: 1})
		overrides[name] = w.Override(name)
	}
	for _, name := range take(parts.extended) {
		w.Change(name, world.State{Releases: 1})
	}
	for _, name := range left {
		w.Change(name, world.State{Releases: 1, Lists: 1})
	}
	root := w.Map(nil).Root
	began, cpu := time.Now(), processorTime()
	a, err := r.Recompute(ctx, roster.AnchorCase{Map: root, Overrides: overrides}, nil, w.Fetch)
	if err != nil {
		return fmt.Errorf("the anchor check: %w", err)
	}
	took, used := time.Since(began), processorTime()-cpu
	verdicts := make(map[roster.AnchorVerdict]int)
	for _, ch := range a.Changes() {
		if ch.Verdict == roster.AnchorRefused {
			return fmt.Errorf("the anchor check refused %s: %w", ch.Name, ch.Why)
		}
		verdicts[ch.Verdict]++
	}
	want := map[roster.AnchorVerdict]int{roster.AnchorNew: parts.added, roster.AnchorOverride: parts.overrides,
		roster.AnchorExtended: parts.extended, roster.AnchorSucceeded: parts.succeeded}
	for verdict, n := range want {
		if verdicts[verdict] != n {
			return fmt.Errorf("the anchor check found %d packages %s, wanted %d", verdicts[verdict], verdict, n)
		}
	}
	fmt.Fprintf(out, "anchor check, %d packages, %d changed (%d new, %d succeeded, %d extended, %d overrides): %.1f s, %.1f s of processor, signing by the simulation included\n",
		a.Size(), changed, parts.added, parts.succeeded, parts.extended, parts.overrides, took.Seconds(), used.Seconds())
	return nil
}
