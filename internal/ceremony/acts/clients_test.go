package acts

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/roster"
)

func newReader(b []byte) io.Reader { return bytes.NewReader(b) }

// A user is a real client with a memory of its own.
type user struct {
	w     *world
	name  string
	state string
	from  mirror
}

// client gives the client of that name. One that has no memory yet begins with
// the pin; the one called new always does.
func (w *world) client(name string) *user {
	w.t.Helper()
	u := &user{w, name, w.path("clients", name), mirror{dir: w.path("www")}}
	if name == "new" {
		must(w.t, os.RemoveAll(u.state))
	}
	if _, err := os.Stat(u.state); err != nil {
		must(w.t, os.MkdirAll(w.path("clients"), 0o755))
		path := roster.RosterPath(1)
		_, err := client.Init(w.t.Context(), u.state, roster.Signed{Document: w.read("www", path), Signatures: w.read("www", roster.SignaturePath(path))}, w.pin)
		must(w.t, err)
	}
	return u
}

// at is the same client, in a copy, at a mirror: what it is told there it
// forgets afterwards.
func (u *user) at(m mirror) *user {
	u.w.t.Helper()
	copied := u.w.t.TempDir()
	must(u.w.t, os.CopyFS(copied, os.DirFS(u.state)))
	if m.dir == "" {
		m.dir = u.w.path("www")
	}
	return &user{u.w, u.name, copied, m}
}

func (u *user) refresh() (*client.View, error) {
	u.w.t.Helper()
	policy, err := client.ParsePolicy("established,remembered,new")
	must(u.w.t, err)
	c, err := client.Open(client.Config{State: u.state, Source: u.from, Accept: policy})
	must(u.w.t, err)
	return c.Refresh(u.w.t.Context(), u.w.now)
}

// look says what the client finds of a package's release.
func (u *user) look(pkg, version string) (client.Outcome, error) {
	u.w.t.Helper()
	v, err := u.refresh()
	if err != nil {
		return "", err
	}
	p, err := v.Package(u.w.t.Context(), pkg)
	if err != nil {
		return "", err
	}
	_, err = v.Authorise(u.w.t.Context(), pkg, wheel(pkg, version))
	return p.Outcome, err
}

// finds wants the client to accept a release, and the package to be so.
func (u *user) finds(pkg, version string, want client.Outcome) {
	u.w.t.Helper()
	if got, err := u.look(pkg, version); err != nil || got != want {
		u.w.t.Fatalf("the %s client finds %s %s %q, %v; want %q", u.name, pkg, version, got, err, want)
	}
}

// unknown wants the client to find that there is no such package.
func (u *user) unknown(pkg string) {
	u.w.t.Helper()
	_, err := u.look(pkg, "1.0")
	var o *client.OutcomeError
	if !errors.As(err, &o) || o.Outcome != client.Unknown {
		u.w.t.Fatalf("the %s client finds of %s: %v; want that it is unknown", u.name, pkg, err)
	}
}

// reaches wants the client to have walked to a roster of this version.
func (u *user) reaches(version uint64) {
	u.w.t.Helper()
	v, err := u.refresh()
	if err != nil {
		u.w.t.Fatalf("the %s client: %v", u.name, err)
	}
	if got := v.Roster().Version(); got != version {
		u.w.t.Fatalf("the %s client is at roster %d, want %d", u.name, got, version)
	}
}

// refused wants a refusal (exit code 3) of a layer, with the words; stale wants
// that freshness cannot be established (4).
func refused(t testing.TB, err error, layer roster.Layer, words string) {
	t.Helper()
	fails(t, err, layer, 3, words)
}

func stale(t testing.TB, err error, layer roster.Layer, words string) {
	t.Helper()
	fails(t, err, layer, 4, words)
}

func fails(t testing.TB, err error, layer roster.Layer, code int, words string) {
	t.Helper()
	var e *roster.Error
	if !errors.As(err, &e) || e.Layer != layer || e.ExitCode() != code || !strings.Contains(err.Error(), words) {
		t.Fatalf("the answer is: %v\nwant layer %q, exit code %d, with the words %q", err, layer, code, words)
	}
}

// clients are the three that follow every act.
var clients = []string{"new", "remembering", "offline"}

// follow wants all three clients to walk to the roster, and to accept the
// settled package by who the root says may release it.
func (w *world) follow(version uint64) {
	w.t.Helper()
	for _, name := range clients {
		u := w.client(name)
		u.reaches(version)
		u.finds("settled", "1.0", client.Established)
	}
}

// refuse wants all three clients to refuse what a mirror has. A new one has only
// what it is shown; the others remember what they have seen by now.
func (w *world) refuse(m mirror, layer roster.Layer, words string) {
	w.t.Helper()
	for _, name := range clients {
		_, err := w.client(name).at(m).look("settled", "1.0")
		w.t.Log(name, "says:", err)
		refused(w.t, err, layer, words)
	}
}
