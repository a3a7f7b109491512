package main

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/client"
	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster"
)

// repository is the index that a document is for: by --repository, or that of
// the state directory.
func (p program) repository(c *cli.Context) (string, error) {
	if name := c.String("repository"); name != "" {
		return name, nil
	}
	if c.String("state") == "" {
		return "", command.Usagef("missing --repository NAME (or --state DIRECTORY, which knows it)")
	}
	cl, err := client.Open(client.Config{State: c.String("state")})
	if err != nil {
		return "", uninitialised(err)
	}
	r, _, err := cl.Known(c.Context)
	if err != nil {
		return "", err
	}
	return r.Repository(), nil
}

// release makes the manifest of one version's files.
func (p program) release(c *cli.Context) error {
	repository, err := p.repository(c)
	if err != nil {
		return err
	}
	at, err := p.now(c)
	if err != nil {
		return err
	}
	pkg, err := pypi.NormalizeName(c.String("package"))
	if err != nil {
		return command.Usagef("--package: %w", err)
	}
	version, err := pypi.NormalizeVersion(c.String("version"))
	if err != nil {
		return command.Usagef("--version: %w", err)
	}
	content := roster.ManifestContent{Repository: repository, Package: pkg, Version: version, Issued: roster.At(at)}
	for _, path := range c.Args().Slice() {
		if err := readable(path); err != nil {
			return err
		}
		size, sum, err := client.SumFile(path)
		if err != nil {
			return err
		}
		content.Files = append(content.Files, roster.File{Name: filepath.Base(path), Size: size, SHA256: sum})
	}
	m, err := roster.NewManifest(content)
	if err != nil {
		return err
	}
	out := c.String("out")
	if err := durable.WriteNew(out, m.Bytes(), 0o644); err != nil {
		return err
	}
	p.print("%s is the release manifest of %s %s, %s", out, pkg, version, m.Digest())
	for _, f := range m.Content().Files {
		p.print("%s  %s", f.SHA256, f.Name)
	}
	p.say("note", "release_threshold of the package's maintainers must sign it, each with a key of the current list; put its fingerprint in place of FINGERPRINT")
	p.print("gpg --local-user FINGERPRINT! --armor --detach-sign %s", shellWord(out))
	return nil
}

// revokeKey makes the revocation of a maintainer's key, which that key signs.
func (p program) revokeKey(c *cli.Context) error {
	repository, err := p.repository(c)
	if err != nil {
		return err
	}
	if err := roster.CheckRepository(repository); err != nil {
		return command.Usagef("--repository: %w", err)
	}
	if err := roster.CheckName(c.String("reason")); err != nil {
		return command.Usagef("--reason: %w", err)
	}
	at, err := p.now(c)
	if err != nil {
		return err
	}
	k, err := pickKey(c.String("key"))
	if err != nil {
		return err
	}
	doc, err := roster.MaintainerRevocation{Repository: repository, Key: roster.Key{PublicKey: k}, Reason: c.String("reason"), Issued: roster.At(at)}.Format()
	if err != nil {
		return err
	}
	out := c.String("out")
	if err := durable.WriteNew(out, doc, 0o644); err != nil {
		return err
	}
	p.print("%s revokes key %s in every package of %s, once it is signed and published", out, k, repository)
	p.say("warning", "a revocation cannot be taken back; what this key alone signed is refused from then on, until a list inherits it")
	p.sayHowToSign(out, []*pgp.PublicKey{k})
	return nil
}

// combine merges signature files over one document.
func (p program) combine(c *cli.Context) error {
	var files []*pgp.SignatureFile
	for _, path := range c.Args().Slice() {
		b, err := readFile(path, pgp.MaxSignatureFile)
		if err != nil {
			return err
		}
		f, err := pgp.ParseSignatures(b)
		if err != nil {
			return refusedFile(path, err)
		}
		files = append(files, f)
	}
	b, err := pgp.Combine(files...)
	if err != nil {
		return refusedFile(c.String("out"), err)
	}
	if err := durable.WriteNew(c.String("out"), b, 0o644); err != nil {
		return err
	}
	f, err := pgp.ParseSignatures(b)
	if err != nil {
		return err
	}
	p.print("%s has %d signatures, none of them verified", c.String("out"), f.Len())
	for _, claim := range f.Claims() {
		p.print("%X", claim)
	}
	return nil
}

func refusedFile(path string, err error) error {
	return &roster.Error{Layer: roster.LayerFile, Subject: fmt.Sprintf("%.200q", path), Problem: "the signatures are refused", Err: err,
		Do: "make the signature again with gpg --armor --detach-sign"}
}

// check says who signed a document, by the names that the document itself and
// those given beside it have for the keys.
func (p program) check(c *cli.Context) error {
	path := c.String("document")
	doc, err := readFile(path, roster.MaxIndex)
	if err != nil {
		return err
	}
	asc, err := readFile(c.Args().First(), pgp.MaxSignatureFile)
	if err != nil {
		return err
	}
	known, err := p.knownKeys(c, path, doc)
	if err != nil {
		return err
	}
	var keys []*pgp.PublicKey
	for _, k := range known {
		keys = append(keys, k.key)
	}
	signed, err := signers(doc, asc, keys)
	if err != nil {
		return refusedFile(c.Args().First(), err)
	}
	file, err := pgp.ParseSignatures(asc)
	if err != nil {
		return refusedFile(c.Args().First(), err)
	}
	for _, k := range known {
		if has(signed, k.key) {
			p.print("signed by %s, %s", k.name, k.key)
		} else {
			p.print("not signed by %s, %s", k.name, k.key)
		}
	}
	for _, claim := range file.Claims() {
		if !slices.ContainsFunc(keys, func(k *pgp.PublicKey) bool { return k.Fingerprint() == claim }) {
			p.print("not verified: a signature that names %X, which is no key of the documents given", claim)
		}
	}
	if len(signed) == 0 {
		return refusedFile(c.Args().First(), fmt.Errorf("none of the %d keys of the documents given signed %q", len(keys), path))
	}
	return nil
}

func has(keys []*pgp.PublicKey, k *pgp.PublicKey) bool {
	return slices.ContainsFunc(keys, func(other *pgp.PublicKey) bool { return other.ID() == k.ID() })
}

// A namedKey is a key with what a document calls it.
type namedKey struct {
	name string
	key  *pgp.PublicKey
}

// knownKeys are those that the document names, and those of each --keys file:
// another document, or a certificate.
func (p program) knownKeys(c *cli.Context, path string, doc []byte) ([]namedKey, error) {
	d, err := readDocument(doc)
	if err != nil {
		return nil, err
	}
	all := d.keys
	for _, other := range c.StringSlice("keys") {
		b, err := readFile(other, roster.MaxIndex)
		if err != nil {
			return nil, err
		}
		more, err := keysOf(other, b)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	var distinct []namedKey
	for _, k := range all {
		if !slices.ContainsFunc(distinct, func(o namedKey) bool { return o.key.ID() == k.key.ID() }) {
			distinct = append(distinct, k)
		}
	}
	if len(distinct) == 0 {
		return nil, command.Usagef("%q names no keys; give those of its signers with --keys LIST, ROSTER or CERTIFICATE", path)
	}
	return distinct, nil
}

func keysOf(path string, b []byte) ([]namedKey, error) {
	if d, err := readDocument(b); err == nil {
		return d.keys, nil
	}
	found, err := pgp.KeysIn(b)
	if err != nil {
		return nil, command.Usagef("%q is neither a document that names keys nor a certificate: %w", path, err)
	}
	var all []namedKey
	for _, f := range found {
		all = append(all, namedKey{fmt.Sprintf("a key of the certificate %q", path), f.Key})
	}
	return all, nil
}
