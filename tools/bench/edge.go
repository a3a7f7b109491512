package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

const (
	edgeName = "sample"
	edgeFile = "sample-1.0-py3-none-any.whl"
)

// An edge is an index that is as long in one way as it may be.
type edge struct {
	what  string
	index *rostertest.Index
	grow  func() // between the client's first visit, which does not count, and its second; nil: the first counts
}

// edges are for the client of each to be measured with one package.
func edges() []edge {
	owner := rostertest.Person("Alice of " + edgeName)
	begin := func() *rostertest.Index {
		x := rostertest.New(player{})
		x.Claim(edgeName, owner)
		x.Release(edgeName, edgeFile, "sample 1.0\n", owner)
		x.Publish(nil)
		return x
	}
	followed := begin()
	followed.Anchor()
	for range roster.MaxSuccessions {
		followed.PutList(followed.NextList(edgeName, owner), owner)
	}
	followed.Publish(nil)
	walked := begin()
	for range 199 {
		walked.Succeed(nil)
	}
	walked.Publish(nil)
	revoked := begin()
	for i := range 1000 {
		revoked.RevokeKey(rostertest.Person(fmt.Sprintf("Former %d", i)), edgeName)
	}
	revoked.Publish(nil)
	long := begin()
	var lines []roster.Line
	for i := range 2999 {
		lines = append(lines, roster.Line{Kind: roster.LineManifest, Version: fmt.Sprintf("0.%d", i), Digest: digest.Sum(fmt.Append(nil, i))})
	}
	long.Append(edgeName, lines...)
	long.Publish(nil)
	return []edge{
		{"64 successions since the anchor", followed, nil},
		{"200 rosters to walk", walked, nil},
		{"1,000 key revocations in its index", revoked, nil},
		{"3,000 releases", long, nil},
		{"3,000 releases, one appended since", long, func() {
			long.Release(edgeName, "sample-1.1-py3-none-any.whl", "sample 1.1\n", owner)
			long.Publish(nil)
		}},
	}
}

// measureEdges prints what the longest documents cost a client.
func measureEdges(ctx context.Context, dir string, hold time.Duration, out io.Writer) error {
	fmt.Fprintf(out, heading, "At the edge, new user", "bytes", "plain", "GETs", "rounds")
	for i, e := range edges() {
		c, used, err := e.measure(ctx, filepath.Join(dir, fmt.Sprintf("edge-%d", i)), hold)
		if err != nil {
			return fmt.Errorf("%s: %w", e.what, err)
		}
		fmt.Fprintf(out, line, "  "+e.what, c.Bytes, c.Plain, c.Gets, c.Rounds, fmt.Sprintf("%.0f ms of processor, the server's part included", used.Seconds()*1000))
	}
	return nil
}

func (e edge) measure(ctx context.Context, state string, hold time.Duration) (c cost, used time.Duration, err error) {
	s := serve(func(path string) ([]byte, error) {
		b, ok := e.index.Files[path]
		if !ok {
			return nil, roster.ErrAbsent
		}
		return b, nil
	}, hold, true)
	defer s.http.Close()
	if _, err := client.Init(ctx, state, e.index.Signed(roster.RosterPath(1)), digest.Digest{}); err != nil {
		return c, 0, err
	}
	source, err := client.NewHTTPSource(s.http.URL)
	if err != nil {
		return c, 0, err
	}
	cl, err := client.Open(client.Config{State: state, Source: source, Accept: client.DefaultPolicy()})
	if err != nil {
		return c, 0, err
	}
	visit := func() error {
		v, err := cl.Refresh(ctx, e.index.Now)
		if err == nil {
			_, err = v.Authorise(ctx, edgeName, edgeFile)
		}
		return err
	}
	if e.grow != nil {
		if err := visit(); err != nil {
			return c, 0, err
		}
		e.grow()
		s.take()
	}
	began := processorTime()
	err = visit()
	return s.take(), processorTime() - began, err
}
