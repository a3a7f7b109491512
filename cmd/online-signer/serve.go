package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/rootward/rootward/hsm/transit"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/handover"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/signer"
	"github.com/rootward/rootward/internal/signer/api"
	"github.com/rootward/rootward/internal/signer/config"
	"github.com/rootward/rootward/internal/signer/publish"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/internal/signer/vaultkeys"
	"github.com/rootward/rootward/roster"
)

// log is what the service says while it runs, on standard error.
func (p program) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(p.env.Stderr, nil))
}

// load reads the configuration. One that cannot be read is a usage error.
func (p program) load(c *cli.Context, why config.Purpose) (config.Config, error) {
	conf, err := config.Load(c.String("config"), why)
	if err != nil {
		return conf, command.Usagef("%w", err)
	}
	return conf, nil
}

// keys writes what a ceremony needs to know of the online keys.
func (p program) keys(c *cli.Context) error {
	conf, err := p.load(c, config.ToReadKeys)
	if err != nil {
		return err
	}
	out := c.String("out")
	if _, err := os.Lstat(out); err == nil {
		return &durable.ExistsError{Path: out}
	}
	vault, err := transit.New(conf.Vault, slog.New(slog.DiscardHandler))
	if err != nil {
		return command.Usagef("%w", err)
	}
	keys := vaultkeys.New(vault, conf.Countersign, conf.Snapshot)
	file := handover.OnlineKeys{Repository: conf.Repository}
	for _, role := range []roster.Role{roster.RoleCountersign, roster.RoleSnapshot} {
		public, private, err := keys.Key(c.Context, role)
		if err != nil {
			return err
		}
		name := keys.Name(role).String()
		cert, err := pgp.Certify(p.env.Rand, fmt.Sprintf("%s (Rootward %s key, %s)", name, role, conf.Repository), public, private, p.env.Now())
		if err != nil {
			return err
		}
		file.Keys = append(file.Keys, handover.OnlineKey{Role: role, Name: name, Key: roster.Key{PublicKey: public}, Certificate: string(cert)})
		fmt.Fprintf(p.env.Stdout, "%s\t%s\t%s\n", role, public, name)
	}
	raw, err := file.Format()
	if err != nil {
		return err
	}
	return durable.WriteNew(out, raw, 0o644)
}

// serve runs the service. Its one line on standard output is the URL of its
// HTTP API, once it listens.
func (p program) serve(c *cli.Context) error {
	conf, err := p.load(c, config.ToServe)
	if err != nil {
		return err
	}
	log := p.log()
	vault, err := transit.New(conf.Vault, log)
	if err != nil {
		return command.Usagef("%w", err)
	}
	admin, err := api.Listen(conf.AdminSocket)
	if err != nil {
		return err
	}
	defer admin.Close()
	listener, err := net.Listen("tcp", conf.Listen)
	if err != nil {
		return fmt.Errorf("opening the HTTP API: %w", err)
	}
	defer listener.Close()
	if err := os.MkdirAll(filepath.Dir(conf.Store), 0o700); err != nil {
		return fmt.Errorf("making the store's directory: %w", err)
	}
	db, err := store.Open(conf.Store)
	if err != nil {
		return err
	}
	service, err := p.open(c.Context, conf, db, vault, log)
	if err == nil {
		fmt.Fprintf(p.env.Stdout, "http://%s\n", listener.Addr())
		err = run(c.Context, service, vault, admin, listener, log)
	}
	return errors.Join(err, db.Close())
}

func (p program) open(ctx context.Context, conf config.Config, db store.Store, vault *transit.Vault, log *slog.Logger) (*signer.Service, error) {
	files, err := publish.Open(conf.Publish, publish.Disk{})
	if err != nil {
		return nil, err
	}
	return signer.Open(ctx, signer.Options{
		Repository: conf.Repository, Pin: conf.Pin, Store: db, Files: files,
		Keys:  vaultkeys.New(vault, conf.Countersign, conf.Snapshot),
		Clock: p.env.Now, Rand: p.env.Rand, Interval: conf.Interval, Lifetime: conf.Lifetime, Log: log,
	})
}

// run lets everything run until ctx ends or a part fails.
func run(ctx context.Context, s *signer.Service, vault *transit.Vault, admin, public net.Listener, log *slog.Logger) error {
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return vault.Run(ctx) })
	all.Go(func() error { return s.Run(ctx) })
	all.Go(func() error { return api.Serve(ctx, admin, api.Operator(s, log), api.OperatorPatience, log) })
	all.Go(func() error { return api.Serve(ctx, public, api.Public(s, log), api.PublicPatience, log) })
	log.Info("serving", "api", public.Addr().String(), "admin", admin.Addr().String())
	err := all.Wait()
	log.Info("stopped")
	return err
}
