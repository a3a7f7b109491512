package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

const otherWheel = "other-1.0-py3-none-any.whl"

// pairOfPackages is an index in which two packages have each a list that
// follows the anchored one, and a key revocation.
func pairOfPackages(t *testing.T) *rostertest.Index {
	t.Helper()
	x := example(t)
	x.Claim("other", erin)
	x.Release("other", otherWheel, "the wheel of other 1.0", erin)
	x.Publish(nil)
	x.Anchor()
	for name, owner := range map[string]*rostertest.Signer{pkg: dora, "other": erin} {
		x.PutList(x.NextList(name, owner, rostertest.Person("Frank of "+name)), owner, rostertest.Person("Frank of "+name))
		x.RevokeKey(rostertest.Person("Frank of "+name), name)
		x.PutList(x.NextList(name, owner), owner)
	}
	x.Publish(nil)
	return x
}

var both = []client.Wanted{{Package: pkg, File: wheel}, {Package: "other", File: otherWheel}}

// What two packages need goes out together, level by level, and each file is
// asked for once.
func TestPrefetchGoesSideBySide(t *testing.T) {
	x := pairOfPackages(t)
	s := serve(t, x)
	u := newUser(t, s)
	r := &rounds{Source: mustSource(t, s), missing: make(map[string]*sync.WaitGroup)}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // only a failure waits for it
	defer cancel()
	c, err := client.Open(client.Config{State: u.State, Source: r, Accept: client.DefaultPolicy()})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Refresh(ctx, s.Now)
	if err != nil {
		t.Fatal(err)
	}
	s.Requests()
	var third, fourth []string
	for _, name := range []string{pkg, "other"} {
		p := x.Package(name)
		third = append(third, roster.IndexPath(name, p.Index.Digest()), roster.ListPath(name, p.List.Digest()))
		fourth = append(fourth, roster.ListPath(name, p.List.Previous()), roster.KeyRevocationPath(p.Index.Revocations()[0]))
	}
	r.together(third...)
	r.together(fourth...)
	if err := v.Prefetch(ctx, both...); err != nil {
		t.Fatal(err)
	}
	for path := range r.missing {
		t.Errorf("%s was not asked for", path)
	}
	for _, w := range both {
		if _, err := v.Authorise(ctx, w.Package, w.File); err != nil {
			t.Errorf("%s: %v", w.Package, err)
		}
	}
	got := s.Requests()
	slices.Sort(got)
	if once := slices.Compact(slices.Clone(got)); len(once) != len(got) {
		t.Errorf("some of these was asked for twice:\n%s", strings.Join(got, "\n"))
	}
}

// What is wrong with one package is no error of the others, and comes when it
// is judged: so it does when the wrong answer was had ahead.
func TestPrefetchJudgesNothing(t *testing.T) {
	for what, spoil := range map[string]struct {
		do   func(s *server, path string)
		want func(*testing.T, error)
	}{
		"withheld": {func(s *server, path string) { delete(s.Files, path) },
			func(t *testing.T, err error) { stale(t, err, roster.LayerIndex, "withheld") }},
		"changed": {func(s *server, path string) { s.Put(path, change(s.Files[path], 40)) },
			func(t *testing.T, err error) { refused(t, err, roster.LayerIndex, "not the index") }},
		"never ending": {func(s *server, path string) { s.Put(path, append(s.Files[path], "more"...)) },
			func(t *testing.T, err error) { refused(t, err, roster.LayerIndex, "too long") }},
	} {
		t.Run(what, func(t *testing.T) {
			s := serve(t, pairOfPackages(t))
			u := newUser(t, s)
			spoil.do(s, roster.IndexPath("other", s.Packages["other"].Index.Digest()))
			v, err := u.refresh()
			if err != nil {
				t.Fatal(err)
			}
			before := files(t, u.State)
			if err := v.Prefetch(t.Context(), append(both, client.Wanted{Package: "..", File: "x"}, client.Wanted{Package: "absent", File: "x"})...); err != nil {
				t.Fatalf("prefetch: %v", err)
			}
			sameFiles(t, u.State, before)
			if got, err := u.download(v, pkg, wheel); err != nil || got != content {
				t.Errorf("the other package: got %q (%v), want its file", got, err)
			}
			_, err = v.Authorise(t.Context(), "other", otherWheel)
			spoil.want(t, err)
		})
	}
}

// What is kept is bounded, and what is not kept is asked for in its turn.
func TestPrefetchHoldsLittle(t *testing.T) {
	s := serve(t, pairOfPackages(t))
	u := newUser(t, s)
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	v.HoldAtMost(10)
	s.Requests()
	if err := v.Prefetch(t.Context(), both...); err != nil {
		t.Fatal(err)
	}
	for _, path := range s.Requests() {
		if strings.HasPrefix(path, "indexes/") {
			t.Errorf("%s was asked for ahead, with room for 10 bytes", path)
		}
	}
	for _, w := range both {
		if _, err := v.Authorise(t.Context(), w.Package, w.File); err != nil {
			t.Errorf("%s: %v", w.Package, err)
		}
	}
}

// Whoever is interrupted is told so.
func TestPrefetchInterrupted(t *testing.T) {
	s := serve(t, pairOfPackages(t))
	u := newUser(t, s)
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.alone(func() {
		s.Answer = func(http.ResponseWriter, string) bool { cancel(); return false }
	})
	if err := v.Prefetch(ctx, both...); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	s.alone(func() { s.Answer = nil })
	if got, err := u.download(v, "other", otherWheel); err != nil {
		t.Errorf("afterwards: got %q, %v", got, err)
	}
}

// Answers that were had before another program refreshed the state are not
// taken for those of the newer snapshot.
func TestPrefetchThenAnotherProgram(t *testing.T) {
	s := serve(t, pairOfPackages(t))
	u := newUser(t, s)
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Prefetch(t.Context(), both...); err != nil {
		t.Fatal(err)
	}
	s.Release(pkg, "example-2.0-py3-none-any.whl", "2.0", dora)
	s.Publish(nil)
	u.wantWheel()
	s.Requests()
	if _, err := v.Authorise(t.Context(), pkg, "example-2.0-py3-none-any.whl"); err != nil {
		t.Error(err)
	}
	if got := s.Requests(); !slices.Contains(got, "latest") {
		t.Errorf("the view was not refreshed; it asked for %q", got)
	}
}
