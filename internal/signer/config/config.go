// Package config reads the configuration of the online signer: one YAML file,
// in which an unknown key, a key that stands twice and a second document are
// errors. It holds no secret, only the names of files that do.
package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/rootward/rootward/hsm/transit"
	"github.com/rootward/rootward/internal/signer/vaultkeys"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// What a file leaves open.
const (
	DefaultListen   = "127.0.0.1:8470"
	DefaultInterval = time.Hour
	DefaultLifetime = 12 * time.Hour
)

const maxFile = 64 << 10

// A Config is a configuration that was checked. Paths in the file are
// relative to its directory; here they are not.
type Config struct {
	Repository  string
	Pin         digest.Digest  // of the first root roster; zero if it was not wanted
	Listen      string         // host:port of the HTTP API
	AdminSocket string         // path of the operator's unix socket
	Publish     string         // directory of the published repository
	Store       string         // file of the embedded store
	Interval    time.Duration  // between two snapshots
	Lifetime    time.Duration  // of a snapshot
	Vault       transit.Config // without role id and secret id if they were not wanted
	Countersign vaultkeys.Name
	Snapshot    vaultkeys.Name
}

// file is the configuration as it is written.
type file struct {
	Repository  string `yaml:"repository"`
	Pin         string `yaml:"pin"`
	Listen      string `yaml:"listen"`
	AdminSocket string `yaml:"admin_socket"`
	Publish     string `yaml:"publish"`
	Store       string `yaml:"store"`
	Snapshot    struct {
		Interval string `yaml:"interval"`
		Lifetime string `yaml:"lifetime"`
	} `yaml:"snapshot"`
	Vault struct {
		Address      string `yaml:"address"`
		CAFile       string `yaml:"ca_file"`
		Mount        string `yaml:"mount"`
		RoleIDFile   string `yaml:"role_id_file"`
		SecretIDFile string `yaml:"secret_id_file"`
		Countersign  key    `yaml:"countersign"`
		Snapshot     key    `yaml:"snapshot"`
	} `yaml:"vault"`
}

type key struct {
	Key     string `yaml:"key"`
	Version int    `yaml:"version"`
}

// A Purpose says which parts of a configuration must be there.
type Purpose int

// The purposes.
const (
	// ToServe needs all of it.
	ToServe Purpose = iota
	// ToReadKeys does without the pin: there is none before the first
	// ceremony, which is given the keys.
	ToReadKeys
	// ToOperate needs no login to Vault and no pin either: the service has
	// them, and the operator may be somebody else.
	ToOperate
)

// Load reads and checks a configuration. The file of the secret id is looked
// at, not kept: it must be readable by its owner alone. Errors name the field.
func Load(path string, why Purpose) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("reading the configuration: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(raw) > maxFile {
		err = fmt.Errorf("it is longer than %d bytes", maxFile)
	}
	var c Config
	if err == nil {
		c, err = parse(raw, filepath.Dir(path), why)
	}
	if err != nil {
		return Config{}, fmt.Errorf("reading the configuration %q: %w", path, err)
	}
	return c, nil
}

func parse(raw []byte, dir string, why Purpose) (Config, error) {
	var f file
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return Config{}, err
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("a second document follows the first, wanted one")
	}
	c := Config{Repository: f.Repository, Listen: f.Listen}
	err := errors.Join(
		roster.CheckRepository(f.Repository),
		c.setPin(f.Pin, why == ToServe),
		c.setListen(),
		setPath(&c.AdminSocket, dir, "admin_socket", f.AdminSocket),
		setPath(&c.Publish, dir, "publish", f.Publish),
		setPath(&c.Store, dir, "store", f.Store),
		c.setSnapshot(f.Snapshot.Interval, f.Snapshot.Lifetime),
		c.setVault(f, dir),
	)
	if err == nil && why != ToOperate {
		err = c.setLogin(dir, f.Vault.RoleIDFile, f.Vault.SecretIDFile)
	}
	return c, err
}

func (c *Config) setPin(pin string, wanted bool) (err error) {
	if pin == "" && !wanted {
		return nil
	}
	if pin == "" {
		return errors.New("pin is missing, wanted the digest of the first root roster as it was read aloud at the ceremony")
	}
	if c.Pin, err = digest.Parse(pin); err != nil {
		return fmt.Errorf("pin: %w", err)
	}
	return nil
}

func (c *Config) setListen() error {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen is %q, wanted host:port: %w", c.Listen, err)
	}
	return nil
}

func setPath(to *string, dir, name, path string) error {
	if path == "" {
		return fmt.Errorf("%s is missing, wanted a path", name)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	abs, err := filepath.Abs(path)
	*to = abs
	return err
}

func (c *Config) setSnapshot(interval, lifetime string) error {
	c.Interval, c.Lifetime = DefaultInterval, DefaultLifetime
	for _, d := range []struct {
		name, text string
		to         *time.Duration
	}{{"interval", interval, &c.Interval}, {"lifetime", lifetime, &c.Lifetime}} {
		if d.text == "" {
			continue
		}
		v, err := time.ParseDuration(d.text)
		if err != nil || v < time.Second {
			return fmt.Errorf("snapshot.%s is %q, wanted a duration of at least a second, such as %q", d.name, d.text, "1h")
		}
		*d.to = v
	}
	if c.Lifetime <= c.Interval {
		return fmt.Errorf("snapshot.lifetime is %s and interval %s, wanted the lifetime above the interval", c.Lifetime, c.Interval)
	}
	return nil
}

func (c *Config) setVault(f file, dir string) error {
	v := f.Vault
	c.Countersign, c.Snapshot = vaultkeys.Name(v.Countersign), vaultkeys.Name(v.Snapshot)
	for _, k := range []struct {
		name string
		key  vaultkeys.Name
	}{{"countersign", c.Countersign}, {"snapshot", c.Snapshot}} {
		if k.key.Key == "" || k.key.Version < 1 {
			return fmt.Errorf("vault.%s names key %q version %d, wanted a key and its version from 1", k.name, k.key.Key, k.key.Version)
		}
	}
	if c.Countersign == c.Snapshot {
		return errors.New("vault.countersign and vault.snapshot are one key, wanted two")
	}
	if v.Address == "" {
		return errors.New("vault.address is missing, wanted the server's URL")
	}
	c.Vault = transit.Config{Address: v.Address, Mount: v.Mount}
	if v.CAFile != "" {
		if err := setPath(&c.Vault.CACert, dir, "vault.ca_file", v.CAFile); err != nil {
			return err
		}
	}
	return nil
}

// setLogin reads the role id, and looks whether the secret id can be read and
// only by its owner.
func (c *Config) setLogin(dir, roleID, secretID string) error {
	var role, secret string
	err := errors.Join(setPath(&role, dir, "vault.role_id_file", roleID), setPath(&secret, dir, "vault.secret_id_file", secretID))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(role)
	if err != nil {
		return fmt.Errorf("vault.role_id_file: %w", err)
	}
	if c.Vault.RoleID = strings.TrimSpace(string(text)); c.Vault.RoleID == "" {
		return fmt.Errorf("vault.role_id_file %q is empty", role)
	}
	c.Vault.SecretID = transit.SecretIDFile(secret)
	if _, err := c.Vault.SecretID(context.Background()); err != nil {
		return fmt.Errorf("vault.secret_id_file: %w", err)
	}
	return nil
}
