package signer_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/rostertest"
)

var killPoints = flag.String("killpoints", "sample", "at which write points to kill the signer: sample, all, or one number")

// The environment of the process that is killed.
const (
	killAt  = "ROOTWARD_KILL_AT"
	killDir = "ROOTWARD_KILL_DIR"
)

// A step is one act of the scenario, prepared beforehand, so that the process
// which was killed and the one that goes on do the same.
type step struct {
	name   string
	bundle fstest.MapFS  // to adopt
	submit roster.Signed // or to submit
	revoke roster.Signed // or to open
	quiet  bool          // the next step publishes it too
	at     time.Time
	keys   map[roster.Role]*rostertest.Signer
}

// scenario plays a life in the model and returns its steps: claim, release,
// succession, key revocation, snapshot, anchor with an override, a theft with
// new online keys, and on.
func scenario(r *rig) []step {
	var steps []step
	x := r.x
	add := func(name string, s step) {
		s.name, s.at = name, x.Now
		s.keys = map[roster.Role]*rostertest.Signer{roster.RoleCountersign: x.Countersign, roster.RoleSnapshot: x.Snapshot}
		steps = append(steps, s)
		x.Now = x.Now.Add(time.Minute)
	}
	adopt := func(name string) { add(name, step{bundle: maps.Clone(r.ceremony().(fstest.MapFS))}) }
	list := func(c roster.ListContent, signers ...*rostertest.Signer) {
		l := x.PutList(c, signers...)
		add(fmt.Sprintf("list %s %d", c.Package, c.Version), step{submit: x.Signed(roster.ListPath(c.Package, l.Digest()))})
	}
	release := func(name, file string, by ...*rostertest.Signer) {
		m := x.Release(name, file, file, by...)
		add("release "+file, step{submit: x.Signed(roster.ManifestPath(name, m.Digest()))})
	}
	withTheNext := func() { steps[len(steps)-1].quiet = true }
	adopt("genesis")
	list(x.FirstList("example", alice, bob), alice, bob)
	release("example", "example-1.0.tar.gz", alice)
	withTheNext()
	list(x.FirstList("lost", carol), carol)
	release("lost", "lost-1.0.tar.gz", carol)
	list(x.NextList("example", alice, bob, carol), alice, carol)
	x.PutList(x.NextList("lost", dave), dave)
	x.Anchor()
	adopt("anchor and override")
	list(x.FirstList("fresh", mary), mary)
	x.RevokeKey(bob, "example")
	add("key revocation", step{submit: x.Signed(roster.KeyRevocationPath(x.Package("example").Index.Revocations()[0]))})
	release("example", "example-2.0.tar.gz", carol)
	x.RevokeOnline(x.Snapshot.Key)
	add("online revocation", step{revoke: x.Signed(roster.RevocationPath(x.Snapshot.Key.ID()))})
	x.Succeed(func(next *roster.Root) {
		x.ReplaceOnlineKeys(next, "countersign-2", "snapshot-2")
		next.SnapshotFloor = 500
	})
	delete(x.Packages, "fresh")
	adopt("after the theft")
	list(x.FirstList("fresh", dave), dave)
	withTheNext()
	release("fresh", "fresh-1.0.tar.gz", dave)
	withTheNext()
	list(x.NextList("example", alice), alice)
	return steps
}

// play carries out the steps from first on, and calls done after each that
// was acknowledged and, unless it is quiet, published.
func (r *rig) play(steps []step, first int, done func(i int, acknowledged digest.Digest)) error {
	ctx := context.Background()
	for i := first; i < len(steps); i++ {
		s := steps[i]
		r.x.Now = s.at
		r.keys.keys = s.keys
		var d digest.Digest
		var err error
		switch {
		case s.bundle != nil:
			_, err = r.service.Adopt(ctx, s.bundle)
			if err != nil && strings.Contains(err.Error(), "no new roster") {
				err = nil // it was adopted before the process was killed
			}
		case s.revoke.Document != nil:
			_, err = r.service.PublishRevocation(ctx, s.revoke)
		default:
			var a signer.Answer
			if a, err = r.service.Submit(ctx, s.submit); err == nil {
				d = a.Digest
				done(-1, d) // acknowledged, not yet published
			}
		}
		if err != nil {
			return fmt.Errorf("step %q: %w", s.name, err)
		}
		if s.quiet {
			done(i, d)
			continue
		}
		var key *signer.KeyError
		if err := r.service.Publish(ctx, false); err != nil && (!errors.As(err, &key) || s.revoke.Document == nil) {
			return fmt.Errorf("publishing after step %q: %w", s.name, err)
		}
		done(i, d)
	}
	return nil
}

// A counter counts write points and kills the process at one of them.
type counter struct {
	at int
	mu sync.Mutex // guards n
	n  int
}

// point is one of them; last, if not nil, is what is still done there.
func (c *counter) point(last func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n++; c.n == c.at {
		if last != nil {
			last()
		}
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
}

// killedStore has a write point before and after each commit.
type killedStore struct {
	*store.Bolt
	c *counter
}

func (k killedStore) Update(ctx context.Context, change func(store.Writer) error) error {
	err := k.Bolt.Update(ctx, func(w store.Writer) error {
		err := change(w)
		if err == nil {
			k.c.point(nil)
		}
		return err
	})
	if err == nil {
		k.c.point(nil)
	}
	return err
}

// killedFiles has a write point while a temporary file is half written, and
// after each renaming.
type killedFiles struct {
	publish.Disk
	c *counter
}

func (k killedFiles) WriteTemporary(path string, data []byte, mode fs.FileMode) (string, error) {
	torn := filepath.Join(filepath.Dir(path), ".tmp-"+filepath.Base(path))
	k.c.point(func() { os.WriteFile(torn, data[:len(data)/2], 0o644) })
	return k.Disk.WriteTemporary(path, data, mode)
}

func (k killedFiles) NameNew(tmp, path string) error {
	err := k.Disk.NameNew(tmp, path)
	k.c.point(nil)
	return err
}

func (k killedFiles) Rename(tmp, path string) error {
	err := k.Disk.Rename(tmp, path)
	k.c.point(nil)
	return err
}

// TestKillChild is the process that is killed; it does nothing by itself.
func TestKillChild(t *testing.T) {
	at, err := strconv.Atoi(os.Getenv(killAt))
	if err != nil {
		return // only the process that TestKillPoints starts has something to do
	}
	r := &rig{t: t, x: rostertest.New(t), dir: os.Getenv(killDir), keys: &softKeys{}, log: &record{}}
	steps := scenario(r)
	r.x.Now = steps[0].at
	r.keys.keys = steps[0].keys
	c := &counter{at: at}
	r.store, err = store.Open(filepath.Join(r.dir, "store.db"))
	must(t, err)
	o := r.options()
	o.Files, err = publish.Open(filepath.Join(r.dir, "www"), killedFiles{c: c})
	must(t, err)
	o.Store = killedStore{r.store, c}
	r.service, err = signer.Open(t.Context(), o)
	must(t, err)
	acks, err := os.OpenFile(filepath.Join(r.dir, "acks"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	must(t, err)
	must(t, r.play(steps, 0, func(i int, d digest.Digest) { fmt.Fprintf(acks, "%d %s\n", i, d) }))
	must(t, os.WriteFile(filepath.Join(r.dir, "points"), fmt.Append(nil, c.n), 0o600))
}

// runKilled runs the process, to be killed at a write point; 0 is never.
func runKilled(t *testing.T, dir string, at int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", killAt, at), killDir+"="+dir)
	out, err := cmd.CombinedOutput()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if killed := status.Signaled() && status.Signal() == syscall.SIGKILL; killed != (at > 0) || !killed && err != nil {
		t.Fatalf("the process that is to be killed at point %d ended with %v:\n%s", at, err, out)
	}
}

// Killed at any of its write points, the signer loses nothing that it
// acknowledged, leaves a repository that verifies, goes on to where it would
// have come, and never makes two documents of one version.
func TestKillPoints(t *testing.T) {
	whole := t.TempDir()
	runKilled(t, whole, 0)
	text, err := os.ReadFile(filepath.Join(whole, "points"))
	must(t, err)
	points, err := strconv.Atoi(string(text))
	must(t, err)
	if points < 100 {
		t.Fatalf("the scenario has %d write points, wanted many", points)
	}
	first, stride := 1, 1
	switch one, err := strconv.Atoi(*killPoints); {
	case err == nil:
		first, points = one, one
	case *killPoints == "sample":
		first, stride = 5, 19
	case *killPoints != "all":
		t.Fatalf("-killpoints is %q, wanted sample, all or a number", *killPoints)
	}
	t.Logf("write points %d to %d, every %d", first, points, stride)
	for at := first; at <= points; at += stride {
		t.Run(strconv.Itoa(at), func(t *testing.T) {
			t.Parallel()
			killAndRecover(t, at)
		})
	}
}

func killAndRecover(t *testing.T, at int) {
	r := &rig{t: t, x: rostertest.New(t), dir: t.TempDir(), keys: &softKeys{}, log: &record{}}
	steps := scenario(r)
	end := r.x.Now
	runKilled(t, r.dir, at)
	next, acknowledged := r.acks()
	r.x.Now = steps[min(next, len(steps)-1)].at
	r.keys.keys = steps[min(next, len(steps)-1)].keys

	c := r.client()
	r.verifies(c, "as the crash left it")
	left := r.immutable()
	var err error
	r.store, err = store.Open(filepath.Join(r.dir, "store.db"))
	must(t, err)
	t.Cleanup(func() { r.store.Close() })
	settled := r.settled()
	r.service, err = signer.Open(t.Context(), r.options())
	must(t, err)
	for _, d := range acknowledged {
		if _, err := r.service.State(t.Context(), d); err != nil {
			t.Fatalf("acknowledged document %s is lost: %v", d, err)
		}
	}
	// Alone, before anything is asked of it, it finishes what was half-way.
	if err := r.service.Publish(t.Context(), false); err != nil && !errors.Is(err, signer.ErrNoRoster) && !isKeyError(err) {
		t.Fatalf("after the crash a pass ends with %v", err)
	}
	r.verifies(c, "after the first pass")
	must(t, r.play(steps, next, func(int, digest.Digest) {}))
	r.x.Now = end
	must(t, r.service.Publish(t.Context(), true))
	r.same()
	for _, c := range []*reader{c, r.client()} {
		c.finds("example", "example-1.0.tar.gz", client.Established)
		c.finds("example", "example-2.0.tar.gz", client.Established)
		c.finds("lost", "lost-1.0.tar.gz", client.Established)
	}
	r.client().finds("fresh", "fresh-1.0.tar.gz", client.New)
	for path, was := range left {
		if now, err := r.read(path); err != nil || digest.Sum(now) != was {
			t.Errorf("%s was changed or removed after the crash (%v)", path, err)
		}
	}
	for version, doc := range settled {
		if now, err := r.read(roster.SnapshotPath(version)); err == nil && string(now) != doc {
			t.Errorf("snapshot %d was recorded as one document and published as another", version)
		}
	}
}

func isKeyError(err error) bool {
	var key *signer.KeyError
	return errors.As(err, &key)
}

// acks reads what the killed process had acknowledged, and returns the step to
// go on with.
func (r *rig) acks() (next int, acknowledged []digest.Digest) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "acks"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	must(r.t, err)
	for line := range strings.Lines(string(text)) {
		var i int
		var hex string
		_, err := fmt.Sscanf(line, "%d %s\n", &i, &hex)
		must(r.t, err)
		if d, err := digest.Parse(hex); err == nil && !d.IsZero() {
			acknowledged = append(acknowledged, d)
		}
		next = max(next, i+1)
	}
	return next, acknowledged
}

// verifies lets a client, which remembers what it saw, follow the repository
// as it stands: rosters, snapshot, and all packages of its map. Only that a
// key is revoked, or that there is no snapshot yet, may keep it.
func (r *rig) verifies(c *reader, when string) {
	r.t.Helper()
	if _, err := r.read(roster.RosterPath(1)); err != nil {
		return // not even the first roster is out
	}
	if _, err := r.read(roster.LatestPath); err != nil {
		return
	}
	v, err := c.c.Refresh(r.t.Context(), r.x.Now)
	if err != nil {
		if r.mayRefuse(err) {
			return
		}
		r.t.Fatalf("%s the repository does not verify: %v", when, err)
	}
	for _, name := range []string{"example", "lost", "fresh"} {
		_, err := v.Package(r.t.Context(), name)
		var outcome *client.OutcomeError
		if err != nil && !(errors.As(err, &outcome) && outcome.Outcome == client.Unknown) && !r.mayRefuse(err) {
			r.t.Fatalf("%s package %s does not verify: %v", when, name, err)
		}
	}
}

// mayRefuse reports whether the refusal is one that the scenario brings about
// by itself: the revoked keys, until the new ones have signed; and between a
// roster with an override and the next snapshot, the package's former list.
func (r *rig) mayRefuse(err error) bool {
	words := []string{}
	if _, missing := r.read(roster.RevocationPath(rostertest.Person("snapshot-1").Key.ID())); missing == nil {
		words = append(words, "revoked", "not signed by any", "snapshot_floor")
	}
	_, hasNot := r.read(roster.RosterPath(2))
	if _, c := r.latest(); hasNot == nil && c.Roster < 2 {
		words = append(words, "maintainer list lost version 1: no succession leads here from the anchored list")
	}
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(err.Error(), w) })
}

// immutable returns the digests of all published files that may never change.
func (r *rig) immutable() map[string]digest.Digest {
	r.t.Helper()
	all := make(map[string]digest.Digest)
	root := filepath.Join(r.dir, "www")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".asc") || strings.HasPrefix(d.Name(), ".tmp-") || d.Name() == roster.LatestPath {
			return err
		}
		b, err := os.ReadFile(path)
		rel, relErr := filepath.Rel(root, path)
		all[filepath.ToSlash(rel)] = digest.Sum(b)
		return errors.Join(err, relErr)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	return all
}

// settled returns the documents that the store has recorded for versions.
func (r *rig) settled() map[uint64]string {
	r.t.Helper()
	all := make(map[uint64]string)
	must(r.t, r.store.View(r.t.Context(), func(tx store.Reader) error {
		return tx.Each("snapshots", "", func(key string, value []byte) error {
			var rec struct {
				Document []byte `json:"document"`
			}
			if err := json.Unmarshal(value, &rec); err != nil {
				return err
			}
			version, err := strconv.ParseUint(key, 10, 64)
			all[version] = string(rec.Document)
			return err
		})
	}))
	return all
}
