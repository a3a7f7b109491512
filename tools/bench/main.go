// Bench measures what Rootward costs at the size of a whole package index,
// made up from a seed: see package world.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/rootward/rootward/tools/bench/world"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

type options struct {
	packages int
	seed     uint64
	hold     time.Duration
	peers    string
	only     string
}

func run(args []string, out, log io.Writer) (code int) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(log)
	f.IntVar(&o.packages, "packages", 700_000, "packages in the index")
	f.Uint64Var(&o.seed, "seed", 1, "the seed from which the index is made")
	f.DurationVar(&o.hold, "hold", 40*time.Millisecond, "how long the server holds each answer, to tell rounds apart")
	f.StringVar(&o.peers, "peers", "tools/peers", "the directory of the module that measures go-tuf; empty: leave it out")
	f.StringVar(&o.only, "only", "", "measure one part only: clients, map, signer or anchor")
	if err := f.Parse(args); err != nil || f.NArg() > 0 {
		return 2
	}
	defer func() {
		if r := recover(); r != nil {
			failed, ok := r.(failure)
			if !ok {
				panic(r)
			}
			fmt.Fprintln(log, "bench:", failed)
			code = 1
		}
	}()
	if err := all(context.Background(), o, out, log); err != nil {
		fmt.Fprintln(log, "bench:", err)
		return 1
	}
	return 0
}

// A failure is what making the index panics with; run recovers it.
type failure string

// A player is the rostertest.TB of a program.
type player struct{}

func (player) Helper()                           {}
func (player) Fatal(args ...any)                 { panic(failure(fmt.Sprint(args...))) }
func (player) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

func all(ctx context.Context, o options, out, log io.Writer) error {
	dir, err := os.MkdirTemp("", "rootward-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	parts := []struct {
		name string
		run  func() error
	}{ // one after the other, because two indexes of this size at once are not needed
		{"clients", func() error { return clientsAndPeers(ctx, o, dir, out, log) }},
		{"map", func() error { return publishing(o, dir, out) }},
		{"signer", func() error { return signing(ctx, o, dir, out) }},
		{"anchor", func() error { return anchoring(ctx, o, o.packages/14, out) }},
	}
	known := false
	for _, part := range parts {
		if o.only != "" && o.only != part.name {
			continue
		}
		known = true
		if err := part.run(); err != nil {
			return err
		}
		debug.FreeOSMemory()
	}
	if !known {
		return fmt.Errorf("there is no part %q to measure", o.only)
	}
	return nil
}

// clientsAndPeers measures what clients cost, ours and those of others.
func clientsAndPeers(ctx context.Context, o options, dir string, out, log io.Writer) error {
	b := &bench{ctx: ctx, dir: dir, log: log}
	began := time.Now()
	b.world = world.New(player{}, o.seed, o.packages, false, func(members []world.Member) []string {
		b.chosen = choose(members)
		return b.chosen.all()
	})
	fmt.Fprintf(log, "bench: made %d packages in %.1f s\n", o.packages, time.Since(began).Seconds())
	b.world.Anchor(nil)
	b.quarter()
	b.world.Anchor(nil)
	b.quarter()
	b.world.Change(b.chosen.succeeded, world.State{Releases: 1, Lists: 1})
	b.world.Publish()
	if err := trustServers(dir); err != nil {
		return err
	}
	b.server = serve(b.world.File, o.hold, true)
	defer b.server.http.Close()
	b.old = serve(b.world.File, o.hold, false)
	defer b.old.http.Close()
	if err := b.clients(); err != nil {
		return err
	}
	printClients(out, o.packages, b.rows)
	if err := measureEdges(ctx, dir, o.hold, out); err != nil {
		return err
	}
	if o.peers != "" {
		if err := printPeers(ctx, o.peers, out, log); err != nil {
			fmt.Fprintf(out, "go-tuf: not measured: %v\n", err)
		}
	}
	printPEP458(out)
	return b.processor(out)
}

// quarter lets one package in 14 change, as between two ceremonies.
func (b *bench) quarter() { b.world.ChangeOthers(len(b.world.Members)/14, 2) }
