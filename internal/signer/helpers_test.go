package signer_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
	"github.com/rootward/rootward/roster/tree"
)

// A rig is a service with software keys over a real store and a real
// directory. The index x plays everybody else: the keyholders and the
// maintainers, and (as a model) a signer whose map the service's must equal.
type rig struct {
	t       testing.TB
	x       *rostertest.Index
	dir     string
	store   *store.Bolt
	keys    *softKeys
	log     *record
	service *signer.Service
	// for a test to remember
	first      roster.Ref
	anchorLeaf *tree.Leaf
}

// read returns a published file.
func (r *rig) read(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(r.dir, "www", filepath.FromSlash(path)))
}

// softKeys are online keys that can go away.
type softKeys struct {
	mu   sync.Mutex // guards what follows
	keys map[roster.Role]*rostertest.Signer
	away bool
}

func (k *softKeys) Key(_ context.Context, role roster.Role) (*pgp.PublicKey, crypto.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.away {
		return nil, nil, &signer.AwayError{Err: errors.New("sealed")}
	}
	s := k.keys[role]
	return s.Key, s.Private, nil
}

func (k *softKeys) set(away bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.away = away
}

// use makes the service's keys those of the index.
func (k *softKeys) use(x *rostertest.Index) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = map[roster.Role]*rostertest.Signer{roster.RoleCountersign: x.Countersign, roster.RoleSnapshot: x.Snapshot}
}

// record collects the log.
type record struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// newRig returns a rig after genesis: roster 1 is adopted and a first
// snapshot published.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, x: rostertest.New(t), dir: t.TempDir(), keys: &softKeys{}, log: &record{}}
	r.keys.use(r.x)
	r.open()
	t.Cleanup(func() { r.store.Close() })
	r.adopt()
	r.publish()
	return r
}

func (r *rig) options() signer.Options {
	r.t.Helper()
	files, err := publish.Open(filepath.Join(r.dir, "www"), publish.Disk{})
	must(r.t, err)
	return signer.Options{
		Repository: r.x.Repository, Pin: r.x.Pin(), Store: r.store, Files: files, Keys: r.keys,
		Clock: func() time.Time { return r.x.Now }, Rand: rand.Reader, Interval: time.Hour, Lifetime: 12 * time.Hour,
		Log: slog.New(slog.NewTextHandler(io.MultiWriter(r.log, testLog{r.t}), nil)),
	}
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// open opens the store and the service over it.
func (r *rig) open() {
	r.t.Helper()
	var err error
	r.store, err = store.Open(filepath.Join(r.dir, "store.db"))
	must(r.t, err)
	r.service, err = signer.Open(r.t.Context(), r.options())
	must(r.t, err)
}

// restart closes the store and opens all again, as after a crash.
func (r *rig) restart() {
	r.t.Helper()
	must(r.t, r.store.Close())
	r.open()
}

// ceremony is the directory that a ceremony would hand over: every roster,
// the attestations, the anchor's nodes, and all lists as if each were an
// override.
func (r *rig) ceremony() fs.FS {
	dir := make(fstest.MapFS)
	for path, b := range r.x.Files {
		kind, _, _ := strings.Cut(path, "/")
		switch kind {
		case "root", "map", "lists":
			if !strings.HasSuffix(path, ".countersign.asc") {
				dir[path] = &fstest.MapFile{Data: b}
			}
		}
	}
	return dir
}

func (r *rig) adopt() signer.Adoption {
	r.t.Helper()
	a, err := r.service.Adopt(r.t.Context(), r.ceremony())
	must(r.t, err)
	return a
}

func (r *rig) publish() {
	r.t.Helper()
	must(r.t, r.service.Publish(r.t.Context(), false))
}

// submit submits what the index has at a path.
func (r *rig) submit(path string) (signer.Answer, error) {
	return r.service.Submit(r.t.Context(), r.x.Signed(path))
}

// accepted submits what must be accepted.
func (r *rig) accepted(path string) signer.Answer {
	r.t.Helper()
	a, err := r.submit(path)
	must(r.t, err)
	return a
}

// refused submits what must be refused, with these words.
func (r *rig) refused(s roster.Signed, words string) {
	r.t.Helper()
	before := r.show()
	_, err := r.service.Submit(r.t.Context(), s)
	var refusal *roster.Error
	if !errors.As(err, &refusal) {
		r.t.Fatalf("submitted what is to be refused: found error %v, wanted a *roster.Error", err)
	}
	if !strings.Contains(err.Error(), words) {
		r.t.Fatalf("refused with %q, wanted the words %q", err, words)
	}
	if after := r.show(); after != before {
		r.t.Fatalf("what was refused changed the state:\n%s\nwas\n%s", after, before)
	}
	if _, err := r.service.State(r.t.Context(), digest.Sum(s.Document)); err == nil && before == "" {
		r.t.Fatal("what was refused is known as a proposal")
	}
}

// show prints what the service knows of each package of the index.
func (r *rig) show() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.x.Packages)) {
		p, err := r.service.Show(r.t.Context(), name)
		if err == nil {
			fmt.Fprintf(&b, "%+v\n", p)
		}
	}
	return b.String()
}

// claim makes the maintainers claim a package and publishes that.
func (r *rig) claim(name string, people ...*rostertest.Signer) *roster.List {
	r.t.Helper()
	l := r.x.Claim(name, people...)
	r.accepted(roster.ListPath(name, l.Digest()))
	return l
}

// succeed submits the next list of a package, signed by the signers.
func (r *rig) succeed(c roster.ListContent, signers ...*rostertest.Signer) *roster.List {
	r.t.Helper()
	l := r.x.PutList(c, signers...)
	r.accepted(roster.ListPath(c.Package, l.Digest()))
	return l
}

// release submits a release of one file.
func (r *rig) release(name, file, content string, signers ...*rostertest.Signer) *roster.Manifest {
	r.t.Helper()
	m := r.x.Release(name, file, content, signers...)
	r.accepted(roster.ManifestPath(name, m.Digest()))
	return m
}

// same checks that the published map is the model's.
func (r *rig) same() {
	r.t.Helper()
	want := r.x.Map()
	got := r.client().snapshot().Map()
	if got != want {
		r.t.Fatalf("the published map is %+v, wanted %+v; the service knows\n%s", got, want, r.show())
	}
}

// A reader is a client of the published directory.
type reader struct {
	t testing.TB
	c *client.Client
	r *rig
}

// client returns a new client, without memory.
func (r *rig) client() *reader {
	r.t.Helper()
	state := filepath.Join(r.t.TempDir(), "state")
	_, err := client.Init(r.t.Context(), state, r.x.Signed(roster.RosterPath(1)), r.x.Pin())
	must(r.t, err)
	policy, err := client.ParsePolicy("established,remembered,new,unsigned,frozen,yanked")
	must(r.t, err)
	c, err := client.Open(client.Config{State: state, Source: directory(filepath.Join(r.dir, "www")), Accept: policy})
	must(r.t, err)
	return &reader{r.t, c, r}
}

func (c *reader) snapshot() *roster.Snapshot {
	c.t.Helper()
	v, err := c.c.Refresh(c.t.Context(), c.r.x.Now)
	must(c.t, err)
	return v.Snapshot()
}

// authorise says what the client finds of a file.
func (c *reader) authorise(name, file string) (client.Outcome, error) {
	c.t.Helper()
	v, err := c.c.Refresh(c.t.Context(), c.r.x.Now)
	if err != nil {
		return "", err
	}
	p, err := v.Package(c.t.Context(), name)
	if err != nil {
		return "", err
	}
	_, err = v.Authorise(c.t.Context(), name, file)
	return p.Outcome, err
}

// finds checks that the client authorises the file and finds the package so.
func (c *reader) finds(name, file string, want client.Outcome) {
	c.t.Helper()
	got, err := c.authorise(name, file)
	if err != nil || got != want {
		c.t.Fatalf("%s of %s is found %q with error %v, wanted %q", file, name, got, err, want)
	}
}

// directory is a published directory as a client's source.
type directory string

func (d directory) Open(_ context.Context, path string, limit int64) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(string(d), filepath.FromSlash(path)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, roster.ErrAbsent)
	}
	if err != nil {
		return nil, err
	}
	return client.Cap(f, path, limit), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
