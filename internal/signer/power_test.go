package signer_test

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// A powerCut knows which names a loss of power could take now: those given
// since their directory was last brought to the disk.
type powerCut struct {
	publish.Disk
	t    *testing.T
	root string

	mu    sync.Mutex // guards what follows
	loose map[string]bool
	most  map[string]int // how many of a kind were loose at once
}

// kind says with which other names one may be loose: those that readers come
// to in one step. Any other stands alone.
func kind(path string) string {
	first, _, _ := strings.Cut(path, "/")
	switch {
	case strings.HasSuffix(path, ".countersign.asc") || first == "indexes":
		return "countersignatures and indices"
	case slices.Contains([]string{"lists", "releases", "key-revocations"}, first) && strings.HasSuffix(path, ".asc"):
		return "signatures"
	case slices.Contains([]string{"lists", "releases", "key-revocations"}, first):
		return "documents"
	case first == "map":
		return "map"
	}
	return path
}

func (p *powerCut) named(full string) {
	rel, err := filepath.Rel(p.root, full)
	path := filepath.ToSlash(rel)
	p.mu.Lock()
	defer p.mu.Unlock()
	for other := range p.loose {
		if err != nil || kind(other) != kind(path) {
			p.t.Errorf("%s got its name while a loss of power could take %s", path, other)
		}
	}
	p.loose[path] = true
	p.most[kind(path)] = max(p.most[kind(path)], len(p.loose))
}

func (p *powerCut) NameNew(tmp, path string) error {
	err := p.Disk.NameNew(tmp, path)
	p.named(path)
	return err
}

func (p *powerCut) Rename(tmp, path string) error {
	err := p.Disk.Rename(tmp, path)
	p.named(path)
	return err
}

func (p *powerCut) SyncDir(dir string) error {
	err := p.Disk.SyncDir(dir)
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.loose, func(path string, _ bool) bool {
		return filepath.Dir(filepath.Join(p.root, filepath.FromSlash(path))) == dir
	})
	return err
}

// A settledStore notes nothing while a name could be taken.
type settledStore struct {
	*store.Bolt
	p *powerCut
}

func (s settledStore) Update(ctx context.Context, change func(store.Writer) error) error {
	s.p.mu.Lock()
	for path := range s.p.loose {
		s.p.t.Errorf("the store is about to count on files while a loss of power could take %s", path)
	}
	s.p.mu.Unlock()
	return s.Bolt.Update(ctx, change)
}

// Whenever the power fails, what is on the disk tells of nothing that is not:
// neither readers, nor the store.
func TestLossOfPower(t *testing.T) {
	r := &rig{t: t, x: rostertest.New(t), dir: t.TempDir(), keys: &softKeys{}, log: &record{}}
	steps := scenario(r)
	r.x.Now, r.keys.keys = steps[0].at, steps[0].keys
	var err error
	r.store, err = store.Open(filepath.Join(r.dir, "store.db"))
	must(t, err)
	t.Cleanup(func() { r.store.Close() })
	o := r.options()
	p := &powerCut{t: t, root: o.Files.Root(), loose: make(map[string]bool), most: make(map[string]int)}
	o.Files, err = publish.Open(o.Files.Root(), p)
	must(t, err)
	o.Store = settledStore{r.store, p}
	r.service, err = signer.Open(t.Context(), o)
	must(t, err)
	must(t, r.play(steps, 0, func(int, digest.Digest) {}))
	for _, kind := range []string{"signatures", "documents", "countersignatures and indices"} {
		if p.most[kind] < 2 {
			t.Errorf("%d %s at most were written as a set, wanted some together", p.most[kind], kind)
		}
	}
	if _, found := p.most[roster.LatestPath]; !found {
		t.Error("latest was never named, so this shows nothing")
	}
}
