package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// bits is log2 of the number of bins: 16,384 of them.
const bits = 14

// A layout is one way to lay an index out in TUF metadata, as PEP 458 does.
type layout struct {
	perBin   int  // targets in each bin: 139 in the PEP's table, 959 for PyPI today
	succinct bool // TAP 15's delegation, not PEP 458's 16,384 roles by path hash prefix
}

func (l layout) String() string {
	how := "path hash prefixes"
	if l.succinct {
		how = "succinct"
	}
	return fmt.Sprintf("go-tuf, %d targets a bin, %s", l.perBin, how)
}

// A repository is an index in TUF metadata. Bins are made when they are asked
// for: their other targets are made up, and need not fall into the bin by
// their hash, which no client looks at.
type repository struct {
	layout
	at      time.Time
	keys    map[string]ed25519.PrivateKey // by role; "bins" signs every bin, too
	version int64                         // of timestamp and snapshot
	changed map[int]int64                 // bins that are not at version 1
	targets map[int][]string              // those that a client will ask for, by bin
	files   map[string][]byte             // made already, by URL path
	made    int                           // bytes of the bins that were made
}

func newRepository(l layout, at time.Time, targets []string) (*repository, error) {
	r := &repository{layout: l, at: at, keys: make(map[string]ed25519.PrivateKey), version: 1,
		changed: make(map[int]int64), targets: make(map[int][]string), files: make(map[string][]byte)}
	for _, role := range []string{metadata.ROOT, metadata.TIMESTAMP, metadata.SNAPSHOT, metadata.TARGETS, "bins"} {
		seed := sha256.Sum256([]byte("peers key of " + role))
		r.keys[role] = ed25519.NewKeyFromSeed(seed[:])
	}
	for _, t := range targets {
		r.targets[binOf(t)] = append(r.targets[binOf(t)], t)
	}
	for _, make := range []func() error{r.makeRoot, r.makeTargets, r.publish} {
		if err := make(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// binOf is the bin of a target: the first bits of its path's SHA-256.
func binOf(path string) int {
	sum := sha256.Sum256([]byte(path))
	return int(binary.BigEndian.Uint32(sum[:])) >> (32 - bits)
}

// spelt is the beginning of a path's SHA-256 as go-tuf v2.4.2 compares it with
// the prefixes of a delegation: in base64, where TUF's specification has hex
// digits. So that it finds what it is asked for, the bins of wanted targets
// name those beginnings; they are as long as the hex prefixes that they
// replace, and the metadata keeps its size.
func spelt(path string) string {
	sum := sha256.Sum256([]byte(path))
	return base64.URLEncoding.EncodeToString(sum[:])[:4]
}

// findable reports whether no hex prefix of another bin is taken for the
// beginning of the path.
func findable(path string) bool { return strings.Trim(spelt(path), "0123456789abcdef") != "" }

// binName is the name of a bin's role, as TAP 15 gives it.
func binName(bin int) string { return fmt.Sprintf("bin-%04x", bin) }

func (r *repository) expires() time.Time { return r.at.Add(24 * time.Hour) }

// key returns the public half of a role's key.
func (r *repository) key(role string) (*metadata.Key, error) {
	return metadata.KeyFromPublicKey(r.keys[role].Public())
}

func sign[T metadata.Roles](r *repository, m *metadata.Metadata[T], role string) ([]byte, error) {
	signer, err := signature.LoadSigner(r.keys[role], crypto.Hash(0))
	if err != nil {
		return nil, err
	}
	if _, err := m.Sign(signer); err != nil {
		return nil, err
	}
	return m.ToBytes(false)
}

func (r *repository) makeRoot() error {
	m := metadata.Root(r.at.AddDate(1, 0, 0))
	for _, role := range metadata.TOP_LEVEL_ROLE_NAMES {
		k, err := r.key(role)
		if err == nil {
			err = m.Signed.AddKey(k, role)
		}
		if err != nil {
			return err
		}
	}
	b, err := sign(r, m, metadata.ROOT)
	r.files["1.root.json"] = b
	return err
}

// makeTargets makes targets, and bins where the delegation is by prefix. Both
// are signed rarely and stay as they are.
func (r *repository) makeTargets() error {
	k, err := r.key("bins")
	if err != nil {
		return err
	}
	id, err := k.ID()
	if err != nil {
		return err
	}
	keys := map[string]*metadata.Key{id: k}
	top := metadata.Targets(r.at.AddDate(1, 0, 0))
	if r.succinct {
		top.Signed.Delegations = &metadata.Delegations{Keys: keys,
			SuccinctRoles: &metadata.SuccinctRoles{KeyIDs: []string{id}, Threshold: 1, BitLength: bits, NamePrefix: "bin"}}
	} else {
		all := metadata.DelegatedRole{Name: "bins", KeyIDs: []string{id}, Threshold: 1, Terminating: true, Paths: []string{"*/*/*", "*/*/*/*/*"}}
		top.Signed.Delegations = &metadata.Delegations{Keys: keys, Roles: []metadata.DelegatedRole{all}}
		bins := metadata.Targets(r.at.AddDate(1, 0, 0))
		bins.Signed.Delegations = &metadata.Delegations{Keys: keys}
		for bin := range 1 << bits {
			role := metadata.DelegatedRole{Name: binName(bin), KeyIDs: []string{id}, Threshold: 1, Terminating: true}
			for i := range 1 << (16 - bits) {
				role.PathHashPrefixes = append(role.PathHashPrefixes, fmt.Sprintf("%04x", bin<<(16-bits)+i))
			}
			for i, path := range r.targets[bin] {
				role.PathHashPrefixes[i] = spelt(path)
			}
			bins.Signed.Delegations.Roles = append(bins.Signed.Delegations.Roles, role)
		}
		if r.files["1.bins.json"], err = sign(r, bins, "bins"); err != nil {
			return err
		}
	}
	r.files["1.targets.json"], err = sign(r, top, metadata.TARGETS)
	return err
}

// publish makes the next snapshot and timestamp.
func (r *repository) publish() error {
	snapshot := metadata.Snapshot(r.expires())
	snapshot.Signed.Version = r.version
	snapshot.Signed.Meta = map[string]*metadata.MetaFiles{"targets.json": {Version: 1}}
	if !r.succinct {
		snapshot.Signed.Meta["bins.json"] = &metadata.MetaFiles{Version: 1}
	}
	for bin := range 1 << bits {
		snapshot.Signed.Meta[binName(bin)+".json"] = &metadata.MetaFiles{Version: max(1, r.changed[bin])}
	}
	b, err := sign(r, snapshot, metadata.SNAPSHOT)
	if err != nil {
		return err
	}
	r.files[fmt.Sprintf("%d.snapshot.json", r.version)] = b
	timestamp := metadata.Timestamp(r.expires())
	timestamp.Signed.Version = r.version
	sum := sha256.Sum256(b)
	timestamp.Signed.Meta = map[string]*metadata.MetaFiles{"snapshot.json": {Version: r.version, Length: int64(len(b)), Hashes: metadata.Hashes{"sha256": sum[:]}}}
	r.files["timestamp.json"], err = sign(r, timestamp, metadata.TIMESTAMP)
	return err
}

// advance changes bins and publishes.
func (r *repository) advance(bins ...int) error {
	r.version++
	for _, bin := range bins {
		r.changed[bin] = r.version
	}
	return r.publish()
}

// makeBin makes a bin: its wanted targets and as many made-up ones.
func (r *repository) makeBin(bin int, version int64) ([]byte, error) {
	m := metadata.Targets(r.expires())
	m.Signed.Version = version
	for _, path := range r.targets[bin] {
		m.Signed.Targets[path] = r.target(path)
	}
	for i := len(m.Signed.Targets); i < r.perBin; i++ {
		path := TargetPath(fmt.Sprintf("filler-%d-%d", bin, i))
		m.Signed.Targets[path] = r.target(path)
	}
	b, err := sign(r, m, "bins")
	r.made += len(b)
	return b, err
}

func (r *repository) target(path string) *metadata.TargetFiles {
	sum := sha512.Sum512([]byte(path))
	return &metadata.TargetFiles{Length: 2_184_393, Hashes: metadata.Hashes{"sha512": sum[:]}}
}

// TargetPath is where PyPI keeps a distribution of a package.
func TargetPath(name string) string {
	sum := sha256.Sum256([]byte(name))
	h := hex.EncodeToString(sum[:])
	return fmt.Sprintf("packages/%s/%s/%s/%s-1.2.3-py3-none-any.whl", h[:2], h[2:4], h[4:], name)
}

// A meter is a go-tuf fetcher that reads the repository and counts. go-tuf
// asks for one file after another: each request is a round of its own.
type meter struct {
	*repository
	bytes, gets int
}

// DownloadFile is go-tuf's fetcher.Fetcher.
func (m *meter) DownloadFile(address string, maxLength int64, _ time.Duration) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(u.Path, "/")
	m.gets++
	b, err := m.file(path)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, &metadata.ErrDownloadHTTP{StatusCode: 404, URL: address}
	}
	if m.bytes += len(b); int64(len(b)) > maxLength {
		return nil, &metadata.ErrDownloadLengthMismatch{Msg: fmt.Sprintf("%s has %d bytes, wanted at most %d", path, len(b), maxLength)}
	}
	return b, nil
}

// file returns what is at a path, or nil.
func (r *repository) file(path string) ([]byte, error) {
	var version int64
	var bin int
	if b := r.files[path]; b != nil {
		return b, nil
	}
	if n, err := fmt.Sscanf(path, "%d.bin-%04x.json", &version, &bin); n != 2 || err != nil {
		return nil, nil
	}
	b, err := r.makeBin(bin, version)
	r.files[path] = b
	return b, err
}
