package conduct

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/ceremony"
	"github.com/rootward/rootward/internal/ceremony/script"
	"github.com/rootward/rootward/internal/ceremony/transcript"
	"github.com/rootward/rootward/roster/digest"
)

// combine puts the signatures together, once everyone has signed or all agree to
// go on without those who have not.
func (r *run) combine(ctx context.Context) error {
	if err := r.reopen(ctx); err != nil {
		return err
	}
	if !r.record.Combined() {
		if err := r.complete(); err != nil {
			return err
		}
		result, err := r.session.Combine(ctx, r.out, r.Now())
		if err != nil {
			return r.short(err)
		}
		r.outcome.Missing = result.Missing
	}
	d := r.session.Draft.Roster
	lines := []Line{{Kind: Plain, Text: fmt.Sprintf("Root roster %d is signed and verified. What was written was read again and verified again.", d.Version())}}
	if r.session.Draft.Previous != nil {
		lines = append(lines, Line{Kind: Plain, Text: "Once this roster is public, destroy the revocations that were sealed under the one before."})
	}
	err := r.show(append(append(lines, Line{Kind: Plain, Text: "Its digest:"}), spelt(d.Digest())...)...)
	return errors.Join(err, r.pause(err))
}

// complete asks what to do while signatures are missing.
func (r *run) complete() error {
	if err := r.finishBringing(); err != nil {
		return err
	}
	for {
		waiting, err := r.waiting()
		if err != nil || len(waiting) == 0 {
			return err
		}
		names := make([]string, len(waiting))
		for i, s := range waiting {
			names[i] = s.Holder
		}
		missing := strings.Join(names, ", ")
		if err := r.show(Line{Kind: Warning, Text: "NOT SIGNED YET BY: " + missing + "."},
			Line{Kind: Plain, Text: "If their signatures are here as a file, type brought."},
			Line{Kind: Plain, Text: "If they are to come, type stop: the ceremony goes on when they are here, with this command."},
			Line{Kind: Plain, Text: "If the roster can do without them, the program will see: type combine."}); err != nil {
			return err
		}
		answer, err := r.ask("Type combine to go on without "+missing+", brought if signatures are here, or stop to wait for them", oneOf("combine", answerBrought))
		if err != nil || answer == "combine" {
			return err
		}
		if err := r.bring(); err != nil {
			return err
		}
	}
}

// short turns the refusal of too few signatures into a stop at this step: the
// ceremony goes on when they are there.
func (r *run) short(err error) error {
	waiting, e := r.waiting()
	if e != nil || len(waiting) == 0 || errors.As(err, new(*ceremony.UnwrittenError)) {
		return errors.Join(err, e)
	}
	stopped := &StoppedError{Step: r.step().ID, Why: "signatures are missing: " + err.Error(), Plan: r.PlanFile, Err: err}
	return errors.Join(stopped, r.note(eventStopped, map[string]any{"why": err.Error()}))
}

// export shows what is carried out, each folder with one digest.
func (r *run) export(context.Context) error {
	var lines []Line
	facts := make(map[string]any)
	folders, last := []string{ceremony.PublishName, ceremony.SealedName, ceremony.StopName, ceremony.CertificatesName},
		"To publish: "+ceremony.PublishName+". To seal, twice, in bags whose numbers are written down: "+ceremony.SealedName+". For the envelope STOP, twice: "+ceremony.StopName+"."
	if !r.ofRoster() {
		folders, last = []string{"."}, "To publish at once, in the repository's folder revocations/: all of it."
	}
	for _, sub := range folders {
		dir := filepath.Join(r.out, sub)
		d, n, err := folderDigest(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the output: %w", err)
		}
		facts[sub] = d.String()
		lines = append(lines, Line{Kind: Plain, Text: fmt.Sprintf("  %s (%d files)", dir, n)})
		lines = append(lines, spelt(d)...)
	}
	lines = append(lines, Line{Kind: Plain, Text: ""}, Line{Kind: Plain, Text: "On each medium, in that folder, the same digest comes from:"},
		Line{Kind: Plain, Text: "  " + FolderCommand},
		Line{Kind: Plain, Text: last})
	if err := r.note(eventShown, map[string]any{"digests": facts}); err != nil {
		return err
	}
	if err := r.show(lines...); err != nil {
		return err
	}
	_, err := r.ask("Type copied when each is on two media, and each medium was compared", oneOf("copied"))
	return err
}

// FolderCommand computes, with standard tools, the digest of a folder that the
// step EXPORT shows: that of the lines of sha256sum over all files, sorted by
// their paths.
const FolderCommand = `find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum`

// folderDigest computes what FolderCommand does, and counts the files.
func folderDigest(dir string) (digest.Digest, int, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			rel, relErr := filepath.Rel(dir, path)
			paths, err = append(paths, "./"+filepath.ToSlash(rel)), relErr
		}
		return err
	})
	if err != nil {
		return digest.Digest{}, 0, err
	}
	slices.Sort(paths)
	var list strings.Builder
	for _, path := range paths {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil {
			return digest.Digest{}, 0, err
		}
		fmt.Fprintf(&list, "%s  %s\n", digest.Sum(b), path)
	}
	return digest.Sum([]byte(list.String())), len(paths), nil
}

// close asks each witness, and seals the transcript.
func (r *run) close(ctx context.Context) error {
	if r.ofRoster() {
		if err := r.reopen(ctx); err != nil {
			return err
		}
	}
	witnesses := script.Witnesses(r.plan)
	var lines []Line
	if len(witnesses) == 0 {
		lines = append(lines, Line{Kind: Warning, Text: "The plan names no witness: nobody is asked."})
	}
	if err := r.show(lines...); err != nil {
		return err
	}
	for _, w := range witnesses {
		if r.disagreed(w.Name) { // before an interruption
			r.outcome.Disagree = append(r.outcome.Disagree, w.Name)
			continue
		}
		agrees, err := r.verdict(w)
		if err != nil {
			return err
		}
		if !agrees {
			r.outcome.Disagree = append(r.outcome.Disagree, w.Name)
		}
	}
	if _, err := r.ask("Type seal to write the last entry of the record: nothing can be added after it", oneOf("seal")); err != nil {
		return err
	}
	return r.seal()
}

// verdict asks one witness. Whoever has said that they disagree, before the
// sitting ended at the next question, is asked only why.
func (r *run) verdict(w script.Person) (agrees bool, err error) {
	prompt := fmt.Sprintf("%s: type agree, or disagree", w)
	if !r.answered(prompt, "disagree") {
		answer, err := r.ask(prompt, oneOf("agree", "disagree"))
		if err != nil || answer == "agree" {
			return err == nil, err
		}
	}
	r.Desk.Say("I DISAGREE is an answer like any other. It stands in the record and in every report, first.")
	reason, err := r.ask(w.Name+": why? In one line of your own words", func(a string) (string, string) {
		if len(strings.Fields(a)) < 2 {
			return "", "Please say it in two words at least."
		}
		return a, ""
	})
	if err != nil {
		return false, err
	}
	return false, r.exception("I DISAGREE", map[string]any{"witness": w.Name, "reason": reason})
}

// answered reports whether the record has the answer to a question of this step.
func (r *run) answered(prompt, answer string) bool {
	return slices.ContainsFunc(r.record.Entries(), func(e transcript.Entry) bool {
		return e.Event == eventAsked && e.Step == script.Close && e.Facts["prompt"] == prompt && e.Facts["answer"] == answer
	})
}

// disagreed reports whether the witness has disagreed in this ceremony: that
// stays.
func (r *run) disagreed(name string) bool {
	return slices.ContainsFunc(r.record.Entries(), func(e transcript.Entry) bool {
		return e.Event == eventException && e.Step == script.Close && e.Facts["witness"] == name
	})
}

// seal writes the last entry and shows the digest of the whole.
func (r *run) seal() error {
	facts := make(map[string]any)
	if r.session != nil {
		facts["roster"] = r.session.Draft.Roster.Digest().String()
	}
	if len(r.outcome.Disagree) > 0 {
		facts["disagree"] = r.outcome.Disagree
	}
	if err := r.record.Seal(r.Now(), script.Close, facts); err != nil {
		return err
	}
	return r.sealed()
}

// closed shows the end of a ceremony whose record is sealed once more, for people
// who were interrupted before they had written it down. It adds nothing.
func (r *run) closed(ctx context.Context) error {
	r.at = len(r.steps) - 1
	if r.ofRoster() {
		if err := r.reopen(ctx); err != nil {
			return err
		}
	}
	for _, w := range script.Witnesses(r.plan) {
		if r.disagreed(w.Name) {
			r.outcome.Disagree = append(r.outcome.Disagree, w.Name)
		}
	}
	r.Desk.Say("This ceremony is closed. Nothing is added to its record.")
	return r.sealed()
}

// sealed shows the digest of the sealed record.
func (r *run) sealed() error {
	lines := []Line{{Kind: Plain, Text: "The record is sealed. The digest of its transcript, for each person's own page:"}}
	lines = append(lines, spelt(r.record.Head())...)
	for _, name := range r.outcome.Disagree {
		lines = append(lines, Line{Kind: Warning, Text: name + " DISAGREES. Decide what that means before anything is published."})
	}
	lines = append(lines, Line{Kind: Plain, Text: ""}, Line{Kind: Plain, Text: "The record, and the output if there is one:"},
		Line{Kind: Plain, Text: "  " + r.folder}, Line{Kind: Plain, Text: "  " + r.out})
	return errors.Join(r.screen(lines), r.sum())
}

// sum fills in the outcome.
func (r *run) sum() error {
	o := &r.outcome
	o.Record, o.Published, o.Transcript = r.folder, r.out, r.record.Head()
	if r.session == nil {
		return nil
	}
	var err error
	o.Signed, o.Missing, err = r.session.Signers()
	o.Digest, o.Version = r.session.Draft.Roster.Digest(), r.session.Draft.Roster.Version()
	return err
}
