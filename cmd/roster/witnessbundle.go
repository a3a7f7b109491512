package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/rootward/rootward/internal/ceremony/bundle"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
	"github.com/rootward/rootward/roster/tree"
)

// openBundle finds the roster in a bundle, and what is with it.
func openBundle(ctx context.Context, name string, b *bundle.Bundle, pin digest.Digest) (*witnessed, error) {
	w := &witnessed{name: name}
	dir, summary := bundle.PublishDir, bundle.AnchorPath
	switch m := b.Manifest(); m.Kind {
	case bundle.Draft:
		dir, summary = bundle.DraftDir, bundle.DraftDir+"/"+bundle.AnchorPath
	case bundle.Published:
	default:
		return nil, w.refuse("give the bundle of the draft, or that of what is published", "a bundle of %s holds no roster", m.Kind)
	}
	if err := w.readRoster(b, dir); err != nil {
		return nil, err
	}
	if raw, ok := b.File(summary); ok {
		w.anchor = new(change.Anchor)
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(w.anchor); err != nil {
			return nil, w.refuse("have the bundle made again", "%s: %v", summary, err)
		}
	}
	planned, err := w.readPlan(b)
	if err != nil || b.Manifest().Kind != bundle.Draft {
		return w, err
	}
	if err := w.asTold(b); err != nil {
		return nil, err
	}
	return w, w.readChain(ctx, b, pin, planned)
}

// readRoster wants the roster that the manifest names.
func (w *witnessed) readRoster(b *bundle.Bundle, dir string) (err error) {
	m := b.Manifest()
	path := dir + "/" + roster.RosterPath(m.Version)
	raw, ok := b.File(path)
	if !ok || digest.Sum(raw) != m.Roster {
		return w.refuse("have the bundle made again", "the bundle does not hold the roster that its manifest names, %s", m.Roster)
	}
	if w.draft, err = roster.ParseDraft(raw); err != nil {
		return err
	}
	w.signatures, _ = b.File(roster.SignaturePath(path))
	return nil
}

// readPlan reads of the plan what a witness needs: which checks it switches off,
// and what it pins. The ceremony reads the plan strictly, all of it.
func (w *witnessed) readPlan(b *bundle.Bundle) (pin string, err error) {
	raw, ok := b.File(bundle.PlanPath)
	if !ok {
		w.missed("whether the plan switches checks off: it is not in the bundle")
		return "", nil
	}
	var p struct {
		SwitchedOff []struct {
			Check      string `yaml:"check"`
			Reason     string `yaml:"reason"`
			ApprovedBy string `yaml:"approved_by"`
		} `yaml:"switched_off"`
		Previous struct {
			Pin string `yaml:"pin"`
		} `yaml:"previous"`
	}
	if err := yaml.Unmarshal(raw, &p); err != nil {
		return "", w.refuse("have the bundle made again", "the plan: %v", err)
	}
	for _, off := range p.SwitchedOff {
		w.notices = append(w.notices, change.SwitchedOff(off.Check, off.ApprovedBy, off.Reason))
	}
	w.missed("that the plan in the bundle, %s, is the one that was reviewed: compare its digest", digest.Sum(raw))
	return p.Previous.Pin, nil
}

// asTold wants everything in a draft's bundle as the ceremony's transcript, which
// is in it, names it.
func (w *witnessed) asTold(b *bundle.Bundle) error {
	const do = "have the bundle made again, and compare its digest with the one that was shown there"
	raw, _ := b.File(bundle.OriginPath)
	t, err := transcript.Parse(bundle.OriginPath, raw)
	if err != nil {
		return err
	}
	entries := t.Entries()
	if len(entries) == 0 || entries[len(entries)-1].Facts["digest"] != w.draft.Digest().String() {
		return w.refuse(do, "the transcript in the bundle does not end with this draft")
	}
	facts := entries[len(entries)-1].Facts
	named, _ := facts["files"].(map[string]any)
	want := map[string]any{bundle.PlanPath: facts["plan"]}
	for path, d := range named {
		want[bundle.DraftDir+"/"+path] = d
	}
	for path, d := range want {
		if raw, ok := b.File(path); !ok || digest.Sum(raw).String() != d {
			return w.refuse(do, "%q is not the file that the transcript in the bundle names", path)
		}
	}
	for path, raw := range b.Files() {
		if _, ok := want[path]; !ok && strings.HasPrefix(path, bundle.DraftDir+"/") && path != bundle.DraftDir+"/"+roster.MapPath(digest.Sum(raw)) {
			return w.refuse(do, "%q is not in the transcript in the bundle", path)
		}
	}
	w.well("the draft and the plan are as the ceremony's transcript, which is in the bundle, names them")
	return nil
}

// readChain verifies the rosters so far that are in a draft's bundle.
func (w *witnessed) readChain(ctx context.Context, b *bundle.Bundle, pin digest.Digest, planned string) (err error) {
	if w.draft.Version() == 1 {
		return nil
	}
	pinned, err := digest.Parse(planned)
	if err != nil {
		return w.refuse("have the bundle made again", "the plan pins no roster: %v", err)
	}
	if pin.IsZero() {
		w.missed("the pin of the plan, %s: compare it with the one that you know, or give --pin", pinned)
	} else if pin != pinned {
		return w.refuse("find out which of the two was read aloud at the first ceremony", "the plan pins the roster %s, wanted %s", pinned, pin)
	}
	fetch := func(_ context.Context, path string, limit int64) ([]byte, error) {
		raw, ok := b.File(bundle.PriorDir + "/" + path)
		if !ok {
			return nil, fmt.Errorf("%s in the bundle: %w", path, roster.ErrAbsent)
		}
		return limited(bytes.NewReader(raw), path, limit)
	}
	if w.chain, err = walk(ctx, fetch, pinned); err != nil {
		return err
	}
	w.well("the rosters in the bundle lead from the pin to roster %d", w.chain[len(w.chain)-1].Version())
	return nil
}

// limited reads at most limit bytes, and refuses more.
func limited(r io.Reader, name string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than the %d bytes that it may have", name, limit)
	}
	return b, err
}

// emptyMap is the root of the map that holds no package.
func emptyMap() digest.Digest {
	root, _, err := tree.Build(nil, nil)
	if err != nil {
		panic(err) // no leaves, nothing to refuse
	}
	return root
}
