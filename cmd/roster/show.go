package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/words"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// A document is any of Rootward's documents, as a person reads it. Nobody has
// vouched for it.
type document struct {
	sentences []string
	keys      []namedKey // that it names
}

func (d *document) say(format string, args ...any) {
	d.sentences = append(d.sentences, fmt.Sprintf(format, args...))
}

func (d *document) add(name string, k *pgp.PublicKey) { d.keys = append(d.keys, namedKey{name, k}) }

// show prints a document in sentences, with its digest.
func (p program) show(c *cli.Context) error {
	b, err := readFile(c.Args().First(), roster.MaxIndex)
	if err != nil {
		return err
	}
	d, err := readDocument(b)
	if err != nil {
		return err
	}
	for _, s := range d.sentences {
		p.print("%s", s)
	}
	sum := digest.Sum(b)
	p.print("SHA-256: %s", sum)
	fmt.Fprintln(p.Stdout, words.Format(sum[:]))
	p.say("note", "this is what the document says; no signature was looked at (see roster check)")
	return nil
}

// readDocument reads any document by its type.
func readDocument(b []byte) (*document, error) {
	if bytes.HasPrefix(b, []byte(roster.IndexType+" ")) {
		return readIndex(b)
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, unreadable("it is not JSON and not a release index", err)
	}
	read, ok := map[string]func([]byte) (*document, error){
		"root-roster/v1": readRoster, "maintainer-list/v1": readList, "release-manifest/v1": readManifest,
		"snapshot/v1": readSnapshot, "revocation/v1": readRevocation, "key-revocation/v1": readKeyRevocation,
	}[head.Type]
	if !ok {
		return nil, unreadable(fmt.Sprintf("its type is %.40q", head.Type), roster.ErrUnknownType)
	}
	return read(b)
}

func unreadable(problem string, err error) error {
	return &roster.Error{Layer: roster.LayerFile, Subject: "document", Problem: problem, Err: err,
		Do: "give a root roster, maintainer list, release manifest, release index, snapshot or revocation; a newer format needs a newer program"}
}

func readRoster(b []byte) (*document, error) {
	draft, err := roster.ParseDraft(b)
	if err != nil {
		return nil, err
	}
	d, r := &document{}, draft.Root()
	d.say("Root roster, version %d, of %s.", r.Version, r.Repository)
	d.say("Issued %s, expires %s.", r.Issued, r.Expires)
	if r.Version > 1 {
		d.say("It follows roster %s.", r.Previous)
	}
	d.say("%d of these %d keyholders are the root:", r.Threshold, len(r.Keyholders))
	for _, k := range r.Keyholders {
		d.say("  %s, key %s (%s)", k.Name, k.Key, k.Key.Algorithm())
		d.add(fmt.Sprintf("keyholder %s", k.Name), k.Key.PublicKey)
	}
	d.say("These are the keys of the online signer:")
	for _, k := range r.OnlineKeys {
		d.say("  %s: key %s (%s), from %s until %s", k.Role, k.Key, k.Key.Algorithm(), k.NotBefore, k.Expires)
		d.add(fmt.Sprintf("the online %s key", k.Role), k.Key.PublicKey)
	}
	d.say("A snapshot lives at most %s; none below version %d counts.", time.Duration(r.SnapshotLifetime)*time.Second, r.SnapshotFloor)
	for _, k := range r.Revoked {
		d.say("Key %s is revoked since %s: %s.", k.Key, k.At, k.Reason)
	}
	d.say("It anchors the map %s.", r.Anchor)
	return d, nil
}

func readList(b []byte) (*document, error) {
	l, err := roster.ParseList(b)
	if err != nil {
		return nil, err
	}
	d, c := &document{}, l.Content()
	d.say("Maintainer list, version %d, of package %s in %s.", c.Version, c.Package, c.Repository)
	d.say("Issued %s.", c.Issued)
	if c.Version > 1 {
		d.say("It follows list %s.", c.Previous)
	}
	if l.Frozen() {
		d.say("It freezes the package: there are no maintainers, and there will be no release.")
	} else {
		d.say("%d of these %d maintainers must sign the next list, %d a release:", c.Threshold, len(c.Maintainers), c.ReleaseThreshold)
	}
	for _, m := range c.Maintainers {
		for _, k := range m.Keys {
			d.say("  %s, key %s (%s)", m.Name, k, k.Algorithm())
			d.add(fmt.Sprintf("maintainer %s", m.Name), k.PublicKey)
		}
	}
	switch in := c.Inherits; {
	case in.Length == 0:
		d.say("It inherits nothing: only what these maintainers sign counts.")
	case len(in.Except) == 0:
		d.say("It vouches for the first %d bytes of the release index (%s), whoever signed them.", in.Length, in.Digest)
	default:
		d.say("It vouches for the first %d bytes of the release index (%s), whoever signed them, but for the lines %s.", in.Length, in.Digest, numbers(in.Except))
	}
	return d, nil
}

func numbers(all []uint64) string {
	var s []string
	for _, n := range all {
		s = append(s, fmt.Sprint(n))
	}
	return strings.Join(s, ", ")
}

func readManifest(b []byte) (*document, error) {
	m, err := roster.ParseManifest(b)
	if err != nil {
		return nil, err
	}
	d, c := &document{}, m.Content()
	d.say("Release manifest of %s %s in %s.", c.Package, c.Version, c.Repository)
	d.say("Issued %s. These files are this version:", c.Issued)
	for _, f := range c.Files {
		d.say("  %s, %d bytes, %s", f.Name, f.Size, f.SHA256)
	}
	return d, nil
}

func readIndex(b []byte) (*document, error) {
	first, _, _ := strings.Cut(string(b[:min(len(b), roster.MaxLine)]), "\n")
	f := strings.Split(first, " ")
	if len(f) != 3 {
		return nil, unreadable("its first line is malformed", errors.New("wanted a repository and a package"))
	}
	x, err := roster.ParseIndex(b, f[1], f[2])
	if err != nil {
		return nil, err
	}
	d := &document{}
	d.say("Release index of package %s in %s, %d bytes:", f[2], f[1], x.Length())
	for _, l := range x.Lines() {
		d.say("  line %d: %s", l.Number, l)
	}
	return d, nil
}

// readPlain reads a document that package roster only opens with its
// signatures: it must print back to its bytes.
func readPlain[T interface{ Format() ([]byte, error) }](b []byte) (T, error) {
	var v T
	err := json.Unmarshal(b, &v)
	if err == nil {
		var again []byte
		if again, err = v.Format(); err == nil && !bytes.Equal(again, b) {
			err = errors.New("it does not print back to the same bytes")
		}
	}
	if err != nil {
		return v, unreadable("the document is malformed", err)
	}
	return v, nil
}

func readSnapshot(b []byte) (*document, error) {
	s, err := readPlain[roster.SnapshotContent](b)
	if err != nil {
		return nil, err
	}
	d := &document{}
	d.say("Snapshot, version %d, of %s, under root roster %d.", s.Version, s.Repository, s.Roster)
	d.say("Issued %s, expires %s.", s.Issued, s.Expires)
	d.say("The whole index is the map %s, of %d packages.", s.Map.Root, s.Map.Size)
	for _, id := range s.Revoked {
		d.say("Online key %s is revoked.", id)
	}
	return d, nil
}

func readRevocation(b []byte) (*document, error) {
	r, err := readPlain[roster.OnlineRevocation](b)
	if err != nil {
		return nil, err
	}
	d := &document{}
	d.say("Revocation of the online key %s (%s) of %s: %s.", r.Key, r.Key.ID(), r.Repository, r.Reason)
	d.say("Issued %s, under root roster %s, whose keyholders sign it.", r.Issued, r.Roster)
	return d, nil
}

func readKeyRevocation(b []byte) (*document, error) {
	r, err := readPlain[roster.MaintainerRevocation](b)
	if err != nil {
		return nil, err
	}
	d := &document{}
	d.say("Revocation of the maintainer's key %s in %s: %s.", r.Key, r.Repository, r.Reason)
	d.say("Issued %s. The key itself signs it.", r.Issued)
	d.add("the key that it revokes", r.Key.PublicKey)
	return d, nil
}
