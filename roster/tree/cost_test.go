//go:build unix

package tree

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rootward/rootward/roster/digest"
)

// realLeaves makes leaves as an index has them: each with a name of its own in
// memory, half of them unsigned.
func realLeaves(n int) []Leaf {
	leaves := testLeaves(n)
	for i := range leaves {
		leaves[i] = testLeaf(strings.Clone(fmt.Sprintf("package-%d-of-%d", i*7919%n, n)))
	}
	return leaves
}

// BenchmarkBuild makes maps from their leaves. x-files is its time of processor
// against SHA-256 over the same files, which are what the lines are hashed in;
// x-all is against SHA-256 over all that Build must hash, the names too.
func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			leaves := realLeaves(n)
			var files [][]byte
			_, _, err := Build(leaves, func(_ digest.Digest, file []byte) error {
				files = append(files, bytes.Clone(file))
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			names := make([][]byte, n)
			for i := range names {
				names[i] = []byte(leaves[i].Name)
			}
			var build, hash, hashNames time.Duration
			b.ReportAllocs()
			for b.Loop() {
				hash += timed(func() { sumAll(files) })
				hashNames += timed(func() { sumAll(names) })
				build += timed(func() {
					if _, _, err := Build(leaves, nil); err != nil {
						b.Fatal(err)
					}
				})
			}
			b.ReportMetric(build.Seconds()/hash.Seconds(), "x-files")
			b.ReportMetric(build.Seconds()/(hash+hashNames).Seconds(), "x-all")
			b.ReportMetric(float64(build.Nanoseconds())/float64(b.N)/float64(n), "ns/leaf")
			b.ReportMetric(float64(hash.Nanoseconds())/float64(b.N)/float64(n), "ns-sha/leaf")
			b.ReportMetric(float64(hashNames.Nanoseconds())/float64(b.N)/float64(n), "ns-names/leaf")
		})
	}
}

func sumAll(files [][]byte) {
	for _, f := range files {
		digest.Sum(f)
	}
}

// processorTime is what this process has used so far. On a busy machine, time
// on the clock says little.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no other cause than a wrong argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func timed(do func()) time.Duration {
	began := processorTime()
	do()
	return processorTime() - began
}

// BenchmarkParseLeaf reads the lines of a map, half of them of unsigned packages. x-sha
// is its time of processor against SHA-256 over the same lines.
func BenchmarkParseLeaf(b *testing.B) {
	var lines []string
	for _, l := range realLeaves(10_000) {
		lines = append(lines, l.String())
	}
	var parse, hash time.Duration
	b.ReportAllocs()
	for b.Loop() {
		hash += timed(func() {
			for _, l := range lines {
				digest.Sum([]byte(l))
			}
		})
		parse += timed(func() {
			for _, l := range lines {
				if _, err := ParseLeaf(l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.ReportMetric(parse.Seconds()/hash.Seconds(), "x-sha")
	b.ReportMetric(float64(parse.Nanoseconds())/float64(b.N)/float64(len(lines)), "ns/leaf")
}
