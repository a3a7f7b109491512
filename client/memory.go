package client

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// The names of state files.
const (
	pinFile     = "pin"
	lockFile    = "lock"
	rootDir     = "root"
	earlierDir  = "earlier"
	onlineDir   = "revocations"
	keyDir      = "key-revocations"
	snapshotDir = "snapshots"
	packageDir  = "packages"
	mapDir      = "map" // of the repository
	mapFileName = "map-cache"
	stateType   = "rootward-state/v1"
	maxPinFile  = 512
)

// emptyMap is the root of the map without leaves, and its one file.
var emptyMap, emptyMapFile = func() (digest.Digest, []byte) {
	var file []byte
	root, _, err := tree.Build(nil, func(_ digest.Digest, f []byte) error { file = slices.Clone(f); return nil })
	if err != nil {
		panic(err) // a map without leaves can be built
	}
	return root, file
}()

// A pin is what the user trusts to begin with.
type pin struct {
	repository string
	version    uint64
	digest     digest.Digest
}

func (p pin) format() []byte {
	return fmt.Appendf(nil, "%s %s %d %s\n", stateType, p.repository, p.version, p.digest)
}

func loadPin(dir directory) (pin, error) {
	b, err := dir.read(pinFile, maxPinFile)
	if errors.Is(err, fs.ErrNotExist) {
		return pin{}, fmt.Errorf("reading state directory %q: %w", dir.path, ErrNoState)
	}
	if err != nil {
		return pin{}, err
	}
	f := strings.Fields(string(b))
	if len(f) > 0 && f[0] != stateType && strings.HasPrefix(f[0], "rootward-state/") {
		return pin{}, &StateError{File: dir.file(pinFile), Problem: fmt.Sprintf("it is of type %.40q, wanted %q: another version of this program wrote it", f[0], stateType)}
	}
	p := pin{}
	if len(f) == 4 {
		p.repository = f[1]
		p.version, _ = strconv.ParseUint(f[2], 10, 53)
		p.digest, _ = digest.Parse(f[3])
	}
	if string(p.format()) != string(b) || p.version == 0 || p.digest.IsZero() {
		return pin{}, &StateError{File: dir.file(pinFile), Problem: fmt.Sprintf("found %.120q, wanted \"%s <repository> <version> <digest>\"", b, stateType)}
	}
	return p, nil
}

// A memory is what a state directory remembers, verified anew.
type memory struct {
	dir   directory
	pin   pin
	chain []*roster.Roster // from the pinned one to the newest
	floor uint64           // version of the roster that last changed snapshot_floor

	earlier []*roster.Roster                 // before the pinned one, newest first, as far as needed
	online  map[pgp.KeyID]*roster.Revocation // of online keys
	keys    map[digest.Digest]roster.Signed  // maintainers' revocations
	revoked roster.Revoked                   // by either, and by the newest roster

	snapshot *keptSnapshot // nil if none is remembered
}

type keptSnapshot struct {
	version uint64
	signed  roster.Signed
}

// newest is the newest roster known.
func (m *memory) newest() *roster.Roster { return m.chain[len(m.chain)-1] }

// load reads and verifies a state directory. The lock is held.
func load(dir directory) (*memory, error) {
	p, err := loadPin(dir)
	if err != nil {
		return nil, err
	}
	m := &memory{dir: dir, pin: p, online: make(map[pgp.KeyID]*roster.Revocation),
		keys: make(map[digest.Digest]roster.Signed), revoked: make(roster.Revoked)}
	for _, step := range []func() error{m.loadChain, m.loadOnline, m.loadKeys, m.loadSnapshot} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *memory) loadChain() error {
	name := roster.RosterPath(m.pin.version)
	s, err := m.dir.readSigned(name, roster.MaxRoster)
	if errors.Is(err, fs.ErrNotExist) {
		return &StateError{File: m.dir.file(name), Problem: "it is missing"}
	}
	if err != nil {
		return err
	}
	first, err := roster.Trust(s, m.pin.digest, emptyMap)
	if err == nil && first.Repository() != m.pin.repository {
		err = fmt.Errorf("its repository is %q, wanted %q", first.Repository(), m.pin.repository)
	}
	if err != nil {
		return damaged(m.dir.file(name), "it is not the pinned roster", err)
	}
	m.accept(first)
	for {
		name := roster.RosterPath(m.newest().Version() + 1)
		s, err := m.dir.readSigned(name, roster.MaxRoster)
		if errors.Is(err, fs.ErrNotExist) {
			return m.checkNoGap()
		}
		if err != nil {
			return err
		}
		next, err := m.newest().Succeed(s)
		if err != nil {
			return damaged(m.dir.file(name), "it does not follow the roster before it", err)
		}
		m.accept(next)
	}
}

// checkNoGap notices that a roster was removed from the middle of the chain.
func (m *memory) checkNoGap() error {
	names, err := m.dir.names(rootDir)
	if err != nil {
		return err
	}
	for _, n := range names {
		v, err := strconv.ParseUint(strings.TrimSuffix(n, ".json"), 10, 53)
		if strings.HasSuffix(n, ".json") && err == nil && v > m.newest().Version() {
			return &StateError{File: m.dir.file(roster.RosterPath(m.newest().Version() + 1)), Problem: fmt.Sprintf("it is missing, but %s is there", n)}
		}
	}
	return nil
}

// accept takes a verified roster as the newest.
func (m *memory) accept(r *roster.Roster) {
	if len(m.chain) == 0 || m.newest().Root().SnapshotFloor != r.Root().SnapshotFloor {
		m.floor = r.Version()
		m.snapshot = nil
	}
	m.chain = append(m.chain, r)
	m.revoked = m.revoked.And(r.Revoked())
}

// addRoster remembers a verified roster.
func (m *memory) addRoster(r *roster.Roster, s roster.Signed) error {
	if err := m.dir.writeSigned(roster.RosterPath(r.Version()), s); err != nil {
		return err
	}
	m.accept(r)
	return nil
}

// rosterNamed returns the roster with this digest, if it is among those known.
func (m *memory) rosterNamed(d digest.Digest) *roster.Roster {
	for _, r := range slices.Concat(m.chain, m.earlier) {
		if r.Digest() == d {
			return r
		}
	}
	return nil
}

// oldest is the oldest roster known.
func (m *memory) oldest() *roster.Roster {
	if len(m.earlier) > 0 {
		return m.earlier[len(m.earlier)-1]
	}
	return m.chain[0]
}

// openEarlier verifies the roster just before the oldest known.
func (m *memory) openEarlier(s roster.Signed) (*roster.Roster, error) {
	return roster.Trust(s, m.oldest().Root().Previous.Digest, emptyMap)
}

func earlierFile(version uint64) string { return fmt.Sprintf("%s/%d.json", earlierDir, version) }

// loadEarlier reads one more of the earlier rosters that are remembered. It
// reports false if there is none.
func (m *memory) loadEarlier() (bool, error) {
	if m.oldest().Version() == 1 {
		return false, nil
	}
	name := earlierFile(m.oldest().Version() - 1)
	s, err := m.dir.readSigned(name, roster.MaxRoster)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r, err := m.openEarlier(s)
	if err != nil {
		return false, damaged(m.dir.file(name), "it is not the roster before its successor", err)
	}
	m.earlier = append(m.earlier, r)
	return true, nil
}

// addEarlier remembers the roster just before the oldest known.
func (m *memory) addEarlier(r *roster.Roster, s roster.Signed) error {
	if err := m.dir.writeSigned(earlierFile(r.Version()), s); err != nil {
		return err
	}
	m.earlier = append(m.earlier, r)
	return nil
}

// loadRevocations opens each revocation that a directory holds; the file's
// name, without its end, is id.
func (m *memory) loadRevocations(dir, wanted string, open func(s roster.Signed, id string) error) error {
	names, err := m.dir.names(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		id, ok := strings.CutSuffix(n, ".json")
		if !ok {
			continue
		}
		name := dir + "/" + n
		s, err := m.dir.readSigned(name, roster.MaxRevocation)
		if err != nil {
			return err
		}
		if err := open(s, id); err != nil {
			return damaged(m.dir.file(name), wanted, err)
		}
	}
	return nil
}

func (m *memory) loadOnline() error {
	return m.loadRevocations(onlineDir, "it is not a revocation of an online key", func(s roster.Signed, hex string) error {
		id, err := digest.Parse(hex)
		if err != nil {
			return err
		}
		return m.openOnline(s, pgp.KeyID(id))
	})
}

// openOnline verifies a remembered revocation of an online key.
func (m *memory) openOnline(s roster.Signed, id pgp.KeyID) error {
	under, err := roster.RevocationRoster(s.Document)
	if err != nil {
		return err
	}
	r := m.rosterNamed(under)
	for more := true; r == nil && more; r = m.rosterNamed(under) {
		if more, err = m.loadEarlier(); err != nil {
			return err
		}
	}
	if r == nil {
		return fmt.Errorf("it names roster %s, which this directory does not hold", under)
	}
	rev, err := r.OpenRevocation(s, id)
	if err != nil {
		return err
	}
	m.acceptOnline(rev)
	return nil
}

func (m *memory) acceptOnline(rev *roster.Revocation) {
	m.online[rev.Key().ID()] = rev
	m.revoked.Add(rev.Key(), rev.Reason())
}

// addOnline remembers a verified revocation of an online key, for ever.
func (m *memory) addOnline(rev *roster.Revocation, s roster.Signed) error {
	if err := m.dir.writeSigned(roster.RevocationPath(rev.Key().ID()), s); err != nil {
		return err
	}
	m.acceptOnline(rev)
	return nil
}

func (m *memory) loadKeys() error {
	return m.loadRevocations(keyDir, "it is not the revocation that its name says", func(s roster.Signed, hex string) error {
		rev, err := roster.OpenKeyRevocation(s, m.pin.repository)
		if err != nil {
			return err
		}
		if rev.Digest().String() != hex {
			return fmt.Errorf("its digest is %s", rev.Digest())
		}
		m.acceptKey(rev, s)
		return nil
	})
}

func (m *memory) acceptKey(rev *roster.KeyRevocation, s roster.Signed) {
	m.keys[rev.Digest()] = s
	m.revoked.Add(rev.Key(), rev.Reason())
}

// A verifiedKey is a revocation of a maintainer's key and its bytes.
type verifiedKey struct {
	revocation *roster.KeyRevocation
	signed     roster.Signed
}

// writers is how many files are brought to the disk at once, where there are
// many: the disk takes most of them together.
const writers = 32

// addKeys remembers verified revocations of maintainers' keys, for ever.
func (m *memory) addKeys(all []verifiedKey) error {
	var g errgroup.Group
	g.SetLimit(writers)
	for i, k := range all {
		write := func() error {
			return m.dir.writeSigned(roster.KeyRevocationPath(k.revocation.Digest()), k.signed)
		}
		if i == 0 { // it makes the directory for the others
			if err := write(); err != nil {
				return err
			}
			continue
		}
		g.Go(write)
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, k := range all {
		m.acceptKey(k.revocation, k.signed)
	}
	return nil
}

func (m *memory) snapshotsDir() string { return fmt.Sprintf("%s/%d", snapshotDir, m.floor) }

// snapshotFile names the file by its digest too, so that damage is not taken
// for a server that shows two snapshots of one version.
func (m *memory) snapshotFile(version uint64, d digest.Digest) string {
	return fmt.Sprintf("%s/%d-%s.json", m.snapshotsDir(), version, d)
}

// loadSnapshot reads the remembered snapshot. Whether it still counts is for
// the refresh to find out; its version and bytes bind in any case.
func (m *memory) loadSnapshot() error {
	names, err := m.dir.names(m.snapshotsDir())
	if err != nil {
		return err
	}
	var version uint64
	var sum digest.Digest
	for _, n := range names {
		left, right, _ := strings.Cut(strings.TrimSuffix(n, ".json"), "-")
		v, err := strconv.ParseUint(left, 10, 53)
		d, err2 := digest.Parse(right)
		if err == nil && err2 == nil && v > version {
			version, sum = v, d
		}
	}
	if version == 0 {
		return m.sweepSnapshots("")
	}
	name := m.snapshotFile(version, sum)
	s, err := m.dir.readSigned(name, roster.MaxSnapshot)
	if err == nil && digest.Sum(s.Document) != sum {
		err = &StateError{File: m.dir.file(name), Problem: fmt.Sprintf("its digest is %s", digest.Sum(s.Document))}
	}
	if err != nil {
		return err
	}
	m.snapshot = &keptSnapshot{version, s}
	return m.sweepSnapshots(name)
}

// addSnapshot remembers a verified snapshot in place of the one before.
func (m *memory) addSnapshot(version uint64, s roster.Signed) error {
	name := m.snapshotFile(version, digest.Sum(s.Document))
	if err := m.dir.writeSigned(name, s); err != nil {
		return err
	}
	m.snapshot = &keptSnapshot{version, s}
	return m.sweepSnapshots(name)
}

// sweepSnapshots removes all but the snapshot that is remembered: older ones,
// those remembered under former floors, and what a program left that was
// killed.
func (m *memory) sweepSnapshots(keep string) error {
	for _, d := range []string{snapshotDir, m.snapshotsDir()} {
		names, err := m.dir.names(d)
		if err != nil {
			return err
		}
		for _, n := range names {
			if n = d + "/" + n; n == m.snapshotsDir() || n == keep || n == roster.SignaturePath(keep) {
				continue
			}
			if err := m.dir.remove(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// stamp changes whenever rosters, revocations or the snapshot do.
func (m *memory) stamp() ([32]byte, error) {
	h := sha256.New()
	for _, d := range []string{rootDir, onlineDir, keyDir, m.snapshotsDir()} {
		names, err := m.dir.names(d)
		if err != nil {
			return [32]byte{}, err
		}
		fmt.Fprintf(h, "%s\n%s\n", d, strings.Join(names, "\n"))
	}
	return [32]byte(h.Sum(nil)), nil
}
