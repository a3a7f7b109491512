package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/internal/signer/api"
	"github.com/rootward/rootward/internal/signer/config"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// dial returns a client of the running service.
func (p program) dial(c *cli.Context) (*api.Client, error) {
	conf, err := p.load(c, config.ToOperate)
	if err != nil {
		return nil, err
	}
	return api.Dial(conf.AdminSocket), nil
}

// name reads the argument that names a package, in whatever spelling.
func name(c *cli.Context) (string, error) {
	n, err := pypi.NormalizeName(c.Args().Get(0))
	if err != nil {
		return "", command.Usagef("PACKAGE: %w", err)
	}
	return n, nil
}

// nameAndVersion reads the arguments PACKAGE and VERSION.
func nameAndVersion(c *cli.Context) (string, string, error) {
	n, err := name(c)
	if err != nil {
		return "", "", err
	}
	v, err := pypi.NormalizeVersion(c.Args().Get(1))
	if err != nil {
		return "", "", command.Usagef("VERSION: %w", err)
	}
	return n, v, nil
}

func (p program) adopt(c *cli.Context) error {
	service, err := p.dial(c)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(c.Args().Get(0))
	if err != nil {
		return err
	}
	a, err := service.Adopt(c.Context, dir)
	if err != nil {
		return err
	}
	out := p.env.Stdout
	fmt.Fprintf(out, "adopted root roster %d, %s\n", a.Roster, a.Digest)
	if a.FloorChanged {
		fmt.Fprintln(out, "snapshot_floor changed: every package was derived anew from the anchor")
	}
	for _, done := range []struct {
		what  string
		names []string
	}{{"another list stands now", a.Replaced}, {"dropped, to be claimed anew", a.Dropped}, {"lines left out of its index", a.Shortened}} {
		for _, n := range done.names {
			fmt.Fprintf(out, "%s: %s\n", n, done.what)
		}
	}
	return nil
}

func (p program) revoke(c *cli.Context) error {
	service, err := p.dial(c)
	if err != nil {
		return err
	}
	paths, err := documents(c.Args().Get(0))
	if err != nil {
		return err
	}
	var all error
	for _, path := range paths { // one that is refused must not keep the others back
		signed, err := readSigned(path)
		if err == nil {
			var done api.Revoked
			if done, err = service.Revoke(c.Context, signed); err == nil {
				fmt.Fprintf(p.env.Stdout, "revoked %s, %s\n", done.Fingerprint, done.Key)
				continue
			}
		}
		all = errors.Join(all, fmt.Errorf("revocation %q: %w", path, err))
	}
	return all
}

// documents returns the document at a path, or every document in a directory.
func documents(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") && !durable.Temporary(e.Name()) {
			all = append(all, filepath.Join(path, e.Name()))
		}
	}
	if len(all) == 0 {
		return nil, command.Usagef("directory %q holds no document whose name ends in .json", path)
	}
	return all, nil
}

// readSigned reads a document and the signatures beside it.
func readSigned(path string) (s roster.Signed, err error) {
	if s.Document, err = readAtMost(path, roster.MaxRevocation); err != nil {
		return s, err
	}
	s.Signatures, err = readAtMost(roster.SignaturePath(path), roster.MaxSignatureFile)
	return s, err
}

func readAtMost(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = command.Usagef("file %q is longer than %d bytes", path, limit)
	}
	return b, err
}

func (p program) status(c *cli.Context) error {
	n, err := name(c)
	if err != nil {
		return err
	}
	status := tree.Status(c.Args().Get(1))
	switch status {
	case tree.Active, tree.Quarantined, tree.Removed:
	default:
		return command.Usagef("STATUS is %q, want %s, %s or %s", string(status), tree.Active, tree.Quarantined, tree.Removed)
	}
	service, err := p.dial(c)
	if err != nil {
		return err
	}
	if err := service.SetStatus(c.Context, n, status); err != nil {
		return err
	}
	fmt.Fprintf(p.env.Stdout, "%s %s\n", n, status)
	return nil
}

func (p program) unsigned(c *cli.Context) error {
	n, version, err := nameAndVersion(c)
	if err != nil {
		return err
	}
	service, err := p.dial(c)
	if err != nil {
		return err
	}
	path := c.Args().Get(2)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return fmt.Errorf("reading %q: %w", path, err)
	}
	file := roster.File{Name: filepath.Base(path), Size: uint64(size), SHA256: digest.Digest(h.Sum(nil))}
	if err := service.AddUnsigned(c.Context, n, version, file); err != nil {
		return err
	}
	fmt.Fprintf(p.env.Stdout, "%s %s %s\n", n, version, file.SHA256)
	return nil
}

func (p program) yank(c *cli.Context) error {
	n, version, err := nameAndVersion(c)
	if err != nil {
		return err
	}
	service, err := p.dial(c)
	if err != nil {
		return err
	}
	file := c.Args().Get(2)
	if err := service.Yank(c.Context, n, version, file); err != nil {
		return err
	}
	fmt.Fprintln(p.env.Stdout, strings.TrimSpace(strings.Join([]string{"yanked", n, version, command.Printable(file)}, " ")))
	return nil
}

func (p program) snapshot(c *cli.Context) error {
	service, err := p.dial(c)
	if err != nil {
		return err
	}
	h, err := service.Snapshot(c.Context)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.env.Stdout, h.Snapshot)
	return nil
}

func (p program) show(c *cli.Context) error {
	n, err := name(c)
	if err != nil {
		return err
	}
	service, err := p.dial(c)
	if err != nil {
		return err
	}
	v, err := service.Show(c.Context, n)
	if err != nil {
		return err
	}
	out := p.env.Stdout
	fmt.Fprintf(out, "%s %s\n", v.Name, v.Status)
	if v.ListVersion == 0 {
		fmt.Fprintln(out, "unsigned: no maintainer list")
	} else {
		fmt.Fprintf(out, "list version %d, %s\n", v.ListVersion, v.List)
	}
	fmt.Fprintf(out, "index %d bytes, %s\n", v.IndexLength, v.Index)
	for _, l := range v.Lines {
		fmt.Fprintln(out, l)
	}
	return nil
}
