package client_test

import (
	"errors"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/tree"
)

// freeze publishes a list without maintainers that inherits the whole index.
func freeze(s *server) {
	s.T.Helper()
	s.PutList(roster.ListContent{Repository: s.Repository, Package: pkg, Version: 2, Issued: roster.At(s.Now),
		Previous: roster.Ref{Digest: s.Packages[pkg].List.Digest()}, Inherits: s.Packages[pkg].Index.Inheritance()}, dora)
	s.Publish(nil)
}

// What a person gets for each kind of package: the outcome by name, and
// whether the default policy takes it.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		outcome   client.Outcome
		make      func(*server)
		accept    string // the policy that takes it; "" if none does
		byDefault bool   // the default policy does
	}{
		{client.Unknown, func(s *server) { delete(s.Packages, pkg); s.Publish(nil) }, "", false},
		{client.Quarantined, func(s *server) { s.Packages[pkg].Status = tree.Quarantined; s.Publish(nil) }, "", false},
		{client.Removed, func(s *server) { s.Packages[pkg].Status = tree.Removed; s.Publish(nil) }, "", false},
		{client.Unsigned, func(s *server) {
			s.Packages[pkg].List = nil
			s.Packages[pkg].Index = nil
			delete(s.Packages, pkg)
			s.Upload(pkg, wheel, content)
			s.Publish(nil)
		}, "unsigned", false},
		{client.New, func(*server) {}, "new", true},
		{client.Frozen, freeze, "new,frozen", true},
		{client.Established, func(s *server) { s.Anchor(); s.Publish(nil) }, "established", true},
		{client.Yanked, func(s *server) {
			s.Append(pkg, roster.Line{Kind: roster.LineYank, Version: "1.0"})
			s.Publish(nil)
		}, "remembered,yanked", false},
	} {
		t.Run(string(tc.outcome), func(t *testing.T) {
			s := serve(t, example(t))
			tc.make(s)
			u := newUser(t, s)
			_, err := u.get(pkg, wheel)
			if tc.byDefault != (err == nil) {
				t.Fatalf("default policy: got %v, want accepted %v", err, tc.byDefault)
			}
			u = newUser(t, s)
			u.Accept = "remembered" // enough for none of them
			if tc.outcome == client.Yanked {
				u.Accept = "new"
			} else if tc.outcome == client.Frozen {
				u.Accept = "new,yanked"
			}
			_, err = u.get(pkg, wheel)
			isOutcome(t, err, tc.outcome)
			var e *roster.Error
			if !errors.As(err, &e) || e.ExitCode() != 3 || e.Do == "" {
				t.Errorf("got %v, want a refusal with a hint", err)
			}
			if tc.accept == "" {
				u.Accept = "established,remembered,new,unsigned,frozen,yanked"
				_, err = u.get(pkg, wheel)
				isOutcome(t, err, tc.outcome)
				return
			}
			u.Accept = tc.accept
			u.wantWheel()
		})
	}
}

// A status refuses whatever else is true, and nothing of the package is asked
// for.
func TestStatusRefusesAtOnce(t *testing.T) {
	s := serve(t, example(t))
	s.Packages[pkg].Status = tree.Removed
	s.Anchor()
	s.Publish(nil)
	for path := range s.Files {
		if layer := path[:5]; layer == "lists" || layer == "index" {
			delete(s.Files, path)
		}
	}
	_, err := newUser(t, s).outcome()
	isOutcome(t, err, client.Removed)
}

func TestNames(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	if _, err := u.get("EXAMPLE", wheel); err != nil {
		t.Errorf("another spelling of the name: %v", err)
	}
	before := files(t, u.State)
	for _, name := range []string{"", "../example", "exam ple", "example/", "root", "%2e%2e", "example\x00", "ＥＸＡＭＰＬＥ", "-example"} {
		s.Requests()
		_, err := u.get(name, wheel)
		refused(t, err, roster.LayerMap, "")
		for _, path := range s.Requests() {
			if len(path) > 6 && (path[:6] == "lists/" || path[:6] == "index/") {
				t.Errorf("%q: asked for %q", name, path)
			}
		}
	}
	for _, file := range []string{"", "../" + wheel, "/" + wheel, "a/b", `a\b`, "%2e%2e", wheel + "\x00", "C:" + wheel, "other-1.0-py3-none-any.whl", ".."} {
		_, err := u.get(pkg, file)
		refused(t, err, roster.LayerFile, "not a file of example")
	}
	sameFiles(t, u.State, before)
}

func TestParsePolicy(t *testing.T) {
	p, err := client.ParsePolicy("unsigned,yanked")
	if err != nil || !p.Accepts(client.Unsigned) || !p.Accepts(client.Yanked) || p.Accepts(client.New) {
		t.Errorf("got %v (%v), want unsigned and yanked alone", p, err)
	}
	for _, bad := range []string{"", "new,", "news", "new,new", "New", "new, unsigned", "unknown", "quarantined", "removed"} {
		if p, err := client.ParsePolicy(bad); err == nil {
			t.Errorf("policy %q was read as %q, want an error", bad, p)
		}
	}
	for o := range map[client.Outcome]bool{client.Established: true, client.New: true, client.Unsigned: true} {
		if (client.Policy{}).Accepts(o) {
			t.Errorf("the zero policy accepts %s", o)
		}
	}
}

// Whoever is to make a package's next list finds its index, whatever becomes
// of the list at hand.
func TestIndex(t *testing.T) {
	s := serve(t, example(t))
	u := newUser(t, s)
	u.Accept = "established"
	v, err := u.refresh()
	if err != nil {
		t.Fatal(err)
	}
	leaf, x, err := v.Index(t.Context(), "Example")
	if err != nil || leaf.List != s.Packages[pkg].List.Digest() || x.Digest() != s.Packages[pkg].Index.Digest() {
		t.Errorf("got leaf %q (%v), want list and index of the package", leaf, err)
	}
	_, _, err = v.Index(t.Context(), "absent")
	isOutcome(t, err, client.Unknown)
}
