package client

import (
	"context"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/rootward/rootward/roster/digest"
)

const (
	// maxCached is about how many of the map's files are kept on the disk; then
	// all are dropped.
	maxCached = 4096
	// maxHeld is about how many bytes of them a view keeps beside; then all are
	// dropped.
	maxHeld = 16 << 20
)

// A mapCache keeps files of the map, which are named by their digest: on the
// disk for later programs, and in memory for this one.
type mapCache struct {
	loading singleflight.Group // one request for a file that two lookups want

	mu     sync.Mutex
	held   map[digest.Digest][]byte
	size   int             // bytes of held
	onDisk map[string]bool // read once a view: other programs' files make little odds
}

// mapFile reads a file of the map from the cache, or fetches it and caches
// what has the right digest. A damaged cache costs a request.
func (v *View) mapFile(ctx context.Context, d digest.Digest, path string, limit int64) ([]byte, error) {
	if d == emptyMap {
		return emptyMapFile, nil
	}
	c := &v.maps
	if b := c.holds(d); b != nil {
		return b, nil
	}
	got, err, _ := c.loading.Do(path, func() (any, error) {
		if b := c.holds(d); b != nil {
			return b, nil
		}
		if err := c.list(v.m.dir); err != nil {
			return nil, err
		}
		if b, err := c.fromDisk(v.m.dir, d, path, limit); err == nil {
			return b, nil
		}
		b, err := v.read(ctx, path, limit)
		if err != nil || digest.Sum(b) != d {
			return b, required(path, err) // the lookup refuses another digest, by name
		}
		c.hold(d, b)
		return b, c.toDisk(v.m.dir, d, path, b)
	})
	b, _ := got.([]byte)
	return b, err
}

func (c *mapCache) holds(d digest.Digest) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held[d]
}

func (c *mapCache) hold(d digest.Digest, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil || c.size > maxHeld {
		c.held, c.size = make(map[digest.Digest][]byte), 0
	}
	c.held[d] = b
	c.size += len(b)
}

// list reads the directory, once.
func (c *mapCache) list(dir directory) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.onDisk != nil {
		return nil
	}
	names, err := dir.names(mapDir)
	if err != nil {
		return err
	}
	c.onDisk = make(map[string]bool, len(names))
	for _, n := range names {
		c.onDisk[n] = true
	}
	return nil
}

// fromDisk returns a file that is on the disk and whole.
func (c *mapCache) fromDisk(dir directory, d digest.Digest, path string, limit int64) ([]byte, error) {
	c.mu.Lock()
	there := c.onDisk[d.String()]
	c.mu.Unlock()
	if !there {
		return nil, errNotCached
	}
	b, err := dir.read(path, limit)
	if err == nil && digest.Sum(b) != d {
		err = errNotCached
	}
	if err == nil {
		c.hold(d, b)
	}
	return b, err
}

func (c *mapCache) toDisk(dir directory, d digest.Digest, path string, b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.onDisk) >= maxCached {
		if err := dir.remove(mapDir); err != nil {
			return err
		}
		clear(c.onDisk)
	}
	if err := dir.writeCached(path, b, len(c.onDisk) == 0); err != nil {
		return err
	}
	c.onDisk[d.String()] = true
	return nil
}
