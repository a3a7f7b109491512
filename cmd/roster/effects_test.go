package main

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/rostertest"
)

// A maintainer at a desk: an index that is served, a state directory, and a
// certificate for each person.
type desk struct {
	t *testing.T
	*rostertest.Index
	url, dir string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, Index: rostertest.New(t), dir: t.TempDir()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := d.Files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(b)
	}))
	t.Cleanup(server.Close)
	d.url = server.URL
	first := filepath.Join(d.dir, "1.json")
	d.write(first, d.Files["root/1.json"])
	d.write(first+".asc", d.Files["root/1.json.asc"])
	if code, _, stderr := d.run("init", first); code != 0 {
		t.Fatalf("init: %s", stderr)
	}
	return d
}

func (d *desk) write(path string, b []byte) {
	d.t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// run runs the program on the desk's state and index.
func (d *desk) run(args ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	var out, err bytes.Buffer
	env := command.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err, Now: func() time.Time { return d.Now }, Rand: rand.Reader}
	line := append([]string{"roster", "--state", filepath.Join(d.dir, "state"), "--url", d.url}, args...)
	code = command.Main(d.t.Context(), line, env, app)
	return code, out.String(), err.String()
}

// newList makes the package's next list with these maintainers, and returns
// what was said.
func (d *desk) newList(pkg string, extra []string, people ...*rostertest.Signer) string {
	d.t.Helper()
	args := append([]string{"list", "new", "--package", pkg, "--threshold", "1", "--release-threshold", "1", "--out", filepath.Join(d.t.TempDir(), "list.json")}, extra...)
	for _, p := range people {
		cert, err := pgp.Certify(rand.Reader, p.Name, p.Key, p.Private, d.Now)
		if err != nil {
			d.t.Fatal(err)
		}
		path := filepath.Join(d.dir, p.Name+".asc")
		d.write(path, cert)
		args = append(args, "--maintainer", p.Name+"="+path)
	}
	code, _, stderr := d.run(args...)
	if code != 0 {
		d.t.Fatalf("list new: %s", stderr)
	}
	return stderr
}

func said(t *testing.T, all string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(all, w) {
			t.Errorf("it was not said that %q; it said:\n%s", w, all)
		}
	}
}

func notSaid(t *testing.T, all string, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(all, w) {
			t.Errorf("it was said that %q:\n%s", w, all)
		}
	}
}

// "It names ... the keys that return and what they would authorise again."
func TestReturningKey(t *testing.T) {
	d := newDesk(t)
	dora, erin := rostertest.Person("Dora"), rostertest.Person("Erin")
	d.Claim("example", dora)
	d.Release("example", "example-1.0.tar.gz", "1.0", dora)
	next := d.NextList("example", erin) // without Dora, and without what she released
	next.Inherits = roster.Inheritance{}
	d.PutList(next, dora, erin)
	d.Release("example", "example-2.0.tar.gz", "2.0", erin)
	d.Publish(nil)

	all := d.newList("example", nil, erin, dora)
	said(t, all,
		"key "+dora.Key.String()+" returns: an earlier list named it, the list before does not; what it signed and its signature makes count: line 1 (version 1.0: example-1.0.tar.gz)",
		"line 1 (version 1.0: example-1.0.tar.gz) counts again")
	notSaid(t, all, "lose its authority", "newly inherits")

	// Somebody who was never there does not return.
	notSaid(t, d.newList("example", nil, erin, rostertest.Person("Frank")), "returns")
}

// A release that needs two signatures falls when one signer leaves; inherited,
// it stays.
func TestReleaseLosesItsAuthority(t *testing.T) {
	d := newDesk(t)
	dora, erin := rostertest.Person("Dora"), rostertest.Person("Erin")
	c := d.FirstList("example", dora, erin)
	c.ReleaseThreshold = 2
	d.PutList(c, dora, erin)
	d.Release("example", "example-1.0.tar.gz", "1.0", dora, erin)
	d.Release("example", "example-1.1.tar.gz", "1.1", dora) // not enough
	d.Publish(nil)

	all := d.newList("example", nil, dora)
	notSaid(t, all, "lose its authority", "newly inherits line 1")
	said(t, all, "line 2 (version 1.1: example-1.1.tar.gz) counts again") // one signature is enough now

	all = d.newList("example", []string{"--inherit", "none"}, rostertest.Person("Frank"))
	said(t, all, "line 1 (version 1.0: example-1.0.tar.gz) would lose its authority", "leaves out line 2")
	all = d.newList("example", []string{"--inherit", "2"}, rostertest.Person("Frank"))
	said(t, all, "newly inherits line 2 (version 1.1: example-1.1.tar.gz), which no maintainer list authorised before")
	notSaid(t, all, "lose its authority") // what the list before authorised is inherited too
}

// What a revoked key alone signed is not offered as if it were authorised.
func TestRevokedKeysReleaseIsLeftOut(t *testing.T) {
	d := newDesk(t)
	dora, erin := rostertest.Person("Dora"), rostertest.Person("Erin")
	d.Claim("example", dora, erin)
	d.Release("example", "example-1.0.tar.gz", "1.0", erin)
	d.RevokeKey(erin, "example")
	d.Publish(nil)
	said(t, d.newList("example", nil, dora), "leaves out line 1 (version 1.0: example-1.0.tar.gz)")
	said(t, d.newList("example", nil, dora, erin), "key "+erin.Key.String()+" is revoked (laptop stolen) and counts for nothing; leave it out")
}

// What the signer would refuse is not made: a list under which two lines count
// that give one file different bytes.
func TestDisputedFileIsRefused(t *testing.T) {
	d := newDesk(t)
	dora, erin := rostertest.Person("Dora"), rostertest.Person("Erin")
	d.Claim("example", dora)
	d.Release("example", "example-1.0.tar.gz", "Erin's", erin)
	d.Release("example", "example-1.0.tar.gz", "Dora's", dora)
	d.Publish(nil)
	out := filepath.Join(d.dir, "list.json")
	d.newList("example", nil, dora) // and certificates of both
	d.newList("example", []string{"--inherit", "none"}, rostertest.Person("Frank"), erin)
	args := []string{"list", "new", "--package", "example", "--threshold", "1", "--release-threshold", "1", "--out", out,
		"--maintainer", "Dora=" + filepath.Join(d.dir, "Dora.asc"), "--maintainer", "Erin=" + filepath.Join(d.dir, "Erin.asc")}
	code, stdout, stderr := d.run(args...)
	if code != 3 || stdout != "" {
		t.Errorf("exit code %d, %q; want a refusal", code, stdout)
	}
	said(t, stderr, "line 1 (version 1.0: example-1.0.tar.gz) counts again", "two lines of the index would count that give file \"example-1.0.tar.gz\" different bytes")
	if _, err := os.Lstat(out); err == nil {
		t.Error("the refused list was written")
	}
}

func TestFrozenPackageHasNoNextList(t *testing.T) {
	d := newDesk(t)
	dora := rostertest.Person("Dora")
	d.Claim("example", dora)
	frozen := d.NextList("example")
	frozen.Threshold, frozen.ReleaseThreshold = 0, 0
	d.PutList(frozen, dora)
	d.Publish(nil)
	code, stdout, stderr := d.run("list", "new", "--package", "example", "--freeze", "--out", filepath.Join(d.dir, "list.json"))
	if code != 3 || stdout != "" || !strings.Contains(stderr, "an override by the root") {
		t.Errorf("exit code %d, %q, %q; want a refusal that names the override", code, stdout, stderr)
	}
}

// Names from outside cannot write to the terminal.
func TestWordsFromOutsideAreEscaped(t *testing.T) {
	d := newDesk(t)
	d.Publish(nil)
	code, stdout, stderr := d.run("get", "--package", "exam\x1b[31mple", "--file", "x", "--out", "o")
	if code != 3 || strings.ContainsRune(stdout+stderr, '\x1b') {
		t.Errorf("exit code %d, %q, %q; want no escape character", code, stdout, stderr)
	}
}
