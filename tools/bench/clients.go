package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/tools/bench/world"
)

// A row is one line of the table: what a client did, and its cost.
type row struct {
	What string
	cost
}

// The packages that clients ask for.
type chosen struct {
	median    string   // 12 releases, 2 maintainers
	another   string   // the same
	succeeded string   // the same, with a succession since the anchor
	set       []string // 100 from everywhere
	timed     []string // 100 more, for the processor's time
}

const inSet = 100

// choose picks packages by their place, so that the same seed gives the same.
func choose(members []world.Member) chosen {
	var c chosen
	for i := 0; c.succeeded == ""; i++ {
		switch m := members[i]; {
		case m.Releases != 12 || m.Maintainers != 2:
		case c.median == "":
			c.median = m.Name
		case c.another == "":
			c.another = m.Name
		default:
			c.succeeded = m.Name
		}
	}
	step := len(members) / (2*inSet + 1)
	for i := step; len(c.timed) < inSet; i += step {
		switch name := members[i].Name; {
		case name == c.median || name == c.another || name == c.succeeded:
		case len(c.set) < inSet:
			c.set = append(c.set, name)
		default:
			c.timed = append(c.timed, name)
		}
	}
	return c
}

func (c chosen) all() []string {
	return slices.Concat([]string{c.median, c.another, c.succeeded}, c.set, c.timed)
}

// A bench is a made-up index, served, and where its clients keep their states.
type bench struct {
	ctx    context.Context
	dir    string
	log    io.Writer
	world  *world.World
	chosen chosen
	server *server
	old    *server // over HTTP/1.1
	rows   []row
}

// A reader is one client with its state directory.
type reader struct {
	*bench
	state  string
	client *client.Client
}

// reader makes a client that pins a roster and reads a source; nil stands for
// the server.
func (b *bench) reader(name string, pin uint64, source client.Source) (*reader, error) {
	r := &reader{bench: b, state: filepath.Join(b.dir, name)}
	if err := os.RemoveAll(r.state); err != nil {
		return nil, err
	}
	if _, err := client.Init(b.ctx, r.state, b.world.Index.Signed(roster.RosterPath(pin)), digest.Digest{}); err != nil {
		return nil, err
	}
	return r, r.open(source)
}

func (r *reader) open(source client.Source) (err error) {
	if source == nil {
		if source, err = client.NewHTTPSource(r.server.http.URL); err != nil {
			return err
		}
	}
	r.client, err = client.Open(client.Config{State: r.state, Source: source, Accept: client.DefaultPolicy()})
	return err
}

// authorise refreshes and judges the newest file of each package, but for the
// file's own bytes.
func (r *reader) authorise(names ...string) error {
	v, err := r.client.Refresh(r.ctx, r.world.Index.Now)
	if err != nil {
		return err
	}
	return r.authoriseIn(v, names...)
}

func (r *reader) authoriseIn(v *client.View, names ...string) error {
	if len(names) > 1 {
		wanted := make([]client.Wanted, len(names))
		for i, name := range names {
			wanted[i] = client.Wanted{Package: name, File: r.world.Newest(name)}
		}
		if err := v.Prefetch(r.ctx, wanted...); err != nil {
			return err
		}
	}
	for _, name := range names {
		if _, err := v.Authorise(r.ctx, name, r.world.Newest(name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// measure does f and puts a row in the table.
func (b *bench) measure(what string, f func() error) error {
	b.server.take()
	b.old.take()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if os.Getenv("BENCH_REQUESTS") != "" {
		fmt.Fprintf(b.log, "%s\n  %s\n", what, strings.Join(b.server.log, "\n  "))
	}
	c := b.server.take()
	if c.Gets == 0 {
		c = b.old.take()
	}
	b.rows = append(b.rows, row{what, c})
	return nil
}

// clients measures the network: one row for each kind of client.
func (b *bench) clients() error {
	median := b.chosen.median
	newest := b.world.Index.Roster.Version()
	fresh, err := b.reader("new", newest, nil)
	if err != nil {
		return err
	}
	behind, err := b.reader("behind", newest-1, nil)
	if err != nil {
		return err
	}
	followed, err := b.reader("succeeded", newest, nil)
	if err != nil {
		return err
	}
	hundred, err := b.reader("hundred", newest, nil)
	if err != nil {
		return err
	}
	source, err := client.NewHTTPSource(b.old.http.URL)
	if err != nil {
		return err
	}
	oldHundred, err := b.reader("hundred-old", newest, source)
	if err != nil {
		return err
	}
	steps := []struct {
		what string
		do   func() error
	}{
		{"new user, median package", func() error { return fresh.authorise(median) }},
		{"new user, pin one roster behind", func() error { return behind.authorise(median) }},
		{"new user, a succession since the anchor", func() error { return followed.authorise(b.chosen.succeeded) }},
		{"new user, a set of 100", func() error { return hundred.authorise(b.chosen.set...) }},
		{"new user, a set of 100 over HTTP/1.1", func() error { return oldHundred.authorise(b.chosen.set...) }},
		{"same snapshot, same package", func() error { return fresh.authorise(median) }},
		{"same snapshot, another median package", func() error { return fresh.authorise(b.chosen.another) }},
		{"same snapshot, another, with a succession", func() error { return fresh.authorise(b.chosen.succeeded) }},
		{"refresh with nothing new", func() error { return fresh.authorise() }},
	}
	for _, s := range steps {
		if err := b.measure(s.what, s.do); err != nil {
			return err
		}
	}
	return b.returning(fresh, behind, hundred)
}

// returning lets a day pass in which one package in 140 changes: about what
// PyPI's 3.9 million new files a year are.
func (b *bench) returning(fresh, behind, hundred *reader) error {
	b.world.ChangeOthers(len(b.world.Members)/140, 1)
	b.world.Index.Now = b.world.Index.Now.Add(time.Hour)
	b.world.Publish()
	if err := b.measure("new snapshot, package as it was", func() error { return fresh.authorise(b.chosen.median) }); err != nil {
		return err
	}
	if err := b.measure("new snapshot, the set of 100", func() error { return hundred.authorise(b.chosen.set...) }); err != nil {
		return err
	}
	b.world.Change(b.chosen.median, world.State{Releases: 2})
	b.world.Publish()
	return b.measure("new snapshot, package has a new release", func() error { return behind.authorise(b.chosen.median) })
}
