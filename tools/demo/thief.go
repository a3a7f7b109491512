package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rootward/rootward/hsm/transit"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
	"github.com/rootward/rootward/tools/internal/play"
)

// A thief has the online signer's Vault login and a copy of its web root, and
// signs with the real keys whatever helps.
type thief struct {
	s           *stage
	root        string // the web root that the thief now serves
	url         string
	countersign *onlineKey
	snapshot    *onlineKey
	version     uint64 // of the thief's newest snapshot
}

type onlineKey struct {
	key    *pgp.PublicKey
	signer *transit.Key
}

func (s *stage) newThief(ctx context.Context) (*thief, error) {
	vault, err := transit.Open(ctx, transit.Config{
		Address: s.vaultURL, RoleID: s.roleID, SecretID: transit.SecretIDFile(s.Path("secret", "secret-id")),
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, fmt.Errorf("the thief logs in: %w", err)
	}
	t := &thief{s: s, root: s.Path("thief", "repository")}
	if t.countersign, err = openKey(ctx, vault, s.keyName("countersign")); err != nil {
		return nil, err
	}
	if t.snapshot, err = openKey(ctx, vault, s.keyName("snapshot")); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(t.root), 0o700); err != nil {
		return nil, err
	}
	t.url, err = s.Host(t.root)
	return t, err
}

func openKey(ctx context.Context, vault *transit.Vault, name string) (*onlineKey, error) {
	k, err := vault.Key(ctx, name, 1)
	if err != nil {
		return nil, err
	}
	public, err := pgp.NewPublicKey(k.Public(), k.Created())
	return &onlineKey{public, k}, err
}

// restart begins a trick from the honest web root as it was when stolen.
func (t *thief) restart() error {
	if err := play.CopyTree(t.s.Path("repository"), t.root); err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(t.root, roster.LatestPath))
	if err != nil {
		return err
	}
	newest, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	t.version = max(t.version, newest)
	return err
}

func (t *thief) put(path string, b []byte) error {
	to := filepath.Join(t.root, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

func (t *thief) read(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(t.root, filepath.FromSlash(path)))
}

func (t *thief) sign(k *onlineKey, document []byte) ([]byte, error) {
	return pgp.Sign(rand.Reader, document, k.key, k.signer, time.Now().UTC().Truncate(time.Second))
}

// leaf is the package's line in the honest map.
func (t *thief) leaf() (tree.Leaf, error) {
	v, err := t.read(roster.LatestPath)
	if err != nil {
		return tree.Leaf{}, err
	}
	doc, err := t.read("snapshots/" + strings.TrimSpace(string(v)) + ".json")
	if err != nil {
		return tree.Leaf{}, err
	}
	_, rest, _ := strings.Cut(string(doc), `"root": "`)
	root, err := digest.Parse(rest[:min(64, len(rest))])
	if err != nil {
		return tree.Leaf{}, err
	}
	fetch := func(_ context.Context, path string, _ int64) ([]byte, error) { return t.read(path) }
	leaf, found, err := roster.Lookup(t.s.Ctx, root, project, fetch)
	if err == nil && !found {
		err = fmt.Errorf("the map lacks %s", project)
	}
	return leaf, err
}

// publish signs, with the stolen key, a new snapshot of a map with these
// leaves.
func (t *thief) publish(leaves ...tree.Leaf) error {
	root, size, err := tree.Build(leaves, func(d digest.Digest, file []byte) error { return t.put(roster.MapPath(d), file) })
	if err != nil {
		return err
	}
	t.version++
	now := time.Now()
	doc, err := roster.SnapshotContent{
		Repository: repository, Version: t.version, Issued: roster.At(now), Expires: roster.At(now.Add(12 * time.Hour)),
		Roster: 2, Map: roster.MapRoot{Root: root, Size: size},
	}.Format()
	if err != nil {
		return err
	}
	asc, err := t.sign(t.snapshot, doc)
	if err != nil {
		return err
	}
	path := roster.SnapshotPath(t.version)
	if err := t.put(path, doc); err != nil {
		return err
	}
	if err := t.put(roster.SignaturePath(path), asc); err != nil {
		return err
	}
	return t.put(roster.LatestPath, fmt.Appendf(nil, "%d\n", t.version))
}

// forgeList makes a countersigned list by which Mallory alone maintains the
// package. Mallory's gpg signs it.
func (t *thief) forgeList(name string, previous roster.Ref, version uint64) (*roster.List, error) {
	b, err := os.ReadFile(t.s.certificate("Mallory"))
	if err != nil {
		return nil, err
	}
	keys, err := pgp.KeysIn(b)
	if err != nil {
		return nil, err
	}
	list, err := roster.NewList(roster.ListContent{
		Repository: repository, Package: name, Version: version, Previous: previous, Issued: roster.At(time.Now()),
		Maintainers: []roster.Maintainer{{Name: "Mallory", Keys: []roster.Key{{PublicKey: keys[0].Key}}}},
		Threshold:   1, ReleaseThreshold: 1,
	})
	if err != nil {
		return nil, err
	}
	file := t.s.Path("thief", fmt.Sprintf("%s-%d.json", name, version))
	if err := t.s.Write(file, string(list.Bytes())); err != nil {
		return nil, err
	}
	if _, err := t.s.gpg("Mallory", "--armor", "--yes", "--output", file+".asc", "--detach-sign", file); err != nil {
		return nil, err
	}
	asc, err := os.ReadFile(file + ".asc")
	if err != nil {
		return nil, err
	}
	counter, err := t.sign(t.countersign, list.Bytes())
	if err != nil {
		return nil, err
	}
	path := roster.ListPath(name, list.Digest())
	for p, b := range map[string][]byte{path: list.Bytes(), roster.SignaturePath(path): asc, roster.CountersignaturePath(path): counter} {
		if err := t.put(p, b); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// putIndex publishes a release index and names it in a leaf.
func (t *thief) putIndex(leaf tree.Leaf, x *roster.Index) (tree.Leaf, error) {
	leaf.Index, leaf.IndexLength = x.Digest(), x.Length()
	return leaf, t.put(roster.IndexPath(leaf.Name, x.Digest()), x.Bytes())
}
