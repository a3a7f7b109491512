package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/rootward/rootward/tools/internal/play"
)

// emergency is act 7: revocation, new online keys, and on.
func (s *stage) emergency() error {
	s.Say(`
3 a.m. "We think it leaked." Nobody needs to be sure: taking trust away is
cheap. Whoever holds the envelope opens it and copies two signed files to the
web root. That is all; no card, no signer, no Vault.`)
	leaked := time.Now()
	sealed := s.ceremony(2, "published", "sealed", "revocations")
	s.Say("\n  $ cp %s/* %s/", s.Show(sealed), s.Show(s.Path("repository", "revocations")))
	files, err := filepath.Glob(filepath.Join(sealed, "*"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("the envelope is empty (%v)", err)
	}
	for _, f := range files {
		if err := play.CopyFile(f, s.Path("repository", "revocations", filepath.Base(f))); err != nil {
			return err
		}
	}
	if _, err := s.verify("frank", s.web, 3); err != nil {
		return err
	}
	s.Say("\n    Clients refuse the stolen keys %s after the envelope was opened.", time.Since(leaked).Round(time.Millisecond))
	s.Say(`
Mallory's mirror hides the revocations. Frank has seen them, and never forgets:`)
	if err := s.refused("frank", s.mirror, "snapshot", 3, nil); err != nil {
		return err
	}

	s.Say(`
The signer is stopped. Vault's custodians come together with their shares, throw
the stolen login out, and make two new keys.`)
	s.online.Stop()
	if err := s.evictThief(); err != nil {
		return err
	}
	s.round = 2
	if err := s.newOnlineKeys(); err != nil {
		return err
	}
	if err := s.exportOnlineKeys(); err != nil {
		return err
	}
	return s.recover(files)
}

func (s *stage) evictThief() error {
	if !s.lent {
		if err := s.keeper.Root(s.Ctx, s.shares); err != nil {
			return fmt.Errorf("bringing Vault's shares together: %w", err)
		}
	}
	if err := s.keeper.Evict(s.Ctx, s.plan); err != nil {
		return fmt.Errorf("throwing the stolen login out: %w", err)
	}
	return nil
}

// recover holds ceremony 3 and starts the signer again.
func (s *stage) recover(revocations []string) error {
	s.Say(`
Ceremony 3, in haste: new online keys, the stolen ones revoked for good, the
anchor kept, and another snapshot_floor, by which clients forget whatever only
the stolen keys vouched for. Two of three keyholders are enough.`)
	revoke := "revoke:\n"
	for _, f := range revocations {
		if filepath.Ext(f) != ".json" {
			continue
		}
		id := filepath.Base(f)[:64]
		revoke += fmt.Sprintf("  - {key: %s, reason: stolen from the online signer, at: %s}\n", id, s.began.Format(time.RFC3339))
	}
	if err := s.hold(3, "emergency", "renewal, online-theft", "anchor: keep", revoke); err != nil {
		return err
	}
	if err := s.online.Serve(); err != nil {
		return err
	}
	if _, err := s.online.Operate("adopt", s.ceremony(3, "published", "publish")); err != nil {
		return err
	}
	if err := s.publish("recovered"); err != nil {
		return err
	}
	s.Say(`
The new key countersigned what leads from the anchor: Judy's list. Clients walk
from roster 1 to 3 by themselves: Ivan, who is new; Frank; and Heidi, to whom the
thief had shown snapshots of her own, with higher numbers.`)
	if err := s.initClient("ivan"); err != nil {
		return err
	}
	if _, err := s.verify("ivan", s.web, 0); err != nil {
		return err
	}
	for _, who := range []string{"frank", "heidi"} {
		if err := s.accepts(who); err != nil {
			return err
		}
	}
	s.Say(`
Names that the thief claimed are gone: no snapshot by the new key knows them, and
their owners claim them anew. Last, stock gpg over everything that is published:`)
	return s.gpgVerifyAll()
}
