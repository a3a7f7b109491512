package signer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/internal/signer/store"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// act changes one package as the operator wants it. edit returns the index,
// longer or as it was, and whether there is anything to save.
func (s *Service) act(ctx context.Context, name string, create bool, edit func(*packageRecord, *roster.Index) (*roster.Index, bool, error)) error {
	if !pypi.IsNormal(name) {
		return &roster.Error{Layer: layerOperator, Problem: fmt.Sprintf("package is %q, wanted a name in PEP 503's normal form", name)}
	}
	if _, err := s.current(); err != nil {
		return err
	}
	err := s.Store.Update(ctx, func(w store.Writer) error {
		c := changeOf(w)
		rec, x, found, err := c.pkg(s.Repository, name)
		if err != nil {
			return err
		}
		if !found && !create {
			return fmt.Errorf("package %s: %w", name, ErrUnknown)
		}
		if !found {
			rec = packageRecord{Status: tree.Active}
			if x, err = roster.NewIndex(s.Repository, name); err != nil {
				return err
			}
		}
		x, changed, err := edit(&rec, x)
		if err != nil {
			return err
		}
		if !changed {
			return errNothing
		}
		_, err = c.save(name, rec, x)
		return err
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	if err == nil {
		s.kick()
	}
	return err
}

// layerOperator is the layer of refusals of the operator's own acts.
const layerOperator roster.Layer = "operator"

// SetStatus sets or lifts a package's status, from the next snapshot on. The
// error wraps [ErrUnknown] if there is no such package.
func (s *Service) SetStatus(ctx context.Context, name string, status tree.Status) error {
	switch status {
	case tree.Active, tree.Quarantined, tree.Removed:
	default:
		return &roster.Error{Layer: layerOperator, Subject: name, Problem: fmt.Sprintf("status is %q", status),
			Want: fmt.Sprintf("%q, %q or %q", tree.Active, tree.Quarantined, tree.Removed)}
	}
	return s.act(ctx, name, false, func(rec *packageRecord, x *roster.Index) (*roster.Index, bool, error) {
		changed := rec.Status != status
		rec.Status = status
		return x, changed, nil
	})
}

// AddUnsigned adds a file that was uploaded unsigned to the index of a package
// without a maintainer list; a package that is not known becomes an unsigned
// one. Nobody but the online keys vouches for it. A package that has a list is
// refused, and so is a file that was added with other bytes.
func (s *Service) AddUnsigned(ctx context.Context, name, version string, f roster.File) error {
	return s.act(ctx, name, true, func(rec *packageRecord, x *roster.Index) (*roster.Index, bool, error) {
		refuse := func(format string, args ...any) error {
			return &roster.Error{Layer: layerOperator, Subject: name, Problem: fmt.Sprintf(format, args...)}
		}
		if rec.ListVersion > 0 {
			return nil, false, refuse("it has a maintainer list, so only its maintainers add files")
		}
		if !pypi.BelongsTo(f.Name, name, version) {
			return nil, false, refuse("file %q is not one of version %q", f.Name, version)
		}
		i := slices.IndexFunc(x.Lines(), func(l roster.Line) bool { return l.Kind == roster.LineFile && l.File == f.Name })
		if i >= 0 {
			l := x.Lines()[i]
			if l.Size != f.Size || l.Digest != f.SHA256 {
				return nil, false, refuse("file %q was added with other bytes, %d of digest %s; a file never changes", f.Name, l.Size, l.Digest)
			}
			return x, false, nil
		}
		x, err := x.Append(roster.Line{Kind: roster.LineFile, Version: version, File: f.Name, Size: f.Size, Digest: f.SHA256})
		return x, true, err
	})
}

// Yank yanks a version, or one file of it (PEP 592): from the next snapshot
// on it is installed only by exact version. It is final.
func (s *Service) Yank(ctx context.Context, name, version, fileName string) error {
	return s.act(ctx, name, false, func(_ *packageRecord, x *roster.Index) (*roster.Index, bool, error) {
		if !slices.ContainsFunc(x.Lines(), func(l roster.Line) bool {
			return l.Version == version && (l.Kind == roster.LineManifest || l.Kind == roster.LineFile)
		}) {
			return nil, false, &roster.Error{Layer: layerOperator, Subject: name, Problem: fmt.Sprintf("its index has no version %q", version)}
		}
		if fileName != "" && !pypi.BelongsTo(fileName, name, version) {
			return nil, false, &roster.Error{Layer: layerOperator, Subject: name, Problem: fmt.Sprintf("file %q is not one of version %q", fileName, version)}
		}
		if x.Yanked(version, fileName) {
			return x, false, nil
		}
		x, err := x.Append(roster.Line{Kind: roster.LineYank, Version: version, File: fileName})
		return x, true, err
	})
}

// A PackageView is what the operator is shown of a package.
type PackageView struct {
	Name        string        `json:"name"`
	Status      tree.Status   `json:"status"`
	ListVersion uint64        `json:"list_version"` // 0 while unsigned
	List        roster.Ref    `json:"list"`
	Anchored    bool          `json:"anchored"` // the newest anchor holds a list of this name
	Published   bool          `json:"published"`
	IndexLength uint64        `json:"index_length"`
	Index       digest.Digest `json:"index"`
	Lines       []string      `json:"lines"`
}

// Show returns what the service knows of a package. The error wraps
// [ErrUnknown] if that is nothing.
func (s *Service) Show(ctx context.Context, name string) (PackageView, error) {
	var p PackageView
	err := s.Store.View(ctx, func(tx store.Reader) error {
		v := view{tx}
		rec, x, found, err := v.pkg(s.Repository, name)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("package %q: %w", name, ErrUnknown)
		}
		anchor, _, err := v.anchored(name)
		if err != nil {
			return err
		}
		p = PackageView{
			Name: name, Status: rec.Status, ListVersion: rec.ListVersion, List: rec.List, Anchored: anchor.HasList(),
			Published: rec.Published == rec.Revision, IndexLength: x.Length(), Index: x.Digest(), Lines: []string{},
		}
		for _, l := range x.Lines() {
			p.Lines = append(p.Lines, l.String())
		}
		return nil
	})
	return p, err
}

// A Health says how the service is.
type Health struct {
	Repository string `json:"repository"`
	Roster     uint64 `json:"roster"`   // the newest adopted; 0 before the first
	Snapshot   uint64 `json:"snapshot"` // the newest published version; 0 before the first
	Expires    string `json:"expires"`  // when it does, or did; "" before the first
	Expired    bool   `json:"expired"`  // it did, or there is a roster and no snapshot: clients refuse the index
	Waiting    int    `json:"waiting"`  // packages that wait to be published
	Trouble    string `json:"trouble"`  // what kept the last pass from its end, or ""
}

// Health reads how the service is.
func (s *Service) Health(ctx context.Context) (Health, error) {
	h := Health{Repository: s.Repository}
	if r, err := s.current(); err == nil {
		h.Roster = r.Version()
	}
	s.mu.RLock()
	if s.pass != nil {
		h.Trouble = s.pass.Error()
	}
	s.mu.RUnlock()
	at := s.Clock()
	err := s.Store.View(ctx, func(tx store.Reader) error {
		last, err := view{tx}.publishedSnapshot()
		if err != nil {
			return err
		}
		h.Expired = h.Roster > 0
		if last.content.Version > 0 {
			h.Snapshot, h.Expires = last.content.Version, last.content.Expires.String()
			h.Expired = !at.Before(last.content.Expires.Time)
		}
		dirty, err := view{tx}.keys(tableDirty, "")
		h.Waiting = len(dirty)
		return err
	})
	return h, err
}
