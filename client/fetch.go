package client

import (
	"context"
	"strings"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

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

var _ roster.Fetch = (*View)(nil).must
