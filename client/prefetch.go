package client

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// sideBySide is how many packages are looked up at once.
const sideBySide = 128

// A Wanted is a file of a package that is about to be authorised.
type Wanted struct{ Package, File string }

// Prefetch asks for what [View.Authorise] will ask for, for all the files side
// by side, so that a set of packages costs about as many rounds as one. The
// answers are kept, some tens of megabytes at most, until each is taken.
//
// It judges nothing and remembers nothing but the cache of the map. What could
// not be had, or is not what it should be, is no error here: it is asked for
// again, or refused, when its own package is judged. The error is that of ctx
// or of the state directory.
func (v *View) Prefetch(ctx context.Context, files ...Wanted) error {
	return v.locked(ctx, true, func() error {
		var g errgroup.Group
		g.SetLimit(sideBySide)
		for _, w := range files {
			g.Go(func() error {
				v.prefetch(ctx, w)
				return nil
			})
		}
		_ = g.Wait() // none returns an error
		return ctx.Err()
	})
}

// prefetch goes the way of one file, as far as it leads.
func (v *View) prefetch(ctx context.Context, w Wanted) {
	name, err := normalName(w.Package)
	if err != nil {
		return
	}
	f, err := v.lookIn(ctx, name)
	if err == nil {
		v.ahead.keepFound(name, f)
	}
	if err != nil || !f.inMap || f.leaf.Status != tree.Active {
		return
	}
	kept, err := v.m.loadPackage(name)
	if err != nil {
		return
	}
	kept.forget(f.anchored.List)
	v.askPackage(f, kept)
	raw, ok := kept.keptIndex(f.leaf.Index)
	if !ok {
		if raw, err = v.peek(roster.IndexPath(name, f.leaf.Index)); err != nil {
			return
		}
	}
	x, err := roster.OpenIndex(raw, v.m.pin.repository, f.leaf)
	if err != nil {
		return
	}
	v.askKeyRevocations(x)
	if f.leaf.HasList() {
		v.prefetchLists(f, kept, x, w.File)
	}
}

// prefetchLists asks for the lists that lead to the leaf's, and for manifests.
func (v *View) prefetchLists(f found, kept *packageMemory, x *roster.Index, file string) {
	next := f.leaf.List
	for i := range roster.MaxSuccessions + 1 {
		list, err := v.peekList(f.leaf.Name, next, kept)
		if err != nil {
			return
		}
		if i == 0 {
			v.askManifests(list, x, file)
		}
		if next == f.anchored.List || list.Version() == 1 {
			return
		}
		next = list.Previous()
		if _, ok := kept.known(next); ok {
			continue
		}
		path := roster.ListPath(f.leaf.Name, next)
		v.ask(path, roster.MaxList)
		if next != f.anchored.List {
			v.ask(roster.SignaturePath(path), roster.MaxSignatureFile)
		}
	}
}

func (v *View) peekList(name string, d digest.Digest, kept *packageMemory) (*roster.List, error) {
	if s, ok := kept.known(d); ok {
		return roster.ParseList(s.Document)
	}
	b, err := v.peek(roster.ListPath(name, d))
	if err != nil {
		return nil, err
	}
	return roster.ParseList(b)
}
