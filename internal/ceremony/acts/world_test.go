package acts

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

const repository = "rehearsal.packages.example"

// begin is when the first ceremony is held.
var begin = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// TestMain has the stages in memory where there is such a place: no test loses
// power, and waiting for a disk would be most of their time.
func TestMain(m *testing.M) {
	if os.Getenv("TMPDIR") == "" {
		if dir, err := os.MkdirTemp("/dev/shm", "rootward-"); err == nil {
			_ = os.Remove(dir)
			_ = os.Setenv("TMPDIR", "/dev/shm")
		}
	}
	code := m.Run()
	if foundedWorld != nil {
		_ = os.RemoveAll(foundedWorld.dir)
	}
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A world is an index with all that belongs to it: the cards of its root, its
// online signer and what that publishes (in www), and clients.
type world struct {
	t       testing.TB
	dir     string
	now     time.Time
	pin     digest.Digest // of the first roster
	held    int           // ceremonies so far
	maker   *maker
	cards   map[uint32]*card
	pair    int // the online signer's keys: the first pair, or a later one
	store   *store.Bolt
	service *signer.Service
}

func newWorld(t testing.TB, dir string) *world {
	t.Helper()
	w := &world{t: t, dir: dir, now: begin, maker: newMaker(t), cards: make(map[uint32]*card), pair: 1}
	w.write("root.pem", w.maker.pem())
	w.enrol()
	for pair := 1; pair <= 3; pair++ {
		w.handOver(pair)
	}
	for _, witness := range []string{"Heidi", "Ivan"} {
		key := newKey(t)
		packet, err := pgp.NewPublicKey(key.Public(), begin.Add(-day))
		must(t, err)
		cert, err := pgp.Certify(rand.Reader, witness, packet, key, begin.Add(-day))
		must(t, err)
		w.write(witness+".asc", cert)
	}
	return w
}

func (w *world) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

func (w *world) write(name string, b []byte) {
	w.t.Helper()
	must(w.t, os.MkdirAll(filepath.Dir(w.path(name)), 0o755))
	must(w.t, os.WriteFile(w.path(name), b, 0o644))
}

func (w *world) read(elem ...string) []byte {
	w.t.Helper()
	b, err := os.ReadFile(w.path(elem...))
	must(w.t, err)
	return b
}

// online is a key of one of the online signer's pairs.
func online(role roster.Role, pair int) *rostertest.Signer {
	return rostertest.Person(fmt.Sprintf("%s-%d", role, pair))
}

// handOver writes the file that names a pair of online keys.
func (w *world) handOver(pair int) {
	w.t.Helper()
	o := handover.OnlineKeys{Repository: repository}
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		o.Keys = append(o.Keys, handover.OnlineKey{Role: role, Name: fmt.Sprintf("%s-%d", role, pair), Key: roster.Key{PublicKey: online(role, pair).Key}})
	}
	b, err := o.Format()
	must(w.t, err)
	w.write(fmt.Sprintf("online-%d.json", pair), b)
}

// Key implements [signer.Keys] with the pair that the signer has now.
func (w *world) Key(_ context.Context, role roster.Role) (*pgp.PublicKey, crypto.Signer, error) {
	s := online(role, w.pair)
	return s.Key, s.Private, nil
}

// serve starts the online signer.
func (w *world) serve() {
	w.t.Helper()
	var err error
	w.store, err = store.Open(w.path("signer.db"))
	must(w.t, err)
	files, err := publish.Open(w.path("www"), publish.Disk{})
	must(w.t, err)
	w.service, err = signer.Open(w.t.Context(), signer.Options{Repository: repository, Pin: w.pin, Store: w.store, Files: files, Keys: w,
		Clock: func() time.Time { return w.now }, Rand: rand.Reader, Interval: time.Hour, Lifetime: 12 * time.Hour,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	must(w.t, err)
}

func (w *world) stop() {
	w.t.Helper()
	must(w.t, w.store.Close())
}

// adopt publishes what a ceremony put out.
func (w *world) adopt(h *held) signer.Adoption {
	w.t.Helper()
	a, err := w.service.Adopt(w.t.Context(), os.DirFS(filepath.Join(h.out, "publish")))
	must(w.t, err)
	w.publish()
	return a
}

// publish publishes a snapshot.
func (w *world) publish() {
	w.t.Helper()
	must(w.t, w.service.Publish(w.t.Context(), true))
}

// The packages: settled is established since the second ceremony, fresh was
// claimed after it.
var (
	alder, birch = rostertest.Person("alder"), rostertest.Person("birch")
	thief        = rostertest.Person("thief")
)

func wheel(pkg, version string) string { return pkg + "-" + version + "-py3-none-any.whl" }

// newest is the newest list of a package, as the signer has it.
func (w *world) newest(pkg string) (digest.Digest, uint64) {
	w.t.Helper()
	p, err := w.service.Show(w.t.Context(), pkg)
	must(w.t, err)
	return p.List.Digest, p.ListVersion
}

// list makes a list of a package with one maintainer, after the one given.
func list(t testing.TB, pkg string, previous digest.Digest, version uint64, at time.Time, who *rostertest.Signer) *roster.List {
	t.Helper()
	c := roster.ListContent{Repository: repository, Package: pkg, Version: version, Issued: roster.At(at), Threshold: 1, ReleaseThreshold: 1,
		Maintainers: []roster.Maintainer{{Name: who.Name, Keys: []roster.Key{{PublicKey: who.Key}}}}}
	if version > 1 {
		c.Previous = roster.Ref{Digest: previous}
	}
	l, err := roster.NewList(c)
	must(t, err)
	return l
}

// claim has somebody claim a name.
func (w *world) claim(pkg string, who *rostertest.Signer) {
	w.t.Helper()
	l := list(w.t, pkg, digest.Digest{}, 1, w.now, who)
	_, err := w.service.Submit(w.t.Context(), roster.Signed{Document: l.Bytes(), Signatures: rostertest.Sign(w.t, l.Bytes(), who)})
	must(w.t, err)
}

// tryRelease has somebody release a version of a package.
func (w *world) tryRelease(pkg, version string, who *rostertest.Signer) error {
	w.t.Helper()
	m, err := roster.NewManifest(roster.ManifestContent{Repository: repository, Package: pkg, Version: version, Issued: roster.At(w.now),
		Files: []roster.File{{Name: wheel(pkg, version), Size: 5, SHA256: digest.Sum([]byte("wheel"))}}})
	must(w.t, err)
	_, err = w.service.Submit(w.t.Context(), roster.Signed{Document: m.Bytes(), Signatures: rostertest.Sign(w.t, m.Bytes(), who)})
	return err
}

func (w *world) release(pkg, version string, who *rostertest.Signer) {
	w.t.Helper()
	must(w.t, w.tryRelease(pkg, version, who))
}

// keep has a keyholder's client keep the newest snapshot, and copies what is
// public.
func (w *world) keep(to string) {
	w.t.Helper()
	v, err := w.client("keeper").refresh()
	must(w.t, err)
	s := v.Snapshot()
	b, err := handover.KeptSnapshot{Repository: repository, Version: s.Version(), Snapshot: s.Digest(), Map: s.Map(), KeptAt: roster.At(w.now)}.Format()
	must(w.t, err)
	w.write(to+".json", b)
	must(w.t, os.CopyFS(w.path(to), os.DirFS(w.path("www"))))
}

var (
	foundOnce    sync.Once
	foundedWorld *world
)

// founded is a world after two ceremonies. At the first, Alice, Bob and Carol
// became the root, 2 of 3, with a pair of online keys and a standby pair; the
// second anchored the package settled. Each test has its own copy.
func founded(t *testing.T) *world {
	t.Helper()
	foundOnce.Do(func() {
		dir, err := os.MkdirTemp("", "rootward-acts-")
		must(t, err)
		w := newWorld(t, dir)
		w.found()
		foundedWorld = w
	})
	if foundedWorld == nil {
		t.Fatal("the founding failed, in another test")
	}
	w := *foundedWorld
	w.t, w.dir, w.cards = t, t.TempDir(), maps.Clone(w.cards)
	must(t, os.CopyFS(w.dir, os.DirFS(foundedWorld.dir)))
	w.serve()
	t.Cleanup(w.stop)
	return &w
}

func (w *world) found() {
	w.t.Helper()
	w.genesis()
	_, err := w.client("offline").refresh()
	must(w.t, err)

	w.now = w.now.Add(day)
	w.claim("settled", alder)
	w.release("settled", "1.0", alder)
	w.publish()
	w.keep("kept-1")
	w.now = w.now.Add(10 * day)
	w.adopt(w.hold(holding{acts: "anchor", values: join(w.issued(), values{"kept-snapshot": "kept-1.json", "public-copy": "kept-1"})}))

	w.now = w.now.Add(day)
	w.claim("fresh", birch)
	w.release("fresh", "1.0", birch)
	w.publish()
	remembering := w.client("remembering")
	remembering.finds("settled", "1.0", client.Established)
	remembering.finds("fresh", "1.0", client.New)
	w.stop()
}

// genesis holds the first ceremony, and starts the signer.
func (w *world) genesis() {
	w.t.Helper()
	h := w.hold(w.first())
	w.pin = h.Digest
	w.serve()
	w.adopt(h)
}

// A mirror is a directory as a client's source, in which somebody has put other
// files, or hidden some.
type mirror struct {
	dir    string
	forged map[string][]byte
	hidden []string
}

func (m mirror) Open(_ context.Context, path string, limit int64) (io.ReadCloser, error) {
	absent := fmt.Errorf("%s: %w", path, roster.ErrAbsent)
	if slices.Contains(m.hidden, path) {
		return nil, absent
	}
	if b, ok := m.forged[path]; ok {
		return client.Cap(io.NopCloser(newReader(b)), path, limit), nil
	}
	f, err := os.Open(filepath.Join(m.dir, filepath.FromSlash(path)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, absent
	}
	if err != nil {
		return nil, err
	}
	return client.Cap(f, path, limit), nil
}
