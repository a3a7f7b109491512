// Devvault is a small but real Vault server for Rootward's demo and tests: the
// core of Vault 1.13.1 with the transit engine, AppRole logins and the file
// audit device, and nothing else.
//
//	devvault -addr 127.0.0.1:0 -addr-file F [-storage DIR] [-tls-dir DIR] [-log-level LEVEL]
//
// It starts uninitialised, or sealed when DIR holds an earlier server's
// storage. Whoever is the key custodian initialises and unseals it through the
// API, as with any Vault: there is no root token to set and no development
// mode. Its address goes to F, whole or not at all, once it listens.
//
// # Why this version
//
// 1.13.1 is licensed under MPL-2.0; Vault is under BUSL since 1.14.9. It is
// also the newest release under the MPL that builds as a dependency: Vault's
// tags replace its sdk by the copy in the same tree, which a dependent module
// does not see, and only 1.13.1 agrees with a tagged sdk (v0.8.1).
//
// # What it must never be used for
//
// Demo and tests only. 1.13.1 is from March 2023 and has published advisories
// that will not be fixed in it. So it lives in a module of its own, which
// nothing imports: neither it nor its dependencies enter Rootward's module, and
// the vulnerability check of that module passes over this one for this reason.
// In production, run a supported Vault or OpenBao.
//
// # Building
//
// From the root of the repository, also with empty caches:
//
//	go -C tools/devvault build -p 2 -trimpath -ldflags='-s -w' -o ../../build/bin/devvault .
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	log "github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/audit"
	auditfile "github.com/hashicorp/vault/builtin/audit/file"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/command/server"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

func main() {
	os.Exit(run(os.Args, os.Stderr))
}

// options are the flags.
type options struct {
	addr, addrFile, storage, tlsDir, logLevel string
}

// run is main with its surroundings passed in; it returns the exit code.
func run(args []string, stderr io.Writer) int {
	var o options
	fs := flag.NewFlagSet(args[0], flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.addr, "addr", "127.0.0.1:0", "listen on this loopback `address`; port 0 takes a free one")
	fs.StringVar(&o.addrFile, "addr-file", "", "write the server's URL to this `file` once it listens")
	fs.StringVar(&o.storage, "storage", "", "keep the storage in this `directory` (default: in memory)")
	fs.StringVar(&o.tlsDir, "tls-dir", "", "serve TLS, and write a fresh CA, certificate and key to this `directory`")
	fs.StringVar(&o.logLevel, "log-level", "warn", "trace, debug, info, warn or error")
	if err := fs.Parse(args[1:]); err != nil {
		return 2
	}
	if fs.NArg() > 0 {
		fmt.Fprintf(stderr, "devvault: unexpected argument %q\n", fs.Arg(0))
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, o, stderr); err != nil {
		fmt.Fprintf(stderr, "devvault: %v\n", err)
		return 1
	}
	return 0
}

// serve runs the server until ctx ends.
func serve(ctx context.Context, o options, stderr io.Writer) error {
	logger := log.New(&log.LoggerOptions{Name: "devvault", Output: stderr, Level: log.LevelFromString(o.logLevel)})
	core, err := newCore(o.storage, logger)
	if err != nil {
		return err
	}
	ln, scheme, err := listen(o)
	if err != nil {
		return err
	}
	srv := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core: core,
			ListenerConfig: &configutil.Listener{
				Type:               "tcp",
				Address:            ln.Addr().String(),
				MaxRequestSize:     vaulthttp.DefaultMaxRequestSize,
				MaxRequestDuration: vault.DefaultMaxRequestDuration,
			},
		}),
	}
	if o.addrFile != "" {
		if err := writeWhole(o.addrFile, scheme+"://"+ln.Addr().String()+"\n"); err != nil {
			return fmt.Errorf("writing the address: %w", err)
		}
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		srv.Close()
	}
	return errors.Join(err, core.Shutdown())
}

// newCore makes the core over dir, or over memory when dir is empty.
func newCore(dir string, logger log.Logger) (*vault.Core, error) {
	var store physical.Backend
	var err error
	kind := "inmem"
	if dir == "" {
		store, err = inmem.NewInmem(nil, logger)
	} else {
		kind = "file"
		store, err = file.NewFileBackend(map[string]string{"path": dir}, logger)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the storage: %w", err)
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           store,
		StorageType:        kind,
		Logger:             logger,
		DisableMlock:       true,
		LogicalBackends:    map[string]logical.Factory{"transit": transit.Factory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory},
		AuditBackends:      map[string]audit.Factory{"file": auditfile.Factory},
		BuiltinRegistry:    builtins{},
	})
	if err != nil {
		return nil, fmt.Errorf("starting the core: %w", err)
	}
	return core, nil
}

// listen opens the listener, with TLS if it is asked for, and names its URL
// scheme. It refuses any address but a loopback one.
func listen(o options) (net.Listener, string, error) {
	host, _, err := net.SplitHostPort(o.addr)
	if err != nil {
		return nil, "", fmt.Errorf("reading -addr %q: %w", o.addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, "", fmt.Errorf("-addr %q is not a loopback address; this server is for demo and tests only", o.addr)
	}
	ln, err := net.Listen("tcp", o.addr)
	if err != nil || o.tlsDir == "" {
		return ln, "http", err
	}
	conf, err := tlsConfig(o.tlsDir)
	if err != nil {
		ln.Close()
		return nil, "", err
	}
	return tls.NewListener(ln, conf), "https", nil
}

// tlsConfig makes a CA and a certificate for localhost and 127.0.0.1 in dir,
// the CA's under Vault's usual name for it (vault-ca.pem).
func tlsConfig(dir string) (*tls.Config, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	dev, err := server.DevTLSConfig("inmem", dir)
	if err != nil {
		return nil, fmt.Errorf("making certificates in %q: %w", dir, err)
	}
	l := dev.Listeners[0]
	cert, err := tls.LoadX509KeyPair(l.TLSCertFile, l.TLSKeyFile)
	if err != nil {
		return nil, fmt.Errorf("loading the certificate: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}, nil
}

// writeWhole writes a file so that a reader sees all of it or none.
func writeWhole(name, text string) error {
	tmp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new")
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

// builtins tells the core which plugins are compiled in; without it, mounts
// cannot be enabled by name.
type builtins struct{}

var factories = map[string]struct {
	kind    consts.PluginType
	factory logical.Factory
}{
	"transit": {consts.PluginTypeSecrets, transit.Factory},
	"approle": {consts.PluginTypeCredential, approle.Factory},
}

// Contains says whether the named plugin is compiled in.
func (builtins) Contains(name string, kind consts.PluginType) bool {
	f, ok := factories[name]
	return ok && (f.kind == kind || kind == consts.PluginTypeUnknown)
}

// Get returns the named plugin's factory.
func (b builtins) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	if !b.Contains(name, kind) {
		return nil, false
	}
	return func() (interface{}, error) { return factories[name].factory, nil }, true
}

// Keys lists the plugins of a kind.
func (builtins) Keys(kind consts.PluginType) []string {
	var names []string
	for name, f := range factories {
		if f.kind == kind {
			names = append(names, name)
		}
	}
	return names
}

// DeprecationStatus says that every compiled-in plugin is supported.
func (b builtins) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	if !b.Contains(name, kind) {
		return consts.Unknown, false
	}
	return consts.Supported, true
}
