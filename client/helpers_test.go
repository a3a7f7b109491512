package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

const (
	pkg     = "example"
	wheel   = "example-1.0-py3-none-any.whl"
	content = "the wheel of example 1.0"
)

var (
	dora  = rostertest.Person("Dora")
	erin  = rostertest.Person("Erin")
	thief = rostertest.Person("Thief")
)

// A server publishes an index over HTTP and keeps the paths that it was asked
// for.
type server struct {
	*rostertest.Index
	URL string
	// Answer, if set, answers instead where it returns true.
	Answer func(w http.ResponseWriter, path string) bool
	// Ranges, if set, answers instead where it returns true.
	Ranges func(w http.ResponseWriter, r *http.Request) bool
	// Before, if set, is called before each answer.
	Before func(path string)

	mu  sync.Mutex
	log []string
}

func serve(t *testing.T, x *rostertest.Index) *server {
	t.Helper()
	s := &server{Index: x}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, path)
	if s.Before != nil {
		s.Before(path)
	}
	if s.Answer != nil && s.Answer(w, path) {
		return
	}
	if s.Ranges != nil && s.Ranges(w, r) {
		return
	}
	b, ok := s.Files[path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// alone calls f while no request is being answered: what a test changes so is
// seen by programs whose requests it does not make itself.
func (s *server) alone(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Requests returns the paths asked for since the last call.
func (s *server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := s.log
	s.log = nil
	return log
}

// example is an index with one package that Dora maintains and whose wheel
// she has released, and its first snapshot.
func example(t *testing.T) *rostertest.Index {
	t.Helper()
	x := rostertest.New(t)
	x.Claim(pkg, dora)
	x.Release(pkg, wheel, content, dora)
	x.Publish(nil)
	return x
}

// A user is a client with a state directory of its own.
type user struct {
	t      *testing.T
	s      *server
	State  string
	Accept string // default: the default policy
	client.Report
}

// newUser pins root roster 1.
func newUser(t *testing.T, s *server) *user {
	t.Helper()
	return userFrom(t, s, 1)
}

func userFrom(t *testing.T, s *server, version uint64) *user {
	t.Helper()
	u := &user{t: t, s: s, State: filepath.Join(t.TempDir(), "state")}
	if _, err := client.Init(t.Context(), u.State, s.Signed(roster.RosterPath(version)), digest.Digest{}); err != nil {
		t.Fatalf("init: %v", err)
	}
	return u
}

// patient awaits each answer, also one that nobody wants any more because the
// client has refused another: so no request is under way when a test goes on
// and changes what the server has.
type patient struct{ client.Source }

func (p patient) Open(ctx context.Context, path string, limit int64) (io.ReadCloser, error) {
	return p.Source.Open(context.WithoutCancel(ctx), path, limit)
}

func (p patient) OpenFrom(ctx context.Context, path string, from, length int64) (io.ReadCloser, error) {
	return p.Source.(client.Tailer).OpenFrom(context.WithoutCancel(ctx), path, from, length)
}

func (u *user) open() *client.Client {
	u.t.Helper()
	source, err := client.NewHTTPSource(u.s.URL)
	if err != nil {
		u.t.Fatal(err)
	}
	policy := client.DefaultPolicy()
	if u.Accept != "" {
		if policy, err = client.ParsePolicy(u.Accept); err != nil {
			u.t.Fatal(err)
		}
	}
	c, err := client.Open(client.Config{State: u.State, Source: patient{source}, Accept: policy, Trace: u.Add})
	if err != nil {
		u.t.Fatalf("open: %v", err)
	}
	return c
}

func (u *user) refresh() (*client.View, error) {
	u.t.Helper()
	return u.open().Refresh(u.t.Context(), u.s.Now)
}

// outcome refreshes and asks what the package is.
func (u *user) outcome() (client.Outcome, error) {
	u.t.Helper()
	v, err := u.refresh()
	if err != nil {
		return "", err
	}
	p, err := v.Package(u.t.Context(), pkg)
	if err != nil {
		return "", err
	}
	return p.Outcome, nil
}

// get refreshes, verifies and downloads one file, and returns its bytes.
func (u *user) get(pkg, file string) (string, error) {
	u.t.Helper()
	v, err := u.refresh()
	if err != nil {
		return "", err
	}
	return u.download(v, pkg, file)
}

func (u *user) download(v *client.View, pkg, file string) (string, error) {
	u.t.Helper()
	a, err := v.Authorise(u.t.Context(), pkg, file)
	if err != nil {
		return "", err
	}
	dir := u.t.TempDir()
	out := filepath.Join(dir, "out")
	_, err = v.Download(u.t.Context(), a, out)
	if err != nil {
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			u.t.Errorf("a refused download left %v", left)
		}
		return "", err
	}
	b, err := os.ReadFile(out)
	if err != nil {
		u.t.Fatal(err)
	}
	return string(b), nil
}

// wantOutcome is for a package that is accepted.
func (u *user) wantOutcome(want client.Outcome) {
	u.t.Helper()
	if got, err := u.outcome(); err != nil || got != want {
		u.t.Fatalf("package is %q (%v), want %q", got, err, want)
	}
}

// wantWheel is for a client that is served well.
func (u *user) wantWheel() {
	u.t.Helper()
	if got, err := u.get(pkg, wheel); err != nil || got != content {
		u.t.Fatalf("got %q (%v), want the wheel", got, err)
	}
}

// refused checks that err is a refusal (exit code 3) by this layer, whose
// message has the words.
func refused(t *testing.T, err error, l roster.Layer, words string) {
	t.Helper()
	failed(t, err, l, 3, words)
}

// stale checks that err says that freshness cannot be established (4).
func stale(t *testing.T, err error, l roster.Layer, words string) {
	t.Helper()
	failed(t, err, l, 4, words)
}

func failed(t *testing.T, err error, l roster.Layer, code int, words string) {
	t.Helper()
	var e *roster.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error of layer %q", err, l)
	}
	if e.Layer != l || e.ExitCode() != code || !strings.Contains(err.Error(), words) {
		t.Fatalf("got layer %q, exit code %d: %v\nwant layer %q, exit code %d, with the words %q", e.Layer, e.ExitCode(), err, l, code, words)
	}
}

// isOutcome checks that err refuses the package for what it is.
func isOutcome(t *testing.T, err error, want client.Outcome) {
	t.Helper()
	var o *client.OutcomeError
	if !errors.As(err, &o) || o.Outcome != want {
		t.Fatalf("got %v, want a refusal for being %s", err, want)
	}
}

// files returns all files below a directory with their bytes, but for the
// cache of the map.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		if name = filepath.ToSlash(name); name != "map-cache" {
			all[name] = string(b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// has reports whether some file below the state directory has these bytes
// within it.
func (u *user) has(b []byte) bool {
	u.t.Helper()
	for _, have := range files(u.t, u.State) {
		if strings.Contains(have, string(b)) {
			return true
		}
	}
	return false
}

func sameRequests(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("requests were\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
