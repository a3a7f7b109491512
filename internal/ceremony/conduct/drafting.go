package conduct

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/change"
	"github.com/rootward/rootward/roster/digest"
)

// checks reads the plan and all that it names, and has every check its say.
func (r *run) checks(ctx context.Context) error {
	if r.record.HasDraft() { // a draft was made of what passed
		return nil
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	findings := r.kase.Judge()
	lines := []Line{{Kind: Plain, Text: fmt.Sprintf("%d files were read, and %d checks made.", len(r.kase.Inputs), len(findings))}}
	lines = append(lines, checkLines(findings)...)
	if err := r.note(eventShown, map[string]any{"checks": findings}); err != nil {
		return err
	}
	if err := r.show(lines...); err != nil {
		return err
	}
	if err := ceremony.Refusal(findings); err != nil {
		return err
	}
	next := "Type yes to make the draft"
	if !r.ofRoster() {
		next = "Type yes to go on"
	}
	_, err := r.ask(next, oneOf("yes"))
	return err
}

// checkLines are what the checks found: those that refuse first, then those that
// are switched off, then the others.
func checkLines(findings []ceremony.Finding) []Line {
	var refuse, off, pass []Line
	for _, f := range findings {
		text := f.ID
		if f.Parameter != "" {
			text += " (" + f.Parameter + ")"
		}
		switch {
		case f.Refuses():
			refuse = append(refuse, Line{Kind: Warning, Text: text + ": REFUSED: " + f.Found})
		case f.SwitchedOff != "":
			text += fmt.Sprintf(": SWITCHED OFF, approved by %s: %s.", f.ApprovedBy, f.SwitchedOff)
			if !f.OK {
				text += " It would refuse: " + f.Found
			}
			off = append(off, Line{Kind: Warning, Text: text})
		default:
			pass = append(pass, Line{Kind: Item, Text: text + ": passed"})
		}
	}
	return slices.Concat(refuse, off, pass)
}

// load reads the plan's inputs, once a sitting. The plan must be the one that the
// record was opened with.
func (r *run) load(ctx context.Context) error {
	if r.kase != nil {
		return nil
	}
	c, err := ceremony.Load(ctx, r.PlanFile, r.Now())
	if err != nil {
		return err
	}
	if got, want := digest.Sum(c.Raw), digest.Sum(r.raw); got != want {
		return &ceremony.RefusedError{Problem: fmt.Sprintf("the plan has digest %s now, wanted %s as when the ceremony was opened", got, want),
			Do: "find out who changed the plan"}
	}
	if r.program.IsZero() { // the machine was not looked at
		r.program = r.Machine(r.rehearsal()).Program
	}
	c.Record, c.Program = r.folder, r.program
	r.kase = c
	return nil
}

// makeDraft makes the draft, and verifies it with throw-away keys.
func (r *run) makeDraft(ctx context.Context) error {
	if !r.record.HasDraft() {
		if err := r.load(ctx); err != nil {
			return err
		}
		d, err := ceremony.Build(ctx, r.kase, r.Rand)
		if err != nil {
			return err
		}
		if err := r.record.Draft(r.kase, d, r.Now()); err != nil {
			return err
		}
	}
	if err := r.reopen(ctx); err != nil {
		return err
	}
	err := r.show(Line{Kind: Plain, Text: fmt.Sprintf("The draft of root roster %d is made, and stands in the record with %d revocations, one for each online key.",
		r.session.Draft.Roster.Version(), len(r.session.Draft.Revocations))})
	return errors.Join(err, r.pause(err))
}

// reopen reads the draft from the record, once a sitting.
func (r *run) reopen(ctx context.Context) error {
	if r.session != nil {
		return nil
	}
	var err error
	r.session, err = r.record.Session(ctx)
	return err
}

// sentenceLines are sentences with their numbers, after how many of them deserve
// a second look. Those are marked.
func sentenceLines(all []change.Sentence) []Line {
	var lines []Line
	for i, text := range change.Summary(all) {
		lines = append(lines, Line{Kind: Plain, Text: text})
		if i > 0 {
			lines[i] = Line{Kind: Warning, Text: text, Keep: true}
		}
	}
	lines = append(lines, Line{Kind: Plain, Text: ""})
	for i, s := range all {
		kind := Item
		if s.Risky() {
			kind = Warning
		}
		lines = append(lines, Line{Kind: kind, Text: s.Text, Number: i + 1})
	}
	return lines
}

// changes are the sentences, and the digest to compare.
func (r *run) changes() []Line {
	d := r.session.Draft
	lines := sentenceLines(d.Change())
	lines = append(lines, Line{Kind: Plain, Text: ""}, Line{Kind: Plain, Text: "The digest of the draft:"})
	return append(lines, spelt(d.Roster.Digest())...)
}

// review shows the change in sentences, and has two words of the digest typed,
// which somebody else reads aloud.
func (r *run) review(ctx context.Context) error {
	if !r.ofRoster() {
		return r.reviewAct(ctx)
	}
	if err := r.reopen(ctx); err != nil {
		return err
	}
	d := r.session.Draft
	err := r.note(eventShown, map[string]any{"sentences": d.Sentences(), "risks": change.Risks(d.Change()), "digest": d.Roster.Digest().String(), "words": change.Digest(d.Roster.Digest())[1:]})
	if err != nil {
		return err
	}
	if err := r.show(r.changes()...); err != nil {
		return err
	}
	c, err := ceremony.NewChallenge(d.Roster.Digest(), r.Rand)
	if err != nil {
		return err
	}
	_, err = r.ask(c.Prompt()+", as somebody else reads them aloud", func(a string) (string, string) {
		if c.Right(a) {
			return "the right words", ""
		}
		return "", c.Wrong()
	})
	if err != nil {
		return err
	}
	_, err = r.ask("This is the last step before signatures. Type go if everyone agrees to sign", oneOf("go"))
	return err
}
