package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rootward/rootward/hsm/transit/custodian"
)

// The online signer's keys and login, in this Vault.
var vaultPlan = custodian.Plan{
	Keys: []custodian.KeyPlan{{Name: "countersign-1", Type: "ecdsa-p384"}, {Name: "snapshot-1", Type: "ecdsa-p384"}},
	Role: "online-signer",
}

// startVault starts a Vault server that keeps its storage in dir, and the first
// time makes the online keys, the signer's login and its configuration. Later it
// unseals the server, whose address is another each time, and writes that into
// the configuration.
func startVault(ctx context.Context, dir, repository string) (stop func(), err error) {
	binary, err := custodian.Find()
	if err != nil {
		return nil, fmt.Errorf("%w; or leave Vault out: --without-vault", err)
	}
	at := filepath.Join(dir, "vault")
	if err := os.MkdirAll(at, 0o700); err != nil {
		return nil, err
	}
	server, err := custodian.Start(ctx, custodian.Options{Binary: binary, Dir: at, Persistent: true})
	if err != nil {
		return nil, err
	}
	if err := prepareVault(ctx, server, dir, repository); err != nil {
		server.Stop()
		return nil, err
	}
	return server.Stop, nil
}

func prepareVault(ctx context.Context, server *custodian.Server, dir, repository string) error {
	keeper, err := custodian.New(server.URL(), server.CACert())
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "vault", "unseal-shares.json")
	b, err := os.ReadFile(file)
	if err == nil {
		var shares []string
		if err := json.Unmarshal(b, &shares); err != nil {
			return fmt.Errorf("reading %q: %w", file, err)
		}
		if err := keeper.Unseal(ctx, shares); err != nil {
			return fmt.Errorf("unsealing Vault: %w", err)
		}
		return moveVault(filepath.Join(dir, "signer.yaml"), server.URL())
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	shares, err := keeper.Init(ctx, 3, 2)
	if err != nil {
		return fmt.Errorf("initialising Vault: %w", err)
	}
	if b, err = json.Marshal([]string(shares)); err != nil {
		return err
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return err
	}
	if err := keeper.Unseal(ctx, shares); err != nil {
		return fmt.Errorf("unsealing Vault: %w", err)
	}
	if err := keeper.Provision(ctx, vaultPlan); err != nil {
		return fmt.Errorf("making the online keys: %w", err)
	}
	role, err := keeper.Issue(ctx, vaultPlan, filepath.Join(dir, "secret-id"))
	if err != nil {
		return fmt.Errorf("issuing the signer's login: %w", err)
	}
	if err := keeper.Resign(ctx); err != nil {
		return fmt.Errorf("giving up the root token: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "role-id"), []byte(role+"\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "signer.yaml"), signerConfig(repository, server.URL()), 0o644)
}

// signerConfig is a whole configuration but for the pin, which the first
// ceremony gives.
func signerConfig(repository, vault string) []byte {
	return fmt.Appendf(nil, `repository: %s
# pin: the digest of root roster 1, in hex, after the first ceremony
listen: 127.0.0.1:8470
admin_socket: signer.sock
publish: www
store: signer.db
snapshot: {interval: 1h, lifetime: 12h}
vault:
  address: %s
  mount: transit
  role_id_file: role-id
  secret_id_file: secret-id
  countersign: {key: %s, version: 1}
  snapshot: {key: %s, version: 1}
`, repository, vault, vaultPlan.Keys[0].Name, vaultPlan.Keys[1].Name)
}

var vaultAddress = regexp.MustCompile(`(?m)^  address: .*$`)

// moveVault changes the address of Vault in a configuration, and nothing else.
func moveVault(config, address string) error {
	b, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	moved := vaultAddress.ReplaceAllLiteral(b, []byte("  address: "+address))
	if !bytes.Contains(moved, []byte(strings.TrimSpace(address))) {
		return fmt.Errorf("%q has no line %q to put Vault's new address into", config, "  address: ...")
	}
	return os.WriteFile(config, moved, 0o644)
}
