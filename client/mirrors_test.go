package client_test

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

// mirrored opens a user's client with a second source.
func (u *user) mirrored(other *server) *client.Client {
	u.t.Helper()
	c, err := client.Open(client.Config{State: u.State, Source: mustSource(u.t, u.s), Mirrors: []client.Source{mustSource(u.t, other)}, Accept: client.DefaultPolicy(), Trace: u.Add})
	if err != nil {
		u.t.Fatal(err)
	}
	return c
}

// warnings returns why what did not count, and forgets it.
func (u *user) warnings() (all []string) {
	for _, s := range u.Steps() {
		if s.Warning {
			all = append(all, s.Subject+": "+s.Why)
		}
	}
	u.Report = client.Report{}
	return all
}

// Whatever one mirror lacks or has wrong, another that is well serves the
// client; and the change is told.
func TestAnotherMirrorHelps(t *testing.T) {
	t.Parallel()
	well, paths := rich(t)
	spoils := []struct {
		what string
		do   func(s *server, path string)
	}{
		{"withheld", func(s *server, path string) { delete(s.Files, path) }},
		{"changed", func(s *server, path string) { s.Put(path, change(s.Files[path], len(s.Files[path])/2)) }},
		{"not available", func(s *server, path string) {
			s.Answer = func(w http.ResponseWriter, p string) bool { return p == path && fail(w) }
		}},
	}
	for i, path := range paths {
		spoil := spoils[i%len(spoils)]
		t.Run(path+" "+spoil.what, func(t *testing.T) {
			bad := serve(t, copyIndex(t, well.Index))
			spoil.do(bad, path)
			u := &user{t: t, s: bad, State: t.TempDir() + "/state"}
			if _, err := client.Init(t.Context(), u.State, well.Signed(roster.RosterPath(1)), digest.Digest{}); err != nil {
				t.Fatal(err)
			}
			v, err := u.mirrored(well).Refresh(t.Context(), well.Now)
			if err != nil {
				t.Fatalf("refresh: %v", err)
			}
			if got, err := u.download(v, pkg, wheel); err != nil || got != content {
				t.Fatalf("got %q (%v), want the wheel", got, err)
			}
			asked := strings.Join(bad.Requests(), "\n")
			if w := u.warnings(); strings.Contains(asked, path) && len(w) == 0 {
				t.Error("there is no warning")
			}
		})
	}
}

func fail(w http.ResponseWriter) bool {
	w.WriteHeader(http.StatusServiceUnavailable)
	return true
}

// If none helps, the first one's error is the client's, and the same as
// without mirrors; and nothing of what was refused is kept.
func TestNoMirrorHelps(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	index := roster.IndexPath(pkg, s.Packages[pkg].Index.Digest())
	other := serve(t, copyIndex(t, s.Index))
	delete(s.Files, index)
	other.Put(index, change(other.Files[index], 40))
	v, err := u.mirrored(other).Refresh(t.Context(), s.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Authorise(t.Context(), pkg, wheel)
	stale(t, err, roster.LayerIndex, "withheld")
	if u.has(other.Files[index]) {
		t.Error("the refused index was kept")
	}
}

// What policy decides, another mirror is not asked about.
func TestMirrorsAndPolicy(t *testing.T) {
	x := example(t)
	x.Upload("plain", "plain-1.0.tar.gz", "plain")
	x.Publish(nil)
	s, other := serve(t, x), serve(t, copyIndex(t, x))
	u := newUser(t, s)
	v, err := u.mirrored(other).Refresh(t.Context(), s.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Authorise(t.Context(), "plain", "plain-1.0.tar.gz")
	isOutcome(t, err, client.Unsigned)
	_, err = v.Authorise(t.Context(), "absent", "absent-1.0.tar.gz")
	isOutcome(t, err, client.Unknown)
	if got := other.Requests(); len(got) > 0 {
		t.Errorf("the mirror was asked for %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Authorise(ctx, pkg, wheel); err == nil || len(other.Requests()) > 0 {
		t.Errorf("interrupted: got %v, want an error and no request to the mirror", err)
	}
}

// The mirror that helped is asked from then on.
func TestMirrorIsKept(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	other := serve(t, copyIndex(t, s.Index))
	delete(s.Files, "latest")
	v, err := u.mirrored(other).Refresh(t.Context(), s.Now)
	if err != nil {
		t.Fatal(err)
	}
	if w := u.warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "source 1 of 2: it was of no help") || !strings.Contains(w[0], "latest") {
		t.Errorf("the warnings are %q, want one that says what was wrong with the first source", w)
	}
	s.Requests()
	if got, err := u.download(v, pkg, wheel); err != nil || got != content {
		t.Errorf("got %q (%v), want the wheel", got, err)
	}
	if got := s.Requests(); len(got) > 0 {
		t.Errorf("the source that was of no help was asked for %q", got)
	}
}

// copyIndex is the same repository on another server.
func copyIndex(t *testing.T, x *rostertest.Index) *rostertest.Index {
	t.Helper()
	c := *x
	c.T, c.Files = t, maps.Clone(x.Files)
	return &c
}
