package client

import (
	"context"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// maxCached is about how many of the map's files are kept; then all are dropped.
const maxCached = 4096

// must is the roster.Fetch for files that must be there. It answers from the
// memory for what is named by its digest and kept: the map's files, and
// revocations of maintainers' keys.
func (v *View) must(ctx context.Context, path string, limit int64) ([]byte, error) {
	name, isMap := strings.CutPrefix(path, mapDir+"/")
	if d, err := digest.Parse(name); isMap && err == nil {
		return v.mapFile(ctx, d, path, limit)
	}
	if b, ok := v.keptRevocation(path); ok {
		return b, nil
	}
	b, err := v.read(ctx, path, limit)
	return b, required(path, err)
}

func (v *View) keptRevocation(path string) ([]byte, bool) {
	name, ok := strings.CutPrefix(path, keyDir+"/")
	if !ok {
		return nil, false
	}
	name, isSignature := strings.CutSuffix(name, ".asc")
	d, err := digest.Parse(strings.TrimSuffix(name, ".json"))
	s, kept := v.m.keys[d]
	if err != nil || !kept {
		return nil, false
	}
	if isSignature {
		return s.Signatures, true
	}
	return s.Document, true
}

// mapFile reads a file of the map from the cache, or fetches it and caches
// what has the right digest. A damaged cache costs a request.
func (v *View) mapFile(ctx context.Context, d digest.Digest, path string, limit int64) ([]byte, error) {
	if d == emptyMap {
		return emptyMapFile, nil
	}
	if b, err := v.m.dir.read(path, limit); err == nil && digest.Sum(b) == d {
		return b, nil
	}
	got, err, _ := v.ahead.maps.Do(path, func() (any, error) {
		b, err := v.read(ctx, path, limit)
		if err != nil || digest.Sum(b) != d {
			return b, required(path, err) // the lookup refuses another digest, by name
		}
		return b, v.cache(path, b)
	})
	return got.([]byte), err
}

func (v *View) cache(path string, b []byte) error {
	v.ahead.caching.Lock()
	defer v.ahead.caching.Unlock()
	if v.ahead.cached == 0 { // counted once a view: other programs' files make little odds
		names, err := v.m.dir.names(mapDir)
		if err != nil {
			return err
		}
		v.ahead.cached = len(names)
	}
	if v.ahead.cached >= maxCached {
		if err := v.m.dir.remove(mapDir); err != nil {
			return err
		}
		v.ahead.cached = 0
	}
	v.ahead.cached++
	return v.m.dir.writeCached(path, b)
}

var _ roster.Fetch = (*View)(nil).must
