package signer

import (
	"context"
	"errors"
	"fmt"

	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// judgeManifest decides on a release manifest: release_threshold maintainers
// of the current list must have signed it, and no file in it may have other
// bytes than an authorised line settled.
func (s *Service) judgeManifest(m *roster.Manifest, signed roster.Signed) judge {
	return func(ctx context.Context, v view, r *roster.Roster) (decision, error) {
		c := m.Content()
		subject := fmt.Sprintf("%s %s", c.Package, c.Version)
		d := decision{digest: m.Digest(), message: "release manifest " + subject}
		rec, x, found, err := v.pkg(s.Repository, c.Package)
		if err != nil {
			return d, err
		}
		if !found || rec.ListVersion == 0 {
			return d, &roster.Error{Layer: roster.LayerManifest, Subject: subject, Problem: "the package has no maintainer list",
				Do: "submit the package's first maintainer list, then the manifest again"}
		}
		list, err := v.stands(ctx, r, c.Package, x, rec.List.Digest, nil)
		if err != nil {
			return d, err
		}
		old, had, err := v.document(m.Digest())
		if err != nil {
			return d, err
		}
		asc, err := releaseSignatures(list, m, old.Signatures, signed.Signatures)
		if err != nil {
			return d, err
		}
		if had && hasLine(x, roster.LineManifest, m.Digest()) {
			d.message = fmt.Sprintf("release manifest %s was accepted before", subject)
			if string(asc) == string(old.Signatures) {
				d.nothing = true
				return d, nil
			}
			d.message = "signatures added to release manifest " + subject
		}
		if err := v.settled(ctx, list, x, m); err != nil {
			return d, err
		}
		if !hasLine(x, roster.LineManifest, m.Digest()) {
			if x, err = x.Append(roster.Line{Kind: roster.LineManifest, Version: c.Version, Digest: m.Digest()}); err != nil {
				return d, err
			}
		}
		d.apply = func(ch change) (map[string]uint64, error) {
			return ch.saveDocument(roster.Signed{Document: m.Bytes(), Signatures: asc}, roster.ManifestPath(c.Package, m.Digest()), c.Package, rec, x, nil)
		}
		return d, nil
	}
}

// releaseSignatures returns the signatures of a manifest, those that the store
// has and those that came, if together they are enough. Only those by present
// maintainers are added.
func releaseSignatures(list *roster.Standing, m *roster.Manifest, old, more []byte) ([]byte, error) {
	subject := fmt.Sprintf("%s %s", m.Content().Package, m.Content().Version)
	asc := more
	var err error
	if len(old) > 0 {
		if asc, err = mergeSignatures(m.Bytes(), old, more, list.Keys()); err != nil {
			return nil, badSignatures(roster.LayerManifest, subject, err)
		}
	}
	if _, err := list.ReleasedBy(m, asc); err != nil {
		return nil, err
	}
	if len(old) == 0 {
		return keepSignatures(asc, list.Keys())
	}
	return asc, nil
}

// settled refuses a manifest that names a file which an authorised line of
// the index has settled with other bytes.
func (v view) settled(ctx context.Context, list *roster.Standing, x *roster.Index, m *roster.Manifest) error {
	for _, f := range m.Content().Files {
		there, err := list.Release(ctx, x, f.Name, v.fetch)
		if errors.Is(err, roster.ErrAbsent) || err != nil && !refused(err) {
			return fmt.Errorf("looking for earlier releases of %q: %w", f.Name, err)
		}
		if err != nil {
			continue // no line that is authorised names it
		}
		if was := there.File(); was != f {
			return &roster.Error{Layer: roster.LayerManifest, Subject: fmt.Sprintf("%s %s", m.Content().Package, m.Content().Version),
				Problem: fmt.Sprintf("line %d of the index has settled file %q with other bytes", there.Line().Number, f.Name),
				Found:   fmt.Sprintf("%d bytes, %s", f.Size, f.SHA256), Want: fmt.Sprintf("%d bytes, %s", was.Size, was.SHA256),
				Do: "a released file never changes: release a new version"}
		}
	}
	return nil
}

// judgeKeyRevocation decides on a revocation that the revoked key signed. It
// is added to the index of each package whose lists name the key, and counts
// from then on; a list that no longer stands without the key gives way to the
// newest that does.
func (s *Service) judgeKeyRevocation(k *roster.KeyRevocation, signed roster.Signed) judge {
	return func(ctx context.Context, v view, r *roster.Roster) (decision, error) {
		d := decision{digest: k.Digest(), message: fmt.Sprintf("revocation of key %s", k.Key())}
		names, err := v.packagesOf(k.Key())
		if err != nil {
			return d, err
		}
		if len(names) == 0 {
			return d, &roster.Error{Layer: roster.LayerRevocation, Subject: k.Key().String(), Problem: "no maintainer list of this repository names the key"}
		}
		signed := signed
		if before, found, err := v.Load(tableKeysRevoked, k.Key().Material().String()); err != nil {
			return d, err
		} else if found { // for this reason or another, one revocation is enough
			if d.digest, err = digest.Parse(string(before)); err != nil {
				return d, fmt.Errorf("the store's revocations are damaged: %w", err)
			}
			if signed, found, err = v.document(d.digest); err != nil || !found {
				return d, errors.Join(err, lacks(found, d.digest))
			}
		}
		var lacking []string
		for _, name := range names {
			_, x, found, err := v.pkg(s.Repository, name)
			if err != nil {
				return d, err
			}
			if found && !hasLine(x, roster.LineRevocation, d.digest) {
				lacking = append(lacking, name)
			}
		}
		if d.nothing = len(lacking) == 0; d.nothing {
			d.message += " was accepted before"
		}
		d.apply = func(c change) (map[string]uint64, error) {
			return s.applyKeyRevocation(ctx, c, r, k, d.digest, signed, lacking)
		}
		return d, nil
	}
}

func (s *Service) applyKeyRevocation(ctx context.Context, c change, r *roster.Roster, k *roster.KeyRevocation, d digest.Digest, signed roster.Signed, names []string) (map[string]uint64, error) {
	err := errors.Join(
		c.storeJSON(tableDocuments, d.String(), signed),
		c.w.Store(tableKeysRevoked, k.Key().Material().String(), []byte(d.String())))
	revisions := make(map[string]uint64)
	for _, name := range names {
		if err != nil {
			return nil, err
		}
		rec, x, _, loadErr := c.pkg(s.Repository, name)
		if loadErr != nil {
			return nil, loadErr
		}
		if x, err = x.Append(roster.Line{Kind: roster.LineRevocation, Digest: d}); err != nil {
			return nil, err
		}
		if err = c.rederive(ctx, r, name, &rec, x); err != nil {
			return nil, err
		}
		revisions[name], err = c.save(name, rec, x)
		err = errors.Join(err, c.outbox(name, roster.KeyRevocationPath(d)))
	}
	return revisions, err
}
