package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rootward/rootward/hsm/transit/custodian"
	"github.com/rootward/rootward/internal/handover"
)

// onlineKeys is act 1: Vault, two keys, and their public halves in a file.
func (s *stage) onlineKeys() error {
	s.say(`
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
	s.say(`
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
		s.say("    Vault: the server at VAULT_ADDR, initialised by whoever runs it; its root\n    token stays with them")
		return nil
	}
	if err := s.ownVault(); err != nil {
		return err
	}
	var err error
	if s.shares, err = s.keeper.Init(s.ctx, 3, 2); err != nil {
		return fmt.Errorf("initialising Vault: %w", err)
	}
	if err := s.keeper.Unseal(s.ctx, s.shares); err != nil {
		return fmt.Errorf("unsealing Vault: %w", err)
	}
	s.say("    Vault: initialised with 3 shares, unsealed with 2")
	return nil
}

func (s *stage) ownVault() error {
	binary, err := custodian.Find()
	if err != nil {
		return err
	}
	dir := s.path("work", "vault")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "vault.log"))
	if err != nil {
		return err
	}
	s.curtain = append(s.curtain, func() { _ = log.Close() })
	if s.vault, err = custodian.Start(s.ctx, custodian.Options{Binary: binary, Dir: dir, Persistent: true, Log: log}); err != nil {
		return fmt.Errorf("starting Vault: %w", err)
	}
	s.curtain = append(s.curtain, s.vault.Stop)
	s.vaultURL = s.vault.URL()
	s.keeper, err = custodian.New(s.vaultURL, s.vault.CACert())
	return err
}

// newOnlineKeys makes the keys of this round and a login for them.
func (s *stage) newOnlineKeys() error {
	s.plan = custodian.Plan{
		Keys:        []custodian.KeyPlan{{Name: s.keyName("countersign"), Type: "ecdsa-p384"}, {Name: s.keyName("snapshot"), Type: "ecdsa-p384"}},
		Role:        "online-signer",
		TokenPeriod: 10 * time.Minute,
	}
	if err := s.keeper.Provision(s.ctx, s.plan); err != nil {
		return fmt.Errorf("making the online keys: %w", err)
	}
	role, err := s.keeper.Issue(s.ctx, s.plan, s.path("secret", "secret-id"))
	if err != nil {
		return fmt.Errorf("issuing the signer's login: %w", err)
	}
	s.roleID = role
	if err := s.write(s.path("secret", "role-id"), role+"\n"); err != nil {
		return err
	}
	s.say("    Vault: keys %s and %s, not exportable; the signer's login may sign with\n    these two and read their public halves", s.plan.Keys[0].Name, s.plan.Keys[1].Name)
	if !s.lent {
		if err := s.keeper.Resign(s.ctx); err != nil {
			return fmt.Errorf("giving up the root token: %w", err)
		}
		s.say("    Vault: the root token is revoked")
	}
	return s.writeConfig()
}

func (s *stage) keyName(role string) string { return fmt.Sprintf("%s-%d", role, s.round) }

func (s *stage) config() string { return s.path("work", "online-signer.yaml") }

// writeConfig writes the signer's configuration. The pin is added once there
// is a first roster.
func (s *stage) writeConfig() error {
	if s.address == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.address = l.Addr().String()
		_ = l.Close()
	}
	pin := ""
	if s.pin != "" {
		pin = "pin: " + s.pin + "\n"
	}
	return s.write(s.config(), fmt.Sprintf(`repository: %s
%slisten: %s
admin_socket: %s
publish: %s
store: %s
snapshot:
  interval: 1h
  lifetime: 12h
vault:
  address: %s
  mount: transit
  role_id_file: %s
  secret_id_file: %s
  countersign: {key: %s, version: 1}
  snapshot: {key: %s, version: 1}
`, repository, pin, s.address, s.socket(), s.path("repository"), s.path("work", "signer.db"),
		s.vaultURL, s.path("secret", "role-id"), s.path("secret", "secret-id"), s.keyName("countersign"), s.keyName("snapshot")))
}

// socket is short, because the kernel bounds the length of a socket's path.
func (s *stage) socket() string { return filepath.Join(s.gnupg, "signer.sock") }

func (s *stage) onlineKeysFile() string {
	return s.path("carried", fmt.Sprintf("online-keys-%d.json", s.round))
}

func (s *stage) exportOnlineKeys() error {
	file := s.onlineKeysFile()
	if _, err := s.run(cmd{program: "online-signer", args: []string{"keys", "--config", s.config(), "--out", file}}); err != nil {
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
		if err := s.write(s.path("certificates", name), k.Certificate); err != nil {
			return err
		}
	}
	return nil
}

// serve starts the signer and waits until it answers.
func (s *stage) serve() error {
	stop, err := s.start(s.path("work", "online-signer.log"), "online-signer", "serve", "--config", s.config())
	if err != nil {
		return err
	}
	s.signer = stop
	return s.until("the online signer", func() bool {
		answer, err := http.Get("http://" + s.address + "/healthz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode < 500
	})
}

// host serves a directory as any static web host would, and returns its URL.
func (s *stage) host(dir string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: http.FileServer(http.Dir(dir)), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }()
	s.curtain = append(s.curtain, func() { _ = server.Close() })
	return "http://" + l.Addr().String(), nil
}

// operate runs an operator's command over the signer's socket.
func (s *stage) operate(args ...string) (string, error) {
	out, err := s.run(cmd{program: "online-signer", args: append(args, "--config", s.config())})
	return strings.TrimSpace(out), err
}
