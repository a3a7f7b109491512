package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
	"github.com/rootward/rootward/tools/bench/world"
)

// block is what a file's length is rounded up to on a disk.
const block = 4096

// A mapCost is what making one map came to. Files are new ones only.
type mapCost struct {
	files int
	bytes int64
	disk  int64         // bytes in whole blocks
	build time.Duration // of processor, from leaves to the root
	took  time.Duration // on the clock, for the same
	hash  time.Duration // of processor, for SHA-256 over the bytes of the whole map
	names time.Duration // of processor, for SHA-256 over the names, which give the positions
	write time.Duration // on the clock, of signing and writing the new files; 0 if not written
	busy  time.Duration // of processor, for the same
}

// build makes the map of the world as it is, counts the files that are not in
// known and adds them there. Where out is not nil, they are written to it.
func build(w *world.World, known map[digest.Digest]bool, out *publish.Directory) (c mapCost, err error) {
	var all [][]byte
	var fresh []publish.File
	runtime.GC() // not while the clock runs
	began, cpu := time.Now(), processorTime()
	root, size, err := tree.Build(w.Leaves(), nil)
	if err != nil {
		return c, err
	}
	c.build, c.took = processorTime()-cpu, time.Since(began)
	now := make(map[digest.Digest]bool)
	_, _, err = tree.Build(w.Leaves(), func(d digest.Digest, file []byte) error {
		file = append([]byte(nil), file...)
		all = append(all, file)
		if now[d] = true; !known[d] {
			fresh = append(fresh, publish.File{Path: roster.MapPath(d), Bytes: file})
			c.files++
			c.bytes += int64(len(file))
			c.disk += (int64(len(file)) + block - 1) / block * block
		}
		return nil
	})
	if err != nil {
		return c, err
	}
	maps.Copy(known, now)
	cpu = processorTime()
	for _, file := range all {
		sha256.Sum256(file)
	}
	c.hash = processorTime() - cpu
	cpu = processorTime()
	for i := range w.Leaves() {
		tree.Position(w.Leaves()[i].Name)
	}
	c.names = processorTime() - cpu
	if out == nil {
		return c, nil
	}
	began, cpu = time.Now(), processorTime()
	if err := out.All(fresh); err != nil {
		return c, err
	}
	version := w.Index.Publish(func(s *roster.SnapshotContent) { s.Map = roster.MapRoot{Root: root, Size: size} })
	for _, path := range []string{roster.SnapshotPath(version), roster.SignaturePath(roster.SnapshotPath(version))} {
		if err := out.Immutable(path, w.Index.Files[path]); err != nil {
			return c, err
		}
	}
	if err := out.Mutable(roster.LatestPath, w.Index.Files[roster.LatestPath]); err != nil {
		return c, err
	}
	c.write, c.busy = time.Since(began), processorTime()-cpu
	return c, nil
}

// publishing measures the server: the whole map, and snapshots with 10, 1,000
// and 100,000 changed packages, the first two of them signed and written.
func publishing(o options, dir string, out io.Writer) error {
	w := world.New(player{}, o.seed, o.packages, false, func([]world.Member) []string { return nil })
	site := filepath.Join(dir, "site")
	if err := os.Mkdir(site, 0o755); err != nil {
		return err
	}
	files, err := publish.Open(site, publish.Disk{})
	if err != nil {
		return err
	}
	known := make(map[digest.Digest]bool)
	c, err := build(w, known, nil)
	if err != nil {
		return err
	}
	n := len(w.Members)
	fmt.Fprintf(out, "map of %d packages, whole: %d files, %d B, %d B in blocks of %d\n", n, c.files, c.bytes, c.disk, block)
	fmt.Fprintf(out, "map of %d packages, from leaves: %.3f s on %d processors, %.3f s of processor; SHA-256 over the same bytes %.3f s for the names and %.3f s for the files: %.2f x on the clock, %.2f x of processor, %.2f x of the files alone\n",
		n, c.took.Seconds(), runtime.GOMAXPROCS(0), c.build.Seconds(), c.names.Seconds(), c.hash.Seconds(),
		c.took.Seconds()/(c.names+c.hash).Seconds(), c.build.Seconds()/(c.names+c.hash).Seconds(), c.build.Seconds()/c.hash.Seconds())
	for i, changed := range []int{10, 1000, min(100_000, n/2)} {
		to := files
		if changed > 1000 {
			to = nil
		}
		w.ChangeOthers(changed, 10+i)
		c, err := build(w, known, to)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "snapshot, %d changed: %d new files, %d B, %d B in blocks; build %.3f s of processor", changed, c.files, c.bytes, c.disk, c.build.Seconds())
		if to != nil {
			fmt.Fprintf(out, ", sign and write %.3f s, %.3f s of processor", c.write.Seconds(), c.busy.Seconds())
		}
		fmt.Fprintln(out)
	}
	return nil
}
