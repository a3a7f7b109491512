package conduct

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// Events of the acts that make no roster. Each stands in the record before the
// thing is done.
const (
	eventUnsealing  = "unsealing"
	eventDestroying = "destroying"
	eventAbandoning = "abandoning"
)

// reviewAct shows what a ceremony without a roster is about to do.
func (r *run) reviewAct(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return err
	}
	sentences := r.kase.Change()
	if err := r.note(eventShown, map[string]any{"sentences": change.Texts(sentences), "risks": change.Risks(sentences)}); err != nil {
		return err
	}
	if err := r.show(sentenceLines(sentences)...); err != nil {
		return err
	}
	_, err := r.ask("This is the last step before it is done. Type go if everyone agrees", oneOf("go"))
	return err
}

// before reports whether the record has the event: the act was begun in a sitting
// before this one.
func (r *run) before(event string) bool {
	for _, e := range r.record.Entries() {
		if e.Event == event {
			return true
		}
	}
	return false
}

// unseal makes opened revocations ready to publish.
func (r *run) unseal(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return err
	}
	if _, err := os.Lstat(r.out); err == nil && r.before(eventUnsealing) {
		return r.sameUnsealed()
	}
	if err := r.note(eventUnsealing, map[string]any{"out": r.out}); err != nil {
		return err
	}
	o, err := ceremony.OpenSealed(ctx, r.kase, r.out)
	if err != nil {
		return err
	}
	if err := r.note(eventShown, map[string]any{"files": o.Files}); err != nil {
		return err
	}
	lines := []Line{{Kind: Plain, Text: "Verified again, and ready to publish:"}}
	for _, k := range o.Keys {
		lines = append(lines, Line{Kind: Item, Text: fmt.Sprintf("the revocation of online %s key %s", k.Role, k.Key)})
	}
	err = r.show(lines...)
	return errors.Join(err, r.pause(err))
}

// sameUnsealed wants the output that an interrupted sitting left to be the one
// that this plan makes.
func (r *run) sameUnsealed() error {
	for _, id := range r.plan.Sealed.Open {
		for _, s := range r.kase.Sealed.Revocations {
			if digest.Digest(s.ID) != id.Digest {
				continue
			}
			for path, want := range map[string][]byte{s.Path: s.Signed.Document, roster.SignaturePath(s.Path): s.Signed.Signatures} {
				got, err := os.ReadFile(filepath.Join(r.out, filepath.FromSlash(path)))
				if err != nil || !bytes.Equal(got, want) {
					return errors.Join(&ceremony.RefusedError{Problem: fmt.Sprintf("the output %q is there, and is not this plan's", r.out), Do: "move it away, and go on"}, err)
				}
			}
		}
	}
	return r.note(eventShown, map[string]any{"found": "the output was there, whole, after an interruption"})
}

// destroy destroys superseded revocations.
func (r *run) destroy(ctx context.Context) error {
	begun := r.before(eventDestroying)
	dir := filepath.Join(filepath.Dir(r.PlanFile), r.plan.Sealed.Directory)
	if filepath.IsAbs(r.plan.Sealed.Directory) {
		dir = r.plan.Sealed.Directory
	}
	err := r.load(ctx)
	if _, gone := os.Lstat(dir); err != nil && begun && errors.Is(gone, fs.ErrNotExist) {
		r.Desk.Say("The folder is gone: it was destroyed before the interruption.")
		return r.note(eventShown, map[string]any{"found": "the folder was gone after an interruption"})
	}
	if err != nil {
		return err
	}
	var lines []Line
	for _, f := range r.kase.Sealed.Files {
		lines = append(lines, Line{Kind: Item, Text: f.Path})
	}
	if err := r.show(lines...); err != nil {
		return err
	}
	if _, err := r.ask("Type the ceremony's name, "+r.plan.Ceremony+", to destroy them", oneOf(r.plan.Ceremony)); err != nil {
		return err
	}
	if err := r.note(eventDestroying, map[string]any{"folder": dir, "files": r.kase.Sealed.Files}); err != nil {
		return err
	}
	if _, err := ceremony.DestroySealed(r.kase); err != nil {
		return err
	}
	r.Desk.Say("Destroyed here. Now destroy every other copy and its medium, by hand, and say so aloud.")
	_, err = r.ask("Type destroyed when every other copy is", oneOf("destroyed"))
	return err
}

// abandon destroys a draft of another ceremony.
func (r *run) abandon(ctx context.Context) error {
	record := r.plan.Abandon.Record
	if !filepath.IsAbs(record) {
		record = filepath.Join(filepath.Dir(r.PlanFile), record)
	}
	if r.before(eventAbandoning) {
		if d, err := ceremony.DraftIn(record); err != nil || d == nil {
			return errors.Join(err, r.note(eventShown, map[string]any{"found": "the draft was gone after an interruption"}))
		}
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	if err := r.show(); err != nil {
		return err
	}
	if err := r.note(eventAbandoning, map[string]any{"record": record, "draft": r.plan.Abandon.Draft.String()}); err != nil {
		return err
	}
	if err := ceremony.AbandonPlanned(ctx, r.kase, r.Desk, r.Now()); err != nil {
		return err
	}
	_, err := r.ask("Type destroyed when every copy elsewhere is destroyed too", oneOf("destroyed"))
	return err
}
