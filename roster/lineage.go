package roster

import (
	"context"
	"slices"

	"github.com/rootward/rootward/roster/digest"
)

// FetchSigned returns the document at a path and its signature file.
func FetchSigned(ctx context.Context, path string, limit int64, fetch Fetch) (Signed, error) {
	doc, err := fetch(ctx, path, limit)
	if err != nil {
		return Signed{}, err
	}
	asc, err := fetch(ctx, SignaturePath(path), MaxSignatureFile)
	return Signed{doc, asc}, err
}

// FetchChain returns the lists that lead to the list with digest leaf, oldest
// first: from the one with digest anchored, or from version 1 if that is
// zero. It stops at a list that stands in neither place after
// [MaxSuccessions], and verifies digests only: see [Roster.Stands]. known may
// hold lists that the caller keeps already; it may be nil.
func FetchChain(ctx context.Context, pkg string, leaf, anchored digest.Digest, known func(digest.Digest) (Signed, bool), fetch Fetch) ([]Signed, error) {
	var chain []Signed
	for next := leaf; ; {
		s, err := fetchList(ctx, pkg, next, next == anchored, known, fetch)
		if err != nil {
			return nil, err
		}
		chain = append(chain, s)
		list, err := ParseList(s.Document)
		if err != nil {
			return nil, err
		}
		if next == anchored || list.Version() == 1 {
			slices.Reverse(chain)
			return chain, nil
		}
		if len(chain) > MaxSuccessions {
			return nil, refuse(LayerList, pkg, "no chain of at most %d successions leads here from the anchored list or version 1", MaxSuccessions).
				do("only this package's maintainers, or an override by the root, can change who may release it; do not install")
		}
		next = list.Previous()
	}
}

func fetchList(ctx context.Context, pkg string, d digest.Digest, anchored bool, known func(digest.Digest) (Signed, bool), fetch Fetch) (Signed, error) {
	if known != nil {
		if s, ok := known(d); ok {
			return s, nil
		}
	}
	path := ListPath(pkg, d)
	doc, err := fetch(ctx, path, MaxList)
	if err != nil {
		return Signed{}, err
	}
	if got := digest.Sum(doc); got != d {
		return Signed{}, refuse(LayerList, path, "it is not the list that was asked for").found("%s", got).want("%s", d).
			do("it was changed on the way: try another mirror")
	}
	if anchored {
		return Signed{Document: doc}, nil
	}
	asc, err := fetch(ctx, SignaturePath(path), MaxSignatureFile)
	return Signed{doc, asc}, err
}

// FetchKeyRevocations returns the key revocations that an index names.
func FetchKeyRevocations(ctx context.Context, x *Index, fetch Fetch) ([]*KeyRevocation, error) {
	var all []*KeyRevocation
	for _, d := range x.Revocations() {
		path := KeyRevocationPath(d)
		s, err := FetchSigned(ctx, path, MaxRevocation, fetch)
		if err != nil {
			return nil, err
		}
		if got := digest.Sum(s.Document); got != d {
			return nil, refuse(LayerRevocation, path, "it is not the revocation that the index names").found("%s", got).want("%s", d)
		}
		r, err := OpenKeyRevocation(s, x.repository)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}
