package signer

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// fetch is the store as a repository: the [roster.Fetch] by which the signer
// verifies with the client's code. It has lists, manifests, key revocations
// and the packages' present indices.
func (v view) fetch(_ context.Context, path string, limit int64) ([]byte, error) {
	b, err := v.file(path)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("%q is not in the store: %w", path, roster.ErrAbsent)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%q has %d bytes in the store, wanted at most %d", path, len(b), limit)
	}
	return b, nil
}

// file returns the bytes that belong at a path of the repository; nil if the
// store has none.
func (v view) file(path string) ([]byte, error) {
	doc, signatures := strings.CutSuffix(path, ".asc")
	kind, rest, _ := strings.Cut(doc, "/")
	name := strings.TrimSuffix(rest[strings.LastIndexByte(rest, '/')+1:], ".json")
	switch kind {
	case "root":
		return v.part(tableRosters, padded(name), signatures)
	case "revocations":
		return v.part(tableRevoked, name, signatures)
	case "lists", "releases", "key-revocations":
		if list, ok := strings.CutSuffix(name, ".json.countersign"); ok && signatures {
			c, _, err := loadJSON[countersigned](v, tableCounter, list)
			return c.Signature, err
		}
		return v.part(tableDocuments, name, signatures)
	case "indexes":
		pkg, _, _ := strings.Cut(rest, "/")
		raw, _, err := v.Load(tableIndexes, pkg)
		if err != nil || digest.Sum(raw).String() != name {
			return nil, err
		}
		return raw, nil
	}
	return nil, nil
}

// part returns a document, or its signatures.
func (v view) part(t store.Table, key string, signatures bool) ([]byte, error) {
	s, found, err := loadJSON[roster.Signed](v, t, key)
	switch {
	case err != nil || !found:
		return nil, err
	case signatures && len(s.Signatures) == 0:
		return nil, nil // a list that freezes a package by override has none
	case signatures:
		return s.Signatures, nil
	}
	return s.Document, nil
}

func padded(version string) string {
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return version
	}
	return number(n)
}
