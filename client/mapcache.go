package client

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/rootward/rootward/roster/digest"
)

const (
	// maxCache is how long the cache's file may grow; then it begins anew.
	maxCache = 8 << 20
	// cacheHead is what stands before each file in it: its digest, and its
	// length in four bytes, big-endian.
	cacheHead = len(digest.Digest{}) + 4
)

// A mapCache keeps files of the map, which are named by their digest: in
// memory for this view, and in one file for later ones. Nothing waits for the
// disk, and what is damaged in that file costs a request.
type mapCache struct {
	loading singleflight.Group // one request for a file that two lookups want

	mu     sync.Mutex
	read   bool                     // the file was read
	length int                      // of the file
	stored map[digest.Digest][]byte // as the file has them: nobody looked at them
	held   map[digest.Digest][]byte // with the right digest
	fresh  []byte                   // what is to be appended
}

// mapFile reads a file of the map from the cache, or fetches it and caches
// what has the right digest.
func (v *View) mapFile(ctx context.Context, d digest.Digest, path string, limit int64) ([]byte, error) {
	if d == emptyMap {
		return emptyMapFile, nil
	}
	c := &v.maps
	b, err := c.find(v.m.dir, d)
	if b != nil || err != nil {
		return b, err
	}
	got, err, _ := c.loading.Do(path, func() (any, error) {
		if b, err := c.find(v.m.dir, d); b != nil || err != nil {
			return b, err // it came in the meantime
		}
		b, err := v.read(ctx, path, limit)
		if err == nil && digest.Sum(b) == d { // the lookup refuses another digest, by name
			c.add(d, b)
		}
		return b, required(path, err)
	})
	b, _ = got.([]byte)
	return b, err
}

// find returns a file that is cached and whole, or nil.
func (c *mapCache) find(dir directory, d digest.Digest) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.read {
		if err := c.load(dir); err != nil {
			return nil, err
		}
	}
	if b := c.held[d]; b != nil {
		return b, nil
	}
	b := c.stored[d]
	delete(c.stored, d)
	if b == nil || digest.Sum(b) != d {
		return nil, nil
	}
	c.held[d] = b
	return b, nil
}

// load reads the file, as far as it is well.
func (c *mapCache) load(dir directory) error {
	b, err := dir.read(mapFileName, 2*maxCache)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c.read, c.length = true, len(b)
	c.stored, c.held = make(map[digest.Digest][]byte), make(map[digest.Digest][]byte)
	for len(b) >= cacheHead {
		d, n := digest.Digest(b), int64(binary.BigEndian.Uint32(b[cacheHead-4:]))
		if b = b[cacheHead:]; n > int64(len(b)) {
			break
		}
		c.stored[d] = b[:n:n]
		b = b[n:]
	}
	if len(b) > 0 {
		c.length = maxCache // a part is damaged: begin anew
	}
	return nil
}

func (c *mapCache) add(d digest.Digest, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[d] = b
	c.fresh = append(c.fresh, d[:]...)
	c.fresh = binary.BigEndian.AppendUint32(c.fresh, uint32(len(b)))
	c.fresh = append(c.fresh, b...)
}

// flush appends to the file what was added since the last call.
func (c *mapCache) flush(dir directory) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.fresh) == 0 {
		return nil
	}
	how := os.O_APPEND
	if c.length+len(c.fresh) > maxCache {
		how, c.length = os.O_TRUNC, 0
		clear(c.held)
	}
	if err := dir.writeCache(mapFileName, c.fresh, how); err != nil {
		return err
	}
	c.length += len(c.fresh)
	c.fresh = c.fresh[:0]
	return nil
}
