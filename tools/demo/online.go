package main

import (
	"fmt"
	"os"
	"time"

	"github.com/rootward/rootward/hsm/transit/custodian"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/tools/internal/play"
)

// onlineKeys is act 1: Vault, two keys, and their public halves in a file.
func (s *stage) onlineKeys() error {
	s.Say(`
The index's online signer holds two keys. One countersigns maintainer lists,
the other signs a snapshot of the whole index, hour by hour. Neither ever
leaves Vault. Here is a real Vault server: its custodians initialise it, unseal
it with 2 of 3 shares, make the two keys, and give the signer a login that can
sign with them and do nothing else. Then they give up their root token.`)
	if err := s.startVault(); err != nil {
		return err
	}
	s.round = 1
	if err := s.newOnlineKeys(); err != nil {
		return err
	}
	s.Say(`
Their public halves go to the ceremony as a file, with a certificate for each,
so that people can check the signer's work with their own gpg.`)
	return s.exportOnlineKeys()
}

// startVault starts a server of the demo's own, or uses the one at VAULT_ADDR.
func (s *stage) startVault() error {
	if addr := os.Getenv("VAULT_ADDR"); addr != "" {
		s.lent, s.vaultURL = true, addr
		var err error
		if s.keeper, err = custodian.Attach(addr, os.Getenv("VAULT_CACERT"), os.Getenv("VAULT_TOKEN")); err != nil {
			return fmt.Errorf("using the Vault server at VAULT_ADDR with VAULT_TOKEN: %w", err)
		}
		s.Say("    Vault: the server at VAULT_ADDR, initialised by whoever runs it; its root\n    token stays with them")
		return nil
	}
	var err error
	if s.vault, s.keeper, err = s.StartVault(s.Path("work", "vault")); err != nil {
		return err
	}
	s.vaultURL = s.vault.URL()
	if s.shares, err = s.keeper.Init(s.Ctx, 3, 2); err != nil {
		return fmt.Errorf("initialising Vault: %w", err)
	}
	if err := s.keeper.Unseal(s.Ctx, s.shares); err != nil {
		return fmt.Errorf("unsealing Vault: %w", err)
	}
	s.Say("    Vault: initialised with 3 shares, unsealed with 2")
	return nil
}

// newOnlineKeys makes the keys of this round and a login for them.
func (s *stage) newOnlineKeys() error {
	s.plan = custodian.Plan{
		Keys:        []custodian.KeyPlan{{Name: s.keyName("countersign"), Type: "ecdsa-p384"}, {Name: s.keyName("snapshot"), Type: "ecdsa-p384"}},
		Role:        "online-signer",
		TokenPeriod: 10 * time.Minute,
	}
	if err := s.keeper.Provision(s.Ctx, s.plan); err != nil {
		return fmt.Errorf("making the online keys: %w", err)
	}
	role, err := s.keeper.Issue(s.Ctx, s.plan, s.Path("secret", "secret-id"))
	if err != nil {
		return fmt.Errorf("issuing the signer's login: %w", err)
	}
	s.roleID = role
	if err := s.Write(s.Path("secret", "role-id"), role+"\n"); err != nil {
		return err
	}
	s.Say("    Vault: keys %s and %s, not exportable; the signer's login may sign with\n    these two and read their public halves", s.plan.Keys[0].Name, s.plan.Keys[1].Name)
	if !s.lent {
		if err := s.keeper.Resign(s.Ctx); err != nil {
			return fmt.Errorf("giving up the root token: %w", err)
		}
		s.Say("    Vault: the root token is revoked")
	}
	return s.configure()
}

func (s *stage) keyName(role string) string { return fmt.Sprintf("%s-%d", role, s.round) }

// configure writes the signer's configuration. The pin is added once there is a
// first roster.
func (s *stage) configure() error {
	s.online.Vault, s.online.Pin = s.vaultURL, s.pin
	s.online.Countersign, s.online.Snapshot = s.keyName("countersign"), s.keyName("snapshot")
	return s.online.Configure()
}

func (s *stage) onlineKeysFile() string {
	return s.Path("carried", fmt.Sprintf("online-keys-%d.json", s.round))
}

func (s *stage) exportOnlineKeys() error {
	file := s.onlineKeysFile()
	if _, err := s.Run(play.Cmd{Program: "online-signer", Args: []string{"keys", "--config", s.online.Config, "--out", file}}); err != nil {
		return err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	keys, err := handover.ParseOnlineKeys(b)
	if err != nil {
		return err
	}
	for _, k := range keys.Keys {
		name := fmt.Sprintf("online-%s-%d.asc", k.Role, s.round)
		if err := s.Write(s.Path("certificates", name), k.Certificate); err != nil {
			return err
		}
	}
	return nil
}
