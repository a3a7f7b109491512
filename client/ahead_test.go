package client_test

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/tree"
)

// rounds is a source that answers nothing of a round before all of it was
// asked for: a client that waits for an answer in between gets none.
type rounds struct {
	client.Source
	mu      sync.Mutex
	missing map[string]*sync.WaitGroup
}

func (r *rounds) together(paths ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all sync.WaitGroup
	all.Add(len(paths))
	for _, p := range paths {
		r.missing[p] = &all
	}
}

func (r *rounds) Open(ctx context.Context, path string, limit int64) (io.ReadCloser, error) {
	r.mu.Lock()
	all := r.missing[path]
	delete(r.missing, path) // an answer is asked for once
	r.mu.Unlock()
	if all != nil {
		all.Done()
		complete := make(chan struct{})
		go func() { all.Wait(); close(complete) }()
		select {
		case <-complete:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return r.Source.Open(ctx, path, limit)
}

// Requests that need not wait for each other go out together.
func TestRounds(t *testing.T) {
	x := example(t)
	x.Anchor()
	x.PutList(x.NextList(pkg, dora, erin), dora, erin)
	manifest := x.Release(pkg, "example-2.0-py3-none-any.whl", "example 2.0", dora)
	x.Publish(nil)
	s := serve(t, x)
	u := userFrom(t, s, 1)

	source, err := client.NewHTTPSource(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := &rounds{Source: source, missing: make(map[string]*sync.WaitGroup)}
	signed := func(path string) []string { return []string{path, roster.SignaturePath(path)} }
	list := roster.ListPath(pkg, x.Package(pkg).List.Digest())
	var anchored string
	for path := range x.Files {
		if len(path) == len(list) && path[:len("lists/")] == "lists/" && path != list {
			anchored = path
		}
	}
	revocations := []string{roster.RevocationPath(x.Countersign.Key.ID()), roster.RevocationPath(x.Snapshot.Key.ID())}
	r.together("root/2.json", "latest")
	r.together("root/2.json.asc", "root/3.json")
	r.together(slices.Concat(revocations, signed(roster.SnapshotPath(x.SnapshotVersion)))...)
	r.together(tree.Path(x.Map().Root), tree.Path(x.Roster.Root().Anchor))
	r.together(slices.Concat(signed(list), []string{roster.CountersignaturePath(list), anchored, roster.IndexPath(pkg, x.Package(pkg).Index.Digest())})...)
	r.together(signed(roster.ManifestPath(pkg, manifest.Digest()))...)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // only a failure waits for it
	defer cancel()
	c, err := client.Open(client.Config{State: u.State, Source: r, Accept: client.DefaultPolicy()})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Refresh(ctx, x.Now)
	if err != nil {
		t.Fatalf("refresh: %v", err)
	}
	if _, err := v.Authorise(ctx, pkg, "example-2.0-py3-none-any.whl"); err != nil {
		t.Fatalf("authorise: %v", err)
	}
	for path := range r.missing {
		t.Errorf("%s was not asked for", path)
	}
}
