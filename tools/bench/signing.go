package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
	"github.com/rootward/rootward/tools/bench/world"
)

// indexKeys are online keys in memory: reaching Vault is not measured.
type indexKeys struct{ x *rostertest.Index }

func (k indexKeys) Key(_ context.Context, role roster.Role) (*pgp.PublicKey, crypto.Signer, error) {
	s := k.x.Countersign
	if role == roster.RoleSnapshot {
		s = k.x.Snapshot
	}
	return s.Key, s.Private, nil
}

// signing measures the online signer itself over its real store and a real
// directory: the first pass, which publishes the whole map; a pass with up to
// 1,000 packages claimed since; and a pass that only makes a snapshot. The store is
// filled with the leaves of packages of which nobody asks more.
func signing(ctx context.Context, o options, dir string, out io.Writer) error {
	x := rostertest.New(player{})
	home := filepath.Join(dir, "signer")
	if err := os.Mkdir(home, 0o755); err != nil {
		return err
	}
	db, err := store.Open(filepath.Join(home, "store.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	s, err := openSigner(ctx, x, db, filepath.Join(home, "www"))
	if err != nil {
		return err
	}
	names, err := fill(ctx, o, db)
	if err != nil {
		return err
	}
	pass := func(what string, force bool) error {
		highest := watchMemory()
		began, cpu := time.Now(), processorTime()
		if err := s.Publish(ctx, force); err != nil {
			return fmt.Errorf("the signer's pass, %s: %w", what, err)
		}
		took, used := time.Since(began), processorTime()-cpu
		fmt.Fprintf(out, "signer, %d packages, %s: %.1f s, %.1f s of processor, at most %s\n", o.packages, what, took.Seconds(), used.Seconds(), highest())
		return nil
	}
	if err := pass("first pass, the whole map", false); err != nil {
		return err
	}
	changed := min(1000, len(names)/50)
	began := time.Now()
	for i := range changed {
		name := names[i*len(names)/changed]
		l := x.Claim(name, rostertest.Person("maintainer"))
		if _, err := s.Submit(ctx, x.Signed(roster.ListPath(name, l.Digest()))); err != nil {
			return fmt.Errorf("claiming %s: %w", name, err)
		}
	}
	fmt.Fprintf(out, "signer: %.1f ms to accept a first list, one after the other\n", time.Since(began).Seconds()*1000/float64(changed))
	if err := pass(fmt.Sprintf("%d claimed: documents, countersignatures, indices, map, snapshot", changed), false); err != nil {
		return err
	}
	if err := pass("nothing changed, a snapshot", true); err != nil {
		return err
	}
	return sizes(home, out)
}

func openSigner(ctx context.Context, x *rostertest.Index, db store.Store, www string) (*signer.Service, error) {
	files, err := publish.Open(www, publish.Disk{})
	if err != nil {
		return nil, err
	}
	s, err := signer.Open(ctx, signer.Options{
		Repository: x.Repository, Pin: x.Pin(), Store: db, Files: files, Keys: indexKeys{x},
		Clock: func() time.Time { return x.Now }, Rand: rand.Reader, Interval: time.Hour, Lifetime: 12 * time.Hour,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	ceremony := make(fstest.MapFS)
	for path, b := range x.Files {
		if kind, _, _ := strings.Cut(path, "/"); kind == "root" || kind == "map" {
			ceremony[path] = &fstest.MapFile{Data: b}
		}
	}
	_, err = s.Adopt(ctx, ceremony)
	return s, err
}

// fill stores the leaves of a made-up index, in the order of their names, and
// returns these.
func fill(ctx context.Context, o options, db store.Store) (names []string, err error) {
	w := world.New(player{}, o.seed, o.packages, false, func([]world.Member) []string { return nil })
	leaves := slices.SortedFunc(slices.Values(w.Leaves()), func(a, b tree.Leaf) int { return strings.Compare(a.Name, b.Name) })
	err = db.Update(ctx, func(to store.Writer) error {
		for _, l := range leaves {
			names = append(names, l.Name)
			if err := to.Store("leaves", l.Name, []byte(l.String())); err != nil {
				return err
			}
		}
		return nil
	})
	return names, err
}

// watchMemory begins to watch the most memory that this process has at once,
// the pages of the store that it read among it; what it returns tells how much
// it was. Only Linux knows.
func watchMemory() (highest func() string) {
	debug.FreeOSMemory() // what nobody uses any more does not count
	known := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil
	return func() string {
		status, err := os.ReadFile("/proc/self/status")
		for line := range bytes.Lines(status) {
			if kB, found := bytes.CutPrefix(line, []byte("VmHWM:")); found && known && err == nil {
				return string(bytes.TrimSpace(kB)) + " of memory"
			}
		}
		return "unknown memory"
	}
}

// sizes tells what the signer has on the disk.
func sizes(home string, out io.Writer) error {
	files, size, blocks := 0, int64(0), int64(0)
	err := filepath.WalkDir(filepath.Join(home, "www"), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			files, size, blocks = files+1, size+info.Size(), blocks+(info.Size()+block-1)/block*block
		}
		return err
	})
	if err != nil {
		return err
	}
	db, err := os.Stat(filepath.Join(home, "store.db"))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "signer's disk: %d files published, %d B, %d B in blocks of %d; store %d B\n", files, size, blocks, block, db.Size())
	return nil
}
