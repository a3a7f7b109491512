package world_test

import (
	"slices"
	"testing"

	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/tools/bench/world"
)

var _ rostertest.TB = (*testing.T)(nil)

// The figures that the population is to have, and that a seed settles it.
func TestPopulation(t *testing.T) {
	const n = 100_000
	members := world.Population(1, n)
	if !slices.Equal(members, world.Population(1, n)) {
		t.Error("the same seed made another population")
	}
	if slices.Equal(members, world.Population(2, n)) {
		t.Error("another seed made the same population")
	}
	names := make(map[string]bool)
	var releases []int
	few := 0
	for _, m := range members {
		if names[m.Name] = true; m.Maintainers <= 3 {
			few++
		}
		releases = append(releases, m.Releases)
	}
	slices.Sort(releases)
	if len(names) != n {
		t.Errorf("%d names, want %d", len(names), n)
	}
	if share := float64(few) / n; share < 0.89 || share > 0.91 {
		t.Errorf("%.3f have at most 3 maintainers, want nine in ten", share)
	}
	if median := releases[n/2]; median != 12 {
		t.Errorf("the median package has %d releases, want 12", median)
	}
	if p99 := releases[n*99/100]; p99 < 360 || p99 > 440 {
		t.Errorf("the 99th percentile is %d releases, want about 400", p99)
	}
	if last := releases[n-1]; last != 3000 {
		t.Errorf("the largest has %d releases, want 3000", last)
	}
}
