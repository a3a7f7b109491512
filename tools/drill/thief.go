package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
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
	"github.com/rootward/rootward/tools/internal/play"
)

// steal plays Mallory, who has the signer's login: she signs a snapshot of her own
// with the real key, far ahead of the index's numbers, and shows it to Heidi.
func (s *stage) steal() error {
	root := s.Path("thief")
	if err := play.CopyTree(s.Path("repository"), root); err != nil {
		return err
	}
	var err error
	if s.mirror, err = s.Host(root); err != nil {
		return err
	}
	version, document, err := newestSnapshot(root)
	if err != nil {
		return err
	}
	var c roster.SnapshotContent
	if err := json.Unmarshal(document, &c); err != nil {
		return fmt.Errorf("the thief reads a snapshot: %w", err)
	}
	c.Version, c.Issued, c.Expires = version+100, roster.At(time.Now()), roster.At(time.Now().Add(12*time.Hour))
	forged, err := c.Format()
	if err != nil {
		return err
	}
	asc, err := s.stolenSignature(forged)
	if err != nil {
		return err
	}
	path := roster.SnapshotPath(c.Version)
	for name, b := range map[string][]byte{path: forged, roster.SignaturePath(path): asc, roster.LatestPath: fmt.Appendf(nil, "%d\n", c.Version)} {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), b, 0o644); err != nil {
			return err
		}
	}
	if err := s.begin("heidi"); err != nil {
		return err
	}
	s.Say("\nMallory has the signer's login. To Heidi she shows a snapshot of her own, number\n%d, where the index is at %d:", c.Version, version)
	return s.accepts("heidi", s.mirror)
}

func newestSnapshot(root string) (version uint64, document []byte, err error) {
	b, err := os.ReadFile(filepath.Join(root, roster.LatestPath))
	if err != nil {
		return 0, nil, err
	}
	if version, err = strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64); err != nil {
		return 0, nil, err
	}
	document, err = os.ReadFile(filepath.Join(root, filepath.FromSlash(roster.SnapshotPath(version))))
	return version, bytes.Clone(document), err
}

// stolenSignature is one by the real snapshot key, with the stolen login.
func (s *stage) stolenSignature(document []byte) ([]byte, error) {
	v, o := s.vaults[1], s.signers[1]
	client, err := transit.Open(s.Ctx, transit.Config{Address: v.server.URL(), RoleID: v.roleID, SecretID: transit.SecretIDFile(o.SecretID)}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, fmt.Errorf("the thief logs in: %w", err)
	}
	k, err := client.Key(s.Ctx, o.Snapshot, 1)
	if err != nil {
		return nil, err
	}
	key, err := pgp.NewPublicKey(k.Public(), k.Created())
	if err != nil {
		return nil, err
	}
	return pgp.Sign(rand.Reader, document, key, k, time.Now().UTC().Truncate(time.Second))
}
